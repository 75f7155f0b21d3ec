//! The steps of round trips by which destinations are ordered.

/// Returns the step of a round trip, which is given in nanoseconds: 0 below 25 ms, then 1 to 5, each of which begins at twice the start of the one
/// before.
///
/// A rule such as "nearer by 25 ms" would not be transitive, and so could not sort.
#[inline]
pub(super) fn of(nanoseconds: u32) -> u8 {
    let doublings = u32::BITS - (nanoseconds / FIRST).leading_zeros();
    // At most `LAST`: fits into 8 bits.
    doublings.min(LAST) as u8
}

const FIRST: u32 = 25_000_000;
const LAST: u32 = 5;

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
            assert_eq!(of(ms * 1_000_000), expected, "{ms}");
        }
    }
}
