//! Certificates that are not accepted.

use hyper::Uri;
use hyper_happy_eyeballs::tls::CertificateProblem::{self, Expired, NotYetValid, UnknownIssuer, WrongName};
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind};
use rustls::version::{TLS12, TLS13};

use crate::support::loopback::some_loopback;
use crate::tls::authority::{Authority, Identity};
use crate::tls::clients::{HOST, trusting, uri};
use crate::tls::conduct::{Conduct, Tls};
use crate::tls::server::Server;
use crate::{Cause, Expected, assert_fails, error_of};

pub(crate) fn refused(problem: CertificateProblem, says: &'static str) -> Expected {
    Expected { kind: TlsErrorKind::Certificate(problem), says, is_permanent: true, cause: Cause::Rustls }
}

/// With each version of TLS: in TLS 1.2 the certificate is checked before the keys are agreed on, in 1.3 after.
async fn assert_refused(authority: &Authority, server: &Identity, expected: Expected) {
    for version in [&TLS12, &TLS13] {
        assert_fails(Tls::new(server).versions(&[version]).serves(), trusting(authority), expected).await;
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_accepted() {
    let authority = Authority::new("a root");
    let other = authority.server(&["other.example", "www.origin.example", "127.0.0.1", "::1"]);
    let says = "the certificate is for other names (other.example, www.origin.example, 127.0.0.1 and 1 more)";
    assert_refused(&authority, &other, refused(WrongName, says)).await;
}

#[tokio::test]
async fn an_expired_certificate_is_not_accepted() {
    let authority = Authority::new("a root");
    let expired = authority.expired(&[HOST]);
    assert_refused(&authority, &expired, refused(Expired, "the certificate has expired")).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_not_accepted() {
    let authority = Authority::new("a root");
    let not_yet = authority.not_yet_valid(&[HOST]);
    assert_refused(&authority, &not_yet, refused(NotYetValid, "the certificate is not valid yet")).await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_not_accepted() {
    let (known, unknown) = (Authority::new("a root"), Authority::new("another root"));
    let expected = refused(UnknownIssuer, "the certificate is from an unknown issuer");
    assert_refused(&known, &unknown.server(&[HOST]), expected).await;
}

#[tokio::test]
async fn an_authority_of_the_same_name_is_another_one() {
    let (known, unknown) = (Authority::new("a root"), Authority::new("a root"));
    let server = Server::listen(some_loopback(), Conduct::serves(&unknown.server(&[HOST]))).await;
    let error = error_of(uri(), trusting(&known), &server).await;
    assert!(error.is_untrusted() && error.is_permanent(), "{error}");
}

#[tokio::test]
async fn a_name_that_is_not_that_of_the_uri_is_not_accepted_however_it_is_written() {
    let authority = Authority::new("a root");
    let server = Server::listen(some_loopback(), Conduct::serves(&authority.server(&[HOST]))).await;
    // The address of the server, which its certificate is not for.
    let uri: Uri = format!("https://{}/", server.address()).parse().unwrap();
    let error = error_of(uri, trusting(&authority), &server).await;
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Certificate(WrongName), "{error}");
    assert!(error.is_untrusted(), "{error}");
    let [hello] = &server.hellos()[..] else { panic!("{:?}", server.hellos()) };
    assert_eq!(hello.name, None, "an address is no name that could be asked for (RFC 6066 §3)");
    server.sees_all_closed(1).await;
}
