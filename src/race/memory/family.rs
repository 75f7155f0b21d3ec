//! Is a whole address family cut off, so that each new name would pay for it again?

use std::time::Duration;

use super::least::Least;
use super::moment::Moment;

/// What is known of all destinations of a family together, seen from one source.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) health: Health,
    pub(super) least_rtt: Least,
}

/// The health of an address family, seen from one source.
///
/// 1. It is dead if addresses in three prefixes are marked for their silence, and none of the family has answered for ten minutes.
/// 2. It is so until the newest of these marks ends. Then it is probed by ordinary attempts.
/// 3. A success of any address is the family's: what marks there were before do not count any more, since they end before the ten minutes do.
///
/// A family that fails is usually the fault of the network that the machine is in, and all of the family fails alike.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The latest marks in different prefixes.
    marks: [Option<SilentPrefix>; PREFIXES],
    last_success: Option<Moment>,
}

#[derive(Clone, Copy, Debug)]
struct SilentPrefix {
    prefix: u128,
    until: Moment,
}

impl Health {
    /// Until when the family counts as dead, if it does.
    pub(super) fn dead_until(&self, now: Moment) -> Option<Moment> {
        if self.last_success.is_some_and(|at| at.is_younger_than(ALIVE, now)) {
            return None;
        }
        let mut newest = Moment::default();
        for mark in &self.marks {
            let until = mark.map(|mark| mark.until).filter(|until| now < *until)?;
            newest = newest.max(until);
        }
        Some(newest)
    }

    pub(super) fn on_success(&mut self, now: Moment) {
        self.last_success = Some(now);
        self.marks.iter_mut().for_each(|mark| *mark = None);
    }

    /// An address of this prefix was marked for its silence.
    pub(super) fn on_mark(&mut self, prefix: u128, until: Moment) {
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

    /// A free place, or else the mark that ends before the others.
    fn first_to_end(&self) -> Option<usize> {
        (0..self.marks.len()).min_by_key(|place| self.marks[*place].map(|mark| mark.until))
    }
}

/// How many prefixes must be silent.
const PREFIXES: usize = 3;

/// How long a success speaks for the family.
const ALIVE: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(seconds))
    }

    /// Each prefix with the second at which its mark ends.
    fn marked(marks: &[(u128, u64)]) -> Health {
        let mut health = Health::default();
        for (prefix, until) in marks {
            health.on_mark(*prefix, at(*until));
        }
        health
    }

    #[test]
    fn three_silent_prefixes_are_a_dead_family_until_the_newest_mark_ends() {
        let health = marked(&[(1, 30), (2, 40), (3, 35)]);
        assert_eq!(health.dead_until(at(10)), Some(at(40)));
        assert_eq!(health.dead_until(at(29)), Some(at(40)));
        assert_eq!(health.dead_until(at(30)), None, "two are left");
        assert_eq!(marked(&[(1, 30), (2, 40)]).dead_until(at(10)), None);
    }

    #[test]
    fn many_addresses_of_one_prefix_are_one() {
        assert_eq!(marked(&[(1, 30), (1, 40), (1, 50), (2, 30)]).dead_until(at(10)), None);
        assert_eq!(marked(&[(1, 50), (1, 30), (2, 30), (3, 30)]).dead_until(at(10)), Some(at(50)));
    }

    #[test]
    fn of_more_than_three_prefixes_those_count_whose_marks_end_last() {
        let health = marked(&[(1, 30), (2, 60), (3, 40), (4, 50), (5, 55)]);
        assert_eq!(health.dead_until(at(45)), Some(at(60)));
        assert_eq!(health.dead_until(at(50)), None);
    }

    #[test]
    fn a_success_ends_it_and_speaks_for_the_family_for_ten_minutes() {
        let mut health = marked(&[(1, 300), (2, 300), (3, 300)]);
        health.on_success(at(100));
        assert_eq!(health.dead_until(at(100)), None);
        for prefix in 1..=3 {
            health.on_mark(prefix, at(900));
        }
        assert_eq!(health.dead_until(at(699)), None);
        assert_eq!(health.dead_until(at(700)), Some(at(900)));
    }

    #[test]
    fn a_mark_that_was_taken_back_does_not_count() {
        let mut health = marked(&[(1, 30), (2, 30), (3, 30)]);
        health.on_mark_taken_back(2);
        assert_eq!(health.dead_until(at(0)), None);
        health.on_mark(4, at(30));
        assert_eq!(health.dead_until(at(0)), Some(at(30)));
    }
}
