//! Which host is connected to next.

use fastrand::Rng;

/// Zipf's law with the exponent 1: the second host is half as popular as the first, the third a third.
pub(super) struct Popularity {
    /// How many connects of all go to a host or to one before it, as a share.
    below: Vec<f64>,
}

impl Popularity {
    pub(super) fn of(hosts: usize) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=hosts)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self { below: sums.into_iter().map(|below| below / sum).collect() }
    }

    pub(super) fn draw(&self, random: &mut Rng) -> usize {
        let place = random.f64();
        self.below.partition_point(|below| *below <= place).min(self.below.len() - 1)
    }
}
