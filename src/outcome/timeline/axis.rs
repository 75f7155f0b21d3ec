//! The axis of a drawing: maps instants to columns.

use std::time::Duration;

use super::marks::Marks;

/// The least number of columns between two ticks.
const TICK_DISTANCE: usize = 6;

/// The axis of a drawing.
pub(super) struct Axis {
    /// The end of the axis, in milliseconds.
    end: f64,
    pub(super) width: usize,
    /// The columns of the ticks, and their labels in milliseconds.
    ticks: Vec<(usize, String)>,
}

impl Axis {
    pub(super) fn new(end: Duration, width: usize) -> Self {
        // A race that took no time still has an axis.
        let end = milliseconds(end).max(0.01);
        let mut axis = Self { end, width, ticks: Vec::new() };
        let step = round_up(end * TICK_DISTANCE as f64 / (width - 1) as f64);
        let count = (end / step).floor() as u32;
        axis.ticks = (0..=count)
            .map(|n| f64::from(n) * step)
            // Rounded, since 3 × 0.1 is not 0.3.
            .map(|time| (axis.column_of(time), ((time * 1e3).round() / 1e3).to_string()))
            .collect();
        axis
    }

    pub(super) fn column(&self, time: Duration) -> usize {
        self.column_of(milliseconds(time))
    }

    fn column_of(&self, time: f64) -> usize {
        let last = self.width - 1;
        ((time / self.end * last as f64).round() as usize).min(last)
    }

    /// Returns what a row has between these columns if it has no bar there.
    pub(super) fn grid(&self, from: usize, to: usize, marks: &Marks) -> String {
        (from..to).map(|column| if self.has_tick(column) { marks.grid } else { ' ' }).collect()
    }

    pub(super) fn ticks(&self, marks: &Marks) -> String {
        (0..self.width).map(|column| if self.has_tick(column) { marks.tick } else { marks.axis }).collect()
    }

    pub(super) fn labels(&self) -> String {
        let mut line = String::new();
        for (column, label) in &self.ticks {
            // A label is centred below its tick. A label that would touch the one before is left out: the two would read as one number.
            let begin = column.saturating_sub(label.len() / 2);
            if line.is_empty() || begin > line.len() {
                let before = begin - line.len();
                line = format!("{line}{:before$}{label}", "");
            }
        }
        line + " ms"
    }

    fn has_tick(&self, column: usize) -> bool {
        self.ticks.iter().any(|(tick, _)| *tick == column)
    }
}

/// Returns the least round number that is not less than `least`: 1, 2 or 5 times a power of ten.
fn round_up(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_at_numbers_that_people_count_in_and_never_close_together() {
        for (milliseconds, expected) in [(0, "0"), (1, "0"), (7, "0"), (503, "0"), (12_000, "0"), (90_000, "0")] {
            let axis = Axis::new(Duration::from_millis(milliseconds), 36);
            assert_eq!(axis.ticks[0], (0, expected.to_owned()));
            assert!(axis.ticks.len() >= 2, "{milliseconds}: {:?}", axis.ticks);
            assert!(axis.ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 >= TICK_DISTANCE - 1), "{:?}", axis.ticks);
            assert!(axis.ticks.iter().all(|(column, _)| *column < 36));
        }
        let axis = Axis::new(Duration::from_millis(503), 36);
        assert_eq!(axis.labels(), "0     100    200    300    400    500 ms");
        assert_eq!((axis.column(Duration::ZERO), axis.column(Duration::from_millis(503))), (0, 35));
        assert_eq!(axis.column(Duration::from_secs(9)), 35, "never beyond the end");
    }

    #[test]
    fn a_label_that_would_touch_the_one_before_is_left_out() {
        for (seconds, width, expected) in
            [(580, 36, "0  100000      300000      500000 ms"), (330, 21, "0  100000      300000 ms")]
        {
            let axis = Axis::new(Duration::from_secs(seconds), width);
            assert_eq!(axis.labels(), expected);
            assert!(axis.ticks.len() > 3, "the ticks stay: {:?}", axis.ticks);
        }
    }
}
