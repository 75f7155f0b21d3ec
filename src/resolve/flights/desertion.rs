//! Notices when nobody waits for a flight any more.

use std::future::Future;

use super::Flight;

impl<K: Ord, T> Flight<K, T> {
    /// Resolves when nobody waits for the result any more. By then another caller may have joined.
    pub(in crate::resolve) fn deserted(&self) -> impl Future<Output = ()> + use<K, T> {
        let under_way = self.flights.lock();
        let flight = under_way.get(&self.key).and_then(|entry| entry.flight.as_ref());
        let result = flight.map(|flight| flight.result.clone());
        drop(under_way);
        async move {
            if let Some(result) = result {
                result.closed().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

    use crate::resolve::flights::Flights;

    #[test]
    fn a_look_up_is_deserted_when_the_last_that_waited_is_gone() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a", None);
        let (second, _) = flights.join("a", None);
        let flight = flight.unwrap();
        let mut deserted = task::spawn(flight.deserted());
        drop(first);
        assert_pending!(deserted.poll());
        drop(second);
        assert!(deserted.is_woken());
        assert_ready!(deserted.poll());
    }

    #[test]
    fn a_look_up_that_is_wanted_again_goes_on() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a", None);
        let flight = flight.unwrap();
        drop(first);
        assert_ready!(task::spawn(flight.deserted()).poll());
        let (late, none) = flights.join("a", None);
        assert!(none.is_none());
        let flight = flight.if_wanted().expect("somebody waits");
        assert_pending!(task::spawn(flight.deserted()).poll());
        flight.land(7);
        assert_ready_eq!(task::spawn(late).poll(), Some(7));
    }
}
