//! Scripted exchanges over HTTP/2: a text file says what the server does, frame by frame, and what the client asks.
//!
//! The format is described in `tests/scenarios/README.md`. The client's side is that of `exchange`.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod clients;
pub(crate) mod connection;
pub(crate) mod frame;
pub(crate) mod heard;
pub(crate) mod running;
#[path = "../said.rs"]
mod said;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod stalls;
#[path = "../exchange_tls.rs"]
pub(crate) mod tls;
pub(crate) mod wire;
