//! The timeout is one limit for the look-up and the race together.

use std::task::{Context, Poll};
use std::time::Duration;

use hyper_happy_eyeballs::race::{DropReason, Policy};
use hyper_happy_eyeballs::resolve::{Answers, Name, Queries, Query};
use hyper_happy_eyeballs::{AttemptOutcome, BoxError, HappyEyeballsConnector, HappyEyeballsLayer};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_err, task};
use tower::Service;

use crate::fakes::{Fate, World, connect, ms, tried, untried, uri};

#[tokio::test(start_paused = true)]
async fn it_ends_the_wait_for_a_resolver_that_has_not_said_what_it_asks() {
    let world = World::new([]);
    let asked = world.dial_by(world.resolver(Queries::LIST).asks_at(None)).timeout(ms(800));
    let error = connect(asked).await.unwrap_err();
    assert!(error.is_timeout() && error.is_dns() && !error.is_connect());
    assert_eq!(error.waiting_for(), Queries::NONE);
    assert_eq!(error.elapsed(), ms(800));
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 800 ms, still waiting for DNS"
    );
    assert_eq!(world.log(), ["0 ask race.example", "800 drop look-up"]);
}

/// A resolver that is never ready.
#[derive(Debug, Clone)]
struct NeverReady;

impl Service<Name> for NeverReady {
    type Response = Answers;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Answers, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn call(&mut self, _: Name) -> Self::Future {
        panic!("called before it was ready");
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_the_wait_for_a_resolver_that_is_not_ready() {
    let world = World::new([]);
    let error = connect(world.dial_by(NeverReady).timeout(ms(800))).await.unwrap_err();
    assert!(error.is_timeout() && error.is_dns());
    assert_eq!(error.elapsed(), ms(800));
}

#[tokio::test(start_paused = true)]
async fn it_says_which_queries_had_no_answer() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::ADDRESSES.with(Query::Https)).aaaa(100, "");
    let error = connect(world.dial_by(resolver).timeout(ms(5000))).await.unwrap_err();
    assert!(error.is_timeout() && error.is_dns() && !error.is_connect());
    assert_eq!(error.waiting_for(), Queries::from(Query::A).with(Query::Https));
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 5 s, still waiting for DNS (A, HTTPS)"
    );
    assert_eq!(world.log(), ["0 ask race.example", "5000 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn a_negative_a_answer_does_not_begin_the_wait_of_50_ms() {
    let world = World::new([]);
    let error =
        connect(world.dial_by(world.resolver(Queries::ADDRESSES).a(0, "")).timeout(ms(1000))).await.unwrap_err();
    assert_eq!(error.waiting_for(), Queries::from(Query::Aaaa));
    assert_eq!(error.elapsed(), ms(1000));
}

#[tokio::test(start_paused = true)]
async fn eight_hung_addresses_and_800_ms_are_four_attempts_and_four_untried() {
    let world = World::new([]);
    let error = connect(world.dial("A4 B4 C4 D4 E4 F4 G4 H4").timeout(ms(800))).await.unwrap_err();
    assert!(error.is_timeout() && error.is_connect() && !error.is_dns());
    assert_eq!(tried(error.attempts()), "A4 B4 C4 D4");
    assert_eq!(untried(&error.untried()), "E4 not reached, F4 not reached, G4 not reached, H4 not reached");
    for (attempt, offset) in error.attempts().iter().zip([0, 250, 500, 750]) {
        assert_eq!(attempt.offset(), ms(offset));
        assert_eq!(attempt.duration(), ms(800 - offset));
        assert!(matches!(attempt.outcome(), AttemptOutcome::Dropped(DropReason::DeadlineElapsed)));
    }
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 800 ms: 192.0.2.10:80 timed out after 800 ms, \
         192.0.2.11:80 timed out after 550 ms, 192.0.2.12:80 timed out after 300 ms, 192.0.2.13:80 timed out after 50 ms \
         (4 addresses not tried)"
    );
    assert_eq!(world.log()[4..], ["800 drop A4", "800 drop B4", "800 drop C4", "800 drop D4"]);
}

#[tokio::test(start_paused = true)]
async fn the_look_up_and_the_race_share_it() {
    let world = World::new([("A4", Fate::Connects(200))]);
    let resolver = world.resolver(Queries::LIST).list(300, "A6 A4");
    let error = connect(world.dial_by(resolver).timeout(ms(700))).await.unwrap_err();
    assert_eq!(error.elapsed(), ms(700));
    assert_eq!(tried(error.attempts()), "A6 A4");
    assert_eq!(error.waiting_for(), Queries::NONE);
}

