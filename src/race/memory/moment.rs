//! Points in time as a memory keeps them: eight bytes each, and cheap to compare.

use std::time::{Duration, Instant};

/// Nanoseconds since the zero of an [`Era`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Whether less than `window` has passed since then.
    pub(super) fn is_younger_than(self, window: Duration, now: Self) -> bool {
        now.0.saturating_sub(self.0) < nanoseconds(window)
    }

    #[must_use]
    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }

    /// How long after `earlier` this is; nothing if it is before.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Translates instants into moments.
///
/// The zero is the first instant that it is given. What is before counts as that.
#[derive(Debug, Default)]
pub(super) struct Era {
    zero: Option<Instant>,
    /// The latest moment that was asked for.
    newest: Moment,
}

impl Era {
    pub(super) fn moment(&mut self, now: Instant) -> Moment {
        let zero = *self.zero.get_or_insert(now);
        let now = Moment(nanoseconds(now.saturating_duration_since(zero)));
        self.newest = self.newest.max(now);
        now
    }

    /// The latest moment that was asked for.
    pub(super) fn newest(&self) -> Moment {
        self.newest
    }
}

/// Six centuries are the most.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn time_counts_from_the_first_instant_on() {
        let (mut era, zero) = (Era::default(), some_instant());
        let second = Duration::from_secs(1);
        let first = era.moment(zero);
        let later = era.moment(zero + second);
        assert_eq!((first, later), (Moment(0), Moment(1_000_000_000)));
        assert_eq!(later.since(first), second);
        assert_eq!(first.plus(second), later);
        assert_eq!(era.moment(zero - second), first, "a clock that goes back is no reason to panic");
        assert_eq!(first.since(later), Duration::ZERO);
        assert_eq!(era.newest(), later);
    }

    #[test]
    fn a_window_is_open_to_its_end_and_no_longer() {
        let window = Duration::from_millis(10);
        let now = Moment::default().plus(window);
        assert!(!Moment::default().is_younger_than(window, now));
        assert!(Moment(1).is_younger_than(window, now));
        assert!(now.is_younger_than(window, Moment::default()));
        assert!(now.plus(Duration::MAX) > now);
    }
}
