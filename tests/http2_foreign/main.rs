//! HTTP/2 servers that others have written. No request may fail, and every body is whole. A server that is missing is left out, but not where the gate runs.
//!
//! `HTTP2_REQUESTS` says how many requests each server gets: 20,000 if it is not set.
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
