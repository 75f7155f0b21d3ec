//! No attempt stays in flight after a victory, after a failure, or after the connect was dropped.

use std::panic::AssertUnwindSafe;
use std::task::Poll;

use futures_util::{FutureExt, stream};
use hyper_happy_eyeballs::race::Policy;
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries};
use tokio::time::{advance, sleep};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{BoxError, Service, service_fn};

use crate::fakes::{Fate, World, addresses, connect, ms, uri};

#[tokio::test(start_paused = true)]
async fn losers_and_resolver_are_dropped_before_the_winner_is_returned() {
    let world = World::new([("B6", Fate::Connects(20))]);
    let resolver = world.resolver(Queries::ADDRESSES).aaaa(0, "A6 B6").a(10, "A4");
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    for milliseconds in [0, 10, 240, 250] {
        advance(ms(milliseconds)).await;
        assert_pending!(connecting.poll());
    }
    advance(ms(20)).await;
    let stream = assert_ready_ok!(connecting.poll());
    // The future is still there.
    assert_eq!(
        world.log(),
        [
            "0 ask race.example",
            "0 start A6",
            "250 start A4",
            "500 start B6",
            "520 connect B6",
            "520 drop A6",
            "520 drop A4",
            "520 drop answers",
        ]
    );
    assert_eq!(stream.get_ref().name(), "B6");
    drop(connecting);
    assert_eq!(world.log().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn the_resolver_is_dropped_before_a_first_attempt_that_won_alone_is_returned() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::LIST).list(0, "A6 A4");
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    let _stream = assert_ready_ok!(connecting.poll());
    assert_eq!(world.log(), ["0 ask race.example", "0 start A6", "0 connect A6", "0 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn everything_is_dropped_before_a_timeout_is_returned() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::ADDRESSES).aaaa(0, "A6 B6");
    let mut connecting = task::spawn(world.dial_by(resolver).timeout(ms(300)).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(250)).await;
    assert_pending!(connecting.poll());
    advance(ms(50)).await;
    assert_ready_err!(connecting.poll());
    assert_eq!(world.log()[3..], ["300 drop A6", "300 drop B6", "300 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn the_resolver_is_dropped_before_a_failure_is_returned() {
    let world = World::new([("A6", Fate::Refuses(0))]);
    let mut connecting =
        task::spawn(world.dial_by(world.resolver(Queries::LIST).list(0, "A6")).build().unwrap().call(uri()));
    assert_ready_err!(connecting.poll());
    assert_eq!(world.log()[3..], ["0 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn the_look_up_is_dropped_before_a_timeout_is_returned() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::LIST).asks_at(None);
    let mut connecting = task::spawn(world.dial_by(resolver).timeout(ms(300)).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(300)).await;
    assert_ready_err!(connecting.poll());
    assert_eq!(world.log(), ["0 ask race.example", "300 drop look-up"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_the_same_instant_as_the_winner_is_never_made() {
    let world = World::new([("A6", Fate::Connects(300)), ("A4", Fate::Connects(50))]);
    let _stream = connect(world.dial("A6 A4")).await.unwrap();
    assert_eq!(world.log(), ["0 start A6", "250 start A4", "300 connect A6", "300 drop A4"]);
}

#[tokio::test(start_paused = true)]
async fn a_pruned_attempt_is_dropped_before_the_next_starts() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let _stream = connect(world.dial("A6 A4").max_concurrent_attempts(1)).await.unwrap();
    assert_eq!(world.log(), ["0 start A6", "250 drop A6", "250 start A4", "250 connect A4"]);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_never_polled_does_nothing() {
    let world = World::new([]);
    drop(world.dial_by(world.resolver(Queries::LIST).list(0, "A6")).build().unwrap().call(uri()));
    assert!(world.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_drops_the_look_up() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::LIST).asks_at(None);
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    drop(connecting);
    assert_eq!(world.log(), ["0 ask race.example", "0 drop look-up"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_drops_the_answers_to_come() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial_by(world.resolver(Queries::ADDRESSES)).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    drop(connecting);
    assert_eq!(world.log(), ["0 ask race.example", "0 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_drops_a_lone_attempt() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6 A4").build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    drop(connecting);
    assert_eq!(world.log(), ["0 start A6", "0 drop A6"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_drops_every_attempt_and_the_answers_to_come() {
    for policy in [Policy::Staggered, Policy::TwoFamilies] {
        let world = World::new([]);
        let resolver = world.resolver(Queries::LIST).list(0, "A6 A4 B6");
        let mut connecting = task::spawn(world.dial_by(resolver).policy(policy).build().unwrap().call(uri()));
        assert_pending!(connecting.poll());
        advance(ms(300)).await;
        assert_pending!(connecting.poll());
        drop(connecting);
        let mut dropped = world.log().split_off(3);
        dropped.sort_unstable();
        assert_eq!(dropped, ["300 drop A4", "300 drop A6", "300 drop answers"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_attempt_reaches_the_caller_and_the_others_are_dropped() {
    let world = World::new([("A4", Fate::Panics(20))]);
    let resolver = world.resolver(Queries::LIST).list(0, "A6 A4");
    let panic = AssertUnwindSafe(connect(world.dial_by(resolver))).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "the attempt to A4 panics");
    let mut dropped = world.log().split_off(3);
    dropped.sort_unstable();
    assert_eq!(dropped, ["270 drop A6", "270 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_first_attempt_reaches_the_caller() {
    let world = World::new([("A6", Fate::Panics(0))]);
    let panic = AssertUnwindSafe(connect(world.dial("A6 A4"))).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "the attempt to A6 panics");
    assert_eq!(world.log(), ["0 start A6"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_resolver_reaches_the_caller_and_attempts_are_dropped() {
    let world = World::new([]);
    let resolver = service_fn(|_: Name| async {
        let mut answer = Some(Answer::aaaa(addresses("A6")));
        let mut timer = Box::pin(sleep(ms(100)));
        let said = stream::poll_fn(move |cx| match answer.take() {
            Some(answer) => Poll::Ready(Some(Ok(answer))),
            None => timer.poll_unpin(cx).map(|()| panic!("the resolver panics")),
        });
        Ok::<_, BoxError>(Answers::new(Queries::ADDRESSES, said))
    });
    let panic = AssertUnwindSafe(connect(world.dial_by(resolver))).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"the resolver panics"));
    assert_eq!(world.log(), ["0 start A6", "100 drop A6"]);
}
