//! The attempt that has decided the race although its handshake is still to come.

use super::attempts::Attempts;
use super::event::AttemptId;

/// The attempt whose transport decided the race.
///
/// 1. The first attempt that reports [`Outcome::Chosen`](super::Outcome::Chosen) is chosen. If another one reports the same before it is dropped,
///    nothing changes.
/// 2. The other attempts in flight are overtaken, which drops them. Nothing starts while the chosen attempt is in flight.
/// 3. When the chosen attempt has failed, or was superseded, the race is open again.
#[derive(Debug, Default)]
pub(super) struct Choice {
    chosen: Option<AttemptId>,
}

impl Choice {
    /// The transport of this attempt decides the race. The attempt is in flight.
    pub(super) fn on_chosen(&mut self, id: AttemptId) {
        self.chosen.get_or_insert(id);
    }

    /// This attempt has ended without a connection. Returns whether it was the chosen one.
    pub(super) fn on_over(&mut self, id: AttemptId) -> bool {
        self.chosen.take_if(|chosen| *chosen == id).is_some()
    }

    /// Whether the race is decided, unless the chosen attempt fails.
    pub(super) fn is_made(&self) -> bool {
        self.chosen.is_some()
    }

    /// Returns the oldest attempt that is in flight beside the chosen one, and so is to be dropped.
    pub(super) fn overtaken(&self, attempts: &Attempts) -> Option<AttemptId> {
        let chosen = self.chosen?;
        let oldest = attempts.oldest_in_flight(AttemptId::FIRST)?;
        if oldest == chosen { attempts.oldest_in_flight(AttemptId::new(chosen.index() + 1)) } else { Some(oldest) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Endpoint;
    use super::*;

    fn three_in_flight() -> (Attempts, [AttemptId; 3]) {
        let mut attempts = Attempts::default();
        let ids = [1, 2, 3].map(|host| {
            let id = attempts.next_id();
            attempts.on_start(&Endpoint::new(([192, 0, 2, host], 443).into()), false);
            id
        });
        (attempts, ids)
    }

    #[test]
    fn the_others_are_overtaken_oldest_first_wherever_the_chosen_one_stands() {
        for chosen in 0..3 {
            let (mut attempts, ids) = three_in_flight();
            let mut choice = Choice::default();
            assert_eq!(choice.overtaken(&attempts), None);
            choice.on_chosen(ids[chosen]);
            let mut overtaken = Vec::new();
            while let Some(id) = choice.overtaken(&attempts) {
                attempts.on_over(id);
                overtaken.push(id);
            }
            let others: Vec<_> = ids.into_iter().filter(|id| *id != ids[chosen]).collect();
            assert_eq!(overtaken, others);
        }
    }

    #[test]
    fn the_first_choice_holds_until_its_attempt_is_over() {
        let (_, [first, second, third]) = three_in_flight();
        let mut choice = Choice::default();
        choice.on_chosen(second);
        choice.on_chosen(first);
        assert!(!choice.on_over(first) && !choice.on_over(third) && choice.is_made());
        assert!(choice.on_over(second) && !choice.is_made());
        assert!(!choice.on_over(second));
    }
}
