//! Servers that do no TLS, or none that this client supports, or that end the handshake early.

use std::time::Duration;

use hyper::Uri;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind};
use hyper_happy_eyeballs::{Client, ConnectError, FixedResolver, HappyEyeballsConnector};
use rustls::version::{TLS12, TLS13};
use tower::ServiceExt;

use crate::support::loopback::some_loopback;
use crate::tls::authority::Authority;
use crate::tls::canned;
use crate::tls::clients::{HOST, in_time, resolver, trusting, uri};
use crate::tls::conduct::{Conduct, Tls};
use crate::tls::server::Server;
use crate::{Cause, Expected, assert_fails};

async fn assert_fails_of(conduct: Conduct, expected: Expected) {
    assert_fails(conduct, trusting(&Authority::new("a root")), expected).await;
}

fn alert(says: &'static str) -> Expected {
    Expected { kind: TlsErrorKind::Alert, says, is_permanent: true, cause: Cause::Rustls }
}

fn protocol(says: &'static str) -> Expected {
    Expected { kind: TlsErrorKind::Protocol, says, is_permanent: true, cause: Cause::Rustls }
}

#[tokio::test]
async fn a_server_that_speaks_none_of_the_protocols_refuses_the_handshake() {
    let authority = Authority::new("a root");
    let server = authority.server(&[HOST]);
    let says = "the server speaks none of the protocols that were offered";
    let expected = Expected { kind: TlsErrorKind::NoCommonProtocol, says, is_permanent: true, cause: Cause::Rustls };
    assert_fails(Tls::new(&server).alpn(&["acme-tls/1"]).serves(), trusting(&authority), expected).await;
}

#[tokio::test]
async fn a_server_that_chooses_no_protocol_is_not_spoken_to_if_only_http_2_is_wanted() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    for version in [&TLS12, &TLS13] {
        let conduct = Tls::new(&identity).versions(&[version]).alpn(&[]).serves();
        let server = Server::listen(some_loopback(), conduct).await;
        let builder = HappyEyeballsConnector::builder().resolver(resolver([server.address()])).protocols(["h2"]);
        let connector = builder.tls(trusting(&authority)).build().unwrap();
        let error = in_time(connector.oneshot(uri())).await.unwrap_err();
        let says = "the server speaks none of h2";
        assert_eq!(error.to_string(), format!("could not connect to origin.example:443: {} {says}", server.address()));
        assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::NoCommonProtocol);
        assert!(error.is_permanent() && error.is_connect() && !error.is_untrusted(), "{error}");
        server.sees_all_closed(1).await;
        assert_eq!(server.hellos()[0].alpn, ["h2"]);
    }
}

#[tokio::test]
async fn a_client_without_a_protocol_in_common_with_its_connector_dials_nothing() {
    let authority = Authority::new("a root");
    let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
    let builder = HappyEyeballsConnector::builder().resolver(resolver([server.address()])).protocols(["h3"]);
    let client = Client::new(builder.tls(trusting(&authority)).build().unwrap());
    let error = in_time(client.get(uri())).await.unwrap_err();
    let cause = ConnectError::find(&error).unwrap();
    let spoken = if cfg!(feature = "http2") { "h2 and http/1.1" } else { "http/1.1" };
    let line = format!("could not connect to origin.example:443: the connector speaks h3, and the client {spoken}");
    assert_eq!(cause.to_string(), line);
    assert!(error.is_connect() && error.is_permanent() && cause.attempts().is_empty(), "{error}");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_host_that_no_certificate_could_be_for_is_an_error_before_anything_is_dialled() {
    let authority = Authority::new("a root");
    let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
    // A label has 63 characters at most (RFC 1035 §2.3.4).
    let host = format!("{}.example", "a".repeat(64));
    let resolver = FixedResolver::new().with(&host, [server.address()]);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).tls(trusting(&authority)).build().unwrap();
    let uri: Uri = format!("https://{host}/").parse().unwrap();
    let error = in_time(connector.oneshot(uri)).await.unwrap_err();
    let says = "the host is no name for TLS";
    assert_eq!(error.to_string(), format!("could not connect to {host}:443: {} {says}", server.address()));
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::InvalidName);
    assert!(error.is_permanent() && !error.is_untrusted(), "{error}");
    assert!(!error.attempts()[0].error().unwrap().was_sent());
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_server_without_a_version_in_common_refuses_the_handshake() {
    let authority = Authority::new("a root");
    let server = authority.server(&[HOST]);
    let expected = alert("the server sent the TLS alert ProtocolVersion");
    for (servers, clients) in [(&TLS12, &TLS13), (&TLS13, &TLS12)] {
        let options = trusting(&authority).versions([clients]);
        assert_fails(Tls::new(&server).versions(&[servers]).serves(), options, expected).await;
    }
}

#[tokio::test]
async fn a_server_of_tls_1_0_that_refuses_later_versions_is_an_alert() {
    let expected = alert("the server sent the TLS alert ProtocolVersion");
    assert_fails_of(Conduct::Says(canned::PROTOCOL_VERSION.to_vec()), expected).await;
}

#[tokio::test]
async fn a_server_of_tls_1_0_that_answers_is_refused() {
    let says = "TLS: peer is incompatible: ServerDoesNotSupportTls12Or13";
    assert_fails_of(Conduct::Says(canned::tls_1_0_server_hello()), protocol(says)).await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_fails() {
    assert_fails_of(Conduct::ServesInPlain, protocol("the server does not speak TLS")).await;
}

#[tokio::test]
async fn a_server_that_greets_first_in_another_protocol_does_not_speak_tls() {
    assert_fails_of(Conduct::Greets(canned::GREETING.to_vec()), protocol("the server does not speak TLS")).await;
}

#[tokio::test]
async fn garbage_is_not_tls() {
    assert_fails_of(Conduct::Says(canned::GARBAGE.to_vec()), protocol("the server does not speak TLS")).await;
}

#[tokio::test]
async fn an_alert_is_told_by_its_name() {
    let expected = alert("the server sent the TLS alert HandshakeFailure");
    assert_fails_of(Conduct::Says(canned::HANDSHAKE_FAILURE.to_vec()), expected).await;
}

#[tokio::test]
async fn a_server_that_closes_during_the_handshake_may_do_better_next_time() {
    let says = "the server closed during the TLS handshake";
    let expected = Expected { kind: TlsErrorKind::Closed, says, is_permanent: false, cause: Cause::Io };
    assert_fails_of(Conduct::Closes, expected).await;
}

#[tokio::test]
async fn a_server_that_resets_during_the_handshake_may_do_better_next_time() {
    let says = "TLS handshake: connection reset";
    let expected = Expected { kind: TlsErrorKind::Io, says, is_permanent: false, cause: Cause::Io };
    assert_fails_of(Conduct::Resets, expected).await;
}

#[tokio::test]
async fn a_server_that_is_silent_in_tls_fails_its_attempt_when_the_handshake_has_taken_too_long() {
    let options = trusting(&Authority::new("a root")).handshake_timeout(Duration::from_millis(200));
    let says = "TLS handshake timed out after 200 ms";
    let expected = Expected { kind: TlsErrorKind::Timeout, says, is_permanent: false, cause: Cause::None };
    assert_fails(Conduct::IsSilent, options, expected).await;
}