#[tokio::test(start_paused = true)]
async fn an_open_query_is_named_even_if_attempts_were_made() {
    let world = World::new([]);
    let error =
        connect(world.dial_by(world.resolver(Queries::ADDRESSES).a(0, "A4")).timeout(ms(500))).await.unwrap_err();
    assert!(error.is_timeout() && error.is_connect() && !error.is_dns());
    assert_eq!(error.waiting_for(), Queries::from(Query::Aaaa));
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 500 ms, still waiting for DNS (AAAA): \
         192.0.2.10:80 timed out after 450 ms"
    );
}

#[tokio::test(start_paused = true)]
async fn it_ends_a_single_attempt() {
    let world = World::new([]);
    let error = connect(world.dial("A6").timeout(ms(70))).await.unwrap_err();
    assert!(error.is_timeout() && error.is_connect());
    assert_eq!(world.log(), ["0 start A6", "70 drop A6"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_at_the_very_instant_of_the_deadline_is_a_connection() {
    for (names, fates) in [
        ("A6", [("A6", Fate::Connects(800)), ("A4", Fate::Hangs)]),
        ("A6 A4", [("A6", Fate::Connects(800)), ("A4", Fate::Hangs)]),
        ("A6 A4", [("A6", Fate::Hangs), ("A4", Fate::Connects(550))]),
    ] {
        let world = World::new(fates);
        let stream = connect(world.dial(names).timeout(ms(800))).await.unwrap();
        assert_eq!(stream.info().elapsed(), ms(800));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_one_millisecond_after_the_deadline_is_none() {
    for names in ["A6", "A6 A4"] {
        let world = World::new([("A6", Fate::Connects(801))]);
        let error = connect(world.dial(names).timeout(ms(800))).await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.elapsed(), ms(800));
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_at_the_very_instant_of_the_deadline_has_its_chance() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::LIST).list(800, "A6 A4");
    let stream = connect(world.dial_by(resolver).timeout(ms(800))).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(800));
}

#[tokio::test(start_paused = true)]
async fn it_begins_with_the_first_poll() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6").timeout(ms(100)).build().unwrap().call(uri()));
    advance(ms(1000)).await;
    assert_pending!(connecting.poll());
    advance(ms(99)).await;
    assert!(!connecting.is_woken());
    advance(ms(1)).await;
    assert!(connecting.is_woken());
    assert_eq!(assert_ready_err!(connecting.poll()).elapsed(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_polled_late_ends_when_it_is_polled() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6 A4").timeout(ms(100)).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(1000)).await;
    let error = assert_ready_err!(connecting.poll());
    assert_eq!((tried(error.attempts()).as_str(), error.elapsed()), ("A6", ms(1000)));
}

#[tokio::test(start_paused = true)]
async fn the_longest_timeout_there_is_does_not_panic() {
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        for timeout in [Duration::MAX, Duration::from_secs(i64::MAX as u64), Duration::from_secs(u64::MAX >> 2)] {
            let world = World::new([("A6", Fate::Refuses(1)), ("A4", Fate::Connects(20))]);
            let resolver = world.resolver(Queries::LIST).asks_at(Some(10)).list(20, "A6 A4");
            connect(world.dial_by(resolver).policy(policy).timeout(timeout)).await.unwrap();
            connect(world.dial("A4").policy(policy).timeout(timeout)).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_delays_there_are_do_not_panic() {
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        let world = World::new([("A4", Fate::Connects(20))]);
        let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4").aaaa(30, "");
        let builder = world.dial_by(resolver).policy(policy);
        let delays = builder.connection_attempt_delay(Duration::MAX).resolution_delay(Duration::MAX);
        connect(delays.fallback_delay(Duration::MAX)).await.unwrap();
    }
}

#[test]
fn a_timeout_of_zero_is_a_build_error() {
    let error = HappyEyeballsConnector::builder().timeout(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.to_string(), "the timeout must not be zero");
    assert_eq!(HappyEyeballsLayer::builder().timeout(Duration::ZERO).layer().unwrap_err(), error);
}

#[tokio::test(start_paused = true)]
async fn without_one_a_hung_race_waits() {
    let world = World::new([]);
    let mut connecting = task::spawn(world.dial("A6 A4").build().unwrap().call(uri()));
    for _ in 0..100 {
        assert_pending!(connecting.poll());
        advance(ms(60_000)).await;
    }
    assert_eq!(world.log().len(), 2);
}
