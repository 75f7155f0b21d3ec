//! How often an address must have been silent to be believed dead.

use std::time::{Duration, Instant};

/// Counts episodes in which an address was outlasted: another one won while an attempt to this address had been silent for at least its own delay.
///
/// 1. One episode is enough for an address that has never answered. An address that has answered needs two: on a path that loses 2 % of the packets,
///    one lost packet happens in 50 connects, and two in a row in 2,500.
/// 2. Episodes within one second count once, so that one outage under many parallel races is one episode.
/// 3. After a mark has ended, one more episode is enough. After a success, counting begins anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Episodes {
    counted: u8,
    /// When the last episode was counted.
    last: Option<Instant>,
}

impl Episodes {
    /// The address was outlasted. Returns whether it is believed dead now.
    pub(super) fn count(&mut self, has_answered: bool, now: Instant) -> bool {
        let is_same = self.last.is_some_and(|last| now < last + ONE_EPISODE);
        if !is_same {
            self.counted = self.counted.saturating_add(1);
            self.last = Some(now);
        }
        self.counted >= if has_answered { 2 } else { 1 }
    }

    /// The address was marked. After the mark one more episode is enough.
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
    use crate::test_support::some_instant;

    /// Whether the address is dead after each episode, at these milliseconds.
    fn counts(episodes: &mut Episodes, has_answered: bool, times: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let zero = some_instant();
        times.into_iter().map(|ms| episodes.count(has_answered, zero + Duration::from_millis(ms))).collect()
    }

    #[test]
    fn once_is_enough_for_an_address_that_never_answered() {
        assert_eq!(counts(&mut Episodes::default(), false, [0]), [true]);
    }

    #[test]
    fn twice_is_enough_for_one_that_has() {
        assert_eq!(counts(&mut Episodes::default(), true, [0, 1000]), [false, true]);
    }

    #[test]
    fn many_races_of_one_second_are_one_episode() {
        let mut episodes = Episodes::default();
        let dead = counts(&mut episodes, true, 0..=1000);
        // A second after the one that counted, not after the last.
        assert_eq!(dead.iter().position(|dead| *dead), Some(1000));
        assert_eq!(episodes.counted(), 2);
    }

    #[test]
    fn once_more_is_enough_after_a_mark_and_not_after_a_success() {
        let mut episodes = Episodes::default();
        episodes.on_mark();
        assert_eq!(counts(&mut episodes, true, [30_000]), [true]);
        episodes.clear();
        assert_eq!(counts(&mut episodes, true, [31_000]), [false]);
    }
}
