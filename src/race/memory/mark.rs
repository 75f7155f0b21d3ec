//! How long an address is believed to be dead.

use std::time::{Duration, Instant};

/// Marks an address as dead, for longer each time.
///
/// 1. A mark lasts 30 s, then 60, 120, 240 and 480 s, and 600 s from the sixth in a row on. A server restarts in 30 s, and a probe costs one attempt
///    delay. RFC 6555 would remember a failure for ten minutes.
/// 2. While a mark lasts, further failures do not make it longer: they come from races that began before it, and are the same outage.
/// 3. When a mark ends, the address has its ordinary place again, and the next race probes it.
/// 4. A success removes the mark. The next one is a first mark again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    until: Option<Instant>,
    /// How many marks there were in a row.
    made: usize,
}

impl Mark {
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.until(now).is_some()
    }

    /// Returns when the present mark ends, if there is one.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    /// Marks the address, unless it is marked already. Returns when the new mark ends.
    pub(super) fn make(&mut self, now: Instant) -> Option<Instant> {
        if self.is_on(now) {
            return None;
        }
        let duration = DURATIONS[self.made.min(DURATIONS.len() - 1)];
        self.made += 1;
        self.until = Some(now + duration);
        self.until
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

const DURATIONS: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(240),
    Duration::from_secs(480),
    Duration::from_secs(600),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn each_mark_lasts_longer_until_there_is_a_success() {
        let (mut mark, mut now) = (Mark::default(), some_instant());
        for round in 0..2 {
            for seconds in [30, 60, 120, 240, 480, 600, 600] {
                assert!(!mark.is_on(now) && mark.until(now).is_none(), "round {round}");
                let until = mark.make(now).unwrap();
                assert_eq!(until - now, Duration::from_secs(seconds));
                assert_eq!(mark.until(now), Some(until));
                assert!(!mark.is_on(until));
                now = until;
            }
            mark.clear();
        }
    }

    #[test]
    fn a_mark_that_is_on_is_not_made_again() {
        let (mut mark, now) = (Mark::default(), some_instant());
        let until = mark.make(now).unwrap();
        for second in 0..30 {
            let later = now + Duration::from_secs(second);
            assert_eq!((mark.make(later), mark.until(later)), (None, Some(until)));
        }
        assert_eq!(mark.make(until).unwrap() - until, Duration::from_secs(60));
    }
}
