//! TLS servers that others have written. One that is missing is left out, but not where the gate runs.
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
