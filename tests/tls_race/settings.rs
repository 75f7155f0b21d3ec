//! Settings that change while a connector is in use, and how a test can tell which apply.

use std::sync::{Arc, Mutex};

use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::connect::ConnectRequest;
use hyper_happy_eyeballs::tls::{TlsError, TlsErrorKind, TlsInfo, TlsOptions};
use hyper_happy_eyeballs::{Client, ConnectError};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, KeyLog, SignatureScheme};

use crate::listen;
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, connector, in_time, provider, trusting, uri};
use crate::tls::conduct::{Conduct, Tls};

#[tokio::test]
async fn replaced_roots_hold_for_clones_from_the_next_connect_on() {
    let (before, after) = (Authority::new("a root"), Authority::new("its successor"));
    let server = listen(Conduct::serves(&after.server(&[HOST]))).await;
    let connector = connector(trusting(&before), [server.address()]);
    let clone = connector.clone();
    assert!(connect(&clone).await.unwrap_err().is_untrusted());
    connector.replace_tls(trusting(&after)).unwrap();
    let stream = connect(&clone).await.unwrap();
    clone.replace_tls(trusting(&before)).unwrap();
    assert!(connect(&connector).await.unwrap_err().is_untrusted());
    drop(stream);
    server.sees_all_closed(3).await;
}

#[tokio::test]
async fn a_connection_that_is_made_stays_when_the_roots_are_replaced() {
    let (before, after) = (Authority::new("a root"), Authority::new("its successor"));
    let server = listen(Conduct::serves(&before.server(&[HOST]))).await;
    let connector = connector(trusting(&before), [server.address()]);
    let client = Client::new(connector.clone());
    for _ in 0..2 {
        let response = in_time(client.get(uri())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        connector.replace_tls(trusting(&after)).unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_replaced_client_certificate_is_shown_from_the_next_connect_on() {
    let (authority, others) = (Authority::new("a root"), Authority::new("the root of the clients"));
    let identity = authority.server(&[HOST]);
    let server = listen(Tls::new(&identity).versions(&[&TLS12]).for_clients_of(&others).serves()).await;
    let connector = connector(trusting(&authority), [server.address()]);
    let error = connect(&connector).await.unwrap_err();
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::Alert);
    let client = others.client("somebody");
    connector.replace_tls(trusting(&authority).client_certificate(client.chain(), client.key())).unwrap();
    connect(&connector).await.unwrap();
}

#[tokio::test]
async fn settings_that_cannot_work_replace_nothing() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let connector = connector(trusting(&authority), [server.address()]);
    let stranger = authority.client("somebody");
    // A key that is not that of the certificate, and a time that nothing can be done in.
    let mismatched = trusting(&authority).client_certificate(authority.client("else").chain(), stranger.key());
    let hasty = trusting(&Authority::new("another root")).handshake_timeout(std::time::Duration::ZERO);
    for options in [mismatched, hasty] {
        connector.replace_tls(options.clone()).unwrap_err();
        connect(&connector).await.unwrap();
        crate::builder(&[&server]).tls(options).build().unwrap_err();
    }
}

#[tokio::test]
async fn a_whole_configuration_is_taken_as_it_is_and_with_nothing_beside_it() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let options = whole(&authority, &["http/1.1"]);
    let stream = connect(&connector(options.clone(), [server.address()])).await.unwrap();
    assert_eq!(stream.get_ref().tls().unwrap().alpn(), Some(&b"http/1.1"[..]));
    assert_eq!(server.hellos()[0].alpn, ["http/1.1"]);
    crate::builder(&[&server]).tls(options.session_hosts(1)).build().unwrap_err();
}

/// A whole configuration that names these protocols.
fn whole(authority: &Authority, alpn: &[&str]) -> TlsOptions {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(authority.roots()).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|id| id.as_bytes().to_vec()).collect();
    TlsOptions::with_config(config)
}

