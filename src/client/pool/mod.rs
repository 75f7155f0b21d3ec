//! The connections that nobody uses, and the requests that wait for one.
//!
//! 1. A request takes the connection that was used last, of its scheme and authority; if there is none, it makes its own.
//! 2. Where the number of connections is limited, requests beyond it wait their turn: a connection that becomes free, or the
//!    right to make one, goes to the one that has waited longest.
//! 3. A connection that comes back is handed on at once, or becomes idle. The [sweeper](sweeper) closes what the server
//!    touches, and what has been idle for too long.
//!
//! Connections are dropped, and those who wait are told, only when the pool is not locked.

mod hosts;
mod lease;
mod sweeper;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use tokio::runtime;
use tokio::sync::oneshot;

pub(super) use self::hosts::Settings;
use self::hosts::{Hosts, Idle};
pub(super) use self::lease::{Grant, Lease, Ticket};
use self::sweeper::Sweeper;
use super::destination::Destination;
use super::wire::Wire;
use crate::timer::read_clock;

pub(super) struct Pool<B> {
    settings: Settings,
    state: Mutex<State<B>>,
    watch: Arc<Watch>,
    ids: AtomicU64,
    /// Known where the type of bodies is known to be fit for a task; what is dropped is not asked.
    start_sweeper: fn(&runtime::Handle, Sweeper<B>),
}

struct State<B> {
    hosts: Hosts<B>,
    /// How many connections are idle.
    idle: usize,
    sweeper: Watching,
    is_closed: bool,
}

/// What the sweeper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watching {
    /// There is none.
    Nothing,
    /// It waits to be told of something idle.
    Touches,
    /// It will look for what has expired.
    Expiries,
}

/// Where an idle connection is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    slot: usize,
    id: u64,
}

/// Where relays say which idle connection was touched.
#[derive(Default)]
pub(super) struct Watch {
    places: Mutex<Vec<Place>>,
    sweeper: AtomicWaker,
}

/// What a request gets.
pub(super) enum Acquired<B> {
    Idle {
        wire: Box<Wire<B>>,
        idle_for: Duration,
    },
    /// There is no idle connection, and one may be made.
    Dial(Lease<B>),
    /// There are as many connections as there may be.
    Wait(Ticket<B>),
}

/// What became of a connection that came back.
enum CheckIn<B> {
    Done,
    HandOver(oneshot::Sender<Grant<B>>, Box<Wire<B>>),
    /// Something happened on it meanwhile.
    Touched(Box<Wire<B>>),
    /// There is no sweeper to look after it.
    Unwatched(Box<Wire<B>>),
}

impl<B: Send + 'static> Pool<B> {
    pub(super) fn new(settings: Settings) -> Self {
        let state = State { hosts: Hosts::new(), idle: 0, sweeper: Watching::Nothing, is_closed: false };
        Self {
            settings,
            state: Mutex::new(state),
            watch: Arc::default(),
            ids: AtomicU64::new(0),
            // A task of its own, so that no caller has to drive what nobody uses.
            start_sweeper: |runtime, sweeper| drop(runtime.spawn(sweeper)),
        }
    }
}

impl<B> Pool<B> {
    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Where a new connection will be found.
    pub(super) fn place(&self, lease: &Lease<B>) -> Place {
        Place { slot: lease.slot, id: self.ids.fetch_add(1, Relaxed) }
    }

    /// A connection to `destination`, or what to do for one.
    pub(super) fn acquire(self: &Arc<Self>, destination: &Destination) -> Acquired<B> {
        let now = read_clock();
        // Dropped after the lock.
        let mut expired = Vec::new();
        let mut guard = self.lock();
        let state = &mut *guard;
        let slot = match state.hosts.find(destination) {
            Some(slot) => slot,
            None => state.hosts.add(destination),
        };
        let host = state.hosts.at(slot);
        while let Some(Idle { wire, since }) = host.idle.pop_back() {
            state.idle -= 1;
            let idle_for = now.saturating_duration_since(since);
            if !self.settings.has_expired(idle_for, wire.created, now) {
                return Acquired::Idle { wire, idle_for };
            }
            expired.push(wire);
        }
        // What has expired makes room.
        if let Some(lease) = expired.last_mut().and_then(|wire| wire.lease.take()) {
            return Acquired::Dial(lease);
        }
        if host.open < self.settings.max_connections_per_host {
            host.open += 1;
            return Acquired::Dial(Lease::new(self, slot));
        }
        Acquired::Wait(Ticket::new(host.wait(), self))
    }

    /// A place among those that wait for a connection to the host of `lease`.
    pub(super) fn queue(self: &Arc<Self>, lease: &Lease<B>) -> Ticket<B> {
        Ticket::new(self.lock().hosts.at(lease.slot).wait(), self)
    }

    /// Takes a connection back that may be used again, and hands it on.
    pub(super) fn check_in(self: &Arc<Self>, mut wire: Box<Wire<B>>) {
        // By now it has had a request, or waited for one.
        wire.reused = true;
        wire.upload = None;
        let now = read_clock();
        if self.settings.is_too_old(wire.created, now) {
            return;
        }
        for _ in 0..TRIES {
            wire = match self.try_check_in(wire, now) {
                CheckIn::Done => return,
                CheckIn::HandOver(waiting, kept) => match waiting.send(Grant::Wire(kept)) {
                    // It no longer waits: the next one, please.
                    Err(Grant::Wire(back)) => return self.check_in(back),
                    Ok(()) | Err(Grant::Dial(_)) => return,
                },
                CheckIn::Touched(mut touched) => {
                    if !touched.is_usable() {
                        return;
                    }
                    touched
                }
                CheckIn::Unwatched(wire) => {
                    if !self.ask_for_sweeper() {
                        return;
                    }
                    wire
                }
            };
        }
    }

