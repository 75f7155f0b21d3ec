//! What a race teaches of its destinations.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What became of the attempts of a race to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Its transport stood, whatever came of the rest.
    Connected {
        /// How long after the attempt had started.
        after: Duration,
        /// Whether the race was won by it.
        won: bool,
    },
    /// What came after its transport is finished: TLS, say.
    ShookHands {
        /// How long it took since the transport stood, without the time for which the race kept it waiting.
        took: Duration,
    },
    /// Its host, or a router, answered that there is no connection to be had, and another destination won the race.
    Refused,
    /// It gave no sign of life for at least its own attempt delay, and another destination won the race.
    Silent,
    /// It was tried in vain in a race in which nothing was answered. This speaks of the network, or of the service.
    Unconnected,
}

/// One attempt of a race that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// Where it went.
    pub destination: IpAddr,
    /// When it started.
    pub started: Instant,
    /// Its attempt delay, as [`Action::Start`](super::super::Action::Start) told.
    pub delay: Duration,
    /// When its transport stood, if it said so before its end: a TCP connection that TLS follows on.
    pub transport: Option<Instant>,
    /// For how long it waited since then, until it was allowed to shake hands ([`Outcome::AtGate`](super::super::Outcome::AtGate)).
    pub waited: Duration,
    /// When it ended.
    pub ended: Instant,
    /// How it ended.
    pub end: End,
}

impl Tried {
    /// An attempt that ended at `ended`, and never said that its transport stood.
    pub const fn new(destination: IpAddr, started: Instant, delay: Duration, ended: Instant, end: End) -> Self {
        Self { destination, started, delay, transport: None, waited: Duration::ZERO, ended, end }
    }

    /// How long its handshake took, if it had one and it was finished. One of which nothing was heard before its end was not measured.
    pub(super) fn handshake_took(&self) -> Option<Duration> {
        let stood = self.transport.filter(|stood| self.end == End::Connected && *stood < self.ended)?;
        Some((self.ended - stood).saturating_sub(self.waited))
    }

    /// When its transport is known to have stood.
    pub(super) fn stood(&self) -> Option<Instant> {
        self.transport.or_else(|| (self.end == End::Connected).then_some(self.ended))
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It won the race.
    Connected,
    /// It failed by an error that came over the network: refused, reset, unreachable by the word of a router.
    Refused,
    /// It was dropped, or the system gave it up, with nothing heard.
    Silent,
    /// It failed by something that says nothing of the destination's network: before anything was sent, or by TLS, a certificate, a proxy.
    Failed,
}

/// How a race ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With a connection.
    Won,
    /// Without one: exhausted, or timed out.
    Lost,
    /// Its caller no longer wanted it.
    Cancelled,
}

/// What the attempts of a race have in common, as far as it decides what each of them teaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    ending: Ending,
    /// How long the transport of the winner took.
    winner_took: Option<Duration>,
    /// Whether any transport stood.
    is_answered: bool,
}

impl Course {
    pub(super) fn of(tried: &[Tried], ending: Ending) -> Self {
        let took = |tried: &Tried| Some(tried.stood()?.saturating_duration_since(tried.started));
        let winner_took = tried.iter().filter(|tried| tried.end == End::Connected).find_map(took);
        Self { ending, winner_took, is_answered: tried.iter().any(|tried| tried.stood().is_some()) }
    }

