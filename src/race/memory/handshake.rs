//! How long handshakes with an address take.

use std::fmt;
use std::time::{Duration, Instant};

use super::super::config::MAXIMUM_DELAY;
use super::delay;
use super::horizon::Horizon;
use super::smoothed::Smoothed;

/// The smoothed time of the handshakes with an address, and its deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandshakeTime {
    smoothed: Smoothed,
    /// How long the next start is put off when the transport is connected, in nanoseconds.
    rest: u32,
    believed_until: Instant,
    /// Handshakes before this instant are ignored, so that a burst of connects is one sample.
    settled_until: Instant,
}

impl HandshakeTime {
    /// Adds the time of a handshake. Earlier samples that are no longer believed are discarded.
    ///
    /// A handshake of 2 s or more is not a sample: packets were lost, or the server was stuck. A start is never put off longer than that.
    pub(super) fn add(known: &mut Option<Self>, took: Duration, now: Instant, until: Horizon) {
        let is_settled = known.is_some_and(|known| now < known.settled_until);
        if is_settled || took >= MAXIMUM_DELAY {
            return;
        }
        let believed = known.filter(|known| now < known.believed_until).map(|known| known.smoothed);
        // Less than two seconds: fits into 32 bits.
        let smoothed = Smoothed::with(believed, took.as_nanos() as u32);
        let (rest, settled_until) = (delay::of_handshake(&smoothed), now + SETTLED);
        *known = Some(Self { smoothed, rest, believed_until: until.believed, settled_until });
    }

    /// Returns how long the next start is put off when the transport is connected, if the samples are still believed.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        (now < self.believed_until).then(|| Duration::from_nanos(self.rest.into()))
    }
}

/// `80ms ± 40ms of 1`
impl fmt::Display for HandshakeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.smoothed, f)
    }
}

/// How long a handshake makes others superfluous.
const SETTLED: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Returns what is known after handshakes that took so many milliseconds, each at its second.
    fn of(handshakes: &[(u64, u64)]) -> Option<HandshakeTime> {
        let mut known = None;
        for (second, took) in handshakes {
            let now = some_instant() + Duration::from_secs(*second);
            HandshakeTime::add(&mut known, ms(*took), now, Horizon::of(now));
        }
        known
    }

    #[test]
    fn a_handshake_is_given_its_time_and_four_deviations() {
        let of = |handshakes: &[(u64, u64)]| of(handshakes).unwrap().rest(some_instant());
        assert_eq!(of(&[(0, 20)]), Some(ms(100)));
        assert_eq!(of(&[(0, 80)]), Some(ms(240)));
        assert_eq!(of(&[(0, 400), (1, 400), (2, 400)]), Some(ms(850)));
        assert_eq!(of(&[(0, 1999)]), Some(ms(2000)));
    }

    #[test]
    fn a_burst_of_handshakes_is_one_sample() {
        let text = |handshakes: &[(u64, u64)]| of(handshakes).unwrap().to_string();
        assert_eq!(text(&[(0, 80), (0, 800)]), "80ms ± 40ms of 1");
        assert_eq!(text(&[(0, 80), (1, 160)]), "90ms ± 50ms of 2");
    }

    #[test]
    fn a_handshake_of_two_seconds_is_no_sample() {
        assert_eq!(of(&[(0, 2000)]), None);
        assert_eq!(of(&[(0, u64::MAX)]), None);
        assert_eq!(of(&[(0, 80), (1, 2000)]).unwrap().to_string(), "80ms ± 40ms of 1");
    }

    #[test]
    fn what_is_known_of_handshakes_is_believed_for_an_hour() {
        let known = of(&[(0, 80)]).unwrap();
        let rest = |second| known.rest(some_instant() + Duration::from_secs(second));
        assert_eq!((rest(3599), rest(3600)), (Some(ms(240)), None));
        assert_eq!(of(&[(0, 80), (3599, 80)]).unwrap().to_string(), "80ms ± 30ms of 2");
        assert_eq!(of(&[(0, 80), (3600, 80)]).unwrap().to_string(), "80ms ± 40ms of 1");
    }
}
