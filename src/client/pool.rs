//! The connections that nobody uses, and the requests that wait for one.
//!
//! 1. A request takes the connection that was used last, of its scheme and authority; if there is none, it makes its own.
//! 2. Where the number of connections is limited, requests beyond it wait their turn: a connection that becomes free, or the
//!    right to make one, goes to the one that has waited longest.
//! 3. A connection that comes back is handed on at once, or becomes idle. The [sweeper](super::sweeper) closes what the server
//!    touches, and what has been idle for too long.
//!
//! Connections are dropped, and wakers called, only when the pool is not locked.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::mem;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use foldhash::fast::RandomState;
use tokio::runtime;
use tokio::sync::oneshot;

use super::destination::Destination;
use super::sweeper::Sweeper;
use super::wire::Wire;
use crate::timer::read_clock;

/// Where an idle connection is found.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) destination: Destination,
    pub(super) id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_age: Option<Duration>,
    pub(super) max_idle_per_host: usize,
    pub(super) max_connections_per_host: Option<NonZeroUsize>,
}

pub(super) struct Pool<B> {
    settings: Settings,
    hosts: Mutex<Hosts<B>>,
    watch: Arc<Watch>,
    ids: AtomicU64,
    /// Known where the type of bodies is known to be fit for a task; what is dropped is not asked.
    start_sweeper: fn(&runtime::Handle, Sweeper<B>),
}

/// Where relays say which idle connection was touched.
#[derive(Default)]
pub(super) struct Watch {
    places: Mutex<Vec<Place>>,
    pub(super) sweeper: AtomicWaker,
}

