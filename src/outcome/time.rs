//! Durations for readers.

use std::fmt;
use std::time::Duration;

/// Writes a duration, rounded for a reader: `2.1 s`, `800 ms`, `0.4 ms`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        if milliseconds >= 999.5 {
            let tenths = (milliseconds / 100.0).round() / 10.0;
            write!(f, "{tenths} s")
        } else if milliseconds >= 9.95 {
            write!(f, "{milliseconds:.0} ms")
        } else {
            let tenths = (milliseconds * 10.0).round() / 10.0;
            write!(f, "{tenths} ms")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_as_many_digits_as_a_reader_wants() {
        let text = |microseconds| Time(Duration::from_micros(microseconds)).to_string();
        assert_eq!(text(2_140_000), "2.1 s");
        assert_eq!(text(5_000_000), "5 s");
        assert_eq!(text(999_800), "1 s");
        assert_eq!(text(800_200), "800 ms");
        assert_eq!(text(9_960), "10 ms");
        assert_eq!(text(420), "0.4 ms");
        assert_eq!(text(0), "0 ms");
    }
}