#[tokio::test]
async fn a_configuration_whose_protocols_the_connector_does_not_know_is_an_error_when_it_is_set() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let builder = crate::builder(&[&server]).protocols(["h2"]);
    let says = "the TLS configuration has none of the protocols that could be spoken";
    let error = builder.clone().tls(whole(&authority, &["http/1.1"])).build().unwrap_err();
    assert_eq!(error.to_string(), says);
    let connector = builder.tls(whole(&authority, &["http/1.1", "h2"])).build().unwrap();
    assert_eq!(connector.replace_tls(whole(&authority, &["http/1.1"])).unwrap_err().to_string(), says);
    let error = connector.replace_tls(whole(&authority, &["h2", ""])).unwrap_err();
    assert_eq!(error.to_string(), "an ALPN id must have 1 to 255 bytes");
    connect(&connector).await.unwrap();
    assert_eq!(server.hellos()[0].alpn, ["h2"]);
}

#[tokio::test]
async fn a_client_that_speaks_nothing_of_the_configuration_dials_nothing() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let client = Client::new(connector(whole(&authority, &["h2"]), [server.address()]));
    // It needs HTTP/1.1.
    let mut request = hyper::Request::new(String::new());
    *request.uri_mut() = uri();
    request.headers_mut().insert(hyper::header::UPGRADE, hyper::header::HeaderValue::from_static("websocket"));
    let error = in_time(client.request(request)).await.unwrap_err();
    assert_eq!(TlsError::find(&error).unwrap().kind(), TlsErrorKind::NoCommonProtocol);
    let cause = ConnectError::find(&error).unwrap();
    assert!(error.is_permanent() && !cause.attempts()[0].error().unwrap().was_sent(), "{error}");
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn where_nothing_is_to_be_negotiated_nothing_is_offered_whatever_the_configuration_names() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let nothing = || Vec::<Vec<u8>>::new();
    for options in [trusting(&authority), whole(&authority, &["h2", "http/1.1"])] {
        let of_client = ConnectRequest::new(uri()).with_protocols(nothing());
        let connector = connector(options.clone(), [server.address()]);
        let stream = in_time(connector.connect(of_client)).await.unwrap();
        assert_eq!(stream.get_ref().tls().unwrap().alpn(), None);
        let of_connector = crate::builder(&[&server]).protocols(nothing()).tls(options).build().unwrap();
        connect(&of_connector).await.unwrap();
    }
    assert_eq!(server.hellos().len(), 4);
    assert!(server.hellos().iter().all(|hello| hello.alpn.is_empty()), "{:?}", server.hellos());
}

#[derive(Debug)]
struct Anybody {
    asked: Mutex<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.asked.lock().unwrap().push(name.to_str().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn a_verifier_of_ones_own_decides_in_the_place_of_roots() {
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.expired(&["other.example"]))).await;
    let verifier = Arc::new(Anybody { asked: Mutex::default(), provider: provider() });
    let options = TlsOptions::new().provider(provider()).verifier(verifier.clone());
    connect(&connector(options, [server.address()])).await.unwrap();
    assert_eq!(*verifier.asked.lock().unwrap(), [HOST]);
}

#[test]
fn a_verifier_and_root_certificates_are_an_error_in_whatever_order_they_are_set() {
    let certificate = || [Authority::new("a root").certificate()];
    let verifier = || Arc::new(Anybody { asked: Mutex::default(), provider: provider() });
    let options = || TlsOptions::new().provider(provider());
    for options in [
        options().verifier(verifier()).extra_root_certificates(certificate()),
        options().extra_root_certificates(certificate()).verifier(verifier()),
        options().verifier(verifier()).root_certificates(certificate()),
        options().root_certificates(certificate()).verifier(verifier()),
    ] {
        let error = crate::builder(&[]).tls(options).build().unwrap_err();
        assert_eq!(error.to_string(), "a verifier of one's own leaves no room for root certificates");
    }
}

#[tokio::test]
async fn further_root_certificates_are_trusted_whether_they_are_set_before_or_after_the_others() {
    let (one, further) = (Authority::new("a root"), Authority::new("another root"));
    let options = || TlsOptions::new().provider(provider());
    for options in [
        options().root_certificates([one.certificate()]).extra_root_certificates([further.certificate()]),
        options().extra_root_certificates([further.certificate()]).root_certificates([one.certificate()]),
    ] {
        for authority in [&one, &further] {
            let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
            connect(&connector(options.clone(), [server.address()])).await.unwrap();
        }
    }
}