struct Hosts<B> {
    known: Known<B>,
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

struct Known<B> {
    hosts: HashMap<Destination, Host<B>, RandomState>,
    /// So many hosts make it worth looking for some that are no longer needed.
    crowded_at: usize,
}

struct Host<B> {
    /// The last is the one used last.
    idle: VecDeque<Idle<B>>,
    /// Connections and dials, where their number is limited.
    open: usize,
    waiting: VecDeque<oneshot::Sender<Grant<B>>>,
}

struct Idle<B> {
    wire: Box<Wire<B>>,
    since: Instant,
}

/// What a request gets.
pub(super) enum Acquired<B> {
    Idle {
        wire: Box<Wire<B>>,
        idle_for: Duration,
    },
    /// There is no idle connection, and one may be made.
    Dial(Option<Lease<B>>),
    /// There are as many connections as there may be.
    Wait(Ticket<B>),
}

/// What a request that had to wait gets.
pub(super) enum Grant<B> {
    Wire(Box<Wire<B>>),
    Dial(Lease<B>),
}

/// The host of `destination` among the known. A macro, since the borrow checker does not follow the loan through a function (yet).
macro_rules! host {
    ($known:expr, $destination:expr) => {
        match $known.hosts.get_mut($destination) {
            Some(host) => host,
            None => $known.add($destination),
        }
    };
}
impl<B: Send + 'static> Pool<B> {
    pub(super) fn new(settings: Settings) -> Self {
        let known = Known { hosts: HashMap::default(), crowded_at: CROWD };
        let hosts = Hosts { known, idle: 0, sweeper: Watching::Nothing, is_closed: false };
        Self {
            settings,
            hosts: Mutex::new(hosts),
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
    pub(super) fn place(&self, destination: &Destination) -> Place {
        Place { destination: destination.without_path(), id: self.ids.fetch_add(1, Relaxed) }
    }

    /// A connection to `destination`, or what to do for one.
    pub(super) fn acquire(self: &Arc<Self>, destination: &Destination) -> Acquired<B> {
        let now = read_clock();
        // Dropped after the lock.
        let mut discarded = Vec::new();
        let mut guard = self.lock();
        let hosts = &mut *guard;
        let host = host!(hosts.known, destination);
        while let Some(Idle { wire, since }) = host.idle.pop_back() {
            hosts.idle -= 1;
            let idle_for = now.saturating_duration_since(since);
            if self.settings.idle_timeout.is_none_or(|timeout| idle_for < timeout)
                && !self.settings.is_too_old(wire.created, now)
            {
                return Acquired::Idle { wire, idle_for };
            }
            discarded.push(wire);
        }
        let Some(max) = self.settings.max_connections_per_host else {
            return Acquired::Dial(None);
        };
        if host.open < max.get() {
            host.open += 1;
            return Acquired::Dial(Some(Lease::new(self, destination)));
        }
        // What has expired makes room.
        match discarded.last_mut().and_then(|wire| wire.lease.take()) {
            Some(lease) => Acquired::Dial(Some(lease)),
            None => Acquired::Wait(host.ticket(self)),
        }
    }

    /// A place among those that wait for a connection to `destination`.
    pub(super) fn queue(self: &Arc<Self>, destination: &Destination) -> Ticket<B> {
        let mut hosts = self.lock();
        host!(hosts.known, destination).ticket(self)
    }

    /// Takes a connection back that may be used again, and hands it on.
    pub(super) fn check_in(self: &Arc<Self>, mut wire: Box<Wire<B>>) {
        // By now it has had a request.
        wire.reused = true;
        wire.upload = None;
        let now = read_clock();
        if self.settings.is_too_old(wire.created, now) {
            return;
        }
        loop {
            match self.try_check_in(wire, now) {
                CheckIn::Done => return,
                CheckIn::HandOver(waiting, kept) => match waiting.send(Grant::Wire(kept)) {
                    // It no longer waits: the next one, please.
                    Err(Grant::Wire(back)) => wire = back,
                    Ok(()) | Err(Grant::Dial(_)) => return,
                },
                CheckIn::Touched(mut touched) => {
                    if !touched.is_usable() {
                        return;
                    }
                    wire = touched;
                }
            }
        }
    }

    fn try_check_in(self: &Arc<Self>, wire: Box<Wire<B>>, now: Instant) -> CheckIn<B> {
        let mut guard = self.lock();
        let hosts = &mut *guard;
        let host = host!(hosts.known, &wire.relay().place().destination);
        if let Some(waiting) = host.next_waiting() {
            return CheckIn::HandOver(waiting, wire);
        }
        if hosts.is_closed || self.settings.max_idle_per_host == 0 || !self.is_watched(&mut hosts.sweeper) {
            drop(guard);
            drop(wire);
            return CheckIn::Done;
        }
        if !wire.relay().rest() {
            return CheckIn::Touched(wire);
        }
        let evicted = if host.idle.len() < self.settings.max_idle_per_host { None } else { host.idle.pop_front() };
        host.idle.push_back(Idle { wire, since: now });
        hosts.idle += usize::from(evicted.is_none());
        drop(guard);
        drop(evicted);
        CheckIn::Done
    }

    /// Makes sure that the sweeper looks after what is about to become idle. Outside a runtime there can be none, and nobody would notice
    /// that the server closes.
    fn is_watched(self: &Arc<Self>, sweeper: &mut Watching) -> bool {
        match *sweeper {
            Watching::Expiries => {}
            Watching::Touches => self.watch.sweeper.wake(),
            Watching::Nothing => match runtime::Handle::try_current() {
                Ok(runtime) => (self.start_sweeper)(&runtime, Sweeper::new(self)),
                Err(_no_runtime) => return false,
            },
        }
        *sweeper = Watching::Expiries;
        true
    }

    /// Closes every idle connection.
    pub(super) fn close_idle(&self) {
        let mut hosts = self.lock();
        hosts.idle = 0;
        let idle: Vec<_> = hosts.known.hosts.values_mut().map(|host| mem::take(&mut host.idle)).collect();
        drop(hosts);
        drop(idle);
    }

    /// Closes every idle connection, and each other one when it comes back.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.close_idle();
        self.watch.sweeper.wake();
    }

    /// Closes the idle connections that the server has touched and that are not usable any more.
    pub(super) fn close_touched(&self) {
        // Dropped after the lock.
        let mut discarded = Vec::new();
        // What is touched from here on is told again.
        let touched = mem::take(&mut *self.watch.lock());
        let mut guard = self.lock();
        let hosts = &mut *guard;
        for place in touched {
            let Some(host) = hosts.known.hosts.get_mut(&place.destination) else { continue };
            let is_it = |idle: &Idle<B>| idle.wire.relay().place().id == place.id;
            let Some(at) = host.idle.iter().position(is_it) else { continue };
            let wire = &mut host.idle[at].wire;
            if !(wire.is_usable() && wire.relay().rest()) {
                discarded.extend(host.idle.remove(at).map(|idle| idle.wire));
                hosts.idle -= 1;
            }
        }
        drop(guard);
        if !discarded.is_empty() {
            tracing::debug!(connections = discarded.len(), "idle connections were closed by the server");
        }
    }

    /// Closes the idle connections that have expired, and says when the next one will. If there is none, the sweeper is told when there is.
    pub(super) fn close_expired(&self, now: Instant) -> Option<Instant> {
        // Dropped after the lock.
        let mut discarded = Vec::new();
        let mut earliest: Option<Instant> = None;
        let mut hosts = self.lock();
        for host in hosts.known.hosts.values_mut() {
            for Idle { wire, since } in mem::take(&mut host.idle) {
                if self.settings.has_expired(since, wire.created, now) {
                    discarded.push(wire);
                    continue;
                }
                earliest = earliest.into_iter().chain(self.settings.expiry(since, wire.created)).min();
                host.idle.push_back(Idle { wire, since });
            }
        }
        hosts.idle -= discarded.len();
        hosts.sweeper = if hosts.idle > 0 { Watching::Expiries } else { Watching::Touches };
        drop(hosts);
        if !discarded.is_empty() {
            tracing::debug!(connections = discarded.len(), "idle connections have expired");
        }
        earliest
    }

    /// The shortest time after which a connection that becomes idle now is of no more use.
    pub(super) fn shortest_life(&self) -> Option<Duration> {
        self.settings.idle_timeout.into_iter().chain(self.settings.max_age).min()
    }

    /// Whether something has become idle since nothing was.
    pub(super) fn has_told(&self) -> bool {
        self.lock().sweeper == Watching::Expiries
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) fn lost_sweeper(&self) {
        self.lock().sweeper = Watching::Nothing;
    }

    /// A connection, or the right to make one, is free again.
    fn release(self: &Arc<Self>, destination: &Destination) {
        loop {
            let mut hosts = self.lock();
            let host = host!(hosts.known, destination);
            let Some(waiting) = host.next_waiting() else {
                host.open -= 1;
                return;
            };
            drop(hosts);
            match waiting.send(Grant::Dial(Lease::new(self, destination))) {
                // It no longer waits: the next one, please.
                Err(Grant::Dial(lease)) => lease.forget(),
                Ok(()) | Err(Grant::Wire(_)) => return,
            }
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Hosts<B>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What became of a connection that came back.
enum CheckIn<B> {
    Done,
    HandOver(oneshot::Sender<Grant<B>>, Box<Wire<B>>),
    /// Something happened on it meanwhile.
    Touched(Box<Wire<B>>),
}

impl<B> Known<B> {
    /// Makes room for `destination`, which is not among the hosts.
    #[cold]
    fn add(&mut self, destination: &Destination) -> &mut Host<B> {
        if self.hosts.len() >= self.crowded_at {
            self.hosts.retain(|_, host| !host.is_empty());
            self.crowded_at = (2 * self.hosts.len()).max(CROWD);
        }
        self.hosts.entry(destination.without_path()).or_insert_with(Host::new)
    }
}

impl<B> Host<B> {
    fn new() -> Self {
        Self { idle: VecDeque::new(), open: 0, waiting: VecDeque::new() }
    }

    fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.open == 0 && self.waiting.is_empty()
    }

    fn ticket(&mut self, pool: &Arc<Pool<B>>) -> Ticket<B> {
        if self.waiting.len() == self.waiting.capacity() {
            self.waiting.retain(|waiting| !waiting.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(sender);
        Ticket { receiver, pool: Arc::downgrade(pool) }
    }

    #[inline]
    fn next_waiting(&mut self) -> Option<oneshot::Sender<Grant<B>>> {
        while let Some(waiting) = self.waiting.pop_front() {
            if !waiting.is_closed() {
                return Some(waiting);
            }
        }
        None
    }
}

impl Settings {
    #[inline]
    fn has_expired(&self, since: Instant, created: Instant, now: Instant) -> bool {
        self.expiry(since, created).is_some_and(|expiry| expiry <= now)
    }

    #[inline]
    fn is_too_old(&self, created: Instant, now: Instant) -> bool {
        self.max_age.is_some_and(|age| now.saturating_duration_since(created) >= age)
    }

    /// When an idle connection is of no more use. A time too long to be reckoned with never comes.
    #[inline]
    fn expiry(&self, since: Instant, created: Instant) -> Option<Instant> {
        let idle = self.idle_timeout.and_then(|timeout| since.checked_add(timeout));
        let age = self.max_age.and_then(|age| created.checked_add(age));
        idle.into_iter().chain(age).min()
    }
}

/// The right to one of a limited number of connections.
pub(super) struct Lease<B> {
    pool: Weak<Pool<B>>,
    destination: Destination,
}

impl<B> Lease<B> {
    fn new(pool: &Arc<Pool<B>>, destination: &Destination) -> Self {
        Self { pool: Arc::downgrade(pool), destination: destination.without_path() }
    }

    /// Drops it without giving it back.
    fn forget(mut self) {
        self.pool = Weak::new();
    }
}

impl<B> Drop for Lease<B> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.release(&self.destination);
        }
    }
}

/// A place in the queue. It may be dropped at any time: what it was granted meanwhile goes to the next.
pub(super) struct Ticket<B> {
    receiver: oneshot::Receiver<Grant<B>>,
    pool: Weak<Pool<B>>,
}

impl<B> Ticket<B> {
    /// Waits for its turn, and is not to be polled after that. `None` if the pool is gone.
    pub(super) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant<B>>> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl<B> Drop for Ticket<B> {
    fn drop(&mut self) {
        self.receiver.close();
        if let (Ok(Grant::Wire(mut wire)), Some(pool)) = (self.receiver.try_recv(), self.pool.upgrade()) {
            if wire.is_usable() {
                pool.check_in(wire);
            }
        }
    }
}

impl<B> fmt::Debug for Pool<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.lock();
        f.debug_struct("Pool").field("hosts", &hosts.known.hosts.len()).field("idle", &hosts.idle).finish()
    }
}

/// So many hosts may be known without anybody asking whether they are still needed.
const CROWD: usize = 64;
