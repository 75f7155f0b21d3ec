//! Is it this race's turn to do as a client that knows nothing (v3 §5.3: clients MUST converge)?

/// Counts the races of one partition from one pair of sources.
///
/// Every 20th explores: round trips, and what was used, decide neither its order nor its delays. Dead marks hold all the same, since they end by
/// themselves; and so does what is known of the network as a whole, which is no history of a destination.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    begun: u32,
}

impl Turns {
    /// A race begins. Returns whether it explores.
    #[inline]
    pub(super) fn next(&mut self) -> bool {
        self.begun = (self.begun + 1) % EXPLORES_EVERY;
        self.begun == 0
    }
}

const EXPLORES_EVERY: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_twentieth_race_explores_the_twentieth_being_the_first() {
        let mut turns = Turns::default();
        let explores: Vec<_> = (1..=60).filter(|_| turns.next()).collect();
        assert_eq!(explores, [20, 40, 60]);
    }
}
