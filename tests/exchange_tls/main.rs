//! The exchange over TLS: what the client promises in clear text holds over each version of TLS too.
#![cfg(all(feature = "client", feature = "tls", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/exchange_busy.rs"]
mod busy;
#[path = "../support/exchange_refused.rs"]
mod refused;
#[path = "../support/exchange_runs.rs"]
mod runs;
#[path = "../support/exchange_server.rs"]
mod server;
#[path = "../support/exchange_tls.rs"]
mod tls;

mod after_refusal;
mod clients;
mod closes;
mod duplex;
mod ends;
mod first_words;
mod idle;
mod refusals;
mod rest;
mod upgrades;
