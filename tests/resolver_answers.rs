//! Answers with addresses that cannot be connected to: what the error says of them, for every kind of record.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::race::UntriedReason;
use hyper_happy_eyeballs::resolve::{Answer, Answers, FixedResolver, Name, Queries, Resolve};
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector, Untried};
use support::loopback::{ClosedPort, has_ipv6};
use support::origin::Origin;
use tower::{ServiceExt, service_fn};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const URI: &str = "http://origin.example:8080/";

#[tokio::test]
async fn an_address_that_is_none_to_connect_to_is_not_tried() {
    for (address, reason, words) in [
        ("0.0.0.0:0", UntriedReason::Unspecified, "the unspecified address"),
        ("[::]:0", UntriedReason::Unspecified, "the unspecified address"),
        ("[::ffff:0.0.0.0]:0", UntriedReason::Unspecified, "the unspecified address"),
        ("224.0.0.1:0", UntriedReason::Multicast, "a multicast or broadcast address"),
        ("255.255.255.255:0", UntriedReason::Multicast, "a multicast or broadcast address"),
        ("[ff02::1]:0", UntriedReason::Multicast, "a multicast or broadcast address"),
        ("[fe80::1]:0", UntriedReason::NoScope, "a link-local address without a scope"),
    ] {
        let error = connect(table(&[address]), URI).await.unwrap_err();
        let [untried] = &error.untried()[..] else { panic!("{error:?}") };
        assert_eq!(untried.reason(), reason, "{address}");
        let tried = untried.endpoint();
        assert_eq!(
            error.to_string(),
            format!(
                "could not connect to origin.example:8080: no candidate is an address to connect to \
                 ({tried} not tried: {words})"
            )
        );
        // There was an answer, and nothing is wrong with the look-up.
        assert!(error.is_connect() && !error.is_dns() && error.query_errors().is_empty());
        assert!(error.attempts().is_empty());
    }
}

#[tokio::test]
async fn several_of_them_are_counted_and_named() {
    let error = connect(table(&["0.0.0.0:0", "[fe80::1]:0"]), URI).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not connect to origin.example:8080: no candidate is an address to connect to \
         (2 addresses not tried: 0.0.0.0:8080 the unspecified address, [fe80::1]:8080 a link-local address without a scope)"
    );
}

#[tokio::test]
async fn beside_a_good_address_they_cost_nothing() {
    let origin = Origin::listen(V4).await;
    let good = origin.address().to_string();
    let resolver = table(&["0.0.0.0:0", "[::]:0", "224.0.0.1:0", &good, "[fe80::1]:0"]);
    let stream = connect(resolver, "http://origin.example/").await.unwrap();
    let info = stream.info();
    assert_eq!(info.attempts().len(), 1);
    assert_eq!(info.winner().endpoint().address(), origin.address());
    let reasons: Vec<_> = info.untried().iter().map(Untried::reason).collect();
    for reason in [UntriedReason::Unspecified, UntriedReason::Multicast, UntriedReason::NoScope] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    assert_eq!(reasons.len(), 4);
}

/// An address that is the host of the URI is tried even if it would be left out of an answer.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_unspecified_address_in_the_uri_is_tried() {
    // The system takes it for itself.
    let origin = Origin::listen(V4).await;
    let uri = format!("http://0.0.0.0:{}/", origin.address().port());
    let stream = connect(FixedResolver::new(), &uri).await.unwrap();
    assert!(stream.info().winner().endpoint().address().ip().is_unspecified());
    assert_eq!(stream.get_ref().get_ref().peer_addr().unwrap(), origin.address());

    if has_ipv6() {
        let origin = Origin::listen("::1".parse().unwrap()).await;
        let uri = format!("http://[::]:{}/", origin.address().port());
        let stream = connect(FixedResolver::new(), &uri).await.unwrap();
        assert_eq!(stream.get_ref().get_ref().peer_addr().unwrap(), origin.address());
    }
}

