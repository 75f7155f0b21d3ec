//! The connections that nobody uses, and the requests that wait for one.
//!
//! 1. A request takes the connection that was used last, of its scheme and authority and of the [runtime](runtimes) that it is in; if
//!    there is none, it makes its own.
//! 2. Where the number of connections is limited, requests beyond it wait their turn: a connection that becomes free, or the
//!    right to make one, goes to the one that has waited longest. An idle connection of another runtime is closed to make room.
//! 3. A connection that comes back is handed on at once, or becomes idle. The [sweepers](sweeper) close what the server
//!    touches, and what has been idle for too long.
//! 4. Hosts that close idle connections without notice are [remembered](closes).
//!
//! # Locks
//!
//! `Pool::state` guards the lists of hosts, of idle connections and of those who wait; `Watch::touched` and `Closes::known` guard a list
//! each. No two are held together. No connection is polled or dropped, and nobody is woken, while one of them is held: a connection's
//! I/O is foreign code, and may call this client.

mod closes;
mod finishing;
mod hosts;
mod lease;
mod runtimes;
mod settings;
mod shelf;
mod sweep;
mod sweeper;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use self::closes::Closes;
pub(super) use self::finishing::Finish;
use self::finishing::Finishing;
use self::hosts::{Gone, Granting, Hosts, Idle};
pub(super) use self::lease::{Grant, Lease, Ticket};
pub(super) use self::runtimes::{RuntimeId, Watch, current_runtime};
pub(super) use self::settings::Settings;
use self::shelf::Shelf;
use self::sweeper::Sweeper;
use super::destination::Destination;
use super::sync::atomic::{AtomicU64, Ordering::Relaxed};
use super::sync::spawn_in;
use super::wire::Wire;
use crate::lock::{Guard, Lock};
use crate::timer::read_clock;

pub(super) struct Pool {
    settings: Settings,
    /// Guards what it holds. Nothing foreign runs while it is locked.
    state: Lock<State>,
    closes: Closes,
    ids: AtomicU64,
    /// A fn pointer, so that only `new` needs `B: Send + 'static`.
    start_sweeper: fn(&Handle, Sweeper),
}

struct State {
    hosts: Hosts,
    idle: Shelf<Idle>,
    /// Of each runtime that has a sweeper.
    watches: Vec<Arc<Watch>>,
    finishing: Finishing,
    /// The sweepers know that something is idle, or have been woken to see.
    has_told: bool,
    is_closed: bool,
}

/// Which connection it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its host's.
    pub(super) slot: usize,
    pub(super) id: u64,
}

/// What a request gets.
pub(super) enum Acquired {
    Idle {
        wire: Box<Wire>,
        idle_for: Duration,
    },
    /// There is no idle connection, and one may be made.
    Dial(Lease),
    /// There are as many connections as there may be.
    Wait(Ticket),
}

/// What became of a connection that came back.
enum Kept {
    Idle {
        /// It is the first, and the sweepers have to be woken.
        is_news: bool,
    },
    /// It may not be idle.
    Closed(Box<Wire>),
    HandOver(Granting, Box<Wire>),
    /// It is closed for the right to make another.
    GiveWay(Granting, Box<Wire>),
    /// Something happened on it meanwhile.
    Touched(Box<Wire>),
}

impl Pool {
    pub(super) fn new(settings: Settings) -> Self {
        let state = State {
            hosts: Hosts::new(),
            idle: Shelf::new(),
            watches: Vec::new(),
            finishing: Finishing::new(),
            has_told: false,
            is_closed: false,
        };
        Self {
            settings,
            state: Lock::new(state),
            closes: Closes::new(),
            ids: AtomicU64::new(0),
            // A task of its own, so that no caller has to drive what nobody uses.
            start_sweeper: |runtime, sweeper| spawn_in(runtime, sweeper),
        }
    }
}

