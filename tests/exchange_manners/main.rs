//! The client's behaviour over HTTP/1.1, as a server sees it that a test scripts byte by byte.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod composition;
mod errors;
mod expectation;
mod framing;
mod informational;
mod lengths;
mod peer;
mod persistence;
mod secrecy;
mod secure;
mod statistics;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod upgrades;
