//! The connector as a tower service, in virtual time: without sockets and without real waits.

#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the clock stands still, and moves only as far as a test says")]

mod allowed;
mod answers;
mod builder;
mod cancellation;
mod fakes;
mod handshakes;
mod limits;
mod memory;
mod network;
mod pacing;
mod phases;
mod picture;
mod plan;
mod policies;
mod protocols;
mod record;
mod resolution;
mod services;
mod timeout;
