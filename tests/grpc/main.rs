//! Calls of gRPC: tonic's client over this crate's client, against tonic's server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "tonic's server is made to be spawned")]

mod calls;
mod server;
#[path = "../../examples/support/text.rs"]
mod text;
mod trailers;