    /// What an attempt teaches that speaks against its destination.
    ///
    /// 1. A transport that stood is a round trip, and a sign of life: what TLS made of it does not matter.
    /// 2. In a race that was won, an attempt speaks against its destination that was refused; or that was silent for at least its own delay, and for as long as
    ///    the winner took. One that began later might be as far away as the winner.
    /// 3. In a race in which nothing was answered none does, and what was held against its destinations before is taken back: it speaks of the network, or of the
    ///    service.
    /// 4. A race that was cancelled says neither, nor does one that was lost in TLS, nor an attempt that failed without a word from the network.
    pub(super) fn lesson_against(&self, tried: &Tried) -> Option<Observation> {
        if tried.stood().is_some() {
            return None;
        }
        let lasted = tried.ended.saturating_duration_since(tried.started);
        match (self.ending, tried.end) {
            (Ending::Won, End::Refused) => Some(Observation::Refused),
            (Ending::Won, End::Silent) if lasted >= tried.delay.max(self.winner_took.unwrap_or_default()) => {
                Some(Observation::Silent)
            }
            (Ending::Lost, End::Refused | End::Silent) if !self.is_answered => Some(Observation::Unconnected),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// An attempt with a delay of 250 ms, from `started` to `ended`.
    fn tried(started: u64, ended: u64, end: End) -> Tried {
        let (zero, destination) = (some_instant(), std::net::Ipv4Addr::new(192, 0, 2, 1));
        Tried::new(destination.into(), zero + ms(started), ms(250), zero + ms(ended), end)
    }

    fn of_one(tried: &Tried, ending: Ending) -> Option<Observation> {
        Course::of(std::slice::from_ref(tried), ending).lesson_against(tried)
    }

    #[test]
    fn an_attempt_that_had_less_time_than_the_winner_took_was_not_outlasted() {
        let winner = tried(0, 620, End::Connected);
        for (started, expected) in [(0, Some(Observation::Silent)), (250, None)] {
            let loser = tried(started, 620, End::Silent);
            assert_eq!(Course::of(&[winner, loser], Ending::Won).lesson_against(&loser), expected, "{started}");
        }
        // Of a winner that began later, only its own time counts.
        let (winner, loser) = (tried(250, 270, End::Connected), tried(0, 270, End::Silent));
        assert_eq!(Course::of(&[loser, winner], Ending::Won).lesson_against(&loser), Some(Observation::Silent));
    }

    #[test]
    fn a_race_that_was_lost_in_tls_neither_accuses_nor_acquits() {
        let mut answered = tried(250, 400, End::Failed);
        answered.transport = Some(answered.started + ms(20));
        for end in [End::Silent, End::Refused] {
            let other = tried(0, 400, end);
            assert_eq!(Course::of(&[other, answered], Ending::Lost).lesson_against(&other), None, "{end:?}");
        }
    }

    #[test]
    fn a_race_that_was_won_speaks_against_what_was_silent_or_refused() {
        for (end, ended, expected) in [
            (End::Silent, 270, Some(Observation::Silent)),
            (End::Silent, 250, Some(Observation::Silent)),
            (End::Silent, 249, None),
            (End::Refused, 5, Some(Observation::Refused)),
            (End::Failed, 270, None),
            (End::Connected, 270, None),
        ] {
            assert_eq!(of_one(&tried(0, ended, end), Ending::Won), expected, "{end:?}");
        }
    }

    #[test]
    fn a_race_that_was_lost_or_cancelled_speaks_against_nobody() {
        for (end, expected) in [
            (End::Silent, Some(Observation::Unconnected)),
            (End::Refused, Some(Observation::Unconnected)),
            (End::Failed, None),
        ] {
            assert_eq!(of_one(&tried(0, 1000, end), Ending::Lost), expected, "{end:?}");
            assert_eq!(of_one(&tried(0, 1000, end), Ending::Cancelled), None, "{end:?}");
        }
    }

    #[test]
    fn a_handshake_counts_if_it_was_finished_without_the_time_at_the_gate() {
        let took = |transport: u64, waited, end| {
            let mut attempt = tried(0, 900, end);
            (attempt.transport, attempt.waited) = (Some(attempt.started + ms(transport)), ms(waited));
            attempt.handshake_took()
        };
        assert_eq!(took(30, 0, End::Connected), Some(ms(870)));
        assert_eq!(took(30, 800, End::Connected), Some(ms(70)));
        assert_eq!(took(900, 0, End::Connected), None, "it was not heard of before");
        assert_eq!([End::Failed, End::Refused, End::Silent].map(|end| took(30, 0, end)), [None; 3]);
        assert_eq!(tried(0, 900, End::Connected).handshake_took(), None, "it had none");
    }

    #[test]
    fn a_transport_that_stood_counts_whatever_came_of_it() {
        for ending in [Ending::Won, Ending::Lost, Ending::Cancelled] {
            for end in [End::Failed, End::Refused, End::Silent, End::Connected] {
                let mut attempt = tried(0, 900, end);
                attempt.transport = Some(attempt.started + ms(30));
                assert_eq!((attempt.stood(), of_one(&attempt, ending)), (attempt.transport, None), "{end:?}");
            }
        }
        assert_eq!(tried(0, 900, End::Silent).stood(), None);
        let winner = tried(0, 20, End::Connected);
        assert_eq!(winner.stood(), Some(winner.ended));
    }
}
