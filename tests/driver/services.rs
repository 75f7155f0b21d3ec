//! The resolver and the attempt service that a connector drives, and how they may behave.

use std::error::Error as _;
use std::future::Ready;
use std::io;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use http::Uri;
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::race::{Families, UntriedReason};
use hyper_happy_eyeballs::resolve::{Answers, FixedResolver, Name};
use hyper_happy_eyeballs::{AttemptError, BoxError, HappyEyeballsConnector, HappyEyeballsLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::fakes::{Fate, World, address, addresses, connect, list, ms, tried, untried, uri};

/// A resolver that panics if it is called or polled.
#[derive(Debug, Clone)]
pub(crate) struct Untouchable;

impl Service<Name> for Untouchable {
    type Response = Answers;
    type Error = BoxError;
    type Future = Ready<Result<Answers, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        panic!("the resolver is asked whether it is ready");
    }

    fn call(&mut self, name: Name) -> Self::Future {
        panic!("the resolver is asked for {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_service_that_is_not_ready_is_waited_for() {
    let (attempt, mut attempts) = mock::pair::<AttemptRequest, ()>();
    attempts.allow(0);
    let connector = HappyEyeballsConnector::builder().resolver(list("A6")).attempt(attempt);
    let mut connecting = task::spawn(connector.build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(10_000)).await;
    assert!(!connecting.is_woken());

    attempts.allow(1);
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    let (request, answer) = attempts.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(request.endpoint().address(), address("A6"));
    answer.send_response(());
    let stream = assert_ready_ok!(connecting.poll());
    assert_eq!(stream.info().winner().duration(), ms(10_000));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_for_its_service_is_an_attempt_in_flight() {
    let (attempt, mut attempts) = mock::pair::<AttemptRequest, ()>();
    attempts.allow(0);
    let connector = HappyEyeballsConnector::builder().resolver(list("A6 A4")).attempt(attempt);
    let mut connecting = task::spawn(connector.build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(250)).await;
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());

    // Each connect waits for a service of its own. The one that waited first is served first.
    attempts.allow(1);
    assert_pending!(connecting.poll());
    let (request, answer) = attempts.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(request.endpoint().address(), address("A6"));
    assert!(attempts.next_request().now_or_never().is_none());
    answer.send_response(());
    let stream = assert_ready_ok!(connecting.poll());
    assert_eq!(tried(stream.info().attempts()), "A6 A4");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_service_that_fails_to_get_ready_is_a_failed_attempt() {
    let (attempt, mut attempts) = mock::pair::<AttemptRequest, ()>();
    attempts.send_error("no more sockets");
    let connector = HappyEyeballsConnector::builder().resolver(list("A6 A4")).attempt(attempt);
    let mut connecting = task::spawn(connector.build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    advance(ms(10)).await;
    assert_pending!(connecting.poll());
    let (request, answer) = attempts.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(request.endpoint().address(), address("A4"));
    answer.send_response(());
    let stream = assert_ready_ok!(connecting.poll());
    let [failed, _] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
    let error = failed.error().unwrap();
    assert_eq!(error.source().unwrap().to_string(), "no more sockets");
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_attempt_is_kept_whatever_its_type() {
    #[derive(Debug, PartialEq)]
    struct Odd(u8);
    impl std::fmt::Display for Odd {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "odd {}", self.0)
        }
    }
    impl std::error::Error for Odd {}

    let attempt = service_fn(|_: AttemptRequest| async { Err::<(), _>(Odd(7)) });
    let error = connect(HappyEyeballsConnector::builder().resolver(list("A6")).attempt(attempt)).await.unwrap_err();
    let cause = error.source().unwrap().downcast_ref::<AttemptError>().unwrap();
    assert_eq!(cause.source().unwrap().downcast_ref(), Some(&Odd(7)));
    assert_eq!(error.to_string(), "could not connect to race.example:80: [2001:db8::a]:80 odd 7");
}

#[tokio::test(start_paused = true)]
async fn any_service_of_attempts_makes_a_connector() {
    let layer = HappyEyeballsLayer::builder().resolver(list("A6 A4")).layer().unwrap();
    let connector = layer.layer(service_fn(|request: AttemptRequest| async move {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(request.endpoint().address().to_string().as_bytes()).await?;
        Ok::<_, io::Error>(ours)
    }));
    let mut stream = connector.oneshot(uri()).await.unwrap();
    let mut greeting = String::new();
    stream.read_to_string(&mut greeting).await.unwrap();
    assert_eq!(greeting, "[2001:db8::a]:80");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_is_not_ready_is_waited_for() {
    let world = World::new([("A6", Fate::Connects(0))]);
    let (resolver, mut asked) = mock::pair::<Name, Answers>();
    asked.allow(0);
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    asked.allow(1);
    assert!(connecting.is_woken());
    assert_pending!(connecting.poll());
    let (name, answer) = asked.next_request().now_or_never().unwrap().unwrap();
    assert_eq!(name.as_str(), "race.example");
    answer.send_response(Answers::list(addresses("A6")));
    assert_ready_ok!(connecting.poll());
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_fails_to_get_ready_is_a_failed_look_up() {
    let world = World::new([]);
    let (resolver, mut asked) = mock::pair::<Name, Answers>();
    asked.send_error(io::Error::from(io::ErrorKind::NotFound));
    let error = connect(world.dial_by(resolver)).await.unwrap_err();
    assert!(error.is_dns() && !error.is_timeout() && !error.is_connect());
    assert_eq!(error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    assert_eq!(error.to_string(), "could not resolve race.example: entity not found");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_whose_call_fails_is_a_failed_look_up() {
    let world = World::new([]);
    let (resolver, mut asked) = mock::pair::<Name, Answers>();
    let mut connecting = task::spawn(world.dial_by(resolver).build().unwrap().call(uri()));
    assert_pending!(connecting.poll());
    let (_, answer) = asked.next_request().now_or_never().unwrap().unwrap();
    advance(ms(30)).await;
    answer.send_error(io::Error::from(io::ErrorKind::NotFound));
    let error = assert_ready_err!(connecting.poll());
    assert!(error.is_dns());
    assert_eq!(error.elapsed(), ms(30));
    assert!(error.attempts().is_empty() && error.untried().is_empty());
    assert_eq!(error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_address_in_the_uri_needs_no_resolver() {
    for (uri, expected) in [
        ("http://192.0.2.10/", "192.0.2.10:80"),
        ("http://192.0.2.10:9000/", "192.0.2.10:9000"),
        ("http://[2001:db8::a]/", "[2001:db8::a]:80"),
        ("http://[::ffff:192.0.2.10]/", "192.0.2.10:80"),
    ] {
        let attempt =
            service_fn(|request: AttemptRequest| async move { Ok::<_, BoxError>(request.endpoint().clone()) });
        let connector = HappyEyeballsConnector::builder().resolver(Untouchable).attempt(attempt).build().unwrap();
        let stream = connector.oneshot(uri.parse().unwrap()).await.unwrap();
        assert_eq!(stream.get_ref().address(), expected.parse().unwrap());
        assert_eq!(stream.info().resolved_after(), None);
        assert_eq!(stream.info().attempts().len(), 1);
        assert!(stream.info().untried().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_in_the_uri_arms_no_timer() {
    let world = World::new([]);
    let mut connector = world.dial_by(Untouchable).build().unwrap();
    let mut connecting = task::spawn(connector.call(Uri::from_static("http://192.0.2.10/")));
    assert_pending!(connecting.poll());
    advance(ms(24 * 60 * 60 * 1000)).await;
    assert!(!connecting.is_woken());
    assert_eq!(world.log(), ["0 start A4"]);
}

#[tokio::test(start_paused = true)]
async fn an_address_of_a_family_that_is_switched_off_is_an_error() {
    for (families, uri, address) in [
        (Families::V6Only, "http://192.0.2.10/", "A4"),
        (Families::V6Only, "http://[::ffff:192.0.2.10]/", "A4"),
        (Families::V4Only, "http://[2001:db8::a]/", "A6"),
    ] {
        let world = World::new([]);
        let connector = world.dial_by(Untouchable).families(families).timeout(ms(100)).build().unwrap();
        let error = connector.oneshot(uri.parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect() && !error.is_dns() && !error.is_timeout() && !error.is_invalid_uri());
        assert!(error.attempts().is_empty());
        assert_eq!(untried(&error.untried()), format!("{address} its address family is switched off"));
        assert!(world.log().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_of_a_family_that_is_switched_off_are_left_out() {
    let world = World::new([("A4", Fate::Connects(5))]);
    let stream = connect(world.dial("A6 A4 B6").families(Families::V4Only)).await.unwrap();
    assert_eq!(tried(stream.info().attempts()), "A4");
    assert!(stream.info().untried().iter().all(|untried| untried.reason() == UntriedReason::FamilyDisabled));

    let error = connect(world.dial("A6 B6").families(Families::V4Only)).await.unwrap_err();
    assert!(error.is_connect() && error.attempts().is_empty());
    assert_eq!(error.untried().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_uri_that_says_nowhere_touches_nothing() {
    let world = World::new([]);
    for uri in ["https://race.example/", "/path", "http://race.example:0/"] {
        let error = world.dial_by(Untouchable).build().unwrap().oneshot(uri.parse().unwrap()).await.unwrap_err();
        assert!(error.is_invalid_uri() && !error.is_dns() && !error.is_connect() && !error.is_timeout());
    }
    assert!(world.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_port_is_that_of_the_uri_or_else_of_the_resolver_or_else_of_the_scheme() {
    for (uri, supplied, expected) in [
        ("http://race.example/", 0, 80),
        ("http://race.example/", 8443, 8443),
        ("http://race.example:9000/", 8443, 9000),
        ("http://race.example:9000/", 0, 9000),
        ("https://race.example/", 0, 443),
    ] {
        let mut supplied_address = address("A6");
        supplied_address.set_port(supplied);
        let resolver = FixedResolver::new().with("race.example", [supplied_address]);
        let attempt =
            service_fn(|request: AttemptRequest| async move { Ok::<_, BoxError>(request.endpoint().address().port()) });
        let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(attempt).enforce_http(false);
        let stream = connector.build().unwrap().oneshot(uri.parse().unwrap()).await.unwrap();
        assert_eq!(*stream.get_ref(), expected, "{uri} {supplied}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_connector_are_races_of_their_own() {
    let world = World::new([("A4", Fate::Connects(100))]);
    let mut connector = world.dial("A6 A4").build().unwrap();
    let first = connector.call(uri());
    advance(ms(0)).await;
    let (first, second) = futures_util::future::join(first, connector.call(uri())).await;
    assert_eq!(first.unwrap().info().elapsed(), ms(350));
    assert_eq!(second.unwrap().info().elapsed(), ms(350));
    assert_eq!(world.log().iter().filter(|line| line.ends_with("connect A4")).count(), 2);
}
