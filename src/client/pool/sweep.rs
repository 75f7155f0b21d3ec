//! The work of a sweeper: closes idle connections that the server has closed or sent to, and those that have expired.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::central::{Pool, State};
use super::connection::Owned;
use super::finishing::Finish;
use super::hosts::Idle;
use super::runtimes::{Touched, Watch};
use crate::timer::read_clock;

/// The result of checking the connections with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// Some of them were closed by the server.
    pub(super) closed: bool,
    /// There are more to check.
    pub(super) more: bool,
}

impl<W: Owned> Pool<W> {
    /// Checks idle connections with an event, a bounded number of them, and closes those that cannot be used any more.
    ///
    /// They are taken out of the pool while they are polled, since that is foreign code.
    pub(super) fn sweep_touched(self: &Arc<Self>, watch: &Watch) -> Swept {
        // Connections that have an event from here on are added to the list again.
        let (touched, more) = watch.take_touched(AT_ONCE);
        if touched.is_empty() {
            return Swept::default();
        }
        let now = read_clock();
        let mut closed = Vec::new();
        for mut idle in self.take_out(&touched) {
            // If the connection is of a runtime that is not driven, its events are not noticed: ask the system.
            let is_told = idle.runtime() == watch.runtime();
            if idle.connection.is_usable() && (is_told || idle.connection.look()) {
                self.keep(idle.connection, idle.since);
            } else {
                closed.push(idle);
            }
        }
        if !closed.is_empty() {
            self.remember(&closed, now);
            tracing::debug!(connections = closed.len(), "idle connections were closed by the server");
        }
        Swept { closed: !closed.is_empty(), more }
    }

    fn take_out(&self, touched: &[Touched]) -> Vec<Idle<W>> {
        let mut idle = Vec::with_capacity(touched.len());
        let mut state = self.lock();
        for &Touched { key, id } in touched {
            if state.idle.get(key).is_some_and(|idle| idle.connection.place().id == id) {
                idle.extend(state.take(key));
            }
        }
        drop(state);
        idle
    }

    /// Remembers that these hosts have closed idle connections.
    fn remember(&self, closed: &[Idle<W>], now: Instant) {
        // The connections still have their leases, so that their hosts are in the pool.
        let state = self.lock();
        let hosts: Vec<_> = closed.iter().map(|idle| state.hosts.destination(idle.slot()).cloned()).collect();
        drop(state);
        for (idle, host) in closed.iter().zip(hosts) {
            if let Some(host) = host {
                self.closes.add(&host, idle.connection.created(), now.saturating_duration_since(idle.since), now);
            }
        }
    }

    /// Closes the idle connections that have expired, and returns when the next one will. If none is idle, the sweepers are woken when one becomes
    /// so.
    pub(super) fn close_expired(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let expired = state
            .take_all(|idle| self.settings.has_gone(&*idle.connection, now.saturating_duration_since(idle.since), now));
        let expiry =
            |idle: &Idle<W>| self.settings.expiry(idle.connection.place().id, idle.connection.created(), idle.since);
        let of_idle = state.idle.iter().map(|(_, idle)| expiry(idle));
        let gone = |idle: &Idle<W>| idle.connection.kept_for().and_then(|kept_for| idle.since.checked_add(kept_for));
        let first_gone = state.idle.iter().filter_map(|(_, idle)| gone(idle)).min();
        let mut earliest = of_idle.flatten().chain(first_gone).min();
        let (mut left, mut has_shared) = (Vec::new(), false);
        for host in state.hosts.with_shares() {
            host.shares.leave_if(|connection, idle| self.settings.is_done(connection, idle, || now), &mut left);
            earliest = earliest.into_iter().chain(host.shares.earliest_expiry(&self.settings)).min();
            has_shared |= host.shares.idle() > 0;
        }
        state.has_told = state.idle.len() > 0 || has_shared;
        state.first_gone = first_gone;
        drop(state);
        let count = expired.len() + left.len();
        if count > 0 {
            tracing::debug!(connections = count, "idle connections have expired");
        }
        earliest
    }

