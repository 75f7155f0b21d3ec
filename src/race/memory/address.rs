//! What is known of one address.

use std::fmt;
use std::time::Duration;

use super::episodes::Episodes;
use super::mark::Mark;
use super::moment::Moment;
use super::rtt::{Rtt, Sample};

/// What is known of one address, seen from one source.
#[derive(Debug, Default)]
pub(super) struct Address {
    pub(super) rtt: Option<Rtt>,
    /// When a connection to it last won a race.
    used: Option<Moment>,
    has_answered: bool,
    episodes: Episodes,
    mark: Mark,
}

impl Address {
    /// It answered.
    pub(super) fn on_connected(&mut self, sample: Option<Sample>, won: bool, now: Moment) {
        if let Some(sample) = sample {
            Rtt::add(&mut self.rtt, sample, now);
        }
        if won {
            self.used = Some(now);
        }
        self.has_answered = true;
        self.episodes.clear();
        self.mark.clear();
    }

    /// It answered that it is not to be had.
    pub(super) fn on_refused(&mut self, now: Moment) {
        if self.mark.make(now).is_some() {
            self.episodes.on_mark();
        }
    }

    /// It was silent while another address answered. Returns until when it is marked, if it is now.
    pub(super) fn on_silent(&mut self, now: Moment) -> Option<Moment> {
        if self.mark.is_on(now) || !self.episodes.count(self.has_answered, now) {
            return None;
        }
        self.episodes.on_mark();
        self.mark.make(now)
    }

    /// No address of the race answered: its silence says nothing of this one. Returns whether it was marked.
    pub(super) fn on_unconnected(&mut self, now: Moment) -> bool {
        let was_marked = self.mark.is_on(now);
        self.episodes.clear();
        self.mark.clear();
        was_marked
    }

    pub(super) fn dead_until(&self, now: Moment) -> Option<Moment> {
        self.mark.until(now)
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Whether a connection to it has won a race not long ago.
    pub(super) fn is_used(&self, now: Moment) -> bool {
        self.used.is_some_and(|used| used.is_younger_than(RECENT, now))
    }

    /// `20ms ± 10ms of 1, used`, as it is at `now`.
    pub(super) fn describe(&self, now: Moment, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rtt {
            Some(rtt) => write!(f, "{rtt}")?,
            None if self.has_answered => f.write_str("answered")?,
            None => f.write_str("never answered")?,
        }
        if self.is_used(now) {
            f.write_str(", used")?;
        }
        if self.episodes.counted() > 0 {
            write!(f, ", outlasted {}", self.episodes.counted())?;
        }
        match self.dead_until(now) {
            Some(until) => write!(f, ", dead for {:.0?}", until.since(now)),
            None => Ok(()),
        }
    }
}

/// How long a connection makes its address a better one (RFC 6555 §4.2: in the order of 10 minutes).
const RECENT: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(seconds))
    }

    fn answered() -> Address {
        let mut address = Address::default();
        address.on_connected(Sample::of(Duration::from_millis(20)), true, at(0));
        address
    }

    fn until(address: &Address, now: u64) -> Option<Moment> {
        address.dead_until(at(now))
    }

    #[test]
    fn an_address_that_never_answered_is_dead_at_once_and_one_that_has_the_second_time() {
        let mut never = Address::default();
        assert_eq!(never.on_silent(at(0)), Some(at(30)));
        let mut once = answered();
        assert_eq!((once.on_silent(at(0)), until(&once, 0)), (None, None));
        assert_eq!(once.on_silent(at(2)), Some(at(32)));
    }

    #[test]
    fn a_mark_that_ended_is_made_again_by_one_silent_attempt_for_longer() {
        let mut address = answered();
        address.on_silent(at(0));
        address.on_silent(at(2));
        assert_eq!(until(&address, 32), None);
        assert_eq!(address.on_silent(at(32)), Some(at(92)));
    }

    #[test]
    fn what_is_said_while_a_mark_is_on_changes_nothing() {
        let mut address = Address::default();
        address.on_refused(at(0));
        for second in 0..30 {
            address.on_refused(at(second));
            assert_eq!((address.on_silent(at(second)), until(&address, second)), (None, Some(at(30))));
        }
        address.on_refused(at(30));
        assert_eq!(until(&address, 30), Some(at(90)));
    }

    #[test]
    fn a_success_begins_anew() {
        let mut address = answered();
        address.on_refused(at(0));
        address.on_connected(None, false, at(10));
        assert_eq!(until(&address, 10), None);
        assert_eq!(address.on_silent(at(11)), None, "it has answered, and was silent once");
        address.on_refused(at(12));
        assert_eq!(until(&address, 12), Some(at(42)), "it is the first mark again");
    }

    #[test]
    fn a_race_without_a_connection_takes_the_mark_back() {
        let mut address = Address::default();
        assert!(!address.on_unconnected(at(0)));
        address.on_refused(at(0));
        assert!(address.on_unconnected(at(1)));
        assert_eq!(until(&address, 1), None);
    }

    #[test]
    fn an_address_is_a_used_one_for_ten_minutes_after_it_won() {
        let mut address = answered();
        assert!(address.is_used(at(599)) && !address.is_used(at(600)));
        address.on_connected(None, false, at(500));
        assert!(!address.is_used(at(600)), "another one won");
    }
}
