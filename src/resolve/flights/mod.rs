//! Single flight: equal look-ups at one time share one result.
//!
//! A *flight* is a result that is waited for, by whoever asks while it is under way. *Calls* are made to fill it: one, as a
//! rule. Where a call is stuck because a packet was lost, somebody who asks later may make another one, and the first call
//! that comes to an answer fills the flight for all.

#[cfg(feature = "hickory")]
mod desertion;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::lock::{Guard, Lock};
use tokio::sync::watch;

/// How many calls for one key may be running at one time.
const MAX_CALLS: usize = 6;

/// How long the only call of a flight may take before another one is made. Each further call doubles the time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The look-ups that are under way, by what they look for. Clones share them.
pub(super) struct Flights<K, T> {
    /// Guards the map. Keys are compared under the lock; results are dropped, and wakers called, outside it.
    under_way: Arc<Lock<BTreeMap<K, UnderWay<T>>>>,
}

struct UnderWay<T> {
    /// `None` if nobody waits for the calls that are still running: another one has answered.
    flight: Option<Waiting<T>>,
    /// How many calls are running.
    running: usize,
}

struct Waiting<T> {
    result: watch::Sender<Option<T>>,
    /// How many calls were made for this flight.
    calls: u32,
    /// When the last of them was made, as far as it is known.
    latest: Option<Instant>,
}

/// A call to be made, for all that wait for the result. If it is dropped, and no other call is running, they learn that
/// there is no result.
pub(super) struct Flight<K: Ord, T> {
    key: K,
    flights: Flights<K, T>,
    is_over: bool,
}

/// The result of a look-up; `None` if it was given up.
pub(super) struct Landing<T>(Pin<Box<dyn Future<Output = Option<T>> + Send>>);

impl<K: Ord + Clone, T: Clone + Send + Sync + 'static> Flights<K, T> {
    /// The result to come of the look-up for `key`. Whoever is given a [`Flight`] with it has to make the call.
    ///
    /// `again`, with the present time, allows for another call where those that are running have taken too long.
    pub(super) fn join(&self, key: K, again: Option<Instant>) -> (Landing<T>, Option<Flight<K, T>>) {
        let mut under_way = self.lock();
        let entry = under_way.entry(key.clone()).or_insert_with(|| UnderWay { flight: None, running: 0 });
        let has_room = entry.running < MAX_CALLS;
        let (flight, is_due) = match &mut entry.flight {
            Some(flight) => {
                let is_due = flight.is_due(again);
                (flight, is_due)
            }
            none => (none.insert(Waiting::new()), true),
        };
        let landing = flight.result.subscribe();
        let makes_call = is_due && has_room;
        if makes_call {
            flight.calls += 1;
            flight.latest = again;
            entry.running += 1;
        }
        drop(under_way);
        let flight = makes_call.then(|| Flight { key, flights: self.clone(), is_over: false });
        (Landing::new(landing), flight)
    }

    /// Whether somebody waits for the look-up for `key`.
    pub(super) fn is_under_way(&self, key: &K) -> bool {
        self.lock().get(key).is_some_and(|entry| entry.flight.is_some())
    }
}

impl<K, T> Flights<K, T> {
    fn lock(&self) -> Guard<'_, BTreeMap<K, UnderWay<T>>> {
        self.under_way.lock()
    }
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self { result: watch::Sender::new(None), calls: 0, latest: None }
    }

    /// Whether the calls so far have taken too long.
    fn is_due(&mut self, again: Option<Instant>) -> bool {
        let Some(now) = again else { return false };
        // A call whose time is not known counts as made now.
        let latest = *self.latest.get_or_insert(now);
        let patience = PATIENCE.saturating_mul(1 << (self.calls.clamp(1, 16) - 1));
        now.saturating_duration_since(latest) >= patience
    }
}

impl<K: Ord, T> Flight<K, T> {
    /// The call again, if somebody still waits for the result. If nobody does the call is given up, and whoever asks next
    /// makes one of their own.
    pub(super) fn if_wanted(mut self) -> Option<Self> {
        // Nobody joins between the question and what follows from it.
        let mut under_way = self.flights.lock();
        let flight = under_way.get(&self.key).and_then(|entry| entry.flight.as_ref());
        if flight.is_some_and(|flight| flight.result.receiver_count() > 0) {
            drop(under_way);
            return Some(self);
        }
        let left = Self::end_call(&mut under_way, &self.key);
        drop(under_way);
        drop(left);
        self.is_over = true;
        None
    }

    /// Hands an answer to all that wait, whichever call they wait for. Whoever asks from now on makes a call of their own.
    pub(super) fn land(self, result: T) {
        self.end(result, |_| true);
    }

    /// Hands a failure to all that wait, unless another call is running that may do better.
    pub(super) fn fail(self, result: T) {
        self.end(result, |entry| entry.running <= 1);
    }

    fn end(mut self, result: T, is_for_all: impl FnOnce(&UnderWay<T>) -> bool) {
        self.is_over = true;
        let mut under_way = self.flights.lock();
        let entry = under_way.get_mut(&self.key).filter(|entry| is_for_all(entry));
        let flight = entry.and_then(|entry| entry.flight.take());
        let left = Self::end_call(&mut under_way, &self.key);
        drop(under_way);
        drop(left);
        if let Some(flight) = flight {
            flight.result.send_replace(Some(result));
        }
    }

    /// Takes this call out of those that are running. What is returned is to be dropped without the lock.
    fn end_call(under_way: &mut BTreeMap<K, UnderWay<T>>, key: &K) -> Option<UnderWay<T>> {
        let entry = under_way.get_mut(key)?;
        entry.running = entry.running.saturating_sub(1);
        if entry.running == 0 { under_way.remove(key) } else { None }
    }
}

impl<K: Ord, T> Drop for Flight<K, T> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut under_way = self.flights.lock();
            let left = Self::end_call(&mut under_way, &self.key);
            drop(under_way);
            drop(left);
        }
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
        let under_way = self.lock().len();
        f.debug_struct("Flights").field("under_way", &under_way).finish()
    }
}

impl<T> fmt::Debug for Landing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Landing")
    }
}

#[cfg(test)]
mod tests;
