//! When the race waits for the resolver, and when it starts.

use std::error::Error as _;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, stream};
use hyper_happy_eyeballs::race::StartReason;
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query, QueryError};
use tokio::sync::mpsc;
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Service, service_fn};

use crate::fakes::{Counted, Fate, World, addresses, connect, ms, tried, untried, uri};

type Item = Result<Answer, QueryError>;

/// A resolver that says what is sent to it, and has no timer of its own. It serves one look-up.
fn by_hand(
    queries: Queries,
) -> (
    mpsc::UnboundedSender<Item>,
    impl Service<Name, Response = Answers<impl Stream<Item = Item> + 'static>, Error = BoxError> + Clone,
) {
    let (say, said) = mpsc::unbounded_channel();
    let said = Arc::new(Mutex::new(Some(said)));
    let resolver = service_fn(move |_: Name| {
        let mut said: mpsc::UnboundedReceiver<Item> = said.lock().unwrap().take().unwrap();
        std::future::ready(Ok(Answers::new(queries, stream::poll_fn(move |cx| said.poll_recv(cx)))))
    });
    (say, resolver)
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_takes_200_ms_costs_three_polls_at_most() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let asked = world.dial_by(world.resolver(Queries::LIST).asks_at(Some(100)).list(200, "A6 A4"));
    let mut connecting = Counted::new(asked.build().unwrap().call(uri()));
    let stream = (&mut connecting).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(200));
    assert!(connecting.polls <= 3, "{} polls", connecting.polls);
}

#[tokio::test(start_paused = true)]
async fn separate_answers_cost_a_poll_each() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let asked = world.dial_by(world.resolver(Queries::ADDRESSES).a(180, "").aaaa(200, "A6"));
    let mut connecting = Counted::new(asked.build().unwrap().call(uri()));
    let stream = (&mut connecting).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(200));
    assert!(connecting.polls <= 3, "{} polls", connecting.polls);
}

#[tokio::test(start_paused = true)]
async fn no_timer_is_armed_while_the_resolver_is_pending() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let (say, resolver) = by_hand(Queries::LIST);
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(60 * 60 * 1000)).await;
    assert!(!connecting.is_woken());

    say.send(Ok(Answer::list(addresses("A6")))).unwrap();
    assert!(connecting.is_woken());
    let stream = assert_ready_ok!(connecting.poll());
    assert_eq!(stream.info().resolved_after(), Some(ms(60 * 60 * 1000)));
}

#[tokio::test(start_paused = true)]
async fn no_timer_is_armed_while_every_answer_is_negative() {
    let world = World::new([]);
    let (say, resolver) = by_hand(Queries::ADDRESSES);
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    say.send(Ok(Answer::negative(Query::A))).unwrap();
    assert_pending!(connecting.poll());
    advance(ms(60 * 60 * 1000)).await;
    assert!(!connecting.is_woken());
}

#[tokio::test(start_paused = true)]
async fn an_aaaa_answer_starts_the_race_though_a_is_pending() {
    let world = World::new([("A6", Fate::Connects(20))]);
    let stream = connect(world.dial_by(world.resolver(Queries::ADDRESSES).aaaa(30, "A6"))).await.unwrap();
    assert_eq!(world.log(), ["0 ask race.example", "30 start A6", "50 connect A6", "50 drop answers"]);
    assert_eq!(stream.info().resolved_after(), Some(ms(30)));
    assert_eq!(stream.info().elapsed(), ms(50));
    assert_eq!(stream.info().winner().offset(), ms(30));
    assert_eq!(stream.info().winner().duration(), ms(20));
}

