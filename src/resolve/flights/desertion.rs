//! What becomes of a look-up that nobody waits for any more.

use std::future::Future;

use super::Flight;

impl<K: Ord, T> Flight<K, T> {
    /// Waits until nobody waits for the result any more. Somebody may again, by the time that this is known.
    pub(in crate::resolve) fn deserted(&self) -> impl Future<Output = ()> + use<K, T> {
        let result = self.result.clone();
        async move { result.closed().await }
    }

    /// Ends the look-up without a result, unless somebody waits for it after all.
    ///
    /// # Errors
    ///
    /// Gives the flight back if somebody does: who joins is counted under the same lock, and so is never left waiting for
    /// a look-up that nobody makes.
    pub(in crate::resolve) fn give_up(self) -> Result<(), Self> {
        let mut under_way = self.flights.lock();
        if self.result.receiver_count() > 0 {
            drop(under_way);
            return Err(self);
        }
        under_way.remove(&self.key);
        drop(under_way);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

    use crate::resolve::flights::Flights;

    #[test]
    fn a_look_up_is_deserted_when_the_last_that_waited_is_gone() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        let (second, _) = flights.join("a");
        let flight = flight.unwrap();
        let mut deserted = task::spawn(flight.deserted());
        drop(first);
        assert_pending!(deserted.poll());
        drop(second);
        assert!(deserted.is_woken());
        assert_ready!(deserted.poll());
    }

    #[test]
    fn a_look_up_that_is_given_up_can_be_made_again() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        drop(first);
        assert!(flight.unwrap().give_up().is_ok());
        let (again, flight) = flights.join("a");
        flight.unwrap().land(7);
        assert_ready_eq!(task::spawn(again).poll(), Some(7));
    }

    #[test]
    fn a_look_up_that_is_wanted_again_is_not_given_up() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        let flight = flight.unwrap();
        drop(first);
        assert_ready!(task::spawn(flight.deserted()).poll());
        let (late, none) = flights.join("a");
        assert!(none.is_none());
        let Err(flight) = flight.give_up() else { panic!("somebody waits") };
        flight.land(7);
        assert_ready_eq!(task::spawn(late).poll(), Some(7));
    }
}