impl Pool {
    /// What a new connection has in common with its sweeper, that of the runtime that this is called in.
    pub(super) fn watch(self: &Arc<Self>) -> Arc<Watch> {
        let Ok(runtime) = Handle::try_current() else {
            return Watch::nobody();
        };
        let id = runtime.id();
        let mut state = self.lock();
        if let Some(watch) = state.watches.iter().find(|watch| watch.runtime() == Some(id)) {
            return Arc::clone(watch);
        }
        let watch = Watch::of(id);
        state.watches.push(Arc::clone(&watch));
        drop(state);
        // A runtime that ends drops it at once, and the connection will not be kept.
        (self.start_sweeper)(&runtime, Sweeper::new(self, &watch));
        watch
    }

    /// What a new connection is known by.
    pub(super) fn place(&self, lease: &Lease) -> Place {
        Place { slot: lease.slot, id: self.ids.fetch_add(1, Relaxed) }
    }

    /// A connection to `destination` for a request in `runtime`, or what to do for one.
    pub(super) fn acquire(self: &Arc<Self>, destination: &Destination, runtime: RuntimeId) -> Acquired {
        let now = read_clock();
        let mut guard = self.lock();
        let state = &mut *guard;
        let slot = match state.hosts.find(destination) {
            Some(slot) => slot,
            None => state.hosts.add(destination),
        };
        match state.hosts.at(slot).take_newest(&mut state.idle, runtime) {
            Some(Idle { wire, since }) => {
                let idle_for = now.saturating_duration_since(since);
                if self.settings.has_expired(idle_for, wire.created, now) {
                    return self.acquire_without_newest(guard, slot, runtime, Some(wire), now);
                }
                Acquired::Idle { wire, idle_for }
            }
            None => self.acquire_without_newest(guard, slot, runtime, None, now),
        }
    }

    /// What to do for a connection where none is idle, or the one that was used last has expired.
    #[cold]
    fn acquire_without_newest(
        self: &Arc<Self>,
        guard: Guard<'_, State>,
        slot: usize,
        runtime: RuntimeId,
        expired: Option<Box<Wire>>,
        now: Instant,
    ) -> Acquired {
        // Dropped after the lock.
        let (mut closed, mut gone): (Vec<_>, _) = (expired.into_iter().collect(), Gone::new());
        let mut guard = guard;
        let state = &mut *guard;
        let host = state.hosts.at(slot);
        // One that was looked at while it was idle is before the others of the row, though it was used earlier.
        while let Some(Idle { wire, since }) = host.take_newest(&mut state.idle, runtime) {
            let idle_for = now.saturating_duration_since(since);
            if !self.settings.has_expired(idle_for, wire.created, now) {
                return Acquired::Idle { wire, idle_for };
            }
            closed.push(wire);
        }
        if closed.is_empty() && host.open >= self.settings.max_connections_per_host {
            closed.extend(host.take_oldest(&mut state.idle).map(|idle| idle.wire));
        }
        // What is closed makes room.
        if let Some(lease) = closed.last_mut().and_then(|wire| wire.lease.take()) {
            return Acquired::Dial(lease);
        }
        if host.open < self.settings.max_connections_per_host {
            host.open += 1;
            return Acquired::Dial(Lease::new(self, slot));
        }
        Acquired::Wait(Ticket::new(host.wait(runtime, false, &mut gone), self))
    }

    /// A place among those that wait for a connection to the host of `lease`, for a request in `runtime` that dials meanwhile.
    pub(super) fn queue(self: &Arc<Self>, lease: &Lease, runtime: RuntimeId) -> Ticket {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        Ticket::new(state.hosts.at(lease.slot).wait(runtime, true, &mut gone), self)
    }

    /// Takes a connection back that may be used again, and hands it on.
    pub(super) fn check_in(self: &Arc<Self>, mut wire: Box<Wire>) {
        // By now it has had a request, or waited for one.
        wire.reused = true;
        wire.upload = None;
        let now = read_clock();
        if !self.settings.is_too_old(wire.created, now) {
            self.keep(wire, now);
        }
    }

