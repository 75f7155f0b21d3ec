//! Every kind of resolver under the connector: the addresses of its answers are connected to, and missing answers are reported.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::error::Error as _;
use std::future::{pending, ready};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::resolve::{
    Answer, Answers, FixedResolver, GaiResolver, HyperUtilResolver, Name, Queries, Query, QueryError, Resolve,
};
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::{AttemptError, ConnectError, ConnectInfo, HappyEyeballsConnector};
use hyper_util::client::legacy::connect::dns;
use support::loopback::{ClosedPort, has_ipv6};
use support::origin::Origin;
use tower::{ServiceExt, service_fn};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const URI: &str = "http://origin.example/";

#[tokio::test]
async fn the_systems_resolver_knows_localhost() {
    let server = Localhost::listen();
    server.assert_reached(connect(GaiResolver::new(), &server.uri()).await.unwrap().info());
}

#[tokio::test]
async fn the_resolver_of_hyper_util_serves_unchanged() {
    let server = Localhost::listen();
    let resolver = HyperUtilResolver::new(dns::GaiResolver::new());
    server.assert_reached(connect(resolver, &server.uri()).await.unwrap().info());
}

#[tokio::test]
async fn a_closure_made_for_hyper_util_serves_in_its_order() {
    let (closed, origin) = (ClosedPort::new(V4), Origin::listen(V4).await);
    let found = [closed.address(), origin.address()];
    let resolver = service_fn(move |name: dns::Name| {
        assert_eq!(name.as_str(), "origin.example");
        ready(Ok::<_, Infallible>(found.into_iter()))
    });
    let connection = connect(HyperUtilResolver::new(resolver), URI).await.unwrap();
    assert_eq!(attempted(connection.info()), found);
}

#[tokio::test]
async fn a_resolver_made_for_hyper_util_that_fails_is_the_cause() {
    let resolver = service_fn(|_: dns::Name| ready(Err::<std::vec::IntoIter<_>, _>(io::Error::other("no server"))));
    let error = connect(HyperUtilResolver::new(resolver), URI).await.unwrap_err();
    assert!(error.is_dns() && !error.is_timeout());
    assert_eq!(error.to_string(), "could not resolve origin.example: the look-up failed (A, AAAA: no server)");
    assert_eq!(causes(&error).last().unwrap(), "no server");
}

#[tokio::test]
async fn a_closure_serves_as_a_resolver() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let resolver = service_fn(move |name: Name| async move {
        assert_eq!(name.as_str(), "origin.example");
        Ok::<_, Infallible>(Answers::list([address]))
    });
    assert_eq!(attempted(connect(resolver, URI).await.unwrap().info()), [address]);
}

#[tokio::test]
async fn a_family_without_addresses_leaves_the_race_to_the_other() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let resolver = answering(move || {
        stream::iter([Ok(Answer::negative(Query::Aaaa)), Ok(Answer::a([address]))]).chain(stream::pending())
    });
    assert_eq!(attempted(connect(resolver, URI).await.unwrap().info()), [address]);
}

#[tokio::test]
async fn a_family_that_is_never_answered_does_not_hold_up_the_other() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let resolver = answering(move || stream::iter([Ok(Answer::a([address]))]).chain(stream::pending()));
    let connection = connect(resolver, URI).await.unwrap();
    assert_eq!(attempted(connection.info()), [address]);
    assert!(connection.info().elapsed() >= Duration::from_millis(50), "the resolution delay was not kept");
}

#[tokio::test]
async fn a_family_that_fails_to_resolve_leaves_the_race_to_the_other() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let connection = connect(answering_half(address), URI).await.unwrap();
    assert_eq!(attempted(connection.info()), [address]);
    assert_eq!(failed(connection.info().query_errors()), [Query::Aaaa]);
}

#[tokio::test]
async fn a_family_that_fails_to_resolve_is_told_when_the_other_fails_to_connect() {
    let closed = ClosedPort::new(V4);
    let address = closed.address();
    let error = connect(answering_half(address), URI).await.unwrap_err();
    assert!(error.is_connect() && !error.is_dns());
    assert_eq!(failed(error.query_errors()), [Query::Aaaa]);
    assert_eq!(
        error.to_string(),
        format!(
            "could not connect to origin.example:80: {address} connection refused; the look-up failed (AAAA: SERVFAIL)"
        )
    );
}

