//! Scenarios of the race: text files with the inputs and the expected log. The format is described in `tests/scenarios/README.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod course;
mod log;
pub(crate) mod script;
