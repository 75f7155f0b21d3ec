//! The least round trip of a network in a while: nothing is nearer than its access line.

use std::time::Duration;

use super::moment::Moment;

/// The least smoothed round trip of the last ten minutes.
///
/// The candidates are kept in the order of their times, each greater than the one before it: one that is greater than a later one will never
/// be the least again. There are four at most. When a fifth comes, it takes the place of the fourth, so that the
/// latest round trip is always known, and the least may then be overestimated for a while.
#[derive(Debug, Default)]
pub(super) struct Least {
    candidates: [(Duration, Moment); 4],
    length: usize,
}

impl Least {
    pub(super) fn add(&mut self, rtt: Duration, now: Moment) {
        self.forget_old(now);
        let lesser = self.candidates[..self.length].iter().take_while(|(lesser, _)| *lesser < rtt).count();
        let place = lesser.min(self.candidates.len() - 1);
        self.candidates[place] = (rtt, now);
        self.length = place + 1;
    }

    pub(super) fn get(&mut self, now: Moment) -> Option<Duration> {
        self.forget_old(now);
        self.candidates[..self.length].first().map(|(rtt, _)| *rtt)
    }

    fn forget_old(&mut self, now: Moment) {
        let candidates = &self.candidates[..self.length];
        let old = candidates.iter().take_while(|(_, at)| !at.is_younger_than(WINDOW, now)).count();
        if old > 0 {
            self.candidates.copy_within(old..self.length, 0);
            self.length -= old;
        }
    }
}

const WINDOW: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(seconds: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(seconds))
    }

    fn least(samples: &[(u64, u64)], now: u64) -> Option<Duration> {
        let mut least = Least::default();
        for (second, rtt) in samples {
            least.add(ms(*rtt), at(*second));
        }
        least.get(at(now))
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
        let samples: Vec<(u64, u64)> = (0..1000).map(|i| (i * 7, 20 + (i * i * 31 + i * 17) % 5)).collect();
        let mut of_all = Least::default();
        for (i, (second, rtt)) in samples.iter().enumerate() {
            of_all.add(ms(*rtt), at(*second));
            let recent = samples[..=i].iter().filter(|(earlier, _)| second - earlier < 600);
            let exact = recent.map(|(_, rtt)| ms(*rtt)).min();
            assert_eq!(of_all.get(at(*second)), exact, "after {second} s");
        }
    }
}
