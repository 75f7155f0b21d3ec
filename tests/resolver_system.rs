//! The system's resolver under the connector, on the system of the machine, with or without a network.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::resolve::{FixedResolver, GaiResolver, Queries, Resolve};
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::{ConnectError, HappyEyeballsConnector};
use support::loopback::ClosedPort;
use support::origin::Origin;
use tower::ServiceExt;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Long enough for a resolver that asks a server which does not answer, twice.
const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn localhost_is_reached_over_whichever_family_listens() {
    let mut reached = 0;
    for family in [V6, V4].into_iter().filter(|family| stands_for_localhost(*family)) {
        let origin = Origin::listen(family).await;
        let port = origin.address().port();
        let stream = connect(GaiResolver::new(), &format!("http://localhost:{port}/")).await.unwrap();
        assert_eq!(stream.info().winner().endpoint().address(), origin.address());
        reached += 1;
    }
    assert!(reached > 0, "the system knows no localhost");
}

#[tokio::test]
async fn a_name_in_no_zone_is_an_error_of_the_look_up() {
    let resolver = GaiResolver::new();
    let error = connect(resolver, "http://nonexistent.invalid/").await.unwrap_err();
    assert!(error.is_dns() && !error.is_connect() && error.attempts().is_empty(), "{error:?}");
    let text = error.to_string();
    if error.is_timeout() {
        // A system whose server does not answer is still waiting.
        assert!(text.contains(", still waiting for DNS ("), "{text}");
        assert_ne!(error.waiting_for(), Queries::NONE);
    } else {
        // Whether the system says that there is no such name, or that it could not find out.
        assert!(text.starts_with("could not resolve nonexistent.invalid: the "), "{text}");
        assert!(!error.query_errors().is_empty());
        let cause = std::error::Error::source(&error).unwrap();
        assert!(cause.downcast_ref::<std::io::Error>().is_some(), "{cause:?}");
    }
}

#[tokio::test]
async fn a_table_in_front_overrides_the_system_and_leaves_it_the_rest() {
    let (pinned, origin) = (Origin::listen(V4).await, Origin::listen(V4).await);
    let resolver = FixedResolver::new()
        .with("nonexistent.invalid", [pinned.address()])
        .with("Localhost", [SocketAddr::new(V4, 0)])
        .with_fallback(GaiResolver::new());

    let stream = connect(resolver.clone(), "http://nonexistent.invalid/").await.unwrap();
    assert_eq!(stream.info().winner().endpoint().address(), pinned.address());

    // What the system would say besides is not even asked for.
    let port = origin.address().port();
    let stream = connect(resolver, &format!("http://localhost:{port}/")).await.unwrap();
    assert_eq!((stream.info().attempts().len(), stream.info().untried().len()), (1, 0));

    let resolver = FixedResolver::new().with("nonexistent.invalid", []).with_fallback(GaiResolver::new());
    let by_name = ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{port}/"));
    for uri in by_name {
        assert_eq!(
            connect(resolver.clone(), &uri).await.unwrap().info().winner().endpoint().address(),
            origin.address()
        );
    }
    let error = connect(resolver, "http://nonexistent.invalid/").await.unwrap_err();
    assert_eq!(error.to_string(), "could not resolve nonexistent.invalid: the name has no addresses");
}

#[tokio::test]
async fn what_localhost_refuses_is_an_error_of_the_connect() {
    let closed = ClosedPort::new(V4);
    let error =
        connect(GaiResolver::new(), &format!("http://localhost:{}/", closed.address().port())).await.unwrap_err();
    assert!(error.is_connect() && !error.is_dns(), "{error:?}");
    assert!(error.to_string().contains(&format!("{} connection refused", closed.address())), "{error}");
}

async fn connect<R: Resolve + Clone>(
    resolver: R,
    uri: &str,
) -> Result<HappyEyeballsStream<TcpConnection>, ConnectError> {
    let connector = HappyEyeballsConnector::builder().resolver(resolver).timeout(LIMIT).build().unwrap();
    connector.oneshot(uri.parse().unwrap()).await
}

/// Whether the system has this address for `localhost`: a machine need not have both in its table.
fn stands_for_localhost(ip: IpAddr) -> bool {
    let known = ("localhost", 0).to_socket_addrs().is_ok_and(|mut known| known.any(|known| known.ip() == ip));
    known && std::net::TcpListener::bind((ip, 0)).is_ok()
}
