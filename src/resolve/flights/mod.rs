//! Equal look-ups at one time are one look-up.

#[cfg(feature = "hickory")]
mod desertion;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::watch;

/// The look-ups that are under way, by what they look for. Clones share them.
pub(super) struct Flights<K, T> {
    under_way: Arc<Mutex<BTreeMap<K, watch::Sender<Option<T>>>>>,
}

type UnderWay<'a, K, T> = MutexGuard<'a, BTreeMap<K, watch::Sender<Option<T>>>>;

/// A look-up to be made, for all that wait for it. If it is dropped, they learn that there is no result.
pub(super) struct Flight<K: Ord, T> {
    key: K,
    result: watch::Sender<Option<T>>,
    flights: Flights<K, T>,
}

/// The result of a look-up; `None` if it was given up.
pub(super) struct Landing<T>(Pin<Box<dyn Future<Output = Option<T>> + Send>>);

impl<K: Ord + Clone, T: Clone + Send + Sync + 'static> Flights<K, T> {
    /// The result to come of the look-up for `key`. Whoever is given a [`Flight`] with it has to make the look-up.
    pub(super) fn join(&self, key: K) -> (Landing<T>, Option<Flight<K, T>>) {
        let mut under_way = self.lock();
        if let Some(result) = under_way.get(&key) {
            return (Landing::new(result.subscribe()), None);
        }
        let (result, landing) = watch::channel(None);
        under_way.insert(key.clone(), result.clone());
        (Landing::new(landing), Some(Flight { key, result, flights: self.clone() }))
    }
}

impl<K, T> Flights<K, T> {
    fn lock(&self) -> UnderWay<'_, K, T> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord, T> Flight<K, T> {
    /// The look-up again, if somebody still waits for it. If nobody does it is given up, and whoever asks next makes one of its own.
    pub(super) fn if_wanted(self) -> Option<Self> {
        let is_wanted = {
            // Nobody joins between the question and what follows from it.
            let under_way = self.flights.lock();
            let is_wanted = self.result.receiver_count() > 0;
            if !is_wanted {
                self.forget(under_way);
            }
            is_wanted
        };
        is_wanted.then_some(self)
    }

    /// Hands the result to all that wait. Whoever asks from now on makes a look-up of its own.
    pub(super) fn land(self, result: T) {
        self.forget(self.flights.lock());
        self.result.send_replace(Some(result));
    }

    fn forget(&self, mut under_way: UnderWay<'_, K, T>) {
        // The key may be that of another look-up by now.
        if under_way.get(&self.key).is_some_and(|result| result.same_channel(&self.result)) {
            under_way.remove(&self.key);
        }
    }
}

impl<K: Ord, T> Drop for Flight<K, T> {
    fn drop(&mut self) {
        self.forget(self.flights.lock());
    }
}

impl<T: Clone + Send + Sync + 'static> Landing<T> {
    fn new(mut result: watch::Receiver<Option<T>>) -> Self {
        Self(Box::pin(async move { result.wait_for(Option::is_some).await.ok().and_then(|result| result.clone()) }))
    }
}

impl<T> Future for Landing<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<K, T> Clone for Flights<K, T> {
    fn clone(&self) -> Self {
        Self { under_way: Arc::clone(&self.under_way) }
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("under_way", &self.lock().len()).finish()
    }
}

impl<T> fmt::Debug for Landing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Landing")
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_eq, task};

    use super::*;

    #[test]
    fn all_that_ask_while_it_is_under_way_share_the_result() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        let (second, none) = flights.join("a");
        assert!(none.is_none());
        assert!(flights.join("b").1.is_some());
        let (mut first, mut second) = (task::spawn(first), task::spawn(second));
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        flight.unwrap().land(7);
        assert!(first.is_woken() && second.is_woken());
        assert_ready_eq!(first.poll(), Some(7));
        assert_ready_eq!(second.poll(), Some(7));
        // The next one is made anew.
        assert!(flights.join("a").1.is_some());
    }

    #[test]
    fn it_goes_on_for_the_others_when_one_that_waits_is_gone() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        drop(first);
        let (second, none) = flights.join("a");
        assert!(none.is_none(), "it is under way");
        flight.unwrap().land(7);
        assert_ready_eq!(task::spawn(second).poll(), Some(7));
    }

    #[test]
    fn what_nobody_waits_for_need_not_be_looked_up() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        let flight = flight.unwrap().if_wanted().unwrap();
        drop(first);
        let (second, none) = flights.join("a");
        assert!(none.is_none());
        let flight = flight.if_wanted().expect("the second waits");
        drop(second);
        assert!(flight.if_wanted().is_none());
        assert!(flights.join("a").1.is_some(), "whoever asks next makes a look-up");
    }

    #[test]
    fn a_look_up_that_is_given_up_has_no_result_and_can_be_made_again() {
        let flights = Flights::<&str, u8>::default();
        let (first, flight) = flights.join("a");
        drop(flight);
        assert_ready_eq!(task::spawn(first).poll(), None);
        let (again, flight) = flights.join("a");
        flight.unwrap().land(7);
        assert_ready_eq!(task::spawn(again).poll(), Some(7));
    }
}
