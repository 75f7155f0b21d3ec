//! Whether a whole address family is cut off. Without this, the first connect to each new name would pay for that.

use std::time::Instant;

use super::rtt::Rtt;

/// What is known of all destinations of a family together, as seen from one source.
#[derive(Debug, Default)]
pub(super) struct AddressFamily {
    pub(super) health: Health,
    /// The round trip to all destinations of the family together.
    pub(super) rtt: Option<Rtt>,
}

/// The health of an address family, as seen from one source.
///
/// 1. The family is dead if addresses in three prefixes are marked because they were silent, and no address of the family has answered for ten
///    minutes.
/// 2. It is dead until the newest of these marks ends. Then ordinary attempts probe it.
/// 3. If any address answers, the family is alive for ten minutes. Marks from before are removed: they would end before these ten minutes.
///
/// If a family fails, the cause is usually the network that this machine is in, and all addresses of the family fail alike.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The latest marks, each in another prefix.
    marks: [Option<SilentPrefix>; PREFIXES],
    /// Until this instant the family is alive, since an address has answered.
    alive_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct SilentPrefix {
    prefix: u128,
    until: Instant,
}

impl Health {
    /// Returns until when the family is dead, if it is.
    pub(super) fn dead_until(&self, now: Instant) -> Option<Instant> {
        if self.alive_until.is_some_and(|until| now < until) {
            return None;
        }
        let mut newest = None;
        for mark in &self.marks {
            let until = mark.map(|mark| mark.until).filter(|until| now < *until)?;
            newest = newest.max(Some(until));
        }
        newest
    }

    /// An address of the family has answered. The family is alive until `until`.
    pub(super) fn on_success(&mut self, until: Instant) {
        self.alive_until = Some(until);
        self.marks.iter_mut().for_each(|mark| *mark = None);
    }

    /// An address of this prefix was marked because it was silent.
    pub(super) fn on_mark(&mut self, prefix: u128, until: Instant) {
        let known = self.marks.iter().position(|mark| mark.is_some_and(|mark| mark.prefix == prefix));
        let place = known.or_else(|| self.first_to_end());
        if let Some(mark) = place.and_then(|place| self.marks.get_mut(place)) {
            let later = mark.filter(|mark| mark.prefix == prefix && mark.until > until);
            *mark = Some(later.unwrap_or(SilentPrefix { prefix, until }));
        }
    }

    /// The mark of an address of this prefix was taken back.
    pub(super) fn on_mark_taken_back(&mut self, prefix: u128) {
        for mark in &mut self.marks {
            mark.take_if(|mark| mark.prefix == prefix);
        }
    }

    /// Returns the index of a free place, or else of the mark that ends first.
    fn first_to_end(&self) -> Option<usize> {
        (0..self.marks.len()).min_by_key(|place| self.marks[*place].map(|mark| mark.until))
    }
}

/// How many prefixes must be silent for the family to be dead.
const PREFIXES: usize = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::horizon::Horizon;
    use super::*;
    use crate::test_support::some_instant;

    /// A health, and the instants that its seconds count from.
    struct Seen(Health, Instant);

    impl Seen {
        /// A family with these marks: each prefix, and the second at which its mark ends.
        fn marked(marks: &[(u128, u64)]) -> Self {
            let mut seen = Self(Health::default(), some_instant());
            for (prefix, until) in marks {
                seen.mark(*prefix, *until);
            }
            seen
        }

        fn mark(&mut self, prefix: u128, until: u64) {
            self.0.on_mark(prefix, self.1 + Duration::from_secs(until));
        }

        /// Returns until which second the family is dead, as seen at second `now`.
        fn dead_until(&self, now: u64) -> Option<u64> {
            let until = self.0.dead_until(self.1 + Duration::from_secs(now));
            until.map(|until| (until - self.1).as_secs())
        }
    }

    #[test]
    fn three_silent_prefixes_are_a_dead_family_until_the_newest_mark_ends() {
        let seen = Seen::marked(&[(1, 30), (2, 40), (3, 35)]);
        assert_eq!(seen.dead_until(10), Some(40));
        assert_eq!(seen.dead_until(29), Some(40));
        assert_eq!(seen.dead_until(30), None, "two are left");
        assert_eq!(Seen::marked(&[(1, 30), (2, 40)]).dead_until(10), None);
    }

    #[test]
    fn many_addresses_of_one_prefix_are_one() {
        assert_eq!(Seen::marked(&[(1, 30), (1, 40), (1, 50), (2, 30)]).dead_until(10), None);
        assert_eq!(Seen::marked(&[(1, 50), (1, 30), (2, 30), (3, 30)]).dead_until(10), Some(50));
    }

    #[test]
    fn of_more_than_three_prefixes_those_count_whose_marks_end_last() {
        let seen = Seen::marked(&[(1, 30), (2, 60), (3, 40), (4, 50), (5, 55)]);
        assert_eq!(seen.dead_until(45), Some(60));
        assert_eq!(seen.dead_until(50), None);
    }

    #[test]
    fn a_success_ends_it_and_speaks_for_the_family_for_ten_minutes() {
        let mut seen = Seen::marked(&[(1, 300), (2, 300), (3, 300)]);
        seen.0.on_success(Horizon::of(seen.1 + Duration::from_secs(100)).recent);
        assert_eq!(seen.dead_until(100), None);
        for prefix in 1..=3 {
            seen.mark(prefix, 900);
        }
        assert_eq!(seen.dead_until(699), None);
        assert_eq!(seen.dead_until(700), Some(900));
    }

    #[test]
    fn a_mark_that_was_taken_back_does_not_count() {
        let mut seen = Seen::marked(&[(1, 30), (2, 30), (3, 30)]);
        seen.0.on_mark_taken_back(2);
        assert_eq!(seen.dead_until(0), None);
        seen.mark(4, 30);
        assert_eq!(seen.dead_until(0), Some(30));
    }
}
