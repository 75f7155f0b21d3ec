//! A certificate that is not accepted is the failure of its attempt.

use std::error::Error;

use hyper::Uri;
use hyper_happy_eyeballs::tls::{CertificateProblem, TlsError, TlsErrorKind};
use hyper_happy_eyeballs::{AttemptError, HappyEyeballsConnector};
use tower::ServiceExt;

use crate::support::loopback::ClosedPort;
use crate::tls::authority::{Authority, Identity};
use crate::tls::clients::{HOST, connect, in_time, resolver, trusting, uri};
use crate::tls::conduct::Conduct;
use crate::{V4, listen, outcomes, patient_connector};

#[tokio::test]
async fn the_next_address_is_connected_to_at_once_after_a_bad_certificate() {
    let (authority, unknown) = (Authority::new("a root"), Authority::new("another root"));
    let good = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    for (bad, says) in [
        (authority.server(&["other.example"]), "the certificate is for other names (other.example)"),
        (authority.expired(&[HOST]), "the certificate has expired"),
        (unknown.server(&[HOST]), "the certificate is from an unknown issuer"),
    ] {
        let bad = listen(Conduct::serves(&bad)).await;
        let stream = connect(&patient_connector(trusting(&authority), &[&bad, &good])).await.unwrap();
        let expected = [format!("[0] first: {says}"), "[1] previous failed: connected".into()];
        assert_eq!(outcomes(stream.info().attempts(), &[&bad, &good]), expected);
        assert!(stream.info().attempts()[0].error().is_some_and(AttemptError::is_untrusted));
        // The same name was asked for, and its certificate checked.
        assert_eq!(good.hellos().last().unwrap().name.as_deref(), Some(HOST));
        bad.sees_all_closed(1).await;
    }
}

#[tokio::test]
async fn the_certificate_is_the_error_where_a_connection_was_refused_too_in_whatever_order() {
    let authority = Authority::new("a root");
    let bad = listen(Conduct::serves(&authority.expired(&[HOST]))).await;
    let closed = ClosedPort::new(V4);
    for addresses in [[bad.address(), closed.address()], [closed.address(), bad.address()]] {
        let builder = HappyEyeballsConnector::builder().resolver(resolver(addresses));
        let error = in_time(builder.tls(trusting(&authority)).build().unwrap().oneshot(uri())).await.unwrap_err();
        let words = |address| {
            if address == bad.address() { "the certificate has expired" } else { "connection refused" }
        };
        let [one, other] = addresses.map(|address| format!("{address} {}", words(address)));
        assert_eq!(error.to_string(), format!("could not connect to origin.example:443: {one}, {other}"));
        assert_eq!(kind(&error), TlsErrorKind::Certificate(CertificateProblem::Expired));
        assert!(error.source().unwrap().downcast_ref::<AttemptError>().unwrap().is_untrusted());
        // The address that refused may be good when it is up again.
        assert!(error.is_untrusted() && error.is_connect() && !error.is_permanent(), "{error}");
    }
    bad.sees_all_closed(2).await;
}

#[tokio::test]
async fn the_certificate_is_the_error_where_another_address_does_no_tls() {
    let authority = Authority::new("a root");
    let plain = listen(Conduct::ServesInPlain).await;
    let bad = listen(Conduct::serves(&authority.server(&["other.example"]))).await;
    let servers = [&plain, &bad];
    let error = connect(&patient_connector(trusting(&authority), &servers)).await.unwrap_err();
    let expected = [
        "[0] first: the server does not speak TLS",
        "[1] previous failed: the certificate is for other names (other.example)",
    ];
    assert_eq!(outcomes(error.attempts(), &servers), expected);
    assert_eq!(kind(&error), TlsErrorKind::Certificate(CertificateProblem::WrongName));
    assert!(error.is_untrusted() && error.is_permanent(), "{error}");
}

#[tokio::test]
async fn of_several_bad_certificates_the_first_is_the_error() {
    let authority = Authority::new("a root");
    let identities: [Identity; 3] =
        [authority.expired(&[HOST]), authority.server(&["other.example"]), authority.not_yet_valid(&[HOST])];
    let mut servers = Vec::new();
    for identity in &identities {
        servers.push(listen(Conduct::serves(identity)).await);
    }
    let servers: Vec<_> = servers.iter().collect();
    let error = connect(&patient_connector(trusting(&authority), &servers)).await.unwrap_err();
    assert_eq!(error.attempts().len(), 3, "{error}");
    assert_eq!(kind(&error), TlsErrorKind::Certificate(CertificateProblem::Expired));
    assert!(error.is_untrusted() && error.is_permanent(), "{error}");
    for server in servers {
        server.sees_all_closed(1).await;
    }
}

#[tokio::test]
async fn an_address_of_a_uri_is_what_its_certificate_has_to_be_for() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&["127.0.0.1"]))).await;
    let connector = patient_connector(trusting(&authority), &[]);
    let uri: Uri = format!("https://{}/", server.address()).parse().unwrap();
    let stream = in_time(connector.oneshot(uri)).await.unwrap();
    assert!(stream.get_ref().tls().is_some());
    assert_eq!(server.hellos()[0].name, None, "an address is no name that could be asked for (RFC 6066 §3)");
}

fn kind(error: &(dyn Error + 'static)) -> TlsErrorKind {
    TlsError::find(error).unwrap().kind()
}
