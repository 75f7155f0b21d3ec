//! What a sweeper does.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::central::{Pool, State};
use super::connection::Owned;
use super::finishing::Finish;
use super::hosts::Idle;
use super::runtimes::{Touched, Watch};
use crate::timer::read_clock;

/// What was found out about the connections that were touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// The server has closed some of them.
    pub(super) closed: bool,
    /// There are others to look after.
    pub(super) more: bool,
}

impl<W: Owned> Pool<W> {
    /// Closes the idle connections that the server has touched and that are not usable any more, as many as are looked after at once.
    ///
    /// They are taken out while they are polled, which is foreign code.
    pub(super) fn sweep_touched(self: &Arc<Self>, watch: &Watch) -> Swept {
        // What is touched from here on is told again.
        let (touched, more) = watch.take_touched(AT_ONCE);
        if touched.is_empty() {
            return Swept::default();
        }
        let now = read_clock();
        let mut closed = Vec::new();
        for mut idle in self.take_out(&touched) {
            // What was not heard of may have happened all the same, in a runtime that is not driven.
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

    /// Adds connections to what is known of their hosts.
    fn remember(&self, closed: &[Idle<W>], now: Instant) {
        // They have their leases still, and so their hosts are known.
        let state = self.lock();
        let hosts: Vec<_> = closed.iter().map(|idle| state.hosts.destination(idle.slot()).cloned()).collect();
        drop(state);
        for (idle, host) in closed.iter().zip(hosts) {
            if let Some(host) = host {
                self.closes.add(&host, idle.connection.created(), now.saturating_duration_since(idle.since), now);
            }
        }
    }

    /// Closes the idle connections that have expired, and says when the next one will. If there is none, the sweepers are told
    /// when there is.
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

    /// The host in `slot` has said nothing at all to a request that began at `begun`: what has been idle since before that is perhaps dead as well.
    pub(in crate::client) fn on_silence(&self, slot: usize, begun: Instant) {
        let mut state = self.lock();
        let suspects = state.take_all(|idle| idle.slot() == slot && idle.since < begun);
        drop(state);
        if !suspects.is_empty() {
            tracing::debug!(
                connections = suspects.len(),
                "idle connections are closed, as their host was silent on another"
            );
        }
    }

    /// Has any sweeper close `finish` at `deadline`, if it has not been dropped by then.
    pub(in crate::client) fn close_at(&self, deadline: Instant, finish: Weak<dyn Finish>) {
        self.lock().finishing.add(deadline, finish);
        // Their timers may be set to a later time.
        self.wake_sweepers();
    }

    /// Closes what is overdue, and says when something else will be.
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

    /// When the first connection has to be closed that its peer does not keep as long as the pool would.
    pub(super) fn first_gone(&self) -> Option<Instant> {
        self.lock().first_gone
    }

    /// Whether something has become idle since nothing was.
    pub(super) fn has_told(&self) -> bool {
        self.lock().has_told
    }

    /// Whether there is nothing to look after any more.
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

    /// Has the sweeper of `watch` look after the connections of runtimes that are not driven. `false` if there are none.
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

    /// The sweeper of a runtime is gone, and so is the runtime, or will be.
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

    /// Takes out the idle connections of which `is_taken` says so.
    fn take_all(&mut self, is_taken: impl Fn(&Idle<W>) -> bool) -> Vec<Idle<W>> {
        let keys: Vec<_> = self.idle.iter().filter(|(_, idle)| is_taken(idle)).map(|(key, _)| key).collect();
        keys.into_iter().filter_map(|key| self.take(key)).collect()
    }
}

/// So many connections are looked after at once: a runtime has other tasks.
const AT_ONCE: usize = 64;