#[derive(Debug)]
struct Chosen(Arc<CertifiedKey>);

impl ResolvesClientCert for Chosen {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_client_certificate_may_be_chosen_when_it_is_asked_for() {
    let (authority, others) = (Authority::new("a root"), Authority::new("the root of the clients"));
    let server = listen(Tls::new(&authority.server(&[HOST])).for_clients_of(&others).serves()).await;
    let client = others.client("somebody");
    let key = provider().key_provider.load_private_key(client.key()).unwrap();
    let chosen = Arc::new(Chosen(Arc::new(CertifiedKey::new(client.chain(), key))));
    let options = trusting(&authority).client_certificate_resolver(chosen);
    let client = Client::new(connector(options, [server.address()]));
    assert_eq!(in_time(client.get(uri())).await.unwrap().status(), StatusCode::OK);
}

#[test]
fn no_root_certificates_at_all_are_an_error_when_the_connector_is_built() {
    let options = TlsOptions::new().provider(provider()).root_certificates([]);
    let error = crate::builder(&[]).tls(options).build().unwrap_err();
    assert!(error.to_string().contains("root certificates"), "{error}");
}

#[test]
fn a_root_certificate_that_cannot_be_read_is_an_error_when_the_connector_is_built() {
    let (good, bad) = (Authority::new("a root").certificate(), CertificateDer::from(vec![0x30, 0x03, 2, 1, 0]));
    let options = || TlsOptions::new().provider(provider());
    for options in [
        // With the system's, which are not read yet, or Mozilla's; and with those of ones own.
        options().extra_root_certificates([good.clone(), bad.clone()]),
        options().root_certificates([good.clone()]).extra_root_certificates([bad.clone()]),
        options().root_certificates([good, bad]),
    ] {
        let error = crate::builder(&[]).tls(options).build().unwrap_err();
        assert_eq!(error.to_string(), "the root certificates cannot be used");
        assert!(std::error::Error::source(&error).is_some_and(|cause| cause.is::<rustls::Error>()));
    }
}

#[derive(Debug, Default)]
struct Labels(Mutex<Vec<String>>);

impl KeyLog for Labels {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        assert!(client_random.len() == 32 && !secret.is_empty());
        self.0.lock().unwrap().push(label.into());
    }
}

#[tokio::test]
async fn the_key_log_hears_of_the_keys_of_every_connection() {
    let authority = Authority::new("a root");
    let identity = authority.server(&[HOST]);
    for (version, expected) in [
        (&TLS12, &["CLIENT_RANDOM"][..]),
        (
            &TLS13,
            &[
                "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                "CLIENT_TRAFFIC_SECRET_0",
                "EXPORTER_SECRET",
                "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                "SERVER_TRAFFIC_SECRET_0",
            ],
        ),
    ] {
        let server = listen(Tls::new(&identity).versions(&[version]).serves()).await;
        let labels = Arc::new(Labels::default());
        let connector = connector(trusting(&authority).key_log(labels.clone()), [server.address()]);
        for _ in 0..2 {
            labels.0.lock().unwrap().clear();
            connect(&connector).await.unwrap();
            let mut labels = labels.0.lock().unwrap().clone();
            labels.sort();
            assert_eq!(labels, expected);
        }
    }
}

#[tokio::test]
async fn http_goes_without_tls_over_the_same_connector() {
    let authority = Authority::new("a root");
    let secure = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let plain = listen(Conduct::ServesInPlain).await;
    let client = Client::new(connector(trusting(&authority), [secure.address()]));
    let http: Uri = format!("http://{}/", plain.address()).parse().unwrap();
    let response = in_time(client.get(http)).await.unwrap();
    assert!(response.status() == StatusCode::OK && response.extensions().get::<TlsInfo>().is_none());
    let response = in_time(client.get(uri())).await.unwrap();
    assert!(response.status() == StatusCode::OK && response.extensions().get::<TlsInfo>().is_some());
    assert_eq!(plain.requests(), ["GET / HTTP/1.1"]);
    let (version, secure) = (if cfg!(feature = "http2") { "HTTP/2.0" } else { "HTTP/1.1" }, secure.requests());
    assert!(secure.len() == 1 && secure[0].ends_with(version), "{secure:?}");
}
