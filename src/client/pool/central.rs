//! The pool itself: who has a connection, who gets one, and who waits for one.

use std::fmt;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::closes::Closes;
use super::connection::{Owned, Shared};
use super::dialing::{ForAll, WaitedFor};
use super::finishing::Finishing;
use super::grants::{Grant, Return, Share, Ticket};
use super::hosts::{Gone, Granting, Hosts, Idle};
use super::kinds::{Kind, Kinds};
use super::lease::{Home, Lease};
use super::place::Place;
use super::runtimes::{RuntimeId, Watch};
use super::settings::Settings;
use super::shelf::Shelf;
use crate::client::destination::Destination;
use crate::client::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::lock::{Guard, Lock};
use crate::timer::read_clock;

/// The connections of a client, and the requests that wait for one.
pub(in crate::client) struct Pool<W: Owned> {
    pub(super) settings: Settings,
    /// No foreign code runs while it is locked.
    state: Lock<State<W>>,
    pub(super) closes: Closes,
    ids: AtomicU64,
}

pub(super) struct State<W: Owned> {
    pub(super) hosts: Hosts<W>,
    pub(super) kinds: Kinds,
    pub(super) idle: Shelf<Idle<W>>,
    /// The watch of each runtime that has a sweeper.
    pub(super) watches: Vec<Arc<Watch>>,
    pub(super) finishing: Finishing,
    /// The sweepers know that there are idle connections, or have been woken for that.
    pub(super) has_told: bool,
    /// When the first idle connection expires by its `Keep-Alive` time. The sweepers are woken when it becomes earlier.
    pub(super) first_gone: Option<Instant>,
    pub(super) is_closed: bool,
    /// Connections with smaller numbers were made before the last change of the network. They are closed when they come back.
    pub(super) oldest: u64,
}

/// What a request gets from [`Pool::acquire`].
pub(in crate::client) enum Acquired<W: Owned> {
    /// An idle connection.
    Owned { connection: Box<W>, idle_for: Duration, now: Instant },
    /// A share of a connection.
    Shared(Share<W::Shared>),
    /// There is no idle connection: the request dials.
    Dial(Lease),
    /// There is none, and the request dials for all waiting requests. It waits as the first of them.
    DialForAll(ForAll, Ticket<W>),
    /// There are as many connections as there may be, or another request dials for all.
    Wait(Ticket<W>),
    /// The server has asked for HTTP/1.1: the request needs another destination.
    Elsewhere,
}

/// What is done with a connection that came back.
enum Kept<W: Owned> {
    Idle {
        /// The sweepers have to be woken: it is the first idle connection, or expires before the others.
        is_news: bool,
    },
    /// It must not become idle: it is closed.
    Closed(Box<W>),
    /// It goes to a waiting request.
    HandOver(Granting<W>, Box<W>),
    /// It is closed, so that a waiting request of another runtime can dial.
    GiveWay(Granting<W>, Box<W>),
    /// There is an event on its socket that was not handled yet.
    Touched(Box<W>),
}

impl<W: Owned> Pool<W> {
    pub(in crate::client) fn new(settings: Settings) -> Self {
        let state = State {
            hosts: Hosts::new(),
            kinds: Kinds::new(),
            idle: Shelf::new(),
            watches: Vec::new(),
            finishing: Finishing::new(),
            has_told: false,
            first_gone: None,
            is_closed: false,
            oldest: 0,
        };
        Self { settings, state: Lock::new(state), closes: Closes::new(), ids: AtomicU64::new(0) }
    }

