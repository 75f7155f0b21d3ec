//! The cases of the seed (Go's serial dialing and the parallel dialing of RFC 6555) on real sockets. Their numbers are those of the scenario files,
//! which have the same schedules in virtual time. These tests count which addresses were tried, and what arrived at each.
//!
//! A loopback address is its own only by its port, so that every address has one of its own, and the URI has none.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::connect::{Builder, HappyEyeballsStream};
use hyper_happy_eyeballs::race::{DropReason, Policy, StartReason};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::{TcpConnection, TcpConnector, TcpOptions};
use hyper_happy_eyeballs::{Attempt, AttemptOutcome, ConnectError, HappyEyeballsConnector};
use support::loopback::{BlackHole, ClosedPort, has_ipv6};
use support::origin::Origin;
use tower::{Service, ServiceExt};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

type Connected = Result<HappyEyeballsStream<TcpConnection>, ConnectError>;

/// The seed's dialing, with the fallback delay of its tests.
fn dialer(addresses: &[SocketAddr]) -> Builder<FixedResolver> {
    HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with("seed.example", addresses.iter().copied()))
        .policy(Policy::TwoFamilies)
        .fallback_delay(Duration::from_millis(200))
}

async fn dial(addresses: &[SocketAddr]) -> Connected {
    connect(dialer(addresses)).await
}

async fn connect(builder: Builder<FixedResolver>) -> Connected {
    builder.build().unwrap().oneshot("http://seed.example/".parse().unwrap()).await
}

fn addresses(attempts: &[Attempt]) -> Vec<SocketAddr> {
    attempts.iter().map(|attempt| attempt.endpoint().address()).collect()
}

fn is_refused(attempt: &Attempt) -> bool {
    matches!(attempt.outcome(), AttemptOutcome::Failed(_))
}

fn was_dropped(attempt: &Attempt, wanted: DropReason) -> bool {
    matches!(attempt.outcome(), AttemptOutcome::Dropped(reason) if *reason == wanted)
}

/// Exactly these attempts were made, the last of which won; `origins` saw one connection, the winner's.
#[track_caller]
fn assert_won(connected: Connected, tried: &[SocketAddr], origins: &[&Origin]) -> HappyEyeballsStream<TcpConnection> {
    let stream = connected.unwrap();
    assert_eq!(addresses(stream.info().attempts()), tried);
    assert_eq!(Some(&stream.info().winner().endpoint().address()), tried.last());
    assert_eq!(stream.get_ref().get_ref().peer_addr().unwrap(), *tried.last().unwrap());
    assert!(origins.iter().map(|origin| origin.accepted()).sum::<usize>() <= 1);
    stream
}

#[tokio::test]
async fn g1_and_g2_a_single_address_is_connected_to() {
    for ip in [V4, V6] {
        if ip == V6 && !has_ipv6() {
            continue;
        }
        let origin = Origin::listen(ip).await;
        let stream = assert_won(dial(&[origin.address()]).await, &[origin.address()], &[&origin]);
        assert_eq!(stream.info().winner().reason(), StartReason::First);
        origin.accepts(1).await;
    }
}

#[tokio::test]
async fn g3_and_g4_the_second_family_never_starts_when_the_first_answers() {
    if !has_ipv6() {
        return;
    }
    for (first, second) in [(V4, V6), (V6, V4)] {
        let (origin, slow) = (Origin::listen(first).await, BlackHole::new(second));
        let connected = dial(&[origin.address(), slow.address()]).await;
        let stream = assert_won(connected, &[origin.address()], &[&origin]);
        let untried: Vec<_> = stream.info().untried().iter().map(|u| u.endpoint().address()).collect();
        assert_eq!(untried, [slow.address()]);
    }
}

