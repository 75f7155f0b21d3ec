//! TLS on the loopback address: what a server needs, and connectors that trust it alone.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, OnceLock};

use hyper::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::response_first::{ResponseFirstConnector, ResponseFirstLayer};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tower::Layer;

/// The versions of TLS that there are.
pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// A server's configuration, and the certificate that its clients have to trust.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    trusted: CertificateDer<'static>,
}

impl Tls {
    /// With whatever version client and server agree on.
    pub(crate) fn new() -> Self {
        Self::of(&VERSIONS)
    }

    pub(crate) fn with_version(version: &'static SupportedProtocolVersion) -> Self {
        Self::of(&[version])
    }

    fn of(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let (certificate, key) = identity();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap().with_no_client_auth();
        let server = builder.with_single_cert(vec![certificate.clone()], key.clone_key()).unwrap();
        Self { server: Arc::new(server), trusted: certificate.clone() }
    }

    /// The connector under test. The wrapper goes below TLS.
    pub(crate) fn connector(&self) -> HttpsConnector<ResponseFirstConnector<HappyEyeballsConnector>> {
        self.over(ResponseFirstLayer::new().layer(tcp()))
    }

    /// A connector of whose socket nothing is known.
    pub(crate) fn connector_without_wrapper(&self) -> HttpsConnector<HappyEyeballsConnector> {
        self.over(tcp())
    }

    fn over<C>(&self, tcp: C) -> HttpsConnector<C> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = versions.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().wrap_connector(tcp)
    }
}

/// The URI with https in the place of http.
pub(crate) fn https(uri: &Uri) -> Uri {
    uri.to_string().replacen("http:", "https:", 1).parse().unwrap()
}

fn tcp() -> HappyEyeballsConnector {
    HappyEyeballsConnector::builder().enforce_http(false).build().unwrap()
}

/// One certificate for all servers of a process.
fn identity() -> &'static (CertificateDer<'static>, PrivateKeyDer<'static>) {
    static IDENTITY: OnceLock<(CertificateDer<'static>, PrivateKeyDer<'static>)> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        (certified.cert.der().clone(), PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into()))
    })
}
