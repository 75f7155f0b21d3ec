//! A pool with mock connections.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::Request;
use tokio::sync::oneshot::Receiver;
use tokio_test::assert_ready;

use super::super::central::{Acquired, Pool};
use super::super::connection::{Owned, Shared};
use super::super::dialing::{Dialing, ForAll};
use super::super::grants::{Grant, Share, Ticket};
use super::super::lease::Lease;
use super::super::place::Place;
use super::super::runtimes::{RuntimeId, Watch};
use super::super::settings::Settings;
use crate::client::destination::Destination;
use crate::test_support::some_instant;

/// A connection that has one exchange at a time.
pub(super) struct One {
    pub(super) place: Place,
    pub(super) watch: Arc<Watch>,
    lease: Option<Lease>,
    created: Instant,
}

impl Owned for One {
    type Shared = Many;

    fn place(&self) -> Place {
        self.place
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn created(&self) -> Instant {
        self.created
    }

    fn kept_for(&self) -> Option<Duration> {
        None
    }

    fn is_usable(&mut self) -> bool {
        true
    }

    fn look(&mut self) -> bool {
        true
    }

    fn on_return(&mut self) {}

    fn rest(&self, _: usize) -> bool {
        true
    }

    fn take_lease(&mut self) -> Option<Lease> {
        self.lease.take()
    }
}

/// A connection that has many exchanges at a time.
pub(super) struct Many {
    pub(super) place: Place,
    created: Instant,
    pub(super) most: AtomicUsize,
    pub(super) is_open: AtomicBool,
    pub(super) has_begun: AtomicBool,
    /// Callbacks for the calls of `most`, one for each call.
    pub(super) when_asked: Mutex<VecDeque<Box<dyn FnOnce() + Send>>>,
    _lease: Lease,
}

impl Shared for Many {
    fn place(&self) -> Place {
        self.place
    }

    fn runtime(&self) -> RuntimeId {
        None
    }

    fn created(&self) -> Instant {
        self.created
    }

    fn most(&self) -> usize {
        let happens = self.when_asked.lock().unwrap().pop_front();
        happens.into_iter().for_each(|happens| happens());
        self.most.load(SeqCst)
    }

    fn has_said_most(&self) -> bool {
        true
    }

    fn is_open(&self) -> bool {
        self.is_open.load(SeqCst)
    }

    fn has_begun(&self) -> bool {
        self.has_begun.load(SeqCst)
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        None
    }
}

pub(super) const SETTINGS: Settings = Settings {
    idle_timeout: None,
    max_age: None,
    max_idle_per_host: usize::MAX,
    max_connections_per_host: usize::MAX,
    max_shared_per_host: usize::MAX,
};

/// A pool, and a host that requests ask it for.
pub(super) struct Fixture {
    pub(super) pool: Arc<Pool<One>>,
    pub(super) host: Destination,
}

impl Fixture {
    pub(super) fn new(settings: Settings) -> Self {
        let mut request = Request::get("https://a.test/").body(()).unwrap();
        let host = Destination::take_from(&mut request).unwrap();
        Self { pool: Arc::new(Pool::new(settings)), host }
    }

    /// Acquires for a request, which is the first, and so dials for all.
    pub(super) fn dials(&self) -> (ForAll, Ticket<One>) {
        match self.pool.acquire(&self.host, None) {
            Acquired::DialForAll(dial, ticket) => (dial, ticket),
            _ => panic!("no dial for all"),
        }
    }

    /// Acquires for a request, which has to wait.
    pub(super) fn waits(&self) -> Ticket<One> {
        match self.pool.acquire(&self.host, None) {
            Acquired::Wait(ticket) => ticket,
            _ => panic!("it does not wait"),
        }
    }

    /// Puts a request into the queue of the host in `slot`. The receiver can be dropped while the pool is locked, since that does not call the pool.
    pub(super) fn waits_unheard(&self, slot: usize) -> Receiver<Grant<One>> {
        self.pool.lock().hosts.at(slot).wait(None, false, &mut Vec::new())
    }

    /// Makes an owned connection, as a dial does.
    pub(super) fn one(&self, mut lease: Lease) -> Box<One> {
        let (place, watch, _) = self.pool.add(&mut lease, None);
        Box::new(One { place, watch, lease: Some(lease), created: some_instant() })
    }

    /// Makes a shared connection with `most` exchanges at a time, as a dial does.
    pub(super) fn many(&self, mut lease: Lease, most: usize) -> Arc<Many> {
        let (place, _, _) = self.pool.add(&mut lease, None);
        lease.is_for_shared();
        let (most, is_open, when_asked) = (AtomicUsize::new(most), AtomicBool::new(true), Mutex::default());
        let has_begun = AtomicBool::new(true);
        Arc::new(Many { place, created: some_instant(), most, is_open, has_begun, when_asked, _lease: lease })
    }

    /// Returns how many exchanges there are on shared connections, and how many connections and dials.
    pub(super) fn counts(&self, slot: usize) -> (usize, usize) {
        let mut state = self.pool.lock();
        let host = state.hosts.at(slot);
        (host.shares.used(), host.open)
    }
}

pub(super) fn granted(ticket: &mut Ticket<One>) -> Poll<Option<Grant<One>>> {
    ticket.poll_granted(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn share_of(ticket: &mut Ticket<One>) -> Share<Many> {
    match assert_ready!(granted(ticket)) {
        Some(Grant::Shared(share)) => share,
        _ => panic!("no share"),
    }
}

/// Whether the dial has learned that no request waits for it any more.
pub(super) fn is_unwanted(dialing: &Dialing) -> bool {
    dialing.poll_unwanted(&Context::from_waker(Waker::noop())).is_ready()
}