#[tokio::test]
async fn g5_a_slow_first_family_is_overtaken_after_the_fallback_delay() {
    if !has_ipv6() {
        return;
    }
    let (slow, origin) = (BlackHole::new(V4), Origin::listen(V6).await);
    let tried = [slow.address(), origin.address()];
    let stream = assert_won(dial(&tried).await, &tried, &[&origin]);
    let [first, second] = stream.info().attempts() else { panic!("two attempts") };
    assert!(was_dropped(first, DropReason::Lost));
    assert_eq!(second.reason(), StartReason::DelayElapsed);
    assert!(second.offset() >= Duration::from_millis(200), "{:?}", second.offset());
}

#[tokio::test]
async fn g6_and_g7_a_refusal_moves_on_within_the_family_without_a_wait() {
    for ip in [V4, V6] {
        if ip == V6 && !has_ipv6() {
            continue;
        }
        let (refused, origin) = (ClosedPort::new(ip), Origin::listen(ip).await);
        let tried = [refused.address(), origin.address()];
        let stream = assert_won(dial(&tried).await, &tried, &[&origin]);
        assert!(is_refused(&stream.info().attempts()[0]));
        assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
    }
}

#[tokio::test]
async fn g8_the_second_family_is_a_sequence_of_its_own() {
    if !has_ipv6() {
        return;
    }
    let (slow, never) = (BlackHole::new(V4), BlackHole::new(V4));
    let (refused, origin) = (ClosedPort::new(V6), Origin::listen(V6).await);
    let listed = [slow.address(), never.address(), refused.address(), origin.address()];
    let tried = [slow.address(), refused.address(), origin.address()];
    let stream = assert_won(dial(&listed).await, &tried, &[&origin]);
    let reasons: Vec<_> = stream.info().attempts().iter().map(Attempt::reason).collect();
    assert_eq!(reasons, [StartReason::First, StartReason::DelayElapsed, StartReason::PreviousFailed]);
}

#[tokio::test]
async fn g9_and_g10_the_second_family_starts_at_once_when_the_first_has_failed() {
    if !has_ipv6() {
        return;
    }
    for (first, second) in [(V4, V6), (V6, V4)] {
        let (refused, origin) = (ClosedPort::new(first), Origin::listen(second).await);
        let tried = [refused.address(), origin.address()];
        // So long a delay would be seen.
        let patient = dialer(&tried).fallback_delay(Duration::from_secs(60));
        let stream = assert_won(connect(patient).await, &tried, &[&origin]);
        assert_eq!(stream.info().winner().reason(), StartReason::PreviousFailed);
    }
}

#[tokio::test]
async fn g11_a_refusal_alone_is_an_error_that_names_the_address() {
    let refused = ClosedPort::new(V4);
    let error = dial(&[refused.address()]).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout());
    assert_eq!(
        error.to_string(),
        format!("could not connect to seed.example:80: {} connection refused", refused.address())
    );
}

#[tokio::test]
async fn g12_an_empty_list_is_an_error_of_its_own() {
    let error = dial(&[]).await.unwrap_err();
    assert!(error.is_dns() && !error.is_connect());
    assert!(error.attempts().is_empty());
    assert_eq!(error.to_string(), "could not resolve seed.example: the name has no addresses");
}

#[tokio::test]
async fn g13_a_thousand_times_one_address_is_one_connect_and_no_deadline() {
    let origin = Origin::listen(V4).await;
    let copies = vec![origin.address(); 1000];
    let builder = dialer(&copies).timeout(Duration::from_secs(20));
    let stream = assert_won(connect(builder).await, &[origin.address()], &[&origin]);
    assert!(stream.info().untried().is_empty());
    drop(stream);
    origin.sees_closed(1).await;
    assert_eq!(origin.accepted(), 1);
}

/// All of 127.0.0.0/8 is loopback on Linux, so that there are as many addresses as one wants.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_addresses_are_tried_until_one_answers() {
    let (closed, origin) = (ClosedPort::new(V4), Origin::listen(V4).await);
    let port = closed.address().port();
    let refused = (0..999u32).map(|host| SocketAddr::from((Ipv4Addr::from_bits(0x7F00_0001 + host), port)));
    let listed: Vec<SocketAddr> = refused.chain([origin.address()]).collect();
    for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
        let stream = connect(dialer(&listed).policy(policy)).await.unwrap();
        assert_eq!(stream.info().attempts().len(), 1000);
        assert_eq!(stream.info().winner().endpoint().address(), origin.address());
    }
    origin.accepts(3).await;
}

