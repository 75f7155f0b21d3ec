//! Single flight: equal look-ups at one time share one result.
//!
//! A *flight* is a result that all callers wait for who ask while it is under way. *Calls* are made to get it, usually one. If a call is stuck
//! because a packet was lost, a later caller may make another one. The first call that gets an answer completes the flight for all.

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

/// How many calls for one key may run at a time.
const MAX_CALLS: usize = 6;

/// How long the only call of a flight may take before another one is made. Each further call doubles the time.
const PATIENCE: Duration = Duration::from_millis(100);

/// The look-ups that are under way, by their keys. Clones share them.
pub(super) struct Flights<K, T> {
    /// Guards the map. Only keys are compared under the lock; results are dropped and wakers called outside it.
    under_way: Arc<Lock<BTreeMap<K, UnderWay<T>>>>,
}

struct UnderWay<T> {
    /// The callers that wait. `None` if a call has answered, and the entry only counts the calls that still run.
    flight: Option<Waiting<T>>,
    /// How many calls are running.
    running: usize,
}

struct Waiting<T> {
    result: watch::Sender<Option<T>>,
    /// How many calls were made for this flight.
    calls: u32,
    /// When the last of them was made. `None` while that is not known.
    latest: Option<Instant>,
}

/// A call that its holder must make, for all that wait for the result. If it is dropped and no other call is running, they get `None`.
pub(super) struct Flight<K: Ord, T> {
    key: K,
    flights: Flights<K, T>,
    is_over: bool,
}

/// Waits for the result of a flight; `None` if it was given up.
pub(super) struct Landing<T>(Pin<Box<dyn Future<Output = Option<T>> + Send>>);

impl<K: Ord + Clone, T: Clone + Send + Sync + 'static> Flights<K, T> {
    /// Joins the look-up for `key`. If a [`Flight`] is returned as well, the caller must make the call.
    ///
    /// With the present time in `again`, the caller may make another call if those that are running have taken too long.
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

    /// Whether a caller waits for the look-up for `key`.
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
        // A call whose start is not known counts as made now.
        let latest = *self.latest.get_or_insert(now);
        let patience = PATIENCE.saturating_mul(1 << (self.calls.clamp(1, 16) - 1));
        now.saturating_duration_since(latest) >= patience
    }
}

impl<K: Ord, T> Flight<K, T> {
    /// Returns the call if a caller still waits for the result. Otherwise gives it up, so that the next caller makes a call of its own.
    pub(super) fn if_wanted(mut self) -> Option<Self> {
        // One lock for the check and the removal, so that no caller joins in between.
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

    /// Gives an answer to all that wait, whichever call they wait for. Later callers start a new flight.
    pub(super) fn land(self, result: T) {
        self.end(result, |_| true);
    }

    /// Gives a failure to all that wait, unless another call is running that may succeed.
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

    /// Counts this call as ended. The returned entry must be dropped outside the lock.
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
