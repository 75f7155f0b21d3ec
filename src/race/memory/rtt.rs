//! The round trip to a destination, smoothed.

use std::fmt;
use std::time::{Duration, Instant};

use super::advice::{AttemptDelay, Basis};
use super::horizon::Horizon;
use super::smoothed::Smoothed;
use super::{bucket, delay};

/// The smoothed round trip and its deviation. Both are less than a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rtt {
    smoothed: Smoothed,
    /// The attempt delay, in nanoseconds. Stored since it is asked for more often than it changes.
    delay: u32,
    bucket: u8,
    until: Horizon,
}

impl Rtt {
    /// Adds a sample. Earlier samples that are no longer believed are discarded.
    pub(super) fn add(known: &mut Option<Self>, sample: Sample, now: Instant, until: Horizon) {
        let believed = known.filter(|known| known.is_believed(now)).map(|known| known.smoothed);
        let smoothed = Smoothed::with(believed, sample.0);
        let (delay, bucket) = (delay::of_round_trip(&smoothed), bucket::of(smoothed.time()));
        *known = Some(Self { smoothed, delay, bucket, until });
    }

    /// Returns the attempt delay that follows from the round trip.
    #[inline]
    pub(super) fn delay(&self, basis: Basis) -> AttemptDelay {
        AttemptDelay::of_nanos(self.delay, basis, self.smoothed.time(), self.smoothed.samples())
    }

    /// Returns the step of the round trip (see [`bucket`]).
    #[inline]
    pub(super) fn bucket(&self) -> u8 {
        self.bucket
    }

    /// Whether the samples are recent enough for delays to be derived from them.
    pub(super) fn is_believed(&self, now: Instant) -> bool {
        now < self.until.believed
    }

    /// Whether the samples are recent enough to decide the order of destinations.
    pub(super) fn is_recent(&self, now: Instant) -> bool {
        now < self.until.recent
    }
}

/// `20ms ± 10ms of 1`
impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.smoothed, f)
    }
}

/// The time that a transport took, if it was one round trip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample(u32);

impl Sample {
    /// Returns `None` if the SYN may have been retransmitted: it is not known then which SYN was answered (Karn's algorithm, RFC 6298 §3).
    pub(super) fn of(took: Duration) -> Option<Self> {
        // Less than a second, so that the nanoseconds are all of it.
        (took < RETRANSMITTED).then_some(Self(took.subsec_nanos()))
    }
}

/// The system retransmits the SYN after one second. An answer that comes before this time is an answer to the first SYN.
const RETRANSMITTED: Duration = Duration::from_millis(950);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of_samples(samples: impl IntoIterator<Item = u64>, now: Instant) -> Option<Rtt> {
        let mut rtt = None;
        for sample in samples {
            Rtt::add(&mut rtt, Sample::of(ms(sample)).unwrap(), now, Horizon::of(now));
        }
        rtt
    }

    #[test]
    fn delay_and_distance_follow_the_smoothed_round_trip() {
        let of = |samples: &[u64]| {
            let rtt = of_samples(samples.iter().copied(), some_instant()).unwrap();
            (rtt.to_string(), rtt.delay(Basis::Address).length(), rtt.bucket())
        };
        assert_eq!(of(&[20]), ("20ms ± 10ms of 1".into(), ms(100), 0));
        assert_eq!(of(&[80, 160]), ("90ms ± 50ms of 2".into(), ms(290), 2));
        assert_eq!(of(&[100; 10]), ("100ms ± 4ms of 10".into(), ms(150), 3));
        assert_eq!(of(&[620; 20]).1, ms(930));
    }

    #[test]
    fn what_may_have_been_sent_again_is_no_sample() {
        assert!(Sample::of(ms(950)).is_none() && Sample::of(ms(1030)).is_none());
        assert!(Sample::of(ms(950) - Duration::from_nanos(1)).is_some() && Sample::of(Duration::ZERO).is_some());
        assert!(Sample::of(Duration::MAX).is_none());
    }

    #[test]
    fn a_round_trip_is_believed_for_an_hour_and_recent_for_ten_minutes() {
        let now = some_instant();
        let rtt = of_samples([20], now).unwrap();
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(rtt.is_recent(after(599)) && !rtt.is_recent(after(600)));
        assert!(rtt.is_believed(after(3599)) && !rtt.is_believed(after(3600)));
    }

    #[test]
    fn a_round_trip_that_is_no_longer_believed_is_begun_anew() {
        let now = some_instant();
        for (seconds, expected) in [(3599, "702ms ± 495ms of 2"), (3600, "20ms ± 10ms of 1")] {
            let mut rtt = of_samples([800], now);
            let later = now + Duration::from_secs(seconds);
            Rtt::add(&mut rtt, Sample::of(ms(20)).unwrap(), later, Horizon::of(later));
            assert_eq!(rtt.unwrap().to_string(), expected, "{seconds}");
        }
    }
}
