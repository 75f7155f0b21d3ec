//! Observations: what a race shows of its destinations.

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What became of the attempts of a race to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// The transport of an attempt was connected, whether its handshake succeeded or not.
    Connected {
        /// How long that took from the start of the attempt.
        after: Duration,
        /// Whether the attempt won the race.
        won: bool,
    },
    /// The handshake on the transport, such as TLS, is finished.
    ShookHands {
        /// How long the handshake took since the transport was connected, without the wait at the gate.
        took: Duration,
    },
    /// The host or a router refused the connection, and another destination won the race.
    Refused,
    /// Nothing was heard from the destination for at least its attempt delay, and another destination won the race.
    Silent,
    /// The destination was tried in a race in which no transport was connected. That says something of the network or the service, and nothing of the
    /// destination.
    Unconnected,
}

/// One attempt of a race that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The address that the attempt was made to.
    pub destination: IpAddr,
    /// When the attempt started.
    pub started: Instant,
    /// The attempt delay, from [`Action::Start`](super::super::Action::Start).
    pub delay: Duration,
    /// When the transport was connected, if the attempt reported that before its end. This is so for a TCP connection with TLS to come.
    pub transport: Option<Instant>,
    /// How long the attempt waited at the gate after that ([`Outcome::AtGate`](super::super::Outcome::AtGate)).
    pub waited: Duration,
    /// When the attempt ended.
    pub ended: Instant,
    /// How the attempt ended.
    pub end: End,
}

impl Tried {
    /// An attempt that ended at `ended`, without having reported its transport.
    pub const fn new(destination: IpAddr, started: Instant, delay: Duration, ended: Instant, end: End) -> Self {
        Self { destination, started, delay, transport: None, waited: Duration::ZERO, ended, end }
    }

    /// Returns how long the handshake took, if it was finished. `None` if the attempt did not report its transport before its end.
    pub(super) fn handshake_took(&self) -> Option<Duration> {
        let stood = self.transport.filter(|stood| self.end == End::Connected && *stood < self.ended)?;
        Some((self.ended - stood).saturating_sub(self.waited))
    }

    /// Returns when the transport was connected, if it was.
    pub(super) fn stood(&self) -> Option<Instant> {
        self.transport.or_else(|| (self.end == End::Connected).then_some(self.ended))
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The attempt won the race.
    Connected,
    /// The attempt failed with an error that came over the network: refused, reset, or unreachable as a router said.
    Refused,
    /// The attempt was dropped, or given up by the system, before anything was heard from the destination.
    Silent,
    /// The attempt failed with an error that says nothing of the path to the destination: before anything was sent, or in TLS, a certificate, a
    /// proxy.
    Failed,
}

/// How a race ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With a connection.
    Won,
    /// Without a connection: everything failed, or the time was over.
    Lost,
    /// The caller dropped the race.
    Cancelled,
}

/// The facts of a race that decide what each of its attempts teaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    ending: Ending,
    /// How long it took until the transport of the winner was connected.
    winner_took: Option<Duration>,
    /// Whether any transport was connected.
    is_answered: bool,
}

impl Course {
    pub(super) fn of(tried: &[Tried], ending: Ending) -> Self {
        let took = |tried: &Tried| Some(tried.stood()?.saturating_duration_since(tried.started));
        let winner_took = tried.iter().filter(|tried| tried.end == End::Connected).find_map(took);
        Self { ending, winner_took, is_answered: tried.iter().any(|tried| tried.stood().is_some()) }
    }

    /// Returns what the attempt shows *against* its destination, if anything.
    ///
    /// 1. An attempt whose transport was connected shows nothing against its destination, whatever became of TLS.
    /// 2. In a race that was won, an attempt counts against its destination if it was refused, or if it was silent for at least its own delay and
    ///    for as long as the winner's transport took. An attempt that was silent for less might only be as far away as the winner.
    /// 3. In a race that was lost, and in which no transport was connected, no attempt counts against its destination. What was held against these
    ///    destinations before is taken back, since the network or the service is down.
    /// 4. Nothing is concluded from a race that was cancelled, from a race that was lost in TLS, or from an attempt that failed before anything came
    ///    over the network.
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
