//! A certificate and its key for unit tests, which need no tool to make one.

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Returns a self-signed certificate for 127.0.0.1 with an Ed25519 key. It is valid from 2000 to 2100.
pub(crate) fn certificate() -> CertificateDer<'static> {
    CertificateDer::from(&include_bytes!("certificate.der")[..])
}

/// Returns the key of the certificate.
pub(crate) fn key() -> PrivatePkcs8KeyDer<'static> {
    PrivatePkcs8KeyDer::from(&include_bytes!("key.der")[..])
}
