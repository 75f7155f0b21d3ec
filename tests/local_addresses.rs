//! Connecting from a local address that the program sets.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::race::UntriedReason;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::{TcpConnection, TcpOptions};
use hyper_happy_eyeballs::{Attempt, ConnectError, HappyEyeballsConnector, Untried};
use support::loopback::{ClosedPort, has_ipv6};
use tokio::net::TcpListener;
use tower::ServiceExt;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const URI: &str = "http://origin.example/";

type Stream = HappyEyeballsStream<TcpConnection>;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_server_sees_the_local_address() {
    let second_loopback = Ipv4Addr::new(127, 0, 0, 2);
    let (listener, address) = listen(V4).await;
    let connected = connect(TcpOptions::new().local_address(second_loopback), [address], URI).await.unwrap();
    let (_, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.ip(), second_loopback);
    assert_eq!(peer, connected.get_ref().get_ref().local_addr().unwrap());
}

#[tokio::test]
async fn each_family_has_its_own_local_address() {
    if !has_ipv6() {
        return;
    }
    let options = TcpOptions::new().local_address(Ipv4Addr::LOCALHOST).local_address(Ipv6Addr::LOCALHOST);
    for ip in [V4, Ipv6Addr::LOCALHOST.into()] {
        let (listener, address) = listen(ip).await;
        let connected = connect(options.clone(), [address], URI).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1.ip(), ip);
        assert!(connected.info().untried().is_empty());
    }
}

#[tokio::test]
async fn a_family_without_a_local_address_is_left_out() {
    let (_listener, v4) = listen(V4).await;
    let v6 = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 9);
    let connected = connect(from_v4(), [v6, v4], URI).await.unwrap();
    assert_eq!(attempted(connected.info().attempts()), [v4]);
    assert_eq!(left_out(&connected.info().untried()), [v6]);
}

#[tokio::test]
async fn a_failure_says_which_addresses_were_left_out() {
    let closed = ClosedPort::new(V4);
    let (v4, v6) = (closed.address(), SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 9));
    let error = connect(from_v4(), [v6, v4], URI).await.unwrap_err();
    assert_eq!(attempted(error.attempts()), [v4]);
    assert_eq!(left_out(&error.untried()), [v6]);
    assert_eq!(
        error.to_string(),
        format!("could not connect to origin.example:80: {v4} connection refused (1 address not tried)")
    );
}

#[tokio::test]
async fn no_candidate_of_the_family_of_the_local_address_is_an_error_that_says_so() {
    let candidates = [1, 2].map(|last| SocketAddr::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into(), 80));
    let error = connect(from_v4(), candidates, URI).await.unwrap_err();
    assert_no_candidate(&error, &candidates, "origin.example:80", "(2 addresses not tried)");

    let error = connect(from_v4(), [], "http://[2001:db8::1]/").await.unwrap_err();
    assert_no_candidate(&error, &candidates[..1], "[2001:db8::1]:80", "(1 address not tried)");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_local_address_of_another_machine_fails_the_attempt_and_names_the_step() {
    let (_listener, address) = listen(V4).await;
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    let error = connect(TcpOptions::new().local_address(elsewhere), [address], URI).await.unwrap_err();
    assert!(error.is_connect());
    assert!(!error.attempts()[0].error().unwrap().was_sent());
    assert_eq!(
        error.to_string(),
        format!(
            "could not connect to origin.example:80: {address} could not bind to the local address: Cannot assign requested address (os error 99)"
        )
    );
}

fn from_v4() -> TcpOptions {
    TcpOptions::new().local_address(Ipv4Addr::LOCALHOST)
}

async fn listen(ip: IpAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn connect(
    options: TcpOptions,
    addresses: impl IntoIterator<Item = SocketAddr>,
    uri: &str,
) -> Result<Stream, ConnectError> {
    let resolver = FixedResolver::new().with("origin.example", addresses);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).tcp(options).build().unwrap();
    let connecting = connector.oneshot(uri.parse().unwrap());
    tokio::time::timeout(Duration::from_secs(20), connecting).await.expect("it should have ended long ago")
}

fn attempted(attempts: &[Attempt]) -> Vec<SocketAddr> {
    attempts.iter().map(|attempt| attempt.endpoint().address()).collect()
}

/// Returns the addresses that were not tried because their family has no local address.
#[track_caller]
fn left_out(untried: &[Untried]) -> Vec<SocketAddr> {
    assert!(untried.iter().all(|untried| untried.reason() == UntriedReason::NoLocalAddress), "{untried:?}");
    untried.iter().map(|untried| untried.endpoint().address()).collect()
}

#[track_caller]
fn assert_no_candidate(error: &ConnectError, candidates: &[SocketAddr], destination: &str, untried: &str) {
    assert!(error.is_connect() && !error.is_dns() && !error.is_timeout());
    assert!(error.attempts().is_empty());
    assert_eq!(left_out(&error.untried()), candidates);
    let expected = format!("could not connect to {destination}: no candidate matches the local address {untried}");
    assert_eq!(error.to_string(), expected);
}
