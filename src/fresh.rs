//! How long what the system says of its network is believed.

use std::time::{Duration, Instant};

/// A network that changes is noticed after so long.
const BELIEVED: Duration = Duration::from_secs(5);

/// Whether what was said at `since` still counts.
pub(crate) fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < BELIEVED
}
