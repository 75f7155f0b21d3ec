//! The round trip to a destination, smoothed: RFC 6298 §2, without its minimum.

use std::fmt;
use std::time::{Duration, Instant};

use super::advice::{AttemptDelay, Basis};
use super::horizon::Horizon;
use super::{bucket, delay};

/// The smoothed round trip and its deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rtt {
    /// In nanoseconds, as what follows: no sample takes a second.
    smoothed: u32,
    deviation: u32,
    /// What is derived from the two, for it is asked more often than they change.
    delay: u32,
    bucket: u8,
    samples: u32,
    until: Horizon,
}

impl Rtt {
    /// Takes in a sample. What is too old to be believed does not count any more.
    pub(super) fn add(known: &mut Option<Self>, sample: Sample, now: Instant, until: Horizon) {
        let sample = sample.0;
        let (smoothed, deviation, samples) = match known {
            Some(known) if known.is_believed(now) => {
                // The deviation is that from what was expected before the sample.
                let deviation = (3 * u64::from(known.deviation) + u64::from(known.smoothed.abs_diff(sample))) / 4;
                let smoothed = (7 * u64::from(known.smoothed) + u64::from(sample)) / 8;
                // A mean of numbers of 32 bits has no more.
                (smoothed as u32, deviation as u32, known.samples.saturating_add(1))
            }
            _ => (sample, sample / 2, 1),
        };
        let (delay, bucket) = (delay::of_round_trip(smoothed, deviation), bucket::of(smoothed));
        *known = Some(Self { smoothed, deviation, delay, bucket, samples, until });
    }

    #[inline]
    pub(super) fn smoothed(&self) -> Duration {
        Duration::new(0, self.smoothed)
    }

    /// The attempt delay that is derived from it.
    #[inline]
    pub(super) fn delay(&self, basis: Basis) -> AttemptDelay {
        AttemptDelay::of_nanos(self.delay, basis, self.smoothed, self.samples)
    }

    /// How far away the destination is.
    #[inline]
    pub(super) fn bucket(&self) -> u8 {
        self.bucket
    }

    /// Whether delays may be derived from it.
    pub(super) fn is_believed(&self, now: Instant) -> bool {
        now < self.until.believed
    }

    /// Whether it may decide the order of destinations.
    pub(super) fn is_recent(&self, now: Instant) -> bool {
        now < self.until.recent
    }
}

/// `20ms ± 10ms of 1`
impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deviation = Duration::new(0, self.deviation);
        write!(f, "{:.0?} ± {deviation:.0?} of {}", self.smoothed(), self.samples)
    }
}

/// The time that a transport took, if it was one round trip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample(u32);

impl Sample {
    /// `None` if the first packet may have been sent again meanwhile, so that nobody knows to which one the answer was (Karn's rule, RFC 6298 §3).
    pub(super) fn of(took: Duration) -> Option<Self> {
        // It is less than a second.
        (took < RETRANSMITTED).then_some(Self(took.subsec_nanos()))
    }
}

/// The system sends the first packet again after a second; this much before the end of that, the answer is to the first one.
const RETRANSMITTED: Duration = Duration::from_millis(950);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn length(rtt: &Rtt) -> Duration {
        rtt.delay(Basis::Address).length()
    }

    fn of_samples(samples: impl IntoIterator<Item = u64>, now: Instant) -> Option<Rtt> {
        let mut rtt = None;
        for sample in samples {
            Rtt::add(&mut rtt, Sample::of(ms(sample)).unwrap(), now, Horizon::of(now));
        }
        rtt
    }

    fn rtt(samples: impl IntoIterator<Item = u64>) -> Rtt {
        of_samples(samples, some_instant()).unwrap()
    }

    #[test]
    fn the_first_sample_is_the_round_trip_and_half_of_it_the_deviation() {
        let rtt = rtt([20]);
        assert_eq!(rtt.to_string(), "20ms ± 10ms of 1");
        assert_eq!((rtt.smoothed(), length(&rtt), rtt.bucket(), rtt.samples), (ms(20), ms(100), 0, 1));
    }

    #[test]
    fn a_sample_moves_the_round_trip_by_an_eighth_and_the_deviation_by_a_quarter() {
        let rtt = rtt([80, 160]);
        // V = ¾·40 + ¼·80, S = ⅞·80 + ⅛·160.
        assert_eq!(rtt.to_string(), "90ms ± 50ms of 2");
        assert_eq!((rtt.smoothed(), length(&rtt), rtt.bucket(), rtt.samples), (ms(90), ms(290), 2, 2));
    }

    #[test]
    fn a_steady_round_trip_loses_its_deviation() {
        let steady = rtt([100; 10]);
        assert_eq!(steady.smoothed(), ms(100));
        assert_eq!((steady.deviation, length(&steady)), (3_754_233, ms(150)));
        assert_eq!(length(&rtt([620; 20])), ms(930));
        assert_eq!(rtt([949; 200]).smoothed(), ms(949), "it does not overflow");
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
        for (seconds, expected) in [(3599, (ms(702) + Duration::from_micros(500), 2)), (3600, (ms(20), 1))] {
            let mut rtt = of_samples([800], now);
            let later = now + Duration::from_secs(seconds);
            Rtt::add(&mut rtt, Sample::of(ms(20)).unwrap(), later, Horizon::of(later));
            let rtt = rtt.unwrap();
            assert_eq!((rtt.smoothed(), rtt.samples), expected, "{seconds}");
        }
    }
}
