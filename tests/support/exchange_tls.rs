//! TLS on the loopback address: what a server needs, and a client that trusts it alone.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::response_first::{ResponseFirstConnector, ResponseFirstLayer};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tower::Layer;

pub(crate) fn configs() -> (Arc<ServerConfig>, RootCertStore) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = versions.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    (Arc::new(config.with_single_cert(vec![certificate], key).unwrap()), roots)
}

/// The wrapper goes below TLS.
pub(crate) fn https(roots: RootCertStore) -> HttpsConnector<ResponseFirstConnector<HappyEyeballsConnector>> {
    connector(roots, ResponseFirstLayer::new().layer(tcp()))
}

/// Nothing is known of the socket.
pub(crate) fn https_without_wrapper(roots: RootCertStore) -> HttpsConnector<HappyEyeballsConnector> {
    connector(roots, tcp())
}

fn tcp() -> HappyEyeballsConnector {
    HappyEyeballsConnector::builder().enforce_http(false).build().unwrap()
}

fn connector<C>(roots: RootCertStore, tcp: C) -> HttpsConnector<C> {
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = versions.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().wrap_connector(tcp)
}
