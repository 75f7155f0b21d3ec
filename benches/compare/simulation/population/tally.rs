//! What connects came to, added up.

use std::time::Duration;

use hyper_happy_eyeballs::race::DelayBasis;

use super::super::connect::Connect;
use super::super::network::{Path, PathFate};
use crate::stats::quantile;

/// What the connects of some clients came to by one strategy.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    connects: u64,
    second_starts: u64,
    needless_starts: u64,
    needless_syns: u64,
    /// Of the connects by what the delay of their first attempt was derived from: how many there are, and how many needless starts.
    by_basis: [(u64, u64); 3],
    /// In seconds.
    times: Vec<f64>,
    /// Of those whose first address is dead.
    times_dead_first: Vec<f64>,
}

/// What the delay of an attempt was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The round trip to the address, or to its prefix.
    Destination,
    /// The round trips of the network.
    Network,
    /// Nothing: it is the configured delay.
    Configured,
}

impl Tally {
    pub(super) fn add(&mut self, connect: &Connect, paths: &[Path]) {
        self.connects += 1;
        let second_start = u64::from(connect.starts() > 1);
        // The first attempt won: the others were of no use.
        let needless_start = if connect.is_first_try() { second_start } else { 0 };
        self.second_starts += second_start;
        self.needless_starts += needless_start;
        if needless_start > 0 {
            self.needless_syns += u64::from(connect.later_syns());
        }
        let (connects, needless) = &mut self.by_basis[Basis::of(connect) as usize];
        *connects += 1;
        *needless += needless_start;
        let seconds = connect.took.unwrap_or(Duration::MAX).as_secs_f64();
        self.times.push(seconds);
        if paths.first().is_some_and(|first| matches!(first.fate, PathFate::Dead)) {
            self.times_dead_first.push(seconds);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.connects += other.connects;
        self.second_starts += other.second_starts;
        self.needless_starts += other.needless_starts;
        self.needless_syns += other.needless_syns;
        for (sum, other) in self.by_basis.iter_mut().zip(other.by_basis) {
            *sum = (sum.0 + other.0, sum.1 + other.1);
        }
        self.times.extend_from_slice(&other.times);
        self.times_dead_first.extend_from_slice(&other.times_dead_first);
    }

    /// The percentage of connects that started a second attempt.
    pub(super) fn second_starts(&self) -> f64 {
        of_a_hundred(self.second_starts, self.connects)
    }

    /// The percentage of connects that started a second attempt although the first one won.
    pub(super) fn needless_starts(&self) -> f64 {
        of_a_hundred(self.needless_starts, self.connects)
    }

    /// So many SYNs were sent for a hundred connects by other attempts than the first, which won.
    pub(super) fn needless_syns(&self) -> f64 {
        of_a_hundred(self.needless_syns, self.connects)
    }

    /// Of a hundred connects, and of a hundred with a delay of this basis: how many have one, and how many of those had a needless start.
    pub(super) fn by_basis(&self, basis: Basis) -> (f64, f64) {
        let (connects, needless) = self.by_basis[basis as usize];
        (of_a_hundred(connects, self.connects), of_a_hundred(needless, connects))
    }

    /// The median of the connects whose first address is dead, in seconds.
    pub(super) fn median_dead_first(&self) -> Option<f64> {
        let mut times = self.times_dead_first.clone();
        times.sort_by(f64::total_cmp);
        quantile(&times, 0.5)
    }

    /// The time in seconds in which this share of a population is connected, of which each of `parts` has a weight.
    pub(super) fn mixed_time(parts: [(&Self, f64); 2], share: f64) -> Option<f64> {
        let weighted = parts.into_iter().flat_map(|(tally, weight)| {
            let each = weight / tally.times.len() as f64;
            tally.times.iter().map(move |time| (*time, each))
        });
        let mut weighted: Vec<(f64, f64)> = weighted.collect();
        weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut connected = 0.0;
        let all: f64 = parts.iter().map(|(_, weight)| weight).sum();
        let last = weighted.iter().find(|(_, weight)| {
            connected += weight;
            connected >= share * all
        });
        last.map(|(time, _)| *time)
    }
}

impl Basis {
    fn of(connect: &Connect) -> Self {
        match connect.first_delay().map(|delay| delay.basis()) {
            Some(DelayBasis::Address { .. } | DelayBasis::Prefix { .. }) => Self::Destination,
            Some(DelayBasis::Network { .. }) => Self::Network,
            _ => Self::Configured,
        }
    }
}

fn of_a_hundred(count: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * count as f64 / all as f64 }
}
