//! Many measurements, as a median and what half of them lie between.

use std::time::Duration;

/// The median of what was measured, and its quartiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    /// A quarter of the measurements were below.
    pub(crate) low: f64,
    /// A quarter of them were above.
    pub(crate) high: f64,
    pub(crate) least: f64,
    pub(crate) runs: usize,
}

impl Figure {
    pub(crate) fn of(mut measured: Vec<f64>) -> Option<Self> {
        measured.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&measured, 0.5)?,
            low: quantile(&measured, 0.25)?,
            high: quantile(&measured, 0.75)?,
            least: *measured.first()?,
            runs: measured.len(),
        })
    }

    pub(crate) fn of_times(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        Self::of(times.into_iter().map(|time| time.as_secs_f64()).collect())
    }

    /// What is counted, and is the same on every run.
    pub(crate) fn exact(count: f64) -> Self {
        Self { median: count, low: count, high: count, least: count, runs: 1 }
    }
}

/// The value below which `share` of the sorted values lie, or `None` if there are none.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}
