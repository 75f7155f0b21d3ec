//! TLS for tests without a network: an authority that issues any certificate, and servers of many kinds, good and bad.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

pub(crate) mod authority;
pub(crate) mod canned;
pub(crate) mod clients;
pub(crate) mod conduct;
pub(crate) mod memory;
pub(crate) mod seen;
pub(crate) mod server;
