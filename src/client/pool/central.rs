//! Who has a connection, who gets one, and who waits.

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

/// The connections of a client, and those who want one.
pub(in crate::client) struct Pool<W: Owned> {
    pub(super) settings: Settings,
    /// Guards what it holds. Nothing foreign runs while it is locked.
    state: Lock<State<W>>,
    pub(super) closes: Closes,
    ids: AtomicU64,
}

pub(super) struct State<W: Owned> {
    pub(super) hosts: Hosts<W>,
    pub(super) kinds: Kinds,
    pub(super) idle: Shelf<Idle<W>>,
    /// Of each runtime that has a sweeper.
    pub(super) watches: Vec<Arc<Watch>>,
    pub(super) finishing: Finishing,
    /// The sweepers know that something is idle, or have been woken to see.
    pub(super) has_told: bool,
    /// When the first idle connection has to be closed that its peer does not keep as long as the pool would. The sweepers are woken to see.
    pub(super) first_gone: Option<Instant>,
    pub(super) is_closed: bool,
    /// The connections with smaller ids are of another network: none of them is kept.
    pub(super) oldest: u64,
}

/// What a request gets.
pub(in crate::client) enum Acquired<W: Owned> {
    /// An idle connection.
    Owned { connection: Box<W>, idle_for: Duration, now: Instant },
    /// A share of a connection.
    Shared(Share<W::Shared>),
    /// There is no idle connection, and one may be made.
    Dial(Lease),
    /// One may be made for all that wait, and this request is the first of them.
    DialForAll(ForAll, Ticket<W>),
    /// There are as many connections as there may be.
    Wait(Ticket<W>),
    /// The host has asked for connections that have one exchange at a time.
    Elsewhere,
}

/// What became of a connection that came back.
enum Kept<W: Owned> {
    Idle {
        /// It is the first, and the sweepers have to be woken.
        is_news: bool,
    },
    /// It may not be idle.
    Closed(Box<W>),
    HandOver(Granting<W>, Box<W>),
    /// It is closed for the right to make another.
    GiveWay(Granting<W>, Box<W>),
    /// Something happened on it meanwhile.
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

    /// Counts the connection that was made with `lease`, in `runtime`: which one it is, what it shares with its sweeper, and whether there is
    /// no sweeper yet.
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

    /// Whether no connection has a second exchange, unless it is shared.
    #[inline]
    pub(in crate::client) fn keeps_none(&self) -> bool {
        self.settings.max_idle_per_host == 0
    }

    /// A connection to `destination` for a request in `runtime`, or what to do for one.
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

    /// What to do for a connection where none is idle, or the one that was used last has expired.
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
        // One that was looked at while it was idle is before the others of the row, though it was used earlier.
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
        // What is closed makes room. A dial for all that wait has the room from whoever gives a lease back.
        let lease = closed.last_mut().filter(|_| host.kind == Kind::Owned).and_then(|closed| closed.take_lease());
        if let Some(mut lease) = lease {
            host.connected -= usize::from(mem::take(&mut lease.is_connected));
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
            // Its lease passes the right to make another on.
            left.extend(host.shares.leave_idle());
        }
        Acquired::Wait(Ticket::new(host.wait(runtime, false, &mut gone), slot, self.as_return()))
    }

    /// A place among those that wait for a connection to the host of `lease`, for a request in `runtime` that dials meanwhile.
    pub(in crate::client) fn queue(self: &Arc<Self>, lease: &Lease, runtime: RuntimeId) -> Ticket<W> {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        Ticket::new(state.hosts.at(lease.slot).wait(runtime, true, &mut gone), lease.slot, self.as_return())
    }

    /// The first place among those that wait, for a request that has [dialled for all](Grant::DialForAll) when it was its turn.
    pub(in crate::client) fn wait_again(self: &Arc<Self>, dial: &ForAll) -> Ticket<W> {
        let (slot, runtime) = (dial.dialing.slot, dial.dialing.runtime);
        Ticket::new(self.lock().hosts.at(slot).wait_first(runtime), slot, self.as_return())
    }

    /// Takes a connection back that may be used again, and hands it on.
    pub(in crate::client) fn check_in(self: &Arc<Self>, mut connection: Box<W>) {
        connection.on_return();
        let now = read_clock();
        if !self.settings.is_too_old(connection.place().id, connection.created(), now) {
            self.keep(connection, now);
        }
    }

    /// Hands on a connection that has been idle since `since`, or keeps it.
    #[inline(always)]
    pub(super) fn keep(self: &Arc<Self>, mut connection: Box<W>, since: Instant) {
        if self.keeps_none() {
            // Whoever waits gets the right to make another.
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
                        // It no longer waits: the next one, please.
                        Err(Grant::Owned(connection)) => connection,
                        Ok(()) | Err(_) => return self.on_given_up(slot),
                    }
                }
                Kept::GiveWay(waiting, mut connection) => {
                    let lease = connection.take_lease();
                    drop(connection);
                    if let Some(lease) = lease {
                        // If nobody waits any more, dropping the lease tells the next.
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
            // Whoever waits gets the right to make another.
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

    /// Closes every idle connection, and changes something under the same lock.
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

    /// Closes every idle connection, and each other one that there is now when it comes back, or has no exchange any more.
    pub(in crate::client) fn retire(&self) {
        self.close_idle_and(|state| state.oldest = self.ids.load(Relaxed));
    }

    /// Closes every idle connection, and each other one when it comes back, or has no exchange any more.
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

    /// A connection was closed by the server without notice, after having been idle for so long.
    pub(in crate::client) fn on_closed(&self, destination: &Destination, created: Instant, idle_for: Duration) {
        self.closes.add(destination, created, idle_for, read_clock());
    }

    /// Whether a request that cannot be sent again is to have a fresh connection instead of one that has been idle for so long.
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