#[tokio::test]
async fn a_table_asks_its_fallback_for_other_names_only() {
    let (listed, other) = (Origin::listen(V4).await, Origin::listen(V4).await);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let fallback = {
        let (asked, address) = (Arc::clone(&asked), other.address());
        service_fn(move |name: Name| {
            asked.lock().unwrap().push(name.to_string());
            ready(Ok::<_, io::Error>(Answers::list([address])))
        })
    };
    let resolver = FixedResolver::new()
        .with("listed.example", [listed.address()])
        .with("empty.example", [])
        .with_fallback(fallback);

    let connection = connect(resolver.clone(), "http://LISTED.example./").await.unwrap();
    assert_eq!(attempted(connection.info()), [listed.address()]);
    let error = connect(resolver.clone(), "http://empty.example/").await.unwrap_err();
    assert_eq!(error.to_string(), "could not resolve empty.example: the name has no addresses");
    assert!(asked.lock().unwrap().is_empty());
    let connection = connect(resolver, "http://other.example/").await.unwrap();
    assert_eq!(attempted(connection.info()), [other.address()]);
    assert_eq!(*asked.lock().unwrap(), ["other.example"]);
}

#[tokio::test]
async fn an_address_for_a_host_is_never_resolved() {
    let origin = Origin::listen(V4).await;
    let resolver = service_fn(async |name: Name| -> Result<Answers, Infallible> { panic!("asked for {name}") });
    let connection = connect(resolver, &format!("http://{}/", origin.address())).await.unwrap();
    assert_eq!(attempted(connection.info()), [origin.address()]);
    assert_eq!(connection.info().resolved_after(), None);
}

#[tokio::test]
async fn a_name_without_addresses_is_an_error_of_its_own() {
    let error = connect(FixedResolver::new(), URI).await.unwrap_err();
    assert!(error.is_dns() && !error.is_connect() && !error.is_timeout() && !error.is_invalid_uri());
    assert_eq!(error.to_string(), "could not resolve origin.example: the name has no addresses");
    assert!(error.source().is_none() && error.query_errors().is_empty() && error.waiting_for().is_empty());
}

#[tokio::test]
async fn a_look_up_that_failed_is_an_error_of_its_own() {
    let resolver = answering(|| {
        stream::iter([Ok(Answer::negative(Query::A)), Err(QueryError::new(Query::Aaaa, io::Error::other("SERVFAIL")))])
    });
    let error = connect(resolver, URI).await.unwrap_err();
    assert!(error.is_dns() && !error.is_connect() && !error.is_timeout());
    assert_eq!(error.to_string(), "could not resolve origin.example: the look-up failed (AAAA: SERVFAIL)");
    assert_eq!(causes(&error), ["SERVFAIL"]);
    assert_eq!(failed(error.query_errors()), [Query::Aaaa]);
    assert!(error.waiting_for().is_empty());
}

#[tokio::test]
async fn an_answer_that_never_comes_is_an_error_of_its_own() {
    let nothing = connect_within(100, answering(stream::pending)).await;
    assert_waiting_for(&nothing, Queries::ADDRESSES, ", still waiting for DNS (A, AAAA)");

    let half = answering(|| stream::iter([Ok(Answer::negative(Query::Aaaa))]).chain(stream::pending()));
    assert_waiting_for(&connect_within(100, half).await, Query::A.into(), ", still waiting for DNS (A)");

    let no_word = service_fn(|_: Name| pending::<Result<Answers, Infallible>>());
    assert_waiting_for(&connect_within(100, no_word).await, Queries::NONE, ", still waiting for DNS");
}

#[tokio::test]
async fn a_resolver_that_cannot_even_ask_is_the_cause() {
    let resolver = service_fn(|_: Name| ready(Err::<Answers, _>(io::Error::other("no configuration"))));
    let error = connect(resolver, URI).await.unwrap_err();
    assert!(error.is_dns() && !error.is_timeout());
    assert_eq!(error.to_string(), "could not resolve origin.example: no configuration");
    assert_eq!(causes(&error), ["no configuration"]);
}

#[tokio::test]
async fn a_resolver_that_ends_early_has_failed() {
    let resolver = answering(|| stream::iter([Ok(Answer::negative(Query::A))]));
    let error = connect(resolver, URI).await.unwrap_err();
    assert!(error.is_dns() && !error.is_timeout());
    assert_eq!(
        error.to_string(),
        "could not resolve origin.example: the look-up failed (AAAA: the resolver ended without an answer)"
    );
}

#[tokio::test]
async fn a_port_of_the_resolver_is_used_unless_the_uri_names_one() {
    let (supplied, explicit) = (Origin::listen(V4).await, Origin::listen(V4).await);
    let resolver = FixedResolver::new().with("origin.example", [supplied.address()]);

    let connection = connect(resolver.clone(), URI).await.unwrap();
    assert_eq!(attempted(connection.info()), [supplied.address()]);
    assert_eq!(connection.info().port(), 80);

    let port = explicit.address().port();
    let connection = connect(resolver, &format!("http://origin.example:{port}/")).await.unwrap();
    assert_eq!(attempted(connection.info()), [explicit.address()]);
    assert_eq!(connection.info().port(), port);
}

