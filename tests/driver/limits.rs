//! The effect of a resolver on a race has a bound, and a race that is over reports no failure of what it did not wait for.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::ready;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::race::{Source, UntriedReason};
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query, QueryError, QueryErrorKind, Resolve};
use hyper_happy_eyeballs::{AttemptError, BoxError, HappyEyeballsConnector};
use tower::{ServiceExt, service_fn};

use crate::fakes::{Fate, Resolver, World, addresses, connect, ms, uri};

const MAX_ANSWERS: usize = 256;

type Said = Result<Answer, QueryError>;

/// A resolver whose stream never ends: it has the `n`-th answer at once, and counts how many answers were taken.
fn endless(say: fn(usize) -> Said) -> (impl Resolve + Clone, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let resolver = service_fn(move |_: Name| {
        let counter = Arc::clone(&counter);
        let answers = stream::repeat_with(move || say(counter.fetch_add(1, Ordering::Relaxed)));
        ready(Ok::<_, Infallible>(Answers::new(Queries::ADDRESSES, answers)))
    });
    (resolver, taken)
}

/// 1,024 addresses that are in no other answer.
fn new_addresses(answer: usize) -> Vec<SocketAddr> {
    let first = Ipv4Addr::new(10, 0, 0, 1).to_bits() + u32::try_from(answer * 1024).unwrap();
    (first..first + 1024).map(|ip| SocketAddr::new(Ipv4Addr::from_bits(ip).into(), 80)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_goes_on_answering_is_left_after_256_answers() {
    let world = World::new([]);
    let (resolver, taken) = endless(|n| Ok(Answer::a(new_addresses(n)).provisional()));
    let error = connect(world.dial_by(resolver).timeout(ms(1000))).await.unwrap_err();
    assert_eq!(taken.load(Ordering::Relaxed), MAX_ANSWERS);
    assert!(error.is_timeout() && error.waiting_for().is_empty(), "{error}");
    let failed: Queries = error.query_errors().iter().map(QueryError::query).collect();
    assert_eq!(failed, Queries::ADDRESSES);
    let causes = error.query_errors().iter().map(|error| error.source().unwrap().to_string());
    assert!({ causes }.all(|cause| cause == "no final answer came within 256 answers"), "{error:?}");
    let withdrawn = error.untried().iter().filter(|untried| untried.reason() == UntriedReason::Withdrawn).count();
    assert_eq!(withdrawn, 1024);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_goes_on_failing_has_one_error_for_each_query() {
    let (resolver, taken) = endless(|_| Err(QueryError::new(Query::Aaaa, "no").with_kind(QueryErrorKind::ServFail)));
    let world = World::new([]);
    let error = connect(world.dial_by(resolver)).await.unwrap_err();
    assert_eq!(taken.load(Ordering::Relaxed), MAX_ANSWERS);
    assert_eq!(
        error.to_string(),
        "could not resolve race.example: the look-up failed (AAAA: SERVFAIL, A: no final answer came within 256 answers)"
    );
    assert_eq!(error.query_errors().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn provisional_failures_without_end_are_one_error() {
    let (resolver, taken) = endless(|_| Ok(Answer::failed(Query::A).provisional()));
    let error = connect(World::new([]).dial_by(resolver)).await.unwrap_err();
    assert_eq!(taken.load(Ordering::Relaxed), MAX_ANSWERS);
    assert_eq!(error.query_errors().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_race_makes_no_more_than_4096_attempts_whatever_the_resolver_says() {
    let (resolver, _) = endless(|n| match n {
        0 => Ok(Answer::negative(Query::Aaaa)),
        _ => Ok(Answer::a(new_addresses(n)).provisional()),
    });
    let unsent = service_fn(|_: AttemptRequest| ready(Err::<io::Empty, _>(AttemptError::new("no route").unsent())));
    let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(unsent).build().unwrap();
    let error = connector.oneshot(uri()).await.unwrap_err();
    assert_eq!(error.attempts().len(), 4096);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_the_instant_of_the_last_answers_has_no_query_error() {
    // In the poll that finds the connection the resolver ends without the other answers, or has them, or has errors.
    let ends: [fn(Resolver) -> Resolver; 3] = [
        |resolver| resolver,
        |resolver| resolver.a(150, "A4"),
        |resolver| resolver.a(150, "").fails(150, Query::Https, "SERVFAIL"),
    ];
    for last_words in ends {
        let world = World::new([("A6", Fate::Connects(100))]);
        // The attempt starts when the wait for HTTPS is over.
        let resolver = world.resolver(Queries::ADDRESSES.with(Query::Https)).aaaa(0, "A6");
        let stream = connect(world.dial_by(last_words(resolver).ends_at(150))).await.unwrap();
        assert_eq!(world.elapsed(), 150);
        assert_eq!(stream.info().winner().duration(), ms(100));
        assert!(stream.info().query_errors().is_empty(), "{:?}", stream.info());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_query_that_has_its_answer_is_not_recorded() {
    let world = World::new([("A6", Fate::Connects(100))]);
    let resolver = world.resolver(Queries::ADDRESSES).aaaa(0, "A6").a(0, "A4").fails(50, Query::A, "too late");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert!(stream.info().query_errors().is_empty(), "{:?}", stream.info());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_failed_is_recorded() {
    let world = World::new([("A6", Fate::Connects(100))]);
    let stale = Answer::aaaa(addresses("A6")).provisional();
    let resolver = world.resolver(Query::Aaaa.into()).says(0, Ok(stale)).fails(50, Query::Aaaa, "SERVFAIL");
    let stream = connect(world.dial_by(resolver)).await.unwrap();
    assert_eq!(stream.info().query_errors().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn addresses_beyond_the_64_that_the_system_is_asked_about_count_as_reached_like_the_last_of_them() {
    let v6 = |host: u16| SocketAddr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host).into(), 80);
    let v4 = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 80);
    let world = World::new([]);
    let resolver =
        world.resolver(Queries::ADDRESSES).says(0, Ok(Answer::aaaa((1..=200).map(v6)))).says(20, Ok(Answer::a([v4])));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let unique_local = Source::Address("fd00::99".parse().unwrap());
    let connector = HappyEyeballsConnector::builder()
        .resolver(resolver)
        .attempt(service_fn(|_: AttemptRequest| ready(Ok::<_, BoxError>(io::empty()))))
        .source_addresses(move |destination| {
            counter.fetch_add(1, Ordering::Relaxed);
            if destination.is_ipv6() { unique_local } else { Source::Unknown }
        });
    let stream = connector.build().unwrap().oneshot(uri()).await.unwrap();
    assert_eq!(stream.info().winner().endpoint().address(), v4);
    assert_eq!(stream.info().winner().offset(), ms(20));
    assert_eq!(asked.load(Ordering::Relaxed), 64 + 1);
}
