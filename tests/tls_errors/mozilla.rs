//! The root certificates of Mozilla.
#![cfg(feature = "tls-webpki-roots")]

use hyper_happy_eyeballs::tls::{CertificateProblem, TlsOptions};

use crate::assert_fails;
use crate::certificates::refused;
use crate::support::loopback::some_loopback;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, connector, provider};
use crate::tls::conduct::Conduct;
use crate::tls::server::Server;

#[tokio::test]
async fn a_certificate_whose_issuer_mozilla_does_not_know_is_not_accepted() {
    let server = Authority::new("a root").server(&[HOST]);
    let options = TlsOptions::new().provider(provider()).webpki_roots();
    let expected = refused(CertificateProblem::UnknownIssuer, "the certificate is from an unknown issuer");
    assert_fails(Conduct::serves(&server), options, expected).await;
}

#[tokio::test]
async fn a_further_root_certificate_is_trusted_besides_those_of_mozilla() {
    let (known, unknown) = (Authority::new("a root"), Authority::new("another root"));
    let options = || TlsOptions::new().provider(provider());
    for options in [
        options().webpki_roots().extra_root_certificates([known.certificate()]),
        options().extra_root_certificates([known.certificate()]).webpki_roots(),
    ] {
        let server = Server::listen(some_loopback(), Conduct::serves(&known.server(&[HOST]))).await;
        connect(&connector(options.clone(), [server.address()])).await.unwrap();
        let server = Server::listen(some_loopback(), Conduct::serves(&unknown.server(&[HOST]))).await;
        let error = connect(&connector(options, [server.address()])).await.unwrap_err();
        assert!(error.is_untrusted(), "{error}");
    }
}
