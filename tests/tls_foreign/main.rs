//! TLS servers that others have written. A server that is not installed is skipped; in the gate it is a failure.
#![cfg(all(feature = "client", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod nginx;
mod openssl;
#[path = "../support/foreign.rs"]
mod programs;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls/mod.rs"]
mod tls;