    /// The host in `slot` was silent on a request that began at `begun`. Connections that were idle before that may be dead as well: they are closed.
    pub(in crate::client) fn on_silence(&self, slot: usize, begun: Instant) {
        let mut state = self.lock();
        let suspects = state.take_all(|idle| idle.slot() == slot && idle.since < begun);
        drop(state);
        if !suspects.is_empty() {
            tracing::debug!(
                connections = suspects.len(),
                "idle connections are closed, since their host was silent on another connection"
            );
        }
    }

    /// Has any sweeper close `finish` at `deadline`, if it was not dropped before.
    pub(in crate::client) fn close_at(&self, deadline: Instant, finish: Weak<dyn Finish>) {
        self.lock().finishing.add(deadline, finish);
        // The timers of the sweepers may be set to a later instant.
        self.wake_sweepers();
    }

    /// Closes the connections whose deadline has passed, and returns the next deadline.
    pub(in crate::client) fn close_overdue(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        if state.finishing.is_empty() {
            return None;
        }
        let (overdue, next) = state.finishing.take_overdue(now);
        drop(state);
        overdue.iter().for_each(|finish| finish.close());
        next
    }

    /// Returns when the first idle connection expires by its `Keep-Alive` time.
    pub(super) fn first_gone(&self) -> Option<Instant> {
        self.lock().first_gone
    }

    /// Whether the sweepers know that a connection is idle.
    pub(super) fn has_told(&self) -> bool {
        self.lock().has_told
    }

    /// Whether the sweepers can end: the client is gone, and no connection has a deadline.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_closed && state.finishing.is_empty()
    }

    /// Asks the other runtimes' sweepers to show that they are driven. `false` if there are none.
    pub(super) fn ask_others(&self, watch: &Watch) -> bool {
        let mut others = self.lock().watches.clone();
        others.retain(|other| other.runtime() != watch.runtime());
        others.iter().for_each(|other| other.ask());
        !others.is_empty()
    }

    /// Has the sweeper of `watch` check the idle connections of runtimes that are not driven. Returns `false` if there are none.
    pub(super) fn take_over(&self, watch: &Watch) -> bool {
        let state = self.lock();
        let silent: Vec<_> =
            state.watches.iter().filter(|other| other.is_silent()).map(|other| other.runtime()).collect();
        let of_silent = state.idle.iter().filter(|(_, idle)| silent.contains(&idle.runtime()));
        let touched: Vec<_> = of_silent.map(|(key, idle)| Touched { key, id: idle.connection.place().id }).collect();
        drop(state);
        let some = !touched.is_empty();
        watch.add_touched(touched);
        some
    }

    /// The sweeper of a runtime was dropped, because the runtime ends. Closes the idle connections of that runtime.
    pub(super) fn on_end(&self, watch: &Watch) {
        let mut state = self.lock();
        watch.end();
        state.watches.retain(|other| other.runtime() != watch.runtime());
        let idle = state.take_all(|idle| idle.runtime() == watch.runtime());
        drop(state);
        drop(idle);
    }
}

impl<W: Owned> State<W> {
    /// Takes an idle connection out.
    fn take(&mut self, key: usize) -> Option<Idle<W>> {
        let idle = self.idle.get(key)?;
        let (slot, runtime) = (idle.slot(), idle.runtime());
        self.hosts.at(slot).take(&mut self.idle, key, runtime)
    }

    /// Takes out the idle connections for which `is_taken` returns `true`.
    fn take_all(&mut self, is_taken: impl Fn(&Idle<W>) -> bool) -> Vec<Idle<W>> {
        let keys: Vec<_> = self.idle.iter().filter(|(_, idle)| is_taken(idle)).map(|(key, _)| key).collect();
        keys.into_iter().filter_map(|key| self.take(key)).collect()
    }
}

/// The most connections that are checked in one poll, since a runtime has other tasks.
const AT_ONCE: usize = 64;
