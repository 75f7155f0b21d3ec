//! When an address is out of service.

use std::time::Duration;

use fastrand::Rng;

/// An address is out of service for a while, and in service for a while: both are exponentially distributed, and all of it is decided by
/// the seed, whoever asks and how often.
#[derive(Debug)]
pub(super) struct Outages {
    random: Rng,
    mean_outage: f64,
    mean_service: f64,
    is_out: bool,
    /// Seconds.
    until: f64,
}

impl Outages {
    /// Those of an address that is out of service for a `share` of all time.
    pub(super) fn new(share: f64, mean: Duration, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mean_outage = mean.as_secs_f64();
        // Of something without memory the share is right from the beginning, and so is what remains.
        let is_out = random.f64() < share;
        let mut outages =
            Self { random, mean_outage, mean_service: mean_outage * (1.0 - share) / share, is_out, until: 0.0 };
        outages.until = outages.lasts();
        outages
    }

    /// Whether it is out of service. Time does not go back.
    pub(super) fn is_out(&mut self, at: Duration) -> bool {
        while self.until <= at.as_secs_f64() {
            self.is_out = !self.is_out;
            self.until += self.lasts();
        }
        self.is_out
    }

    fn lasts(&mut self) -> f64 {
        let mean = if self.is_out { self.mean_outage } else { self.mean_service };
        mean * exponential(&mut self.random)
    }
}

/// A number of the exponential distribution whose mean is 1.
pub(super) fn exponential(random: &mut Rng) -> f64 {
    -(1.0 - random.f64()).ln()
}
