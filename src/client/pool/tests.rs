//! What becomes of dials for all that wait, and of what they bring, with connections that are made up.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use http::Request;
use tokio::sync::oneshot::Receiver;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use super::central::{Acquired, Pool};
use super::connection::{Owned, Shared};
use super::dialing::{Dialing, ForAll};
use super::grants::{Grant, Share, Ticket};
use super::lease::Lease;
use super::place::Place;
use super::runtimes::{RuntimeId, Watch};
use super::settings::Settings;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::test_support::some_instant;

/// A connection that has one exchange at a time.
struct One {
    place: Place,
    watch: Arc<Watch>,
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
struct Many {
    place: Place,
    created: Instant,
    most: AtomicUsize,
    is_open: AtomicBool,
    /// What happens when it is asked how many exchanges it may have, one after the other.
    when_asked: Mutex<VecDeque<Box<dyn FnOnce() + Send>>>,
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
        true
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        None
    }
}

const SETTINGS: Settings = Settings {
    idle_timeout: None,
    max_age: None,
    max_idle_per_host: usize::MAX,
    max_connections_per_host: usize::MAX,
    max_shared_per_host: usize::MAX,
};

/// A pool, and requests that come to it for one host.
struct Fixture {
    pool: Arc<Pool<One>>,
    host: Destination,
}

impl Fixture {
    fn new(settings: Settings) -> Self {
        let mut request = Request::get("https://a.test/").body(()).unwrap();
        let host = Destination::take_from(&mut request).unwrap();
        Self { pool: Arc::new(Pool::new(settings)), host }
    }

    /// A request comes, and is the first: it is to dial for all.
    fn dials(&self) -> (ForAll, Ticket<One>) {
        match self.pool.acquire(&self.host, None) {
            Acquired::DialForAll(dial, ticket) => (dial, ticket),
            _ => panic!("no dial for all"),
        }
    }

    /// A request comes, and waits.
    fn waits(&self) -> Ticket<One> {
        match self.pool.acquire(&self.host, None) {
            Acquired::Wait(ticket) => ticket,
            _ => panic!("it does not wait"),
        }
    }

    /// A request waits for a connection to the host in `slot`. It can be dropped while the pool is locked, since the pool does not hear of that.
    fn waits_unheard(&self, slot: usize) -> Receiver<Grant<One>> {
        self.pool.lock().hosts.at(slot).wait(None, false, &mut Vec::new())
    }

    /// A dial has brought a connection with one exchange at a time.
    fn one(&self, mut lease: Lease) -> Box<One> {
        let (place, watch, _) = self.pool.add(&mut lease, None);
        Box::new(One { place, watch, lease: Some(lease), created: some_instant() })
    }

    /// A dial has brought a connection with so many exchanges at a time.
    fn many(&self, mut lease: Lease, most: usize) -> Arc<Many> {
        let (place, _, _) = self.pool.add(&mut lease, None);
        lease.is_for_shared();
        let (most, is_open, when_asked) = (AtomicUsize::new(most), AtomicBool::new(true), Mutex::default());
        Arc::new(Many { place, created: some_instant(), most, is_open, when_asked, _lease: lease })
    }

    /// How many exchanges there are on shared connections, and how many connections, or dials.
    fn counts(&self, slot: usize) -> (usize, usize) {
        let mut state = self.pool.lock();
        let host = state.hosts.at(slot);
        (host.shares.used(), host.open)
    }
}

fn granted(ticket: &mut Ticket<One>) -> Poll<Option<Grant<One>>> {
    ticket.poll_granted(&mut Context::from_waker(Waker::noop()))
}

fn share_of(ticket: &mut Ticket<One>) -> Share<Many> {
    match assert_ready!(granted(ticket)) {
        Some(Grant::Shared(share)) => share,
        _ => panic!("no share"),
    }
}

