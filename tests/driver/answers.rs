//! What answers do to a race that has begun: later, provisional and failed ones; and what the error says if no answer was of use.

use hyper_happy_eyeballs::ConnectError;
use hyper_happy_eyeballs::race::{Families, Policy, Source};
use hyper_happy_eyeballs::resolve::{Answer, Queries, Query, QueryError, QueryErrorKind};
use tokio_test::{assert_pending, task};
use tower::Service;

use crate::fakes::{Fate, World, addresses, connect, ms, name, tried, untried, uri};

const SERVER: &str = "192.0.2.53:53";

#[tokio::test(start_paused = true)]
async fn a_servfail_of_a_leaves_aaaa_as_it_is() {
    let world = World::new([("B6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).says(0, Err(servfail(Query::A))).aaaa(30, "A6 B6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(world.log()[1..3], ["30 start A6", "280 start B6"]);
    assert_eq!(stream.info().query_errors()[0].kind(), QueryErrorKind::ServFail);
}

#[tokio::test(start_paused = true)]
async fn a_servfail_of_aaaa_leaves_a_as_it_is() {
    // Before the answer, which is then not held back, and in the middle of the race, whose pace stays.
    for at in [0, 100] {
        let world = World::new([("B4", Fate::Connects(0))]);
        let resolver = world.resolver(Queries::ADDRESSES);
        let resolver = match at {
            0 => resolver.says(0, Err(servfail(Query::Aaaa))).a(50, "A4 B4"),
            _ => resolver.a(0, "A4 B4").says(at, Err(servfail(Query::Aaaa))),
        };
        let stream = connect(world.dial_by(resolver)).await.unwrap();
        assert_eq!(world.log()[1..3], ["50 start A4", "300 start B4"], "{at}");
        assert_eq!(stream.info().query_errors().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn late_answers_are_merged_in_turn() {
    let world = World::new([("B6", Fate::Connects(0))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(0, "A4 B4 C4").aaaa(320, "A6 B6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    // The list is sorted anew, and the attempts that were made keep their places: A6 A4 B6 B4 C4.
    assert_eq!(
        world.log()[1..],
        [
            "50 start A4",
            "300 start B4",
            "550 start A6",
            "800 start B6",
            "800 connect B6",
            "800 drop A4",
            "800 drop B4",
            "800 drop A6",
            "800 drop answers"
        ]
    );
    assert_eq!(untried(&stream.info().untried()), "C4 not reached");
}

#[tokio::test(start_paused = true)]
async fn an_answer_withdraws_what_it_lacks() {
    let world = World::new([("A4", Fate::Connects(0))]);
    let resolver = world
        .resolver(Queries::ADDRESSES)
        .says(0, Ok(Answer::aaaa(addresses("A6 B6 C6")).provisional()))
        .aaaa(100, "C6")
        .a(120, "A4");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    // The attempt to A6 goes on although A6 has left the answer.
    assert_eq!(world.log()[1..4], ["0 start A6", "250 start C6", "500 start A4"]);
    assert_eq!(world.log()[5..7], ["500 drop A6", "500 drop C6"]);
    assert_eq!(untried(&stream.info().untried()), "B6 left the answer");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_withdraws_everything_leaves_what_is_running() {
    for nothing in [Ok(Answer::negative(Query::List)), Err(nxdomain(Query::List))] {
        let world = World::new([("A6", Fate::Connects(600))]);
        let provisional = Answer::list(addresses("A6 A4")).provisional();
        let resolver = world.resolver(Queries::LIST).says(0, Ok(provisional)).says(100, nothing);
        let stream = connect(world.dial_by(resolver)).await.unwrap();
        assert_eq!(tried(stream.info().attempts()), "A6");
        assert_eq!(stream.info().elapsed(), ms(600));
        assert_eq!(untried(&stream.info().untried()), "A4 left the answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provisional_answer_starts_the_race_but_does_not_end_it() {
    let world = World::new([("A6", Fate::Refuses(10)), ("B6", Fate::Connects(0))]);
    let resolver = world
        .resolver(Queries::ADDRESSES)
        .says(20, Ok(Answer::aaaa(addresses("A6")).provisional()))
        .a(30, "")
        .aaaa(400, "A6 B6");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(world.log()[1..4], ["20 start A6", "30 fail A6", "400 start B6"]);
    assert_eq!(stream.info().resolved_after(), Some(ms(20)));
}

#[tokio::test(start_paused = true)]
async fn a_provisional_answer_of_none_is_not_that_there_are_none() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let resolver = world
        .resolver(Queries::ADDRESSES)
        .says(0, Ok(Answer::negative(Query::Aaaa).provisional()))
        .a(10, "")
        .aaaa(5000, "A6");
    assert_eq!(connect(world.dial_by(resolver)).await.unwrap().info().elapsed(), ms(5000));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_freezes_its_list_waits_for_the_final_answer() {
    for policy in [Policy::TwoFamilies, Policy::Sequential] {
        let world = World::new([("A6", Fate::Connects(0)), ("B6", Fate::Connects(0))]);
        let resolver =
            world.resolver(Queries::LIST).says(0, Ok(Answer::list(addresses("A6")).provisional())).list(400, "B6");
        let stream = connect(world.dial_by(resolver).policy(policy)).await.unwrap();
        assert_eq!(tried(stream.info().attempts()), "B6", "{policy:?}");
        assert_eq!(stream.info().elapsed(), ms(400));
    }
}

#[tokio::test(start_paused = true)]
async fn a_provisional_answer_that_no_other_follows_has_failed() {
    let world = World::new([("A6", Fate::Refuses(10))]);
    let provisional = Answer::aaaa(addresses("A6")).provisional();
    let resolver = world.resolver(Queries::ADDRESSES).says(0, Ok(provisional)).a(5, "").ends_at(80);
    let error = connect(world.dial_by(resolver)).await.unwrap_err();
    assert!(error.is_connect() && !error.is_dns());
    assert_eq!(error.elapsed(), ms(80));
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: [2001:db8::a]:80 connection refused; \
         the look-up failed (AAAA: the resolver ended without an answer)"
    );
}

#[tokio::test(start_paused = true)]
async fn source_addresses_decide_over_the_order() {
    let source = |to: std::net::SocketAddr| match &*name(to) {
        "A6" => Source::Unreachable,
        "B6" => Source::Address("2001:db8::99".parse().unwrap()),
        // Of another scope.
        "A4" => Source::Address("169.254.0.1".parse().unwrap()),
        _ => Source::Address("192.0.2.99".parse().unwrap()),
    };
    let all = Queries::ADDRESSES;
    let world = World::new([]);
    let resolver = world.resolver(all).a(0, "A4 B4").aaaa(0, "A6 B6");
    let builder = world.dial_by(resolver).source_addresses(source).timeout(ms(5000));
    // By RFC 6724: B6 B4 A4 A6; then the families alternate.
    assert_eq!(tried(connect(builder).await.unwrap_err().attempts()), "B6 B4 A6 A4");

    let world = World::new([]);
    let resolver = world.resolver(all).a(0, "A4 B4").aaaa(0, "A6 B6");
    let error = connect(world.dial_by(resolver).timeout(ms(5000))).await.unwrap_err();
    assert_eq!(tried(error.attempts()), "A6 A4 B6 B4", "of attempts of one's own nothing is known");
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_for_the_sources_of_a_list() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let builder = world.dial("A4 A6").source_addresses(|to| panic!("asked for {to}"));
    assert_eq!(tried(connect(builder).await.unwrap().info().attempts()), "A4 A6");
}

#[tokio::test(start_paused = true)]
async fn that_a_name_does_not_exist_is_told_with_the_server_that_said_so() {
    let error = error_of(Err(nxdomain(Query::Aaaa)), Err(nxdomain(Query::A))).await;
    assert_eq!(
        error.to_string(),
        "could not resolve race.example: the name does not exist (NXDOMAIN from 192.0.2.53:53)"
    );
    assert!(error.is_dns() && error.query_errors().iter().all(QueryError::is_negative));
    assert_eq!(error.query_errors()[0].server(), Some(SERVER.parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn failures_of_look_ups_are_told_with_their_kinds() {
    let timed_out = || QueryError::new(Query::A, "no answer in 5 s").with_kind(QueryErrorKind::TimedOut);
    let error = error_of(Err(servfail(Query::Aaaa)), Err(timed_out())).await;
    assert_eq!(
        error.to_string(),
        "could not resolve race.example: the look-up failed (AAAA: SERVFAIL from 192.0.2.53:53, A: timed out)"
    );
    // A time-out of the resolver is not the connector's.
    assert!(error.is_dns() && !error.is_timeout() && error.waiting_for().is_empty());

    let error = error_of(Err(nxdomain(Query::Aaaa)), Err(timed_out())).await;
    assert_eq!(error.to_string(), "could not resolve race.example: the look-up failed (A: timed out)");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no answer in 5 s");

    let error = error_of(Err(servfail(Query::Aaaa)), Ok(Answer::a(addresses("A4")))).await;
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: 192.0.2.10:80 connection refused; \
         the look-up failed (AAAA: SERVFAIL from 192.0.2.53:53)"
    );
    let error = error_of(Err(nxdomain(Query::Aaaa)), Ok(Answer::a(addresses("A4")))).await;
    assert_eq!(error.to_string(), "could not connect to race.example:80: 192.0.2.10:80 connection refused");
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_runs_out_names_the_query_that_is_open() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::ADDRESSES).says(100, Err(servfail(Query::Aaaa)));
    let mut connecting = task::spawn(world.dial_by(resolver).timeout(ms(5000)).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    tokio::time::advance(ms(4999)).await;
    assert_pending!(connecting.poll());
    let error = connecting.into_inner().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 5 s, still waiting for DNS (A); \
         the look-up failed (AAAA: SERVFAIL from 192.0.2.53:53)"
    );
    assert!(error.is_dns() && error.is_timeout());
    assert_eq!(error.waiting_for(), Queries::from(Query::A));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_runs_out_during_an_attempt_names_both() {
    let world = World::new([]);
    let resolver = world.resolver(Queries::ADDRESSES).aaaa(100, "A6");
    let error = connect(world.dial_by(resolver).timeout(ms(5000))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not connect to race.example:80: timed out after 5 s, still waiting for DNS (A): \
         [2001:db8::a]:80 timed out after 4.9 s"
    );
    assert!(error.is_connect() && error.is_timeout() && !error.is_dns());
}

#[tokio::test(start_paused = true)]
async fn a_family_that_is_switched_off_is_not_waited_for() {
    let world = World::new([("A4", Fate::Refuses(10))]);
    let resolver = world.resolver(Queries::ADDRESSES).a(20, "A4");
    let error = connect(world.dial_by(resolver).families(Families::V4Only)).await.unwrap_err();
    assert_eq!(error.elapsed(), ms(30));
    assert_eq!(error.to_string(), "could not connect to race.example:80: 192.0.2.10:80 connection refused");
}

/// The error of a connect that has these answers at once, and whose attempts are refused.
async fn error_of(aaaa: Result<Answer, QueryError>, a: Result<Answer, QueryError>) -> ConnectError {
    let world = World::new([("A4", Fate::Refuses(0))]);
    connect(world.dial_by(world.resolver(Queries::ADDRESSES).says(0, aaaa).says(0, a))).await.unwrap_err()
}

fn servfail(query: Query) -> QueryError {
    QueryError::new(query, "the zone is broken").with_kind(QueryErrorKind::ServFail).with_server(server())
}

fn nxdomain(query: Query) -> QueryError {
    QueryError::new(query, "no such name").with_kind(QueryErrorKind::NxDomain).with_server(server())
}

fn server() -> std::net::SocketAddr {
    SERVER.parse().unwrap()
}
