//! How far away is a destination, in steps that are worth a change of order?

use std::time::Duration;

/// The step of a round trip, 0 to 5. "Nearer by 25 ms" would be no order: A may be near B, and B near C, and A not near C.
pub(super) fn of(rtt: Duration) -> u8 {
    // There are five.
    LOWER_BOUNDS.iter().take_while(|bound| rtt >= **bound).count() as u8
}

const LOWER_BOUNDS: [Duration; 5] = [
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_twice_as_wide_as_the_one_before() {
        for (ms, expected) in [
            (0, 0),
            (24, 0),
            (25, 1),
            (49, 1),
            (50, 2),
            (99, 2),
            (100, 3),
            (199, 3),
            (200, 4),
            (399, 4),
            (400, 5),
            (949, 5),
        ] {
            assert_eq!(of(Duration::from_millis(ms)), expected, "{ms}");
        }
    }
}
