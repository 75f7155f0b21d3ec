//! Formats times for readers.

use std::fmt;
use std::time::Duration;

/// A time for a reader: `0.4 ms`, `502 ms`, `3.0 s`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs_f64() * 1e3 {
            short if short < 9.95 => write!(f, "{short:.1} ms"),
            middling if middling < 999.5 => write!(f, "{middling:.0} ms"),
            long => write!(f, "{:.1} s", long / 1e3),
        }
    }
}
