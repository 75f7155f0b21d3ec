//! Tests of dials for all, and of how their connections are handed out, with mock connections.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use std::future::poll_fn;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};

use self::fixture::{Fixture, SETTINGS, granted, is_unwanted, share_of};
use super::central::Acquired;
use super::dialing::ForAll;
use super::grants::Grant;
use super::runtimes::Watch;
use super::settings::Settings;
use crate::client::error::ClientError;

#[test]
fn a_share_that_a_request_no_longer_waits_for_goes_to_the_next() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, ticket) = fixture.dials();
    let slot = dialing.slot;
    let (first, mut second) = (fixture.waits_unheard(slot), fixture.waits_unheard(slot));
    drop(ticket);
    let connection = fixture.many(lease, 2);
    // The first request gives up after it was chosen, before it gets its grant: at the second call of `most`.
    connection.when_asked.lock().unwrap().extend([Box::new(|| ()) as Box<_>, Box::new(|| drop(first)) as Box<_>]);
    let own = fixture.pool.join(Arc::clone(&connection), false, true);
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
    // Only one connection is allowed, so that the next request cannot dial.
    let fixture = Fixture::new(Settings { max_shared_per_host: 1, ..SETTINGS });
    let (ForAll { lease, dialing }, first) = fixture.dials();
    let (slot, mut second) = (dialing.slot, fixture.waits());
    let connection = fixture.many(lease, 1);
    let own = fixture.pool.join(connection, false, true);
    fixture.pool.deliver_shared(dialing, own);
    assert!(granted(&mut second).is_pending());
    // The first request was granted the share, and is dropped before it has looked.
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
    let own = fixture.pool.join(fixture.many(lease, 1), false, true);
    fixture.pool.deliver_shared(dialing, own);
    let used = share_of(&mut first);
    // All streams are in use: another connection is dialled.
    let (ForAll { lease, dialing }, mut second) = fixture.dials();
    let mut third = fixture.waits();
    drop(lease);
    dialing.fail(ClientError::connect("refused"));
    assert!(granted(&mut second).is_pending());
    assert!(granted(&mut third).is_pending());
    let mut fourth = fixture.waits();
    // The waiting requests get the first connection, one after the other.
    drop(used);
    let used = share_of(&mut second);
    drop(used);
    let used = share_of(&mut third);
    assert!(granted(&mut fourth).is_pending());
    // Once that connection has left, another may be dialled.
    used.connection().is_open.store(false, SeqCst);
    let (slot, id) = (used.connection().place.slot, used.connection().place.id);
    let left = fixture.pool.lock().hosts.at(slot).shares.leave(id);
    drop((left, used));
    let Some(Grant::DialForAll(dial)) = assert_ready!(granted(&mut fourth)) else { panic!("no dial") };
    let mut fourth = fixture.pool.wait_again(&dial);
    // If there is no connection and the dial fails, all waiting requests fail.
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
    /// A waker that notes its number.
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
    // A later request dials at once, since the kind of connection is known.
    assert!(matches!(fixture.pool.acquire(&fixture.host, None), Acquired::Dial(_)));
}

#[test]
fn a_connection_of_one_exchange_that_nobody_waits_for_is_kept_as_idle() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, ticket) = fixture.dials();
    drop(ticket);
    let mut connection = fixture.one(lease);
    // A connection is kept only in a runtime with a sweeper.
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
    // The second dial has ended: another may take its place.
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
    // Two requests have one stream: the second waits, and might use another connection.
    let lease = fixture.pool.begin_dial(fixture.pool.lock().hosts.at(dialing.slot), dialing.slot);
    let connection = fixture.many(lease, 1);
    let _own = fixture.pool.join(Arc::clone(&connection), false, false);
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
    // Another request has begun to wait before the dial looks.
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
    let own = fixture.pool.join(fixture.many(lease, 100), false, true);
    fixture.pool.deliver_shared(dialing, own);
    let _share = share_of(&mut ticket);
    assert!(is_unwanted(&first));
}

#[test]
fn what_is_left_of_a_connection_that_others_have_ended_is_not_for_those_that_come_then() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, mut first) = fixture.dials();
    let connection = fixture.many(lease, 100);
    let own = fixture.pool.join(Arc::clone(&connection), false, true);
    // The first request gets its share before the dial hands out its own, and ends the connection.
    drop(share_of(&mut first));
    connection.is_open.store(false, SeqCst);
    let mut second = fixture.waits();
    fixture.pool.deliver_shared(dialing, own);
    assert!(matches!(assert_ready!(granted(&mut second)), Some(Grant::DialForAll(_))));
}

#[test]
fn a_connection_that_ended_before_anybody_used_it_is_the_answer_to_a_request() {
    let fixture = Fixture::new(SETTINGS);
    let (ForAll { lease, dialing }, mut first) = fixture.dials();
    let connection = fixture.many(lease, 100);
    connection.is_open.store(false, SeqCst);
    connection.has_begun.store(false, SeqCst);
    let own = fixture.pool.join(Arc::clone(&connection), false, true);
    fixture.pool.deliver_shared(dialing, own);
    assert_eq!(share_of(&mut first).connection().place.id, connection.place.id);
}

#[test]
fn of_two_dials_one_too_many_is_for_nobody() {
    let fixture = Fixture::new(Settings { max_shared_per_host: 1, ..SETTINGS });
    let (ForAll { lease, dialing }, mut first) = fixture.dials();
    let ForAll { lease: second_lease, dialing: second_dialing } = dialing.second().expect("somebody waits");
    let own = fixture.pool.join(fixture.many(lease, 1), false, true);
    fixture.pool.deliver_shared(dialing, own);
    let share = share_of(&mut first);
    let mut next = fixture.waits();
    let own = fixture.pool.join(fixture.many(second_lease, 1), false, true);
    fixture.pool.deliver_shared(second_dialing, own);
    assert!(granted(&mut next).is_pending(), "there may be one connection");
    let id = share.connection().place.id;
    drop(share);
    assert_eq!(share_of(&mut next).connection().place.id, id);
}
