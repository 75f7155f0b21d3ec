//! What is known of one address.

use std::fmt;
use std::time::{Duration, Instant};

use super::episodes::Episodes;
use super::handshake::HandshakeTime;
use super::horizon::Horizon;
use super::mark::Mark;
use super::rtt::{Rtt, Sample};

/// What is known of one address, as seen from one source.
#[derive(Debug, Default)]
pub(super) struct Address {
    pub(super) rtt: Option<Rtt>,
    handshake: Option<HandshakeTime>,
    /// Until this instant the address counts as used: a connection to it has won a race.
    used_until: Option<Instant>,
    /// Until this instant the short path of [`all_is_well`](Self::all_is_well) applies: the address counts as used, its round trip is recent, it is
    /// not dead and was not silent, and no handshake with it is known.
    fresh_until: Option<Instant>,
    /// Until this instant another success teaches nothing.
    settled_until: Option<Instant>,
    has_answered: bool,
    episodes: Episodes,
    mark: Mark,
}

impl Address {
    /// Whether a success now would teach nothing. This is so if another success, which won its race and was a sample of the round trip, is less than
    /// a second ago, and the address has not failed since.
    ///
    /// So a burst of connects is one sample. Otherwise the smoothed round trip would be that of the last few milliseconds alone.
    #[inline]
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.settled_until.is_some_and(|until| now < until)
    }

    /// The short path: returns the round trip and whether the address is settled, if there is nothing else to know. That is so if the address counts
    /// as used, its round trip is recent, it is not dead, and no handshake with it is known.
    #[inline]
    pub(super) fn all_is_well(&self, now: Instant) -> Option<(&Rtt, bool)> {
        let (rtt, fresh_until) = (self.rtt.as_ref()?, self.fresh_until?);
        let is_settled = self.is_settled(now);
        // A settled address is fresh too, since that lasts longer. Asking for it first saves a comparison.
        (is_settled || now < fresh_until).then_some((rtt, is_settled))
    }

    /// The address has answered: a transport was connected.
    pub(super) fn on_connected(&mut self, sample: Option<Sample>, won: bool, now: Instant, until: Horizon) {
        if let Some(sample) = sample {
            Rtt::add(&mut self.rtt, sample, now, until);
        }
        if won {
            self.used_until = Some(until.recent);
            self.fresh_until = sample.filter(|_| self.handshake.is_none()).map(|_| until.recent);
            self.settled_until = sample.map(|_| now + SETTLED);
        }
        self.has_answered = true;
        self.episodes.clear();
        self.mark.clear();
    }

    /// A handshake with the address took this long.
    pub(super) fn on_handshake(&mut self, took: Duration, now: Instant) {
        HandshakeTime::add(&mut self.handshake, took, now, Horizon::of(now));
        if self.handshake.is_some() {
            // The short path does not look at handshakes, so that connects without TLS do not pay for them.
            self.fresh_until = None;
        }
    }

    /// The address has refused a connection.
    pub(super) fn on_refused(&mut self, now: Instant) {
        (self.fresh_until, self.settled_until) = (None, None);
        if self.mark.make(now).is_some() {
            self.episodes.on_mark();
        }
    }

    /// The address was silent while another one won. Returns until when it is marked as dead, if it was marked by this.
    pub(super) fn on_silent(&mut self, now: Instant) -> Option<Instant> {
        (self.fresh_until, self.settled_until) = (None, None);
        if self.mark.is_on(now) || !self.episodes.count(self.has_answered, now) {
            return None;
        }
        self.episodes.on_mark();
        self.mark.make(now)
    }

    /// No address of the race has answered, so that the silence of this one means nothing: marks are removed. Returns whether it was marked.
    pub(super) fn on_unconnected(&mut self, now: Instant) -> bool {
        let was_marked = self.mark.is_on(now);
        self.episodes.clear();
        self.mark.clear();
        was_marked
    }

    pub(super) fn dead_until(&self, now: Instant) -> Option<Instant> {
        self.mark.until(now)
    }

    /// Returns how long the next start is put off when the transport is connected, if that is known.
    pub(super) fn rest_of_handshake(&self, now: Instant) -> Option<Duration> {
        self.handshake.as_ref().and_then(|handshake| handshake.rest(now))
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Whether a connection to the address has won a race in the last ten minutes.
    pub(super) fn is_used(&self, now: Instant) -> bool {
        self.used_until.is_some_and(|until| now < until)
    }

    /// Writes what is known at `now`: `20ms ± 10ms of 1, handshake 80ms ± 40ms of 1, used`.
    pub(super) fn describe(&self, now: Instant, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rtt {
            Some(rtt) => write!(f, "{rtt}")?,
            None if self.has_answered => f.write_str("answered")?,
            None => f.write_str("never answered")?,
        }
        if let Some(handshake) = &self.handshake {
            write!(f, ", handshake {handshake}")?;
        }
        if self.is_used(now) {
            f.write_str(", used")?;
        }
        if self.episodes.counted() > 0 {
            write!(f, ", outlasted {}", self.episodes.counted())?;
        }
        match self.dead_until(now) {
            Some(until) => write!(f, ", dead for {:.0?}", until.saturating_duration_since(now)),
            None => Ok(()),
        }
    }
}

