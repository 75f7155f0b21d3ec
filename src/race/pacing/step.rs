//! What the pacing of a race tells it to do.

use super::super::endpoint::Endpoint;
use super::super::event::{AttemptId, DropReason, StartReason};

/// What the pacing wants done now.
#[derive(Debug)]
pub(in crate::race) enum Step {
    /// Start the next attempt.
    Start(Endpoint, StartReason),
    /// Drop an attempt that is in flight.
    Drop(AttemptId, DropReason),
}
