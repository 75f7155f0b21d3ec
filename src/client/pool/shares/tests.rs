use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use super::super::place::Place;
use super::ShareEnd::{Answered, GivenUp, Unused};
use super::*;
use crate::test_support::some_instant;

/// A connection whose answers are set by the test.
struct Told {
    id: u64,
    most: AtomicUsize,
    is_open: AtomicBool,
    has_said: AtomicBool,
    has_begun: AtomicBool,
    had: Option<usize>,
    created: Instant,
}

impl Told {
    fn new(id: u64, most: usize) -> Arc<Self> {
        Self::after_which(id, most, None)
    }

    fn after_which(id: u64, most: usize, had: Option<usize>) -> Arc<Self> {
        let (most, is_open, has_said) = (AtomicUsize::new(most), AtomicBool::new(true), AtomicBool::new(true));
        let has_begun = AtomicBool::new(false);
        Arc::new(Self { id, most, is_open, has_said, has_begun, had, created: some_instant() })
    }
}

impl Shared for Told {
    fn place(&self) -> Place {
        Place { slot: 0, id: self.id }
    }

    fn runtime(&self) -> RuntimeId {
        None
    }

    fn created(&self) -> Instant {
        self.created
    }

    fn most(&self) -> usize {
        self.most.load(SeqCst)
    }

    fn has_said_most(&self) -> bool {
        self.has_said.load(SeqCst)
    }

    fn is_open(&self) -> bool {
        self.is_open.load(SeqCst)
    }

    fn has_begun(&self) -> bool {
        self.has_begun.load(SeqCst)
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        self.had
    }
}

const SETTINGS: Settings = Settings {
    idle_timeout: Some(Duration::from_secs(90)),
    max_age: None,
    max_idle_per_host: usize::MAX,
    max_connections_per_host: usize::MAX,
    max_shared_per_host: usize::MAX,
};

fn take(shares: &mut Shares<Told>, now: Instant) -> Option<u64> {
    shares.take(None, &SETTINGS, || now).map(|connection| connection.id)
}

#[test]
fn a_connection_has_as_many_exchanges_as_it_allows_and_then_room_for_those_that_end() {
    let (now, mut shares) = (some_instant(), Shares::new());
    let connection = Told::new(1, 3);
    shares.join(Arc::clone(&connection), now);
    assert_eq!([(); 3].map(|()| take(&mut shares, now)), [Some(1), Some(1), None]);
    assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Busy));
    assert_eq!((take(&mut shares, now), take(&mut shares, now)), (Some(1), None));
    connection.most.store(0, SeqCst);
    assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Busy));
    assert_eq!((take(&mut shares, now), shares.used()), (None, 2));
}

#[test]
fn new_exchanges_go_to_the_fullest_connection_with_room() {
    let (now, mut shares) = (some_instant(), Shares::new());
    for id in 1..=2 {
        shares.join(Told::new(id, 2), now);
    }
    assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Spare));
    assert_eq!([(); 4].map(|()| take(&mut shares, now)), [Some(2), Some(1), Some(1), None]);
}

#[test]
fn a_connection_that_becomes_idle_is_spare_beside_one_with_room() {
    let (now, mut shares) = (some_instant(), Shares::new());
    let [first, second] = [1, 2].map(|id| Told::new(id, 1));
    for connection in [&first, &second] {
        shares.join(Arc::clone(connection), now);
    }
    assert_eq!(shares.give_back(2, Answered, || now), Some(Room::Idle), "the next exchange has it");
    assert_eq!(take(&mut shares, now), Some(2));
    first.most.store(2, SeqCst);
    assert_eq!(shares.give_back(2, Answered, || now), Some(Room::Spare));
    assert_eq!(take(&mut shares, now), Some(1));
}

#[test]
fn after_an_exchange_that_was_given_up_one_is_kept_in_reserve_where_there_may_be_another_connection() {
    let (now, one) = (some_instant(), Settings { max_shared_per_host: 1, ..SETTINGS });
    for (settings, expected) in [(&SETTINGS, None), (&one, Some(1))] {
        let mut shares = Shares::new();
        shares.join(Told::new(1, 2), now);
        assert_eq!(take(&mut shares, now), Some(1));
        shares.give_back(1, GivenUp, || now);
        assert_eq!(shares.wants_another(None, settings), expected.is_none());
        assert_eq!(shares.take(None, settings, || now).map(|connection| connection.id), expected);
    }
    for (end, expected) in [(Answered, Some(1)), (GivenUp, None), (Unused, None)] {
        let mut shares = Shares::new();
        shares.join(Told::new(1, 3), now);
        assert_eq!(take(&mut shares, now), Some(1));
        shares.give_back(1, GivenUp, || now);
        shares.give_back(1, end, || now);
        assert_eq!([(); 3].map(|()| take(&mut shares, now)), [Some(1), Some(1), expected]);
    }
}

