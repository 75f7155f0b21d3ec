use tokio_test::{assert_pending, assert_ready_eq, task};

use super::*;
use crate::test_support::some_instant;

fn flights() -> Flights<&'static str, u8> {
    Flights::default()
}

#[test]
fn all_that_ask_while_it_is_under_way_share_the_result() {
    let flights = flights();
    let (first, flight) = flights.join("a", None);
    let (second, none) = flights.join("a", None);
    assert!(none.is_none());
    assert!(flights.join("b", None).1.is_some());
    let (mut first, mut second) = (task::spawn(first), task::spawn(second));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    flight.unwrap().land(7);
    assert!(first.is_woken() && second.is_woken());
    assert_ready_eq!(first.poll(), Some(7));
    assert_ready_eq!(second.poll(), Some(7));
    // The next caller makes a new call.
    assert!(flights.join("a", None).1.is_some());
}

#[test]
fn it_goes_on_for_the_others_when_one_that_waits_is_gone() {
    let flights = flights();
    let (first, flight) = flights.join("a", None);
    drop(first);
    let (second, none) = flights.join("a", None);
    assert!(none.is_none(), "it is under way");
    flight.unwrap().land(7);
    assert_ready_eq!(task::spawn(second).poll(), Some(7));
}

#[test]
fn what_nobody_waits_for_need_not_be_looked_up() {
    let flights = flights();
    let (first, flight) = flights.join("a", None);
    let flight = flight.unwrap().if_wanted().unwrap();
    drop(first);
    let (second, none) = flights.join("a", None);
    assert!(none.is_none());
    let flight = flight.if_wanted().expect("the second waits");
    drop(second);
    assert!(flight.if_wanted().is_none());
    assert!(flights.join("a", None).1.is_some(), "whoever asks next makes a look-up");
}

#[test]
fn a_look_up_that_is_given_up_has_no_result_and_can_be_made_again() {
    let flights = flights();
    let (first, flight) = flights.join("a", None);
    drop(flight);
    assert_ready_eq!(task::spawn(first).poll(), None);
    let (again, flight) = flights.join("a", None);
    flight.unwrap().land(7);
    assert_ready_eq!(task::spawn(again).poll(), Some(7));
}

/// Joins `after` milliseconds after the beginning, and may make another call.
fn again(flights: &Flights<&'static str, u8>, after: u64) -> (Landing<u8>, Option<Flight<&'static str, u8>>) {
    flights.join("a", Some(some_instant_at(after)))
}

fn some_instant_at(after: u64) -> Instant {
    use std::sync::OnceLock;
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    *BEGAN.get_or_init(some_instant) + Duration::from_millis(after)
}

#[test]
fn another_call_is_made_once_those_before_have_taken_too_long() {
    let flights = flights();
    let mut calls = Vec::new();
    let mut made = Vec::new();
    for after in 0..10_000 {
        let (_, flight) = again(&flights, after);
        if let Some(flight) = flight {
            calls.push(flight);
            made.push(after);
        }
    }
    assert_eq!(made, [0, 100, 300, 700, 1_500, 3_100]);
    assert_eq!(calls.len(), MAX_CALLS);
}

#[test]
fn who_may_not_make_another_call_joins_however_old_the_first_is() {
    let flights = flights();
    let (_first, _flight) = flights.join("a", None);
    assert!(flights.join("a", None).1.is_none());
    // The start of the first call is not known: its time counts from now.
    assert!(again(&flights, 0).1.is_none());
    assert!(again(&flights, 99).1.is_none());
    assert!(again(&flights, 100).1.is_some());
}

#[test]
fn the_first_answer_is_that_of_all_who_wait() {
    let flights = flights();
    let (early, stuck) = again(&flights, 0);
    let (late, call) = again(&flights, 100);
    call.unwrap().land(7);
    assert_ready_eq!(task::spawn(early).poll(), Some(7));
    assert_ready_eq!(task::spawn(late).poll(), Some(7));
    // The stuck call answers those who joined after all of this.
    let (next, fresh) = again(&flights, 200);
    assert!(fresh.is_some(), "a look-up of its own");
    stuck.unwrap().land(8);
    assert_ready_eq!(task::spawn(next).poll(), Some(8));
}

#[test]
fn a_call_that_fails_leaves_it_to_the_others() {
    let flights = flights();
    let (waiting, first) = again(&flights, 0);
    let (_, second) = again(&flights, 100);
    let mut waiting = task::spawn(waiting);
    first.unwrap().fail(1);
    assert_pending!(waiting.poll());
    second.unwrap().fail(2);
    assert_ready_eq!(waiting.poll(), Some(2));
}

#[test]
fn calls_that_are_stuck_are_bounded_though_others_answer() {
    let flights = flights();
    let mut stuck = Vec::new();
    let mut running = 0;
    for round in 0..100 {
        let (_first, flight) = again(&flights, round * 1_000);
        stuck.extend(flight);
        // Another call answers, if one may be made.
        if let (_second, Some(flight)) = again(&flights, round * 1_000 + 500) {
            flight.land(7);
        }
        running = running.max(stuck.len());
    }
    assert_eq!(running, MAX_CALLS);
    stuck.clear();
    assert!(flights.lock().is_empty());
}