#[tokio::test(start_paused = true)]
async fn an_a_answer_alone_waits_for_50_ms() {
    let world = World::new([("A4", Fate::Connects(20))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(30, "A4");
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(30)).await;
    assert_pending!(connecting.poll());
    advance(ms(49)).await;
    assert!(!connecting.is_woken());
    advance(ms(1)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    assert_eq!(world.log(), ["0 ask race.example", "80 start A4"]);
    let stream = connecting.into_inner().await.unwrap();
    assert_eq!(stream.info().resolved_after(), Some(ms(30)));
}

#[tokio::test(start_paused = true)]
async fn an_aaaa_answer_within_the_wait_goes_first() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4").aaaa(40, "A6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A6 A4");
    assert_eq!(world.log()[1..3], ["40 start A6", "290 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn an_aaaa_answer_after_the_wait_joins_the_race() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4 B4").aaaa(60, "A6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(world.log()[1..3], ["50 start A4", "300 start A6"]);
    assert_eq!(stream.info().winner().reason(), StartReason::DelayElapsed);
    assert_eq!(untried(&stream.info().untried()), "B4 not reached");
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_negative_aaaa_query_ends_the_wait() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4");
    let failed = resolver.clone().fails(20, Query::Aaaa, "SERVFAIL");
    let stream = connect(world.dial_by(failed)).await.unwrap();
    assert_eq!(stream.info().winner().offset(), ms(20));
    assert_eq!(stream.info().query_errors().len(), 1);

    let world = World::new([("A4", Fate::Connects(0))]);
    let negative = world.resolver(Queries::ADDRESSES).a(0, "A4").aaaa(20, "");
    let stream = connect(world.dial_by(negative)).await.unwrap();
    assert_eq!(stream.info().winner().offset(), ms(20));
    assert!(stream.info().query_errors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_answers_ends_the_wait() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4").ends_at(20);
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(stream.info().winner().offset(), ms(20));
}

#[tokio::test(start_paused = true)]
async fn a_query_without_an_answer_at_the_end_has_failed() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::ADDRESSES.with(Query::Https)).a(10, "").ends_at(20);
    let error = connect(world.dial_by(resolver)).await.unwrap_err();
    assert!(error.is_dns() && !error.is_timeout() && !error.is_connect());
    assert_eq!(error.elapsed(), ms(20));
    let failed: Queries = error.query_errors().iter().map(QueryError::query).collect();
    assert_eq!(failed, Queries::from(Query::Aaaa).with(Query::Https));
    assert_eq!(
        error.to_string(),
        "could not resolve race.example: the look-up failed (AAAA: the resolver ended without an answer, \
         HTTPS: the resolver ended without an answer)"
    );
    assert!(error.source().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_came_has_failed_too() {
    let world = World::new([]);
    let error = connect(world.dial_by(world.resolver(Queries::LIST).ends_at(20))).await.unwrap_err();
    assert_eq!(error.query_errors().len(), 1);
    assert_eq!(
        error.to_string(),
        "could not resolve race.example: the look-up failed (A, AAAA: the resolver ended without an answer)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_without_addresses_is_not_a_failed_look_up() {
    let world = World::new([]);
    let error = connect(world.dial_by(world.resolver(Queries::ADDRESSES).a(10, "").aaaa(20, ""))).await.unwrap_err();
    assert!(error.is_dns() && error.query_errors().is_empty());
    assert_eq!(error.to_string(), "could not resolve race.example: the name has no addresses");
    assert_eq!(world.log(), ["0 ask race.example", "20 drop answers"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_query_does_not_end_the_race_of_the_others() {
    let world = World::new([("A4", Fate::Refuses(100)), ("A6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).fails(0, Query::Aaaa, "SERVFAIL").a(0, "A4").aaaa(90, "A6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A4 A6");
}

#[tokio::test(start_paused = true)]
async fn a_race_that_has_tried_everything_waits_for_an_open_query() {
    let world = World::new([("A4", Fate::Refuses(10)), ("A6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4").aaaa(400, "A6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(world.log()[1..4], ["50 start A4", "60 fail A4", "400 start A6"]);
    assert_eq!(stream.info().winner().reason(), StartReason::AnswerArrived);
}

#[tokio::test(start_paused = true)]
async fn a_second_list_joins_while_the_first_attempt_is_alone() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let stream = connect(world.dial_by(world.resolver(Queries::LIST).list(0, "A6").list(100, "A6 A4"))).await.unwrap();
    assert_eq!(world.log()[1..3], ["0 start A6", "250 start A4"]);
    assert_eq!(tried(stream.info().attempts()), "A6 A4");
}

#[tokio::test(start_paused = true)]
async fn a_second_list_joins_at_once_when_a_start_is_due() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let stream = connect(world.dial_by(world.resolver(Queries::LIST).list(0, "A6").list(300, "A6 A4"))).await.unwrap();
    assert_eq!(world.log()[1..3], ["0 start A6", "300 start A4"]);
    assert_eq!(stream.info().winner().reason(), StartReason::AnswerArrived);
}

#[tokio::test(start_paused = true)]
async fn a_second_list_replaces_the_first_but_not_what_is_running() {
    let world = World::new([("A6", Fate::Connects(600))]);
    let resolver = world.resolver(Queries::LIST).list(0, "A6 A4 B4").list(100, "B6 B4");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(
        world.log()[1..],
        [
            "0 start A6",
            "250 start B6",
            "500 start B4",
            "600 connect A6",
            "600 drop B6",
            "600 drop B4",
            "600 drop answers"
        ]
    );
    assert_eq!(untried(&stream.info().untried()), "A4 left the answer");
}

#[tokio::test(start_paused = true)]
async fn a_failed_second_list_changes_nothing() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::LIST).list(0, "A6 A4").fails(100, Query::List, "SERVFAIL").ends_at(120);
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A6 A4");
    assert_eq!(stream.info().winner().offset(), ms(250));
    assert_eq!(stream.info().query_errors().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_there_together_are_taken_together() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let resolver = service_fn(|_: Name| {
        let said = [Ok(Answer::a(addresses("A4"))), Ok(Answer::aaaa(addresses("A6")))];
        std::future::ready(Ok::<_, BoxError>(Answers::new(Queries::ADDRESSES, stream::iter(said))))
    });
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(stream.info().elapsed(), ms(0));
    assert_eq!(tried(stream.info().attempts()), "A6");
}

#[tokio::test(start_paused = true)]
async fn the_resolver_is_asked_when_the_future_is_first_polled() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let connecting = world.dial_by(world.resolver(Queries::LIST).list(30, "A6")).build().unwrap().call(uri());
    advance(ms(20)).await;
    assert!(world.log().is_empty());
    let stream = connecting.await.unwrap();
    assert_eq!(world.log()[0], "20 ask race.example");
    assert_eq!(stream.info().elapsed(), ms(10));
}