#[test]
fn a_connection_that_closes_gets_nothing_more() {
    let (now, mut shares) = (some_instant(), Shares::new());
    let connection = Told::new(1, 100);
    shares.join(Arc::clone(&connection), now);
    connection.is_open.store(false, SeqCst);
    assert_eq!(take(&mut shares, now), None);
    assert!(!shares.has_open(None));
    assert_eq!(shares.leave(1).map(|left| left.id), Some(1));
    assert_eq!(shares.give_back(1, GivenUp, || now), None);
}

#[test]
fn after_a_connection_that_turned_others_away_the_next_gets_no_more_than_it_had() {
    let (now, mut shares) = (some_instant(), Shares::new());
    shares.join(Told::after_which(1, 100, Some(2)), now);
    shares.leave(1);
    shares.join(Told::new(2, 100), now);
    assert_eq!([(); 2].map(|()| take(&mut shares, now)), [Some(2), None]);
    // The limit holds until the connection has answered more than that.
    for expected in [[None, None], [Some(2), None], [Some(2), Some(2)]] {
        shares.give_back(2, Answered, || now);
        assert_eq!([(); 2].map(|()| take(&mut shares, now)), expected);
    }
}

#[test]
fn another_connection_is_wanted_where_all_streams_are_used_up_until_there_are_enough() {
    let (now, mut shares) = (some_instant(), Shares::new());
    let two = Settings { max_shared_per_host: 2, ..SETTINGS };
    let first = Told::new(1, 1);
    shares.join(Arc::clone(&first), now);
    assert!(
        shares.wants_another(None, &two) && !shares.wants_another(None, &Settings { max_shared_per_host: 1, ..two })
    );
    // The server allows more, allows none for now, or has not said yet.
    for (most, has_said) in [(2, true), (0, true), (1, false)] {
        first.most.store(most, SeqCst);
        first.has_said.store(has_said, SeqCst);
        assert!(!shares.wants_another(None, &two), "{most} {has_said}");
    }
    first.has_said.store(true, SeqCst);
    shares.stay();
    assert!(!shares.wants_another(None, &two), "the last dial has failed");
    shares.join(Told::new(2, 1), now);
    shares.leave(2);
    assert!(shares.wants_another(None, &two));
    shares.join(Told::new(3, 1), now);
    assert!(!shares.wants_another(None, &two), "there are two");
}

#[test]
fn an_idle_connection_expires_and_a_used_one_does_not() {
    let (now, mut shares) = (some_instant(), Shares::new());
    for id in 1..=2 {
        shares.join(Told::new(id, 100), now);
    }
    shares.give_back(1, Answered, || now);
    assert_eq!(shares.earliest_expiry(&SETTINGS), Some(now + Duration::from_secs(90)));
    let (later, mut left) = (now + Duration::from_secs(90), Vec::new());
    shares.leave_if(|connection, idle| SETTINGS.is_done(connection, idle, || later), &mut left);
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [1]);
    assert_eq!((shares.used(), shares.idle(), shares.earliest_expiry(&SETTINGS)), (1, 0, None));
}

#[test]
fn a_connection_that_was_just_made_is_of_use_unless_it_is_one_too_many_or_others_have_ended_it() {
    let (now, mut shares) = (some_instant(), Shares::<Told>::new());
    let one = Settings { max_shared_per_host: 1, ..SETTINGS };
    let [first, second] = [1, 2].map(|id| Told::new(id, 100));
    // A connection that serves one exchange alone does not join.
    assert!(shares.is_of_use(&first, &one));
    shares.join(Arc::clone(&first), now);
    assert!(shares.is_of_use(&first, &one) && shares.is_of_use(&second, &SETTINGS));
    assert!(!shares.is_of_use(&second, &one), "there is another");
    // A connection that ended before any request used it is an answer, whether or not it was removed.
    first.is_open.store(false, SeqCst);
    for leaves in [false, true] {
        for has_begun in [false, true] {
            first.has_begun.store(has_begun, SeqCst);
            assert_eq!(shares.is_of_use(&first, &one), !has_begun);
        }
        assert_eq!(leaves, shares.leave(1).is_none());
    }
    assert!(shares.is_of_use(&second, &one), "the other has ended");
}
