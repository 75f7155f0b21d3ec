//! How long connections are kept, and how many.

use std::time::{Duration, Instant};

use super::connection::{Owned, Shared};

/// How long connections are kept, and how many.
#[derive(Clone, Debug)]
pub(in crate::client) struct Settings {
    pub(in crate::client) idle_timeout: Option<Duration>,
    pub(in crate::client) max_age: Option<Duration>,
    pub(in crate::client) max_idle_per_host: usize,
    pub(in crate::client) max_connections_per_host: usize,
}

impl Settings {
    /// Whether a connection has been idle for too long, or is too old.
    #[inline]
    pub(super) fn has_expired(&self, idle_for: Duration, created: Instant, now: Instant) -> bool {
        self.idle_timeout.is_some_and(|timeout| idle_for >= timeout) || self.is_too_old(created, now)
    }

    /// [`has_expired`](Self::has_expired), or the peer does not keep it any longer.
    #[inline]
    pub(super) fn has_gone(&self, connection: &impl Owned, idle_for: Duration, now: Instant) -> bool {
        connection.kept_for().is_some_and(|kept_for| idle_for >= kept_for)
            || self.has_expired(idle_for, connection.created(), now)
    }

    #[inline]
    pub(super) fn is_too_old(&self, created: Instant, now: Instant) -> bool {
        self.max_age.is_some_and(|age| now.saturating_duration_since(created) >= age)
    }

    /// Whether a shared connection is to have no further exchange: it has had none since `idle_since`, or still has some.
    pub(super) fn is_done(&self, connection: &impl Shared, idle_since: Option<Instant>, now: Instant) -> bool {
        let idle_for = idle_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        !connection.is_open() || self.has_expired(idle_for, connection.created(), now)
    }

    /// When a connection that has been idle since `since` is of no more use. A time that is too long for the clock never comes.
    pub(super) fn expiry(&self, created: Instant, since: Instant) -> Option<Instant> {
        let timeout = self.idle_timeout.and_then(|timeout| since.checked_add(timeout));
        let age = self.max_age.and_then(|age| created.checked_add(age));
        timeout.into_iter().chain(age).min()
    }

    /// The shortest time after which a connection that becomes idle now is of no more use.
    pub(super) fn shortest_life(&self) -> Option<Duration> {
        self.idle_timeout.into_iter().chain(self.max_age).min()
    }
}
