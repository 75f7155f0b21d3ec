//! What a memory knew of the destination of an attempt: its delay, and why it was put behind others.

use std::fmt;
use std::time::{Duration, Instant};

use super::time::Time;
use crate::race::{AttemptDelay, Dead, DeadBy, DelayBasis};

/// What was known of the destination of an attempt when it started.
#[derive(Clone, Debug)]
pub(crate) struct Placing {
    delay: AttemptDelay,
    /// In a box, since it is rare.
    demoted: Option<Box<Dead>>,
}

impl Placing {
    #[inline]
    pub(crate) fn new(delay: AttemptDelay, demoted: Option<Dead>) -> Self {
        Self { delay, demoted: demoted.map(Box::new) }
    }

    pub(crate) fn delay(&self) -> AttemptDelay {
        self.delay
    }

    /// Returns the delay, if it was learned.
    pub(crate) fn learned_delay(&self) -> Option<LearnedDelay> {
        (self.delay.basis() != DelayBasis::Configured).then_some(LearnedDelay(self.delay))
    }

    /// Returns why the attempt, which has `started` at this instant, was put behind others.
    pub(crate) fn demotion(&self, started: Instant) -> Option<Demotion> {
        Some(Demotion::new(*self.demoted.as_deref()?, started))
    }
}

/// Why an attempt was put behind others. `Display` writes `dead for another 20 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demotion {
    left: Duration,
    by: DeadBy,
}

impl Demotion {
    /// The demotion as it is at `now`.
    pub(crate) fn new(dead: Dead, now: Instant) -> Self {
        Self { left: dead.until.saturating_duration_since(now), by: dead.by }
    }

    /// How much longer the destination was believed to be dead when the attempt started. If there was no attempt: when the race ended.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// What that belief came from.
    pub fn by(&self) -> DeadBy {
        self.by
    }
}

impl fmt::Display for Demotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = Time(self.left);
        match self.by {
            DeadBy::Family => write!(f, "its family is dead for another {left}"),
            _ => write!(f, "dead for another {left}"),
        }
    }
}

/// Writes a delay and what it was derived from: `120 ms, from 14 round trips of 80 ms`.
pub(crate) struct LearnedDelay(pub(crate) AttemptDelay);

impl fmt::Display for LearnedDelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Time(self.0.length()))?;
        match self.0.basis() {
            DelayBasis::Address { rtt, samples: 1, .. } => write!(f, ", from a round trip of {}", Time(rtt)),
            DelayBasis::Address { rtt, samples, .. } => write!(f, ", from {samples} round trips of {}", Time(rtt)),
            DelayBasis::Prefix { rtt, samples: 1, .. } => {
                write!(f, ", from a round trip of {} to its prefix", Time(rtt))
            }
            DelayBasis::Prefix { rtt, samples, .. } => {
                write!(f, ", from {samples} round trips of {} to its prefix", Time(rtt))
            }
            DelayBasis::Network { rtt, samples, .. } => {
                write!(f, ", from {samples} round trips of {} in this network", Time(rtt))
            }
            _ => Ok(()),
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

    #[test]
    fn a_demotion_says_how_long_it_is_to_last() {
        let (started, delay) = (some_instant(), AttemptDelay::new(ms(250), DelayBasis::Configured));
        let demotion = |by| {
            let demoted = Some(Dead::new(started + Duration::from_secs(20), by));
            Placing::new(delay, demoted).demotion(started).unwrap()
        };
        assert_eq!(demotion(DeadBy::Address).to_string(), "dead for another 20 s");
        assert_eq!(demotion(DeadBy::Family).to_string(), "its family is dead for another 20 s");
        assert_eq!(Placing::new(delay, None).demotion(started), None);
    }

    #[test]
    fn a_delay_says_what_it_was_derived_from() {
        let text = |length, basis| LearnedDelay(AttemptDelay::new(ms(length), basis)).to_string();
        assert_eq!(text(250, DelayBasis::Configured), "250 ms");
        let address = |samples| DelayBasis::Address { rtt: ms(80), samples };
        assert_eq!(text(120, address(14)), "120 ms, from 14 round trips of 80 ms");
        assert_eq!(text(240, address(1)), "240 ms, from a round trip of 80 ms");
        let prefix = |samples| DelayBasis::Prefix { rtt: ms(80), samples };
        assert_eq!(text(120, prefix(3)), "120 ms, from 3 round trips of 80 ms to its prefix");
        let network = DelayBasis::Network { rtt: ms(620), samples: 9 };
        assert_eq!(text(930, network), "930 ms, from 9 round trips of 620 ms in this network");
    }
}