/// Whether nobody waits for the dial any more, as far as it was told.
fn is_unwanted(dialing: &Dialing) -> bool {
    dialing.poll_unwanted(&Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_share_that_a_request_no_longer_waits_for_goes_to_the_next() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, ticket) = fixture.dials();
    let slot = dialing.slot;
    let (first, mut second) = (fixture.waits_unheard(slot), fixture.waits_unheard(slot));
    drop(ticket);
    let connection = fixture.many(lease, 2);
    // It gives up when it was chosen, and before it is told: when the connection is asked for the second time.
    connection.when_asked.lock().unwrap().extend([Box::new(|| ()) as Box<_>, Box::new(|| drop(first)) as Box<_>]);
    let own = fixture.pool.join(Arc::clone(&connection), false);
    assert!(connection.when_asked.lock().unwrap().is_empty());
    let Ok(Grant::Shared(share)) = second.try_recv() else { panic!("the share is lost") };
    assert_eq!(fixture.counts(slot).0, 2);
    fixture.pool.deliver_shared(dialing, own);
    assert_eq!(fixture.counts(slot).0, 1, "nobody waits for that of the dial");
    drop(share);
    assert_eq!(fixture.counts(slot).0, 0);
}

#[test]
fn a_share_that_came_with_a_request_that_gave_up_goes_to_the_next() {
    // Otherwise the next one would dial.
    let fixture = Fixture::new(Settings { max_shared_per_host: 1, ..SETTINGS });
    let (ForAll { lease, dialing }, first) = fixture.dials();
    let (slot, mut second) = (dialing.slot, fixture.waits());
    let connection = fixture.many(lease, 1);
    let own = fixture.pool.join(connection, false);
    fixture.pool.deliver_shared(dialing, own);
    assert!(granted(&mut second).is_pending());
    // It was granted the share, and is gone before it has looked.
    drop(first);
    let share = share_of(&mut second);
    assert_eq!(fixture.counts(slot), (1, 1));
    drop(share);
    assert_eq!(fixture.counts(slot), (0, 1));
}

#[test]
fn a_dial_beside_an_open_connection_that_fails_fails_nobody_and_there_is_no_other() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, mut first) = fixture.dials();
    let own = fixture.pool.join(fixture.many(lease, 1), false);
    fixture.pool.deliver_shared(dialing, own);
    let used = share_of(&mut first);
    // Its streams are used up: another is dialled.
    let (ForAll { lease, dialing }, mut second) = fixture.dials();
    let mut third = fixture.waits();
    drop(lease);
    dialing.fail(ClientError::connect("refused"));
    assert!(granted(&mut second).is_pending());
    assert!(granted(&mut third).is_pending());
    let mut fourth = fixture.waits();
    // They have the first connection, one after the other.
    drop(used);
    let used = share_of(&mut second);
    drop(used);
    let used = share_of(&mut third);
    assert!(granted(&mut fourth).is_pending());
    // Once that has gone, there may be another.
    used.connection().is_open.store(false, SeqCst);
    let (slot, id) = (used.connection().place.slot, used.connection().place.id);
    let left = fixture.pool.lock().hosts.at(slot).shares.leave(id);
    drop((left, used));
    let Some(Grant::DialForAll(dial)) = assert_ready!(granted(&mut fourth)) else { panic!("no dial") };
    let mut fourth = fixture.pool.wait_again(&dial);
    // Without a connection, all that wait fail with it.
    let mut fifth = fixture.waits();
    let ForAll { lease, dialing } = dial;
    drop(lease);
    dialing.fail(ClientError::connect("refused"));
    for ticket in [&mut fourth, &mut fifth] {
        assert!(matches!(assert_ready!(granted(ticket)), Some(Grant::Failed(error)) if error.is_connect()));
    }
    assert_eq!(fixture.pool.lock().hosts.len(), 0);
}