    fn try_check_in(&self, wire: Box<Wire<B>>, now: Instant) -> CheckIn<B> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let host = state.hosts.at(wire.relay().place().slot);
        if let Some(waiting) = host.next_waiting() {
            return CheckIn::HandOver(waiting, wire);
        }
        if state.is_closed || self.settings.max_idle_per_host == 0 {
            drop(guard);
            drop(wire);
            return CheckIn::Done;
        }
        if state.sweeper == Watching::Nothing {
            return CheckIn::Unwatched(wire);
        }
        if !wire.relay().rest() {
            return CheckIn::Touched(wire);
        }
        let evicted = if host.idle.len() < self.settings.max_idle_per_host { None } else { host.idle.pop_front() };
        host.idle.push_back(Idle { wire, since: now });
        state.idle += usize::from(evicted.is_none());
        let watched = mem::replace(&mut state.sweeper, Watching::Expiries);
        drop(guard);
        drop(evicted);
        if watched == Watching::Touches {
            self.watch.sweeper.wake();
        }
        CheckIn::Done
    }

    /// Starts the sweeper. Outside a runtime there can be none, and nobody would notice that the server closes.
    fn ask_for_sweeper(self: &Arc<Self>) -> bool {
        let Ok(runtime) = runtime::Handle::try_current() else {
            return false;
        };
        let mut state = self.lock();
        if state.sweeper == Watching::Nothing {
            state.sweeper = Watching::Expiries;
            drop(state);
            (self.start_sweeper)(&runtime, Sweeper::new(self));
        }
        true
    }

    /// Closes every idle connection.
    pub(super) fn close_idle(&self) {
        let mut state = self.lock();
        state.idle = 0;
        let idle: Vec<VecDeque<_>> = state.hosts.iter_mut().map(|host| mem::take(&mut host.idle)).collect();
        drop(state);
        drop(idle);
    }

    /// Closes every idle connection, and each other one when it comes back.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.close_idle();
        self.watch.sweeper.wake();
    }

    /// Closes the idle connections that the server has touched and that are not usable any more.
    fn close_touched(&self) {
        // Dropped after the lock.
        let mut closed = Vec::new();
        // What is touched from here on is told again.
        let touched = mem::take(&mut *self.watch.lock());
        let mut guard = self.lock();
        let state = &mut *guard;
        for Place { slot, id } in touched {
            // Its slot may be another's by now, but not its number.
            let Some(host) = state.hosts.get(slot) else { continue };
            let is_it = |idle: &Idle<B>| idle.wire.relay().place().id == id;
            let Some(at) = host.idle.iter().position(is_it) else { continue };
            let wire = &mut host.idle[at].wire;
            // Something may happen while it is looked after, but not for ever.
            if !(0..TRIES).any(|_| wire.is_usable() && wire.relay().rest()) {
                closed.extend(host.idle.remove(at).map(|idle| idle.wire));
                state.idle -= 1;
            }
        }
        drop(guard);
        if !closed.is_empty() {
            tracing::debug!(connections = closed.len(), "idle connections were closed by the server");
        }
    }

    /// Closes the idle connections that have expired, and says when the next one will. If there is none, the sweeper is told
    /// when there is.
    fn close_expired(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let expired: Vec<_> = state.hosts.iter_mut().flat_map(|host| host.take_expired(&self.settings, now)).collect();
        let rest = state.hosts.iter_mut().flat_map(|host| host.idle.iter());
        let earliest = rest.filter_map(|idle| self.settings.expiry(idle)).min();
        state.idle -= expired.len();
        state.sweeper = if state.idle > 0 { Watching::Expiries } else { Watching::Touches };
        drop(state);
        if !expired.is_empty() {
            tracing::debug!(connections = expired.len(), "idle connections have expired");
        }
        earliest
    }

    /// Whether something has become idle since nothing was.
    fn has_told(&self) -> bool {
        self.lock().sweeper == Watching::Expiries
    }

    fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lost_sweeper(&self) {
        self.lock().sweeper = Watching::Nothing;
    }

    /// The right to a connection is free again.
    fn release(self: &Arc<Self>, slot: usize) {
        loop {
            let mut state = self.lock();
            let Some(waiting) = state.hosts.at(slot).next_waiting() else {
                return state.hosts.close(slot);
            };
            drop(state);
            match waiting.send(Grant::Dial(Lease::new(self, slot))) {
                // It no longer waits: the next one, please.
                Err(Grant::Dial(lease)) => lease.forget(),
                Ok(()) | Err(Grant::Wire(_)) => return,
            }
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Something happened on an idle connection.
    pub(super) fn touched(&self, place: Place) {
        self.lock().push(place);
        self.sweeper.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So often a connection may have something happen on it while it comes home, before that is not believed any more. A runtime
/// that ends takes no sweeper however often it is asked.
const TRIES: usize = 3;

impl<B> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Pool").field("hosts", &state.hosts.len()).field("idle", &state.idle).finish()
    }
}
