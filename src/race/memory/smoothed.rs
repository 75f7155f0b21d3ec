//! The smoothed mean and deviation of a time that is measured repeatedly (RFC 6298 §2), without the minimum of that RFC.

use std::fmt;
use std::time::Duration;

/// The smoothed time and its deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Smoothed {
    /// In nanoseconds, as is the deviation. 32 bits suffice: samples are less than four seconds.
    time: u32,
    deviation: u32,
    samples: u32,
}

impl Smoothed {
    /// Adds a sample, in nanoseconds, to what was `known` before.
    pub(super) fn with(known: Option<Self>, sample: u32) -> Self {
        let Some(Self { time, deviation, samples }) = known else {
            return Self { time: sample, deviation: sample / 2, samples: 1 };
        };
        // The deviation is from the mean before this sample. The mean of two 32-bit numbers fits into 32 bits.
        let deviation = (3 * u64::from(deviation) + u64::from(time.abs_diff(sample))) / 4;
        let time = (7 * u64::from(time) + u64::from(sample)) / 8;
        Self { time: time as u32, deviation: deviation as u32, samples: samples.saturating_add(1) }
    }

    /// The result of one sample.
    #[cfg(test)]
    pub(super) fn new(time: u32, deviation: u32) -> Self {
        Self { time, deviation, samples: 1 }
    }

    /// The smoothed time, in nanoseconds.
    #[inline]
    pub(super) fn time(&self) -> u32 {
        self.time
    }

    /// The smoothed deviation, in nanoseconds.
    pub(super) fn deviation(&self) -> u32 {
        self.deviation
    }

    #[inline]
    pub(super) fn samples(&self) -> u32 {
        self.samples
    }
}

/// `20ms ± 10ms of 1`
impl fmt::Display for Smoothed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [time, deviation] = [self.time, self.deviation].map(|nanos| Duration::from_nanos(nanos.into()));
        write!(f, "{time:.0?} ± {deviation:.0?} of {}", self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u32 = 1_000_000;

    /// Of samples in milliseconds.
    fn of(samples: impl IntoIterator<Item = u32>) -> Smoothed {
        let with = |known, ms: u32| Some(Smoothed::with(known, ms * MS));
        samples.into_iter().fold(None, with).unwrap()
    }

    #[test]
    fn the_first_sample_is_the_time_and_half_of_it_the_deviation() {
        assert_eq!(of([20]).to_string(), "20ms ± 10ms of 1");
    }

    #[test]
    fn a_sample_moves_the_time_by_an_eighth_and_the_deviation_by_a_quarter() {
        // V = ¾·40 + ¼·80, S = ⅞·80 + ⅛·160.
        assert_eq!(of([80, 160]).to_string(), "90ms ± 50ms of 2");
        assert_eq!(of([160, 80]).to_string(), "150ms ± 80ms of 2");
    }

    #[test]
    fn a_steady_time_loses_its_deviation() {
        let steady = of([100; 10]);
        assert_eq!((steady.time(), steady.deviation(), steady.samples()), (100 * MS, 3_754_233, 10));
        assert_eq!(of([3999; 200]).time(), 3999 * MS, "it does not overflow");
    }
}