#[tokio::test]
async fn a_resolver_without_a_port_leaves_it_to_the_uri() {
    let origin = Origin::listen(V4).await;
    let resolver = FixedResolver::new().with("origin.example", [SocketAddr::new(V4, 0)]);
    let uri = format!("http://origin.example:{}/", origin.address().port());
    assert_eq!(attempted(connect(resolver, &uri).await.unwrap().info()), [origin.address()]);
}

#[tokio::test]
async fn a_port_that_nobody_names_is_that_of_the_scheme() {
    // These ports belong to others: the attempts only record where they would connect to.
    let nowhere =
        service_fn(|_: AttemptRequest| ready(Err::<TcpConnection, _>(AttemptError::new("not tried").unsent())));
    let resolver = FixedResolver::new().with("origin.example", ["192.0.2.1:0".parse().unwrap()]);
    let builder = HappyEyeballsConnector::builder().resolver(resolver).attempt(nowhere).enforce_http(false);
    let connector = builder.build().unwrap();
    for (scheme, port) in [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)] {
        let uri = format!("{scheme}://origin.example/").parse().unwrap();
        let error = connector.clone().oneshot(uri).await.unwrap_err();
        assert_eq!(error.attempts()[0].endpoint().address().port(), port, "{scheme}");
    }
}

type Stream = HappyEyeballsStream<TcpConnection>;

async fn connect<R: Resolve + Clone>(resolver: R, uri: &str) -> Result<Stream, ConnectError> {
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
    let connecting = connector.oneshot(uri.parse().unwrap());
    tokio::time::timeout(Duration::from_secs(20), connecting).await.expect("it should have ended long ago")
}

/// The error of a connect that may take so many milliseconds.
async fn connect_within<R: Resolve + Clone>(milliseconds: u64, resolver: R) -> ConnectError {
    let timeout = Duration::from_millis(milliseconds);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).timeout(timeout).build().unwrap();
    connector.oneshot(URI.parse().unwrap()).await.unwrap_err()
}

/// A resolver that asks for both families, and answers with this stream.
fn answering<S>(stream: impl Fn() -> S + Clone) -> impl Resolve + Clone
where
    S: stream::Stream<Item = Result<Answer, QueryError>>,
{
    service_fn(move |_: Name| ready(Ok::<_, Infallible>(Answers::new(Queries::ADDRESSES, stream()))))
}

/// A resolver that knows the IPv4 address, and fails to find out the others.
fn answering_half(address: SocketAddr) -> impl Resolve + Clone {
    answering(move || stream::iter([Err(QueryError::new(Query::Aaaa, "SERVFAIL")), Ok(Answer::a([address]))]))
}

/// Where the attempts of a race went, in start order.
fn attempted(info: &ConnectInfo) -> Vec<SocketAddr> {
    info.attempts().iter().map(|attempt| attempt.endpoint().address()).collect()
}

fn failed(errors: &[QueryError]) -> Vec<Query> {
    errors.iter().map(QueryError::query).collect()
}

fn causes(error: &ConnectError) -> Vec<String> {
    std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect()
}

#[track_caller]
fn assert_waiting_for(error: &ConnectError, queries: Queries, end: &str) {
    assert!(error.is_dns() && error.is_timeout() && !error.is_connect());
    assert_eq!(error.waiting_for(), queries);
    let text = error.to_string();
    assert!(text.starts_with("could not connect to origin.example:80: timed out after "), "{text}");
    assert!(text.ends_with(end), "{text}");
    assert!(error.attempts().is_empty() && error.source().is_none());
}

/// Listens at one port of every loopback address that `localhost` may stand for.
struct Localhost {
    port: u16,
    _listeners: Vec<TcpListener>,
}

impl Localhost {
    fn listen() -> Self {
        let with_ipv6 = has_ipv6();
        loop {
            let v4 = TcpListener::bind((V4, 0)).unwrap();
            let port = v4.local_addr().unwrap().port();
            if !with_ipv6 {
                return Self { port, _listeners: vec![v4] };
            }
            // Another process may have this port in the other family.
            if let Ok(v6) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                return Self { port, _listeners: vec![v4, v6] };
            }
        }
    }

    fn uri(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    #[track_caller]
    fn assert_reached(&self, info: &ConnectInfo) {
        assert_eq!((info.host(), info.port()), ("localhost", self.port));
        let winner = info.winner().endpoint().address();
        assert!(winner.ip().is_loopback() && winner.port() == self.port, "{winner}");
        assert!(info.untried().iter().all(|untried| untried.endpoint().address().ip().is_loopback()));
    }
}
