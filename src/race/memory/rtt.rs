//! The round trip to a destination, smoothed: RFC 6298 §2, without its minimum.

use std::fmt;
use std::time::Duration;

use super::moment::Moment;

/// The smoothed round trip and its deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rtt {
    /// In nanoseconds, as the deviation: no sample takes a second.
    smoothed: u32,
    deviation: u32,
    samples: u32,
    /// When the last sample was taken.
    at: Moment,
}

impl Rtt {
    /// Takes in a sample. What is too old to be believed does not count any more.
    pub(super) fn add(known: &mut Option<Self>, sample: Sample, now: Moment) {
        let sample = sample.0;
        *known = Some(match *known {
            Some(known) if known.is_believed(now) => {
                // The deviation is that from what was expected before the sample.
                let deviation = (3 * u64::from(known.deviation) + u64::from(known.smoothed.abs_diff(sample))) / 4;
                let smoothed = (7 * u64::from(known.smoothed) + u64::from(sample)) / 8;
                let samples = known.samples.saturating_add(1);
                // A mean of numbers of 32 bits has no more.
                Self { smoothed: smoothed as u32, deviation: deviation as u32, samples, at: now }
            }
            _ => Self { smoothed: sample, deviation: sample / 2, samples: 1, at: now },
        });
    }

    pub(super) fn smoothed(&self) -> Duration {
        Duration::from_nanos(self.smoothed.into())
    }

    pub(super) fn deviation(&self) -> Duration {
        Duration::from_nanos(self.deviation.into())
    }

    pub(super) fn samples(&self) -> u32 {
        self.samples
    }

    /// Whether delays may be derived from it.
    pub(super) fn is_believed(&self, now: Moment) -> bool {
        self.at.is_younger_than(BELIEVED, now)
    }

    /// Whether it may decide the order of destinations.
    pub(super) fn is_recent(&self, now: Moment) -> bool {
        self.at.is_younger_than(RECENT, now)
    }
}

/// `20ms ± 10ms of 1`
impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0?} ± {:.0?} of {}", self.smoothed(), self.deviation(), self.samples)
    }
}

/// The time that a transport took, if it was one round trip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample(u32);

impl Sample {
    /// `None` if the first packet may have been sent again meanwhile, so that nobody knows to which one the answer was (Karn's rule, RFC 6298 §3).
    pub(super) fn of(took: Duration) -> Option<Self> {
        let nanoseconds = u32::try_from(took.as_nanos()).ok()?;
        (took < RETRANSMITTED).then_some(Self(nanoseconds))
    }
}

/// The system sends the first packet again after a second; this much before the end of that, the answer is to the first one.
const RETRANSMITTED: Duration = Duration::from_millis(950);

/// How long delays are derived from a round trip: as long as Linux keeps its own.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// How long a round trip decides the order of destinations (RFC 6555 §4.2: in the order of 10 minutes).
const RECENT: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: fn() -> Moment = Moment::default;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of_samples(samples: impl IntoIterator<Item = u64>) -> Option<Rtt> {
        let mut rtt = None;
        for sample in samples {
            Rtt::add(&mut rtt, Sample::of(ms(sample)).unwrap(), NOW());
        }
        rtt
    }

    #[test]
    fn the_first_sample_is_the_round_trip_and_half_of_it_the_deviation() {
        let rtt = of_samples([20]).unwrap();
        assert_eq!((rtt.smoothed(), rtt.deviation(), rtt.samples()), (ms(20), ms(10), 1));
    }

    #[test]
    fn a_sample_moves_the_round_trip_by_an_eighth_and_the_deviation_by_a_quarter() {
        let rtt = of_samples([80, 160]).unwrap();
        // V = ¾·40 + ¼·80, S = ⅞·80 + ⅛·160.
        assert_eq!((rtt.smoothed(), rtt.deviation(), rtt.samples()), (ms(90), ms(50), 2));
    }

    #[test]
    fn a_steady_round_trip_loses_its_deviation() {
        let rtt = of_samples([100; 10]).unwrap();
        assert_eq!(rtt.smoothed(), ms(100));
        assert_eq!(rtt.deviation().as_micros(), 3754);
        assert!(of_samples([620; 20]).unwrap().deviation() < Duration::from_micros(1320));
        assert_eq!(of_samples([949; 200]).unwrap().smoothed(), ms(949), "it does not overflow");
    }

    #[test]
    fn what_may_have_been_sent_again_is_no_sample() {
        assert!(Sample::of(ms(950)).is_none() && Sample::of(ms(1030)).is_none());
        assert!(Sample::of(ms(950) - Duration::from_nanos(1)).is_some() && Sample::of(Duration::ZERO).is_some());
        assert!(Sample::of(Duration::MAX).is_none());
    }

    #[test]
    fn a_round_trip_is_believed_for_an_hour_and_recent_for_ten_minutes() {
        let rtt = of_samples([20]).unwrap();
        let after = |seconds| NOW().plus(Duration::from_secs(seconds));
        assert!(rtt.is_recent(after(599)) && !rtt.is_recent(after(600)));
        assert!(rtt.is_believed(after(3599)) && !rtt.is_believed(after(3600)));
    }

    #[test]
    fn a_round_trip_that_is_no_longer_believed_is_begun_anew() {
        let mut rtt = of_samples([800]);
        Rtt::add(&mut rtt, Sample::of(ms(20)).unwrap(), NOW().plus(Duration::from_secs(3600)));
        let rtt = rtt.unwrap();
        assert_eq!((rtt.smoothed(), rtt.samples()), (ms(20), 1));
        assert_eq!(rtt.to_string(), "20ms ± 10ms of 1");
    }
}
