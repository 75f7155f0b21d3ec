//! hyper-util's connector with the same addresses: each claim of the README that compares the two is a pair of tests.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{HappyEyeballsConnector, race::StartReason};
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use support::loopback::{BlackHole, ClosedPort, has_ipv6};
use support::origin::Origin;
use tower::{Service, ServiceExt};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// hyper-util's connector, resolving every name to these addresses.
async fn hyper_util_connects(addresses: Vec<SocketAddr>) -> Result<(), Box<dyn std::error::Error>> {
    let resolver = tower::service_fn(move |_: Name| {
        let addresses = addresses.clone();
        async move { Ok::<_, Infallible>(addresses.into_iter()) }
    });
    let mut connector = HttpConnector::new_with_resolver(resolver);
    std::future::poll_fn(|cx| connector.poll_ready(cx)).await?;
    connector.call("http://peer.example/".parse()?).await?;
    Ok(())
}

fn ours(addresses: &[SocketAddr]) -> HappyEyeballsConnector<FixedResolver> {
    let resolver = FixedResolver::new().with("peer.example", addresses.iter().copied());
    HappyEyeballsConnector::builder().resolver(resolver).build().unwrap()
}

#[tokio::test]
async fn four_dead_addresses_cost_four_delays_where_hyper_util_still_waits() {
    let dead: Vec<BlackHole> = (0..4).map(|_| BlackHole::new(V4)).collect();
    let origin = Origin::listen(V4).await;
    let listed: Vec<SocketAddr> = dead.iter().map(BlackHole::address).chain([origin.address()]).collect();

    let stream = ours(&listed).oneshot("http://peer.example/".parse().unwrap()).await.unwrap();
    let attempts = stream.info().attempts();
    assert_eq!(attempts.len(), 5);
    assert!(attempts[1..].iter().all(|attempt| attempt.reason() == StartReason::DelayElapsed));
    assert!(stream.info().winner().offset() >= Duration::from_millis(4 * 250));
    origin.accepts(1).await;

    let limit = Duration::from_secs(3);
    assert!(tokio::time::timeout(limit, hyper_util_connects(listed)).await.is_err(), "still pending");
    assert_eq!(origin.accepted(), 1);
}

#[tokio::test]
async fn an_error_names_every_address_where_hyper_util_names_none() {
    let (first, second) = (ClosedPort::new(V4), ClosedPort::new(V4));
    let listed = [first.address(), second.address()];
    let ours = ours(&listed).oneshot("http://peer.example/".parse().unwrap()).await.unwrap_err().to_string();
    let theirs = hyper_util_connects(listed.to_vec()).await.unwrap_err().to_string();
    for address in listed.map(|address| address.to_string()) {
        assert!(ours.contains(&address), "{ours}");
        assert!(!theirs.contains(&address), "{theirs}");
    }
}

#[tokio::test]
async fn a_timeout_is_a_budget_and_no_attempt_has_only_a_share() {
    let dead: Vec<BlackHole> = (0..3).map(|_| BlackHole::new(V4)).collect();
    let hung = [dead[0].address(), dead[1].address(), dead[2].address()];
    let timeout = Duration::from_millis(800);

    let resolver = FixedResolver::new().with("peer.example", hung);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).timeout(timeout).build().unwrap();
    let error = connector.oneshot("http://peer.example/".parse().unwrap()).await.unwrap_err();
    // No attempt was given up before its time: the first had all of it.
    assert!(error.attempts()[0].duration() >= timeout, "{error}");
    assert!(error.attempts().len() >= 2, "{error}");
}

#[tokio::test]
async fn a_family_that_cannot_be_bound_does_not_end_the_race() {
    if !has_ipv6() {
        return;
    }
    // No machine has this address, so binding to it fails, and only for IPv6.
    let not_ours: IpAddr = "2001:db8::1".parse().unwrap();
    let (v6, origin) = (Origin::listen("::1".parse().unwrap()).await, Origin::listen(V4).await);
    let listed = [v6.address(), origin.address()];
    let options =
        hyper_happy_eyeballs::tcp::TcpOptions::new().local_address(not_ours).local_address(Ipv4Addr::LOCALHOST);
    let resolver = FixedResolver::new().with("peer.example", listed);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).tcp(options).build().unwrap();
    let stream = connector.oneshot("http://peer.example/".parse().unwrap()).await.unwrap();
    assert_eq!(stream.info().winner().endpoint().address(), origin.address());
    let failed = stream.info().attempts()[0].error().unwrap();
    assert_eq!(failed.to_string(), "could not bind to the local address");
    assert!(!failed.was_sent());

    let mut theirs = HttpConnector::new_with_resolver(tower::service_fn(move |_: Name| async move {
        Ok::<_, Infallible>(listed.into_iter())
    }));
    let IpAddr::V6(not_ours) = not_ours else { unreachable!() };
    theirs.set_local_addresses(Ipv4Addr::LOCALHOST, not_ours);
    theirs.set_happy_eyeballs_timeout(None);
    std::future::poll_fn(|cx| theirs.poll_ready(cx)).await.unwrap();
    assert!(theirs.call("http://peer.example/".parse().unwrap()).await.is_err(), "IPv4 was never tried");
    assert_eq!(v6.accepted(), 0);
}