/// How long after a success another one teaches nothing.
const SETTLED: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    /// An address, and the instant that its seconds count from.
    struct Seen(Address, Instant);

    impl Seen {
        fn never() -> Self {
            Self(Address::default(), some_instant())
        }

        fn answered() -> Self {
            let mut seen = Self::never();
            seen.connected(20, true, 0);
            seen
        }

        fn at(&self, second: u64) -> Instant {
            self.1 + Duration::from_secs(second)
        }

        fn connected(&mut self, ms: u64, won: bool, second: u64) {
            let now = self.at(second);
            self.0.on_connected(Sample::of(Duration::from_millis(ms)), won, now, Horizon::of(now));
        }

        fn refused(&mut self, second: u64) {
            self.0.on_refused(self.at(second));
        }

        /// Until which second it is dead because of it.
        fn silent(&mut self, second: u64) -> Option<u64> {
            let until = self.0.on_silent(self.at(second));
            until.map(|until| (until - self.1).as_secs())
        }

        fn dead_until(&self, second: u64) -> Option<u64> {
            self.0.dead_until(self.at(second)).map(|until| (until - self.1).as_secs())
        }
    }

    #[test]
    fn an_address_that_never_answered_is_dead_at_once_and_one_that_has_the_second_time() {
        assert_eq!(Seen::never().silent(0), Some(30));
        let mut once = Seen::answered();
        assert_eq!((once.silent(0), once.dead_until(0)), (None, None));
        assert_eq!(once.silent(2), Some(32));
    }

    #[test]
    fn a_mark_that_ended_is_made_again_by_one_silent_attempt_for_longer() {
        let mut seen = Seen::answered();
        seen.silent(0);
        seen.silent(2);
        assert_eq!(seen.dead_until(32), None);
        assert_eq!(seen.silent(32), Some(92));
    }

    #[test]
    fn what_is_said_while_a_mark_is_on_changes_nothing() {
        let mut seen = Seen::never();
        for second in 0..30 {
            seen.refused(second);
            assert_eq!((seen.silent(second), seen.dead_until(second)), (None, Some(30)));
        }
        seen.refused(30);
        assert_eq!(seen.dead_until(30), Some(90));
    }

    #[test]
    fn a_success_begins_anew() {
        let mut seen = Seen::answered();
        seen.refused(0);
        seen.connected(20, false, 10);
        assert_eq!(seen.dead_until(10), None);
        assert_eq!(seen.silent(11), None, "it has answered, and was silent once");
        seen.refused(12);
        assert_eq!(seen.dead_until(12), Some(42), "it is the first mark again");
    }

    #[test]
    fn a_race_without_a_connection_takes_the_mark_back() {
        let mut seen = Seen::never();
        assert!(!seen.0.on_unconnected(seen.at(0)));
        seen.refused(0);
        assert!(seen.0.on_unconnected(seen.at(1)));
        assert_eq!(seen.dead_until(1), None);
    }

    #[test]
    fn an_address_is_a_used_one_for_ten_minutes_after_it_won() {
        let mut seen = Seen::answered();
        assert!(seen.0.is_used(seen.at(599)) && !seen.0.is_used(seen.at(600)));
        seen.connected(20, false, 500);
        assert!(!seen.0.is_used(seen.at(600)), "another one won");
    }

    #[test]
    fn a_success_says_all_there_is_to_say_for_a_second_unless_something_else_is_said() {
        let settled = |seen: &Seen, second| seen.0.is_settled(seen.at(second));
        assert!(!settled(&Seen::never(), 0));
        let seen = Seen::answered();
        assert!(settled(&seen, 0) && !settled(&seen, 1));
        let (mut refused, mut silent) = (Seen::answered(), Seen::answered());
        refused.refused(0);
        silent.silent(0);
        assert!(!settled(&refused, 0) && !settled(&silent, 0));
        let (mut lost, mut slow) = (Seen::never(), Seen::never());
        lost.connected(20, false, 0);
        slow.connected(1030, true, 0);
        assert!(!settled(&lost, 0) && !settled(&slow, 0), "the next one is worth a look");
    }
}
