//! The least round trip of a network in a while: nothing is nearer than its access line.

use std::time::{Duration, Instant};

/// The least smoothed round trip of the last ten minutes.
///
/// The candidates are kept in the order of their times, each greater than the one before it: one that is greater than a later one will never
/// be the least again. There are four at most. When a fifth comes, it takes the place of the fourth, so that the
/// latest round trip is always known, and the least may then be overestimated for a while.
#[derive(Debug, Default)]
pub(super) struct Least {
    /// Each until when it counts. Those after the last one are `None`.
    candidates: [Option<(Duration, Instant)>; 4],
}

impl Least {
    /// A round trip that counts until `until`.
    pub(super) fn add(&mut self, rtt: Duration, now: Instant, until: Instant) {
        self.forget_old(now);
        let lesser = self.candidates.iter().take_while(|candidate| candidate.is_some_and(|(lesser, _)| lesser < rtt));
        let place = lesser.count().min(self.candidates.len() - 1);
        self.candidates[place] = Some((rtt, until));
        self.candidates[place + 1..].fill(None);
    }

    pub(super) fn get(&mut self, now: Instant) -> Option<Duration> {
        self.forget_old(now);
        self.candidates[0].map(|(rtt, _)| rtt)
    }

    fn forget_old(&mut self, now: Instant) {
        while self.candidates[0].is_some_and(|(_, until)| until <= now) {
            self.candidates.rotate_left(1);
            self.candidates[self.candidates.len() - 1] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::horizon::Horizon;
    use super::*;
    use crate::test_support::some_instant;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// The least of round trips, each in milliseconds at a second, at the second `now`.
    fn least(samples: &[(u64, u64)], now: u64) -> Option<Duration> {
        let (mut least, zero) = (Least::default(), some_instant());
        for (second, rtt) in samples {
            let now = zero + Duration::from_secs(*second);
            least.add(ms(*rtt), now, Horizon::of(now).recent);
        }
        least.get(zero + Duration::from_secs(now))
    }

    #[test]
    fn the_least_of_the_last_ten_minutes_counts() {
        assert_eq!(least(&[], 0), None);
        assert_eq!(least(&[(0, 40), (1, 30), (2, 50)], 3), Some(ms(30)));
        assert_eq!(least(&[(0, 30), (1, 40), (2, 50)], 599), Some(ms(30)));
        assert_eq!(least(&[(0, 30), (1, 40), (2, 50)], 600), Some(ms(40)));
        assert_eq!(least(&[(0, 30), (1, 40), (2, 50)], 602), None);
        assert_eq!(least(&[(0, 30), (5, 30)], 604), Some(ms(30)), "it was confirmed");
    }

    #[test]
    fn the_latest_is_known_however_many_there_were() {
        let rising: Vec<_> = (0..100).map(|second| (second, 20 + second)).collect();
        assert_eq!(least(&rising, 100), Some(ms(20)));
        assert_eq!(least(&rising, 698), Some(ms(119)));
        assert_eq!(least(&rising, 699), None);
    }

    /// Where no more than four are candidates, nothing is estimated.
    #[test]
    fn few_candidates_are_exact() {
        let samples: Vec<(u64, u64)> = (0..300).map(|i| (i * 7, 20 + (i * i * 31 + i * 17) % 5)).collect();
        for (i, (second, _)) in samples.iter().enumerate() {
            let recent = samples[..=i].iter().filter(|(earlier, _)| second - earlier < 600);
            let exact = recent.map(|(_, rtt)| ms(*rtt)).min();
            assert_eq!(least(&samples[..=i], *second), exact, "after {second} s");
        }
    }
}
