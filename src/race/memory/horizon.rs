//! How long what is learned holds.

use std::time::{Duration, Instant};

/// Until when something that is learned now holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    /// Until this instant it decides the order of destinations, and counts as a sign of life of the family.
    pub(super) recent: Instant,
    /// Until this instant delays are derived from it.
    pub(super) believed: Instant,
}

impl Horizon {
    pub(super) fn of(now: Instant) -> Self {
        Self { recent: now + RECENT, believed: now + BELIEVED }
    }
}

/// RFC 6555 §4.2 recommends about ten minutes.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// Linux keeps its own measurements of a destination as long.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
