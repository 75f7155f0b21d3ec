//! TLS on loopback: the server's configuration, and connectors that trust only that server.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use hyper::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::GaiResolver;
use hyper_happy_eyeballs::tls::{TlsConnector, TlsOptions};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};

/// The supported versions of TLS.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// A server's configuration, and the certificate that clients must trust.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) trusted: CertificateDer<'static>,
}

impl Tls {
    /// Accepts any version.
    pub(crate) fn new() -> Self {
        Self::of(&VERSIONS)
    }

    pub(crate) fn with_version(version: &'static SupportedProtocolVersion) -> Self {
        Self::of(&[version])
    }

    /// Sets the server's protocols, in order of preference. The default is HTTP/1.1 only.
    pub(crate) fn alpn(self, protocols: &[&str]) -> Self {
        let mut server = ServerConfig::clone(&self.server);
        server.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Self { server: Arc::new(server), ..self }
    }

    fn of(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let (certificate, key) = identity();
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).unwrap().with_no_client_auth();
        let mut server = builder.with_single_cert(vec![certificate.clone()], key.clone_key()).unwrap();
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { server: Arc::new(server), trusted: certificate.clone() }
    }

    /// The connector under test.
    pub(crate) fn connector(&self) -> HappyEyeballsConnector<GaiResolver, TlsConnector> {
        let options = TlsOptions::new().provider(provider()).root_certificates([self.trusted.clone()]);
        HappyEyeballsConnector::builder().protocols(["http/1.1"]).tls(options).build().unwrap()
    }
}

/// Returns the URI with https instead of http.
pub(crate) fn https(uri: &Uri) -> Uri {
    uri.to_string().replacen("http:", "https:", 1).parse().unwrap()
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// One certificate for all servers of a process.
fn identity() -> &'static (CertificateDer<'static>, PrivateKeyDer<'static>) {
    static IDENTITY: OnceLock<(CertificateDer<'static>, PrivateKeyDer<'static>)> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (certified.cert.der().clone(), PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into()))
    })
}