/// And what comes of it is said.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_unspecified_address_in_the_uri_may_refuse() {
    let closed = ClosedPort::new(V4);
    let uri = format!("http://0.0.0.0:{}/", closed.address().port());
    let error = connect(FixedResolver::new(), &uri).await.unwrap_err();
    assert_eq!((error.attempts().len(), error.untried().len()), (1, 0));
    assert!(error.to_string().ends_with("connection refused"), "{error}");
}

/// Whatever else it may be: this one needs a link, or is not taken by the system at all.
#[tokio::test]
async fn other_odd_addresses_in_the_uri_are_tried_too() {
    for host in ["[fe80::1]", "224.0.0.1", "[ff02::1]"] {
        let builder = HappyEyeballsConnector::builder().resolver(FixedResolver::new());
        let connector = builder.timeout(Duration::from_millis(200)).build().unwrap();
        let uri = format!("http://{host}:9/").parse().unwrap();
        let connecting = tokio::time::timeout(Duration::from_secs(20), connector.oneshot(uri));
        let error = connecting.await.expect("it has no end").unwrap_err();
        assert_eq!((error.attempts().len(), error.untried().len()), (1, 0), "{host}");
        assert!(error.is_connect(), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_cut_and_a_reader_of_the_log_is_warned() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let last: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let unusable = SocketAddr::new([0; 4].into(), 0);
    let addresses: Vec<_> = [address].into_iter().chain([unusable; 1023]).chain([last]).collect();
    for (answer, name) in [(Answer::list(addresses.clone()), "A and AAAA"), (Answer::a(addresses), "A")] {
        let resolver = service_fn(move |_: Name| {
            let (queries, answers) = (Queries::from(answer.query()), [Ok(answer.clone())]);
            ready(Ok::<_, Infallible>(Answers::new(queries, stream::iter(answers))))
        });
        let (stream, warnings) = warned(connect(resolver, "http://origin.example/")).await;
        let untried = stream.unwrap().info().untried();
        let over_limit = untried.iter().filter(|untried| untried.reason() == UntriedReason::OverLimit);
        let over_limit: Vec<_> = over_limit.map(|untried| untried.endpoint().address().ip()).collect();
        assert_eq!(over_limit, [last.ip()]);
        assert_eq!(
            warnings,
            [format!("an answer has too many addresses host=origin.example query={name} addresses=1025 ignored=1")]
        );
    }
}

#[tokio::test]
async fn an_answer_that_just_fits_is_no_warning() {
    let origin = Origin::listen(V4).await;
    let address = origin.address();
    let resolver = FixedResolver::new().with("origin.example", (0..1024).map(|_| address));
    let (stream, warnings) = warned(connect(resolver, "http://origin.example/")).await;
    assert!(stream.unwrap().info().untried().is_empty());
    assert!(warnings.is_empty(), "{warnings:?}");
}

fn table(addresses: &[&str]) -> FixedResolver {
    FixedResolver::new().with("origin.example", addresses.iter().map(|address| address.parse().unwrap()))
}

async fn connect<R: Resolve + Clone>(
    resolver: R,
    uri: &str,
) -> Result<HappyEyeballsStream<TcpConnection>, ConnectError> {
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
    let limit = Duration::from_secs(20);
    let connecting = connector.oneshot(uri.parse().unwrap());
    tokio::time::timeout(limit, connecting).await.expect("it should have ended long ago")
}

/// What comes of the future, and the warnings of this library meanwhile.
async fn warned<F: Future>(future: F) -> (F::Output, Vec<String>) {
    let warnings = Warnings::default();
    // The subscriber is set for this thread, and so for this test alone.
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(warnings.clone()));
    let output = future.await;
    let lines = warnings.0.lock().unwrap().clone();
    (output, lines)
}

#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let ours = event.metadata().target().starts_with("hyper_happy_eyeballs");
        if ours && *event.metadata().level() <= Level::WARN {
            let mut line = Line::default();
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.0.insert_str(0, &format!("{value:?}")),
            name => self.0.push_str(&format!(" {name}={value:?}")),
        }
    }
}