#[test]
fn where_the_connection_has_one_exchange_the_others_hear_before_the_first_that_they_dial() {
    /// Notes its number when it is woken.
    struct Noting(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Noting {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, first) = fixture.dials();
    let mut tickets = [first, fixture.waits(), fixture.waits()];
    let woken = Arc::<Mutex<Vec<usize>>>::default();
    for (number, ticket) in tickets.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Noting(number, Arc::clone(&woken))));
        assert!(ticket.poll_granted(&mut Context::from_waker(&waker)).is_pending());
    }
    let slot = dialing.slot;
    fixture.pool.deliver_owned(dialing, fixture.one(lease));
    assert_eq!(*woken.lock().unwrap(), [1, 2, 0]);
    let [first, others @ ..] = tickets.each_mut().map(granted).map(|granted| assert_ready!(granted).unwrap());
    assert!(matches!(first, Grant::Owned(_)));
    assert!(others.iter().all(|other| matches!(other, Grant::Dial(_))));
    assert_eq!(fixture.counts(slot), (0, 3));
    // Whoever comes now knows.
    assert!(matches!(fixture.pool.acquire(&fixture.host, None), Acquired::Dial(_)));
}

#[test]
fn a_connection_of_one_exchange_that_nobody_waits_for_is_kept_as_idle() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, ticket) = fixture.dials();
    drop(ticket);
    let mut connection = fixture.one(lease);
    // A sweeper looks after it.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    connection.watch = Watch::of(runtime.handle().id());
    fixture.pool.deliver_owned(dialing, connection);
    let acquired = fixture.pool.acquire(&fixture.host, Some(runtime.handle().id()));
    assert!(matches!(acquired, Acquired::Owned { .. }));
}

#[test]
fn a_second_dial_is_there_for_those_that_wait_and_no_third() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease: _lease, dialing }, ticket) = fixture.dials();
    let second = dialing.second().expect("somebody waits");
    assert!(dialing.second().is_none() && second.dialing.second().is_none());
    // It is over: another may take its place.
    second.pass_on();
    let second = dialing.second().expect("there is one again");
    drop(ticket);
    second.pass_on();
    assert!(dialing.second().is_none(), "nobody waits");
}

#[test]
fn a_second_dial_keeps_the_limit_and_is_none_beside_a_connection_with_room() {
    let fixture = Fixture::new(Settings { max_connections_per_host: 1, ..SETTINGS });
    let (ForAll { lease: _lease, dialing }, _ticket) = fixture.dials();
    assert!(dialing.second().is_none(), "there may be one connection");

    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease: _lease, dialing }, _first) = fixture.dials();
    // Two requests, with one stream for them: the second waits, and might have another connection.
    let lease = fixture.pool.begin_dial(fixture.pool.lock().hosts.at(dialing.slot), dialing.slot);
    let connection = fixture.many(lease, 1);
    let _own = fixture.pool.join(Arc::clone(&connection), false);
    assert!(dialing.second().is_some(), "its streams are used up");
    connection.most.store(2, SeqCst);
    assert!(dialing.second().is_none(), "there is room on it");
}

#[test]
fn a_dial_is_unwanted_when_the_last_that_waited_has_given_up() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease: _lease, dialing }, first) = fixture.dials();
    let second = fixture.waits();
    let mut task = spawn(poll_fn(|cx| dialing.poll_unwanted(cx)));
    assert_pending!(task.poll());
    drop(first);
    assert_pending!(task.poll(), "one of them waits");
    drop(second);
    assert!(task.is_woken());
    // Somebody has come before the dial has looked.
    let third = fixture.waits();
    assert_pending!(task.poll());
    drop(third);
    assert!(task.is_woken());
    assert_ready!(task.poll());
}

#[test]
fn a_dial_is_unwanted_when_another_has_brought_what_all_waited_for() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease: _lease, dialing: first }, mut ticket) = fixture.dials();
    let ForAll { lease, dialing } = first.second().expect("somebody waits");
    assert!(!is_unwanted(&first));
    let own = fixture.pool.join(fixture.many(lease, 100), false);
    fixture.pool.deliver_shared(dialing, own);
    let _share = share_of(&mut ticket);
    assert!(is_unwanted(&first));
}
