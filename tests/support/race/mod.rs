//! Scenarios of the race: what a text file says, and what its log is to be. The format is described in
//! `tests/scenarios/README.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod course;
mod log;
pub(crate) mod script;