#[tokio::test]
async fn g15_the_delay_is_the_one_that_was_set_or_the_default() {
    if !has_ipv6() {
        return;
    }
    let cases = [
        (Some(Duration::from_nanos(1)), Duration::ZERO),
        (Some(Duration::from_millis(200)), Duration::from_millis(200)),
        (None, Duration::from_millis(300)),
    ];
    for (set, least) in cases {
        let (slow, origin) = (BlackHole::new(V6), Origin::listen(V4).await);
        let tried = [slow.address(), origin.address()];
        let resolver = FixedResolver::new().with("seed.example", tried);
        let mut builder = HappyEyeballsConnector::builder().resolver(resolver).policy(Policy::TwoFamilies);
        if let Some(delay) = set {
            builder = builder.fallback_delay(delay);
        }
        let stream = assert_won(connect(builder).await, &tried, &[&origin]);
        let second = stream.info().winner();
        assert!(second.offset() >= least, "{set:?}: {:?}", second.offset());
        assert_eq!(second.reason(), StartReason::DelayElapsed);
    }
}

/// G16: both connections are made while the attempts still wait; one is returned, and the other is closed unused.
#[tokio::test]
async fn g16_a_late_loser_sees_the_end_and_not_one_byte() {
    let (first, second) = (Origin::listen(V4).await, Origin::listen(V4).await);
    // The first attempt holds its connection back until the second has made its own.
    let (second_is_made, made) = tokio::sync::watch::channel(false);
    let second_is_made = std::sync::Arc::new(second_is_made);
    let second_address = second.address();
    let slow_to_say = tower::service_fn(move |request: AttemptRequest| {
        let (second_is_made, mut made) = (std::sync::Arc::clone(&second_is_made), made.clone());
        async move {
            let is_second = request.endpoint().address() == second_address;
            let stream = TcpConnector::new(TcpOptions::new()).oneshot(request).await?;
            if is_second {
                second_is_made.send_replace(true);
                // It is never the first to be told.
                std::future::pending::<()>().await;
            }
            made.wait_for(|made| *made).await.map_err(hyper_happy_eyeballs::AttemptError::new)?;
            Ok::<_, hyper_happy_eyeballs::AttemptError>(stream)
        }
    });
    let listed = [first.address(), second.address()];
    let mut connector = HappyEyeballsConnector::builder()
        .resolver(FixedResolver::new().with("seed.example", listed))
        .connection_attempt_delay(Duration::from_millis(50))
        .attempt(slow_to_say)
        .build()
        .unwrap();
    let stream = connector.call("http://seed.example/".parse().unwrap()).await.unwrap();
    assert_eq!(addresses(stream.info().attempts()), listed);
    assert_eq!(stream.info().winner().endpoint().address(), first.address());
    first.accepts(1).await;
    second.accepts(1).await;
    // The loser was closed before the winner was returned, without a byte.
    second.sees_closed(1).await;
    assert_eq!(second.bytes(), 0);
    drop(stream);
    first.sees_closed(1).await;
    assert_eq!(first.bytes(), 0);
}

#[tokio::test]
async fn g19_the_timeout_ends_a_hung_attempt() {
    let slow = BlackHole::new(V4);
    for policy in [Policy::TwoFamilies, Policy::Sequential, Policy::Staggered] {
        let builder = dialer(&[slow.address()]).policy(policy).timeout(Duration::from_millis(500));
        let error = connect(builder).await.unwrap_err();
        assert!(error.is_timeout() && error.is_connect());
        assert!(error.elapsed() >= Duration::from_millis(500));
        let [attempt] = error.attempts() else { panic!("one attempt") };
        assert!(was_dropped(attempt, DropReason::DeadlineElapsed));
        assert!(error.to_string().contains(&slow.address().to_string()));
    }
}
