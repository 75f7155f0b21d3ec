//! TLS within the race, in virtual time: connections and servers are in memory, and every instant is exact.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancellation;
#[cfg(feature = "http2")]
#[path = "../support/memory.rs"]
#[allow(dead_code, reason = "attempts make the connections")]
mod memory_stream;
#[cfg(feature = "http2")]
mod one_dial;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod timing;
#[path = "../support/tls/mod.rs"]
mod tls;
mod world;