    /// Counts a connection that was made with `lease`, in `runtime`. Returns its place, the watch of its runtime, and whether a sweeper has to be
    /// started there.
    pub(super) fn add(&self, lease: &mut Lease, runtime: RuntimeId) -> (Place, Arc<Watch>, bool) {
        let place = Place { slot: lease.slot, id: self.ids.fetch_add(1, Relaxed) };
        lease.is_connected = true;
        let mut state = self.lock();
        state.hosts.at(lease.slot).connected += 1;
        let Some(runtime) = runtime else {
            return (place, Watch::nobody(), false);
        };
        if let Some(watch) = state.watches.iter().find(|watch| watch.runtime() == Some(runtime)) {
            return (place, Arc::clone(watch), false);
        }
        let watch = Watch::of(runtime);
        state.watches.push(Arc::clone(&watch));
        (place, watch, true)
    }

    /// Whether owned connections are closed after one exchange.
    #[inline]
    pub(in crate::client) fn keeps_none(&self) -> bool {
        self.settings.max_idle_per_host == 0
    }

    /// Returns a connection to `destination` for a request in `runtime`, or how to get one.
    pub(in crate::client) fn acquire(self: &Arc<Self>, destination: &Destination, runtime: RuntimeId) -> Acquired<W> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let slot = match state.hosts.find(destination) {
            Some(slot) => slot,
            None => state.hosts.add(destination, state.kinds.of(destination)),
        };
        let host = state.hosts.at(slot);
        if host.kind == Kind::Elsewhere {
            return self.go_elsewhere(guard, slot);
        }
        if !host.shares.is_empty() {
            if let Some(connection) = host.shares.take(runtime, &self.settings, read_clock) {
                return Acquired::Shared(Share::new(self.home(), connection));
            }
        }
        let now = read_clock();
        match host.take_newest(&mut state.idle, runtime) {
            Some(Idle { connection, since }) => {
                let idle_for = now.saturating_duration_since(since);
                if self.settings.has_gone(&*connection, idle_for, now) {
                    return self.acquire_without_newest(guard, slot, runtime, Some(connection), now);
                }
                Acquired::Owned { connection, idle_for, now }
            }
            None => self.acquire_without_newest(guard, slot, runtime, None, now),
        }
    }

    /// Continues [`acquire`](Self::acquire) where no connection is idle, or the one that was used last has expired.
    #[cold]
    fn acquire_without_newest(
        self: &Arc<Self>,
        guard: Guard<'_, State<W>>,
        slot: usize,
        runtime: RuntimeId,
        expired: Option<Box<W>>,
        now: Instant,
    ) -> Acquired<W> {
        // Dropped after the lock.
        let (mut closed, mut gone): (Vec<_>, _) = (expired.into_iter().collect(), Gone::new());
        let mut left = Vec::new();
        let mut guard = guard;
        let state = &mut *guard;
        let host = state.hosts.at(slot);
        // An idle connection that a sweeper has checked is put back as the newest of its row, though others were used later.
        while let Some(Idle { connection, since }) = host.take_newest(&mut state.idle, runtime) {
            let idle_for = now.saturating_duration_since(since);
            if !self.settings.has_gone(&*connection, idle_for, now) {
                return Acquired::Owned { connection, idle_for, now };
            }
            closed.push(connection);
        }
        if closed.is_empty() && host.open >= self.settings.max_connections_per_host {
            closed.extend(host.take_oldest(&mut state.idle).map(|idle| idle.connection));
        }
        // The lease of a connection that is closed is used for the dial. A dial for all takes a lease of its own instead, when this one is given
        // back.
        let lease = closed.last_mut().filter(|_| host.kind == Kind::Owned).and_then(|closed| closed.take_lease());
        if let Some(mut lease) = lease {
            host.connected -= usize::from(lease.begin_anew());
            return Acquired::Dial(lease);
        }
        host.shares.leave_if(|connection, idle| self.settings.is_done(connection, idle, || now), &mut left);
        if host.open < self.settings.max_connections_per_host && host.may_dial(runtime, &self.settings) {
            if host.kind == Kind::Owned {
                return Acquired::Dial(self.begin_dial(host, slot));
            }
            let dial = self.begin_dial_for_all(host, slot, runtime);
            let ticket = Ticket::new(host.wait(runtime, false, &mut gone), slot, self.as_return());
            return Acquired::DialForAll(dial, ticket);
        }
        if host.open >= self.settings.max_connections_per_host && !host.shares.has_open(runtime) {
            // When its lease is given back, a waiting request gets the right to dial.
            left.extend(host.shares.leave_idle());
        }
        Acquired::Wait(Ticket::new(host.wait(runtime, false, &mut gone), slot, self.as_return()))
    }

    /// Puts a request in `runtime`, which dials with `lease`, into the queue of its host.
    pub(in crate::client) fn queue(self: &Arc<Self>, lease: &Lease, runtime: RuntimeId) -> Ticket<W> {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        Ticket::new(state.hosts.at(lease.slot).wait(runtime, true, &mut gone), lease.slot, self.as_return())
    }

    /// Puts a request at the head of the queue, which has [dialled for all](Grant::DialForAll) when it was its turn.
    pub(in crate::client) fn wait_again(self: &Arc<Self>, dial: &ForAll) -> Ticket<W> {
        let (slot, runtime) = (dial.dialing.slot, dial.dialing.runtime);
        Ticket::new(self.lock().hosts.at(slot).wait_first(runtime), slot, self.as_return())
    }

    /// Takes back a connection that may be used again, and keeps it or hands it on.
    pub(in crate::client) fn check_in(self: &Arc<Self>, mut connection: Box<W>) {
        connection.on_return();
        let now = read_clock();
        if !self.settings.is_too_old(connection.place().id, connection.created(), now) {
            self.keep(connection, now);
        }
    }

    /// Gives a connection to a waiting request, or keeps it as idle since `since`, or closes it.
    #[inline(always)]
    pub(super) fn keep(self: &Arc<Self>, mut connection: Box<W>, since: Instant) {
        if self.keeps_none() {
            // The connection is closed. With its lease a waiting request gets the right to dial.
            return;
        }
        let mut tries = 0;
        loop {
            connection = match self.try_keep(connection, since) {
                Kept::Idle { is_news: false } => return,
                Kept::Idle { is_news: true } => return self.wake_sweepers(),
                Kept::Closed(connection) => return drop(connection),
                Kept::HandOver(waiting, connection) => {
                    let slot = connection.place().slot;
                    match waiting.send(Grant::Owned(connection)) {
                        // That request is gone: try the next one.
                        Err(Grant::Owned(connection)) => connection,
                        Ok(()) | Err(_) => return self.on_given_up(slot),
                    }
                }
                Kept::GiveWay(waiting, mut connection) => {
                    let lease = connection.take_lease();
                    drop(connection);
                    if let Some(lease) = lease {
                        // If that request is gone, dropping the lease serves the next one.
                        drop(waiting.send(Grant::Dial(lease.redial())));
                    }
                    return;
                }
                Kept::Touched(mut connection) => {
                    tries += 1;
                    if tries == TRIES || !connection.is_usable() {
                        return;
                    }
                    connection
                }
            };
        }
    }

    fn try_keep(&self, connection: Box<W>, since: Instant) -> Kept<W> {
        // Dropped after the lock.
        let (mut gone, mut evicted) = (Gone::new(), Vec::new());
        let mut guard = self.lock();
        let state = &mut *guard;
        let (slot, watch) = (connection.place().slot, connection.watch());
        let host = state.hosts.at(slot);
        if connection.place().id < state.oldest {
            // With its lease a waiting request gets the right to dial.
            return Kept::Closed(connection);
        }
        if let Some((waiting, is_own)) = host.next_for(watch.runtime(), &mut gone) {
            return if is_own { Kept::HandOver(waiting, connection) } else { Kept::GiveWay(waiting, connection) };
        }
        if state.is_closed || watch.has_ended() {
            return Kept::Closed(connection);
        }
        let runtime = watch.runtime();
        if host.idle >= self.settings.max_idle_per_host {
            evicted.extend(host.take_oldest(&mut state.idle));
        }
        if !connection.rest(state.idle.next_key()) {
            return Kept::Touched(connection);
        }
        let gone = connection.kept_for().and_then(|kept_for| since.checked_add(kept_for));
        host.put(&mut state.idle, runtime, Idle { connection, since });
        let is_first = gone.is_some_and(|gone| state.first_gone.is_none_or(|first| gone < first));
        if is_first {
            state.first_gone = gone;
        }
        Kept::Idle { is_news: !mem::replace(&mut state.has_told, true) || is_first }
    }

    /// Closes every idle connection.
    pub(in crate::client) fn close_idle(&self) {
        self.close_idle_and(|_| ());
    }

    /// Calls `change`, and closes every idle connection, under one lock.
    fn close_idle_and(&self, change: impl FnOnce(&mut State<W>)) {
        let mut state = self.lock();
        change(&mut state);
        let idle = mem::replace(&mut state.idle, Shelf::new());
        state.hosts.forget_idle();
        let (is_closed, oldest, mut left) = (state.is_closed, state.oldest, Vec::new());
        for host in state.hosts.with_shares() {
            let leaves = |connection: &W::Shared, idle: Option<Instant>| {
                is_closed || idle.is_some() || connection.place().id < oldest
            };
            host.shares.leave_if(leaves, &mut left);
        }
        drop(state);
        drop((idle, left));
    }

    /// Closes every idle connection. Those in use are closed when they come back, or have no exchange any more. Later connections are kept.
    pub(in crate::client) fn retire(&self) {
        self.close_idle_and(|state| state.oldest = self.ids.load(Relaxed));
    }

    /// Closes every idle connection. All others are closed when they come back, or have no exchange any more.
    pub(in crate::client) fn close(&self) {
        self.close_idle_and(|state| state.is_closed = true);
        self.wake_sweepers();
    }

    pub(super) fn home(self: &Arc<Self>) -> Weak<dyn Home> {
        Arc::<Self>::downgrade(self)
    }

    pub(super) fn waited_for(self: &Arc<Self>) -> Weak<dyn WaitedFor> {
        Arc::<Self>::downgrade(self)
    }

    fn as_return(self: &Arc<Self>) -> Weak<dyn Return<W>> {
        Arc::<Self>::downgrade(self)
    }

    /// The server has closed a connection without notice, which had been idle for `idle_for`.
    pub(in crate::client) fn on_closed(&self, destination: &Destination, created: Instant, idle_for: Duration) {
        self.closes.add(destination, created, idle_for, read_clock());
    }

    /// Whether a request that cannot be sent again needs a fresh connection instead of one that has been idle for `idle_for`.
    pub(in crate::client) fn prefers_fresh(&self, destination: &Destination, idle_for: Duration) -> bool {
        !self.closes.is_empty() && self.closes.prefers_fresh(destination, idle_for, read_clock())
    }

    pub(super) fn wake_sweepers(&self) {
        let watches = self.lock().watches.clone();
        watches.iter().for_each(|watch| watch.sweeper().wake());
    }

    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, State<W>> {
        self.state.lock()
    }
}

/// Check-in retries while socket events keep arriving; after so many times the connection is closed.
const TRIES: usize = 3;

impl<W: Owned> Return<W> for Pool<W> {
    fn give_back(self: Arc<Self>, mut connection: Box<W>) {
        if connection.is_usable() {
            self.check_in(connection);
        }
    }

    fn on_given_up(&self, slot: usize) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        let Some(host) = state.hosts.get(slot).filter(|host| host.dials.len() > 0) else { return };
        host.trim(&mut gone);
        let unwanted = host.unwanted_dials();
        drop(state);
        unwanted.iter().for_each(|signal| signal.set());
    }
}

impl<W: Owned> fmt::Debug for Pool<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (hosts, idle) = (state.hosts.len(), state.idle.len());
        drop(state);
        f.debug_struct("Pool").field("hosts", &hosts).field("idle", &idle).finish()
    }
}
