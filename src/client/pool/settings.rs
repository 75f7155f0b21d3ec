//! The settings of the pool: how long connections are kept, and how many.

use std::time::{Duration, Instant};

use super::connection::{Owned, Shared};

/// A function that reads the clock. Reading it costs about as much as everything else that the pool does for a request, so that callers pass the
/// function and not the time.
pub(super) trait Clock: Fn() -> Instant + Copy {}

impl<C: Fn() -> Instant + Copy> Clock for C {}

/// The settings of the pool: how long connections are kept, and how many.
#[derive(Clone, Debug)]
pub(in crate::client) struct Settings {
    pub(in crate::client) idle_timeout: Option<Duration>,
    pub(in crate::client) max_age: Option<Duration>,
    pub(in crate::client) max_idle_per_host: usize,
    pub(in crate::client) max_connections_per_host: usize,
    /// The most shared connections to a host in each runtime.
    pub(in crate::client) max_shared_per_host: usize,
}

impl Settings {
    /// Whether an idle connection has expired: its idle timeout, its `Keep-Alive` time or its maximum age has passed.
    #[inline]
    pub(super) fn has_gone(&self, connection: &impl Owned, idle_for: Duration, now: Instant) -> bool {
        connection.kept_for().is_some_and(|kept_for| idle_for >= kept_for)
            || self.idle_timeout.is_some_and(|timeout| idle_for >= timeout)
            || self.is_too_old(connection.place().id, connection.created(), now)
    }

    #[inline]
    pub(super) fn is_too_old(&self, id: u64, created: Instant, now: Instant) -> bool {
        self.max_age.is_some_and(|age| now.saturating_duration_since(created) >= age_of(id, age))
    }

    /// Whether a shared connection must not have a further exchange. `idle_since` is when its last exchange has ended, or `None` if it has one.
    pub(super) fn is_done(&self, connection: &impl Shared, idle_since: Option<Instant>, now: impl Clock) -> bool {
        !connection.is_open()
            || idle_since.is_some_and(|since| self.has_been_idle(since, now()))
            || (self.max_age.is_some() && self.is_too_old(connection.place().id, connection.created(), now()))
    }

    /// Whether the idle timeout of a connection that is idle since `since` has passed. A timeout too long for an `Instant` never passes.
    #[inline]
    fn has_been_idle(&self, since: Instant, now: Instant) -> bool {
        self.idle_timeout.and_then(|timeout| since.checked_add(timeout)).is_some_and(|end| end <= now)
    }

    /// Returns when a connection that is idle since `since` expires by idle timeout or maximum age. One too long for an `Instant` does not count.
    pub(super) fn expiry(&self, id: u64, created: Instant, since: Instant) -> Option<Instant> {
        let timeout = self.idle_timeout.and_then(|timeout| since.checked_add(timeout));
        let age = self.max_age.and_then(|age| created.checked_add(age_of(id, age)));
        timeout.into_iter().chain(age).min()
    }

    /// Returns the shortest time after which a connection that becomes idle now may expire.
    pub(super) fn shortest_life(&self) -> Option<Duration> {
        self.idle_timeout.into_iter().chain(self.max_age).min()
    }
}

/// Returns the maximum age of the connection with this number. It is up to a tenth less than `most`, so that connections that were made together do
/// not end together.
fn age_of(id: u64, most: Duration) -> Duration {
    // The fractional parts of multiples of the golden ratio are spread evenly, however many there are.
    let part = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    most.saturating_sub(most.mul_f64(part as f64 / (1_u64 << 32) as f64 / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_made_together_do_not_end_together() {
        let most = Duration::from_secs(100);
        let mut ages: Vec<_> = (0..100).map(|id| age_of(id, most)).collect();
        ages.sort();
        assert!(ages[0] >= Duration::from_secs(90) && ages[99] <= most, "{ages:?}");
        let widest = ages.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(Duration::from_millis(300)), "{widest:?}");
        assert_eq!(age_of(7, Duration::ZERO), Duration::ZERO);
        assert!(age_of(7, Duration::MAX) > Duration::MAX / 2);
    }
}
