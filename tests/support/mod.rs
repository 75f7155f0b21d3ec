//! Helpers that several tests share.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test says what it leaves out")]

pub(crate) mod loopback;
pub(crate) mod names;
pub(crate) mod offered;
pub(crate) mod origin;
pub(crate) mod reading;
pub(crate) mod report;
pub(crate) mod scripts;
pub(crate) mod selection;
pub(crate) mod simulation;
pub(crate) mod words;

use std::time::Instant;

/// Returns the instant at which invented time begins.
#[allow(clippy::disallowed_methods, reason = "std has no other way to make an instant")]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}