    /// Hands on a connection that has been idle since `since`, or keeps it.
    #[inline(always)]
    fn keep(self: &Arc<Self>, mut wire: Box<Wire>, since: Instant) {
        if self.settings.max_idle_per_host == 0 {
            // Whoever waits gets the right to make another.
            return;
        }
        let mut tries = 0;
        loop {
            wire = match self.try_keep(wire, since) {
                Kept::Idle { is_news: false } => return,
                Kept::Idle { is_news: true } => return self.wake_sweepers(),
                Kept::Closed(wire) => return drop(wire),
                Kept::HandOver(waiting, wire) => match waiting.send(Grant::Wire(wire)) {
                    // It no longer waits: the next one, please.
                    Err(Grant::Wire(wire)) => wire,
                    Ok(()) | Err(Grant::Dial(_)) => return,
                },
                Kept::GiveWay(waiting, mut wire) => {
                    let lease = wire.lease.take();
                    drop(wire);
                    if let Some(lease) = lease {
                        // If nobody waits any more, dropping the lease tells the next.
                        drop(waiting.send(Grant::Dial(lease)));
                    }
                    return;
                }
                Kept::Touched(mut wire) => {
                    tries += 1;
                    if tries == TRIES || !wire.is_usable() {
                        return;
                    }
                    wire
                }
            };
        }
    }

    fn try_keep(&self, wire: Box<Wire>, since: Instant) -> Kept {
        // Dropped after the lock.
        let (mut gone, mut evicted) = (Gone::new(), Vec::new());
        let mut guard = self.lock();
        let state = &mut *guard;
        let (slot, watch) = (wire.relay().place().slot, wire.relay().watch());
        let host = state.hosts.at(slot);
        if let Some((waiting, is_own)) = host.next_for(watch.runtime(), &mut gone) {
            return if is_own { Kept::HandOver(waiting, wire) } else { Kept::GiveWay(waiting, wire) };
        }
        if state.is_closed || watch.has_ended() {
            return Kept::Closed(wire);
        }
        let runtime = watch.runtime();
        if host.idle >= self.settings.max_idle_per_host {
            evicted.extend(host.take_oldest(&mut state.idle));
        }
        if !wire.relay().rest(state.idle.next_key()) {
            return Kept::Touched(wire);
        }
        host.put(&mut state.idle, runtime, Idle { wire, since });
        Kept::Idle { is_news: !mem::replace(&mut state.has_told, true) }
    }

    /// Closes every idle connection.
    pub(super) fn close_idle(&self) {
        let mut state = self.lock();
        let idle = mem::replace(&mut state.idle, Shelf::new());
        state.hosts.forget_idle();
        drop(state);
        drop(idle);
    }

    /// Closes every idle connection, and each other one when it comes back.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.close_idle();
        self.wake_sweepers();
    }

    /// A connection was closed by the server without notice, after having been idle for so long.
    pub(super) fn on_closed(&self, destination: &Destination, created: Instant, idle_for: Duration) {
        self.closes.add(destination, created, idle_for, read_clock());
    }

    /// Whether a request that cannot be sent again is to have a fresh connection instead of one that has been idle for so long.
    pub(super) fn prefers_fresh(&self, destination: &Destination, idle_for: Duration) -> bool {
        !self.closes.is_empty() && self.closes.prefers_fresh(destination, idle_for, read_clock())
    }

    /// The right to a connection is free again.
    fn release(self: &Arc<Self>, slot: usize) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        loop {
            let mut state = self.lock();
            let Some(waiting) = state.hosts.at(slot).next_dial(&mut gone) else {
                return state.hosts.close(slot, &mut gone);
            };
            drop(state);
            match waiting.send(Grant::Dial(Lease::new(self, slot))) {
                // It no longer waits: the next one, please.
                Err(Grant::Dial(lease)) => lease.forget(),
                Ok(()) | Err(Grant::Wire(_)) => return,
            }
        }
    }

    fn wake_sweepers(&self) {
        let watches = self.lock().watches.clone();
        watches.iter().for_each(|watch| watch.sweeper().wake());
    }

    #[inline]
    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }
}

/// Check-in retries while socket events keep arriving; after so many times the connection is closed.
const TRIES: usize = 3;

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (hosts, idle) = (state.hosts.len(), state.idle.len());
        drop(state);
        f.debug_struct("Pool").field("hosts", &hosts).field("idle", &idle).finish()
    }
}
