//! HTTP/2 servers that others have written. No request may fail, and every body is complete. A server that is not installed is skipped, but not in
//! the gate.
//!
//! `HTTP2_REQUESTS` is the number of requests to each server. Defaults to 20,000.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

mod figures;
#[path = "../tls_foreign/files.rs"]
mod files;
mod load;
mod origin;
#[path = "../support/foreign.rs"]
mod programs;
#[path = "../support/said.rs"]
mod said;
mod servers;
mod sizes;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../examples/support/text.rs"]
mod text;
#[path = "../support/tls/mod.rs"]
mod tls;
mod tonic_server;
