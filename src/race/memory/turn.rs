//! Which races explore (v3 §5.3: clients MUST converge).

/// Counts the races of one partition from one pair of sources.
///
/// One race of each 20 explores, at first the 20th: its order and its delays do not depend on round trips, nor on what was used. Dead marks still
/// count, since they end by themselves. So does what is known of the network as a whole, which is not about a destination.
///
/// Which of the 20 races explores changes each time. Otherwise a program that connects to 20 hosts in turn would always explore with the same host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    /// How many races come before the next one that explores.
    before: u32,
    /// How many have explored.
    explored: u32,
}

impl Turns {
    /// A race begins. Returns whether it explores.
    #[inline]
    pub(super) fn next(&mut self) -> bool {
        match self.before.checked_sub(1) {
            Some(before) => {
                self.before = before;
                false
            }
            None => {
                self.on_explored();
                true
            }
        }
    }

    fn on_explored(&mut self) {
        let next = self.explored.wrapping_add(1);
        self.before = EXPLORES_ONCE_IN + earlier_by(self.explored) - earlier_by(next) - 1;
        self.explored = next;
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self { before: EXPLORES_ONCE_IN - 1, explored: 0 }
    }
}

/// Returns how many races before the end of its 20 the next exploring race is, if `explored` races have explored: 0 to 19, and 0 for the first.
///
/// The numbers look random and have no period: a period would coincide with some number of hosts.
fn earlier_by(explored: u32) -> u32 {
    let explored = u64::from(explored);
    let triangular = explored * explored.saturating_sub(1) / 2;
    let phase = (triangular as u32).wrapping_mul(GOLDEN);
    // Scales the phase from its 32 bits to 0..20.
    ((u64::from(phase) * u64::from(EXPLORES_ONCE_IN)) >> u32::BITS) as u32
}

const EXPLORES_ONCE_IN: u32 = 20;

/// The fractional part of the golden ratio times 2³². Its multiples are spread evenly over 32 bits.
const GOLDEN: u32 = 0x9E37_79B9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns which of the first `races` races explore, counted from 1.
    fn exploring(races: u32) -> Vec<u32> {
        let mut turns = Turns::default();
        (1..=races).filter(|_| turns.next()).collect()
    }

    #[test]
    fn one_race_of_each_twenty_explores_the_twentieth_being_the_first() {
        let exploring = exploring(20_000);
        assert_eq!(exploring[..6], [20, 40, 48, 63, 86, 117]);
        for (twenty, race) in exploring.iter().enumerate() {
            assert_eq!((race - 1) / 20, u32::try_from(twenty).unwrap(), "{race}");
        }
        assert_eq!(exploring.len(), 1_000);
    }

    #[test]
    fn of_hosts_that_are_connected_to_in_turn_each_explores() {
        for hosts in 1..=100 {
            let mut explored = vec![false; hosts];
            exploring(250 * hosts as u32).into_iter().for_each(|race| explored[race as usize % hosts] = true);
            assert!(explored.iter().all(|explored| *explored), "{hosts}: {explored:?}");
        }
        let of_twenty = exploring(1_000).into_iter().map(|race| race % 20).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(of_twenty.len(), 20);
    }

    #[test]
    fn a_count_that_wraps_goes_on() {
        let mut turns = Turns { before: 0, explored: u32::MAX };
        assert!(turns.next());
        assert!((1..=40).any(|_| turns.next()));
    }
}
