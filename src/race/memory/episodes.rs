//! How often must an address have been silent to be dead?

use std::time::Duration;

use super::moment::Moment;

/// Counts the times at which an address was outlasted: another one won while attempts to it had been silent for at least their own delay.
///
/// 1. One is enough for an address that has never answered. One that has needs two: on a line that loses 2 % of its packets, one
///    lost packet in fifty would condemn it, but two in 2,500.
/// 2. Of those within a second one counts: one outage under many parallel races is one episode.
/// 3. After a mark that merely ended one more is enough. After a success counting begins anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Episodes {
    counted: u8,
    /// When the last one was that counted.
    last: Moment,
}

impl Episodes {
    /// The address was outlasted. Returns whether it is dead.
    pub(super) fn count(&mut self, has_answered: bool, now: Moment) -> bool {
        let is_same = self.counted > 0 && self.last.is_younger_than(ONE_EPISODE, now);
        if !is_same {
            self.counted = self.counted.saturating_add(1);
            self.last = now;
        }
        self.counted >= if has_answered { 2 } else { 1 }
    }

    /// The address is marked: after that, one more is enough.
    pub(super) fn on_mark(&mut self) {
        self.counted = 1;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn counted(&self) -> u8 {
        self.counted
    }
}

const ONE_EPISODE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::default().plus(Duration::from_millis(ms))
    }

    #[test]
    fn once_is_enough_for_an_address_that_never_answered() {
        assert!(Episodes::default().count(false, at(0)));
    }

    #[test]
    fn twice_is_enough_for_one_that_has() {
        let mut episodes = Episodes::default();
        assert!(!episodes.count(true, at(0)));
        assert!(episodes.count(true, at(1000)));
    }

    #[test]
    fn many_races_of_one_second_are_one_episode() {
        let mut episodes = Episodes::default();
        for race in 0..1000 {
            assert!(!episodes.count(true, at(race)), "{race}");
        }
        assert_eq!(episodes.counted(), 1);
        assert!(episodes.count(true, at(1000)), "a second after the one that counted, not after the last");
    }

    #[test]
    fn once_more_is_enough_after_a_mark_and_not_after_a_success() {
        let mut episodes = Episodes::default();
        episodes.on_mark();
        assert!(episodes.count(true, at(30_000)));
        episodes.clear();
        assert!(!episodes.count(true, at(31_000)));
    }
}
