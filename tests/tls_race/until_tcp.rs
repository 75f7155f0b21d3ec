//! Races that are decided when a transport stands.

use std::time::Duration;

use hyper_happy_eyeballs::tls::{RaceUntil, TlsError, TlsErrorKind, TlsOptions};
use hyper_happy_eyeballs::{HappyEyeballsConnector, StartReason};

use crate::support::loopback::BlackHole;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, resolver, trusting};
use crate::tls::conduct::Conduct;
use crate::{V4, builder, listen, outcomes, patient_connector};

fn until_tcp(authority: &Authority) -> TlsOptions {
    trusting(authority).race_until(RaceUntil::Tcp)
}

#[tokio::test]
async fn a_slow_handshake_has_no_second_attempt_beside_it() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    // Far beyond the delay and the estimate.
    let slow = listen(Conduct::serves(&identity).after(Duration::from_millis(800))).await;
    let other = listen(Conduct::serves(&identity)).await;
    let connector = builder(&[&slow, &other]).tls(until_tcp(&authority)).build().unwrap();
    let stream = connect(&connector).await.unwrap();
    assert_eq!(outcomes(stream.info().attempts(), &[&slow, &other]), ["[0] first: connected"]);
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn the_race_goes_on_where_the_handshake_fails() {
    let authority = Authority::new("a root");
    let bad = listen(Conduct::serves(&authority.expired(&[HOST]))).await;
    let closing = listen(Conduct::Closes).await;
    let silent = listen(Conduct::IsSilent).await;
    let good = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let servers = [&bad, &closing, &silent, &good];
    let options = until_tcp(&authority).handshake_timeout(Duration::from_millis(500));
    let stream = connect(&patient_connector(options, &servers)).await.unwrap();
    let expected = [
        "[0] first: the certificate has expired",
        "[1] previous failed: the server closed during the TLS handshake",
        "[2] previous failed: TLS handshake timed out after 500 ms",
        "[3] previous failed: connected",
    ];
    assert_eq!(outcomes(stream.info().attempts(), &servers), expected);
    for server in [&bad, &closing, &silent] {
        server.sees_all_closed(1).await;
    }
}

#[tokio::test]
async fn the_transport_that_stands_first_is_the_one_that_shakes_hands() {
    let authority = Authority::new("a root");
    let hole = BlackHole::new(V4);
    let server = listen(Conduct::serves(&authority.server(&[HOST])).after(Duration::from_millis(400))).await;
    let other = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let addresses = [hole.address(), server.address(), other.address()];
    let builder = HappyEyeballsConnector::builder().resolver(resolver(addresses));
    let stream = connect(&builder.tls(until_tcp(&authority)).build().unwrap()).await.unwrap();
    let [first, second] = stream.info().attempts() else { panic!("{:?}", stream.info()) };
    assert_eq!(first.endpoint().address(), hole.address());
    assert_eq!(first.outcome().to_string(), "another transport stood first");
    assert_eq!((second.endpoint().address(), second.reason()), (server.address(), StartReason::DelayElapsed));
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn if_every_handshake_fails_the_certificate_is_the_error() {
    let authority = Authority::new("a root");
    let closing = listen(Conduct::Closes).await;
    let bad = listen(Conduct::serves(&authority.server(&["other.example"]))).await;
    let error = connect(&patient_connector(until_tcp(&authority), &[&closing, &bad])).await.unwrap_err();
    assert!(error.is_untrusted(), "{error}");
    assert!(matches!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Certificate(_)), "{error}");
    assert_eq!(error.attempts().len(), 2, "{error}");
}
