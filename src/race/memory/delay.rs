//! The attempt delay that follows from what is known (RFC 8305 §5, v3 §6).

use std::time::Duration;

use super::super::config::{ABSOLUTE_MINIMUM_DELAY, MAXIMUM_DELAY, MINIMUM_DERIVED_DELAY};
use super::advice::{AttemptDelay, Basis, DelayBasis};
use super::smoothed::Smoothed;

/// Returns the attempt delay, in nanoseconds, for a destination with this round trip: about the time after which TCP would retransmit the SYN if the
/// system knew the round trip.
///
/// `S + 4 V` is the retransmission timeout of RFC 6298. A steady path has hardly any deviation, so that at least half a round trip is added.
pub(super) fn of_round_trip(smoothed: &Smoothed) -> u32 {
    let (rtt, deviation) = (u64::from(smoothed.time()), u64::from(smoothed.deviation()));
    let reserve = nanoseconds(LEAST_RESERVE).max(4 * deviation).max(rtt / 2);
    let delay = (rtt + reserve).clamp(nanoseconds(MINIMUM_DERIVED_DELAY), nanoseconds(MAXIMUM_LEARNED_DELAY));
    // At most one second: fits into 32 bits.
    delay as u32
}

/// Returns how long, in nanoseconds, the next start is put off when the transport of an attempt is connected and handshakes take this long.
pub(super) fn of_handshake(smoothed: &Smoothed) -> u32 {
    let (time, deviation) = (u64::from(smoothed.time()), u64::from(smoothed.deviation()));
    let reserve = nanoseconds(LEAST_RESERVE).max(4 * deviation);
    let rest = (time + reserve).clamp(nanoseconds(MINIMUM_DERIVED_DELAY), nanoseconds(MAXIMUM_DELAY));
    // At most two seconds: fits into 32 bits.
    rest as u32
}

/// Returns the delay of an attempt to a destination with this `learned` delay, in a race with this `configured` delay.
#[inline]
pub(in crate::race) fn of_attempt(learned: Option<AttemptDelay>, configured: Duration) -> AttemptDelay {
    let own = || AttemptDelay::new(configured, DelayBasis::Configured);
    let Some(learned) = learned else { return own() };
    match learned.kind() {
        Basis::Address | Basis::Prefix => learned.within(MINIMUM_DERIVED_DELAY, MAXIMUM_LEARNED_DELAY),
        // A network whose destinations are near says nothing of this one, so it makes the delay longer, and never shorter.
        Basis::Network => {
            let (of_network, own) = (learned.within(Duration::ZERO, MAXIMUM_LEARNED_DELAY), own());
            if of_network.is_longer_than(&own) { of_network } else { own }
        }
        Basis::Configured => learned.within(ABSOLUTE_MINIMUM_DELAY, MAXIMUM_DELAY),
    }
}

/// Returns the nanoseconds of a duration, which must be less than 500 years.
const fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000 + duration.subsec_nanos() as u64
}

/// The longest delay that is learned. After this time Linux retransmits the SYN, whatever the round trip is.
const MAXIMUM_LEARNED_DELAY: Duration = Duration::from_secs(1);

/// The least time that is added to a round trip: about the delay that a scheduler causes.
const LEAST_RESERVE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of_learned(delay: Option<AttemptDelay>, configured: u64) -> AttemptDelay {
        of_attempt(delay, ms(configured))
    }

    /// Returns what `derive` makes of a smoothed time and deviation, in milliseconds.
    fn derived(derive: fn(&Smoothed) -> u32, time: u32, deviation: u32) -> Duration {
        let smoothed = Smoothed::new(time * 1_000_000, deviation * 1_000_000);
        Duration::from_nanos(derive(&smoothed).into())
    }

    fn after(rtt: u32, deviation: u32) -> Duration {
        derived(of_round_trip, rtt, deviation)
    }

    #[test]
    fn the_delay_follows_the_round_trip_within_its_bounds() {
        for (rtt, deviation, expected) in [
            (5, 2, 100),
            (20, 10, 100),
            (50, 25, 150),
            (83, 41, 247),
            (100, 50, 300),
            (200, 100, 600),
            (334, 167, 1000),
            (949, 474, 1000),
            // Steady.
            (85, 1, 127),
            (100, 0, 150),
            (100, 3, 150),
            (620, 1, 930),
        ] {
            assert_eq!(after(rtt, deviation).as_millis(), expected, "{rtt} {deviation}");
        }
        assert_eq!(after(92, 1), ms(138));
        assert_eq!(after(0, 0), ms(100));
    }

    #[test]
    fn a_handshake_has_its_time_and_a_reserve_within_the_bounds() {
        for (time, deviation, expected) in [
            (0, 0, 100),
            (20, 10, 100),
            (80, 40, 240),
            (400, 200, 1200),
            (700, 350, 2000),
            (1999, 999, 2000),
            // Steady.
            (100, 1, 110),
            (400, 3, 412),
            (1240, 5, 1260),
        ] {
            assert_eq!(derived(of_handshake, time, deviation), ms(expected), "{time} {deviation}");
        }
    }

    #[test]
    fn a_network_makes_no_attempt_come_sooner() {
        let basis = DelayBasis::Network { rtt: ms(80), samples: 9 };
        let after = |learned, configured| of_learned(Some(AttemptDelay::new(ms(learned), basis)), configured);
        let configured = AttemptDelay::new(ms(250), DelayBasis::Configured);
        assert_eq!((after(100, 250), after(250, 250)), (configured, configured));
        assert_eq!(after(930, 250), AttemptDelay::new(ms(930), basis));
        assert_eq!((after(1350, 250).length(), after(1350, 2000).length()), (ms(1000), ms(2000)));
    }

    #[test]
    fn what_was_learned_of_a_destination_beats_the_configured_delay_either_way() {
        for (learned, expected) in [(1, 100), (120, 120), (930, 930), (5000, 1000)] {
            let basis = DelayBasis::Prefix { rtt: ms(80), samples: 3 };
            let delay = of_learned(Some(AttemptDelay::new(ms(learned), basis)), 250);
            assert_eq!(delay, AttemptDelay::new(ms(expected), basis));
        }
        let own = |ms| AttemptDelay::new(Duration::from_millis(ms), DelayBasis::Configured);
        assert_eq!(of_learned(None, 250), own(250));
        // A driver may pass a configured delay for a destination. It is clamped to the same bounds.
        assert_eq!([0, 50, 5000].map(|ms| of_learned(Some(own(ms)), 250)), [own(10), own(50), own(2000)]);
    }
}
