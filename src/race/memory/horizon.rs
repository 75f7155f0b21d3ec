//! For how long does what is learned hold?

use std::time::{Duration, Instant};

/// Until when what is learned at some instant holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    /// Until then it decides the order of destinations, and speaks for a family.
    pub(super) recent: Instant,
    /// Until then delays are derived from it.
    pub(super) believed: Instant,
}

impl Horizon {
    pub(super) fn of(now: Instant) -> Self {
        Self { recent: now + RECENT, believed: now + BELIEVED }
    }
}

/// RFC 6555 §4.2: in the order of ten minutes.
const RECENT: Duration = Duration::from_secs(10 * 60);

/// As long as Linux keeps what it knows of a destination.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
