//! A certificate and its key, for unit tests: nothing has to be built to make one.

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The certificate of 127.0.0.1, signed by itself, with an Ed25519 key. It is valid from 2000 to 2100.
pub(crate) fn certificate() -> CertificateDer<'static> {
    CertificateDer::from(&include_bytes!("certificate.der")[..])
}

/// The key of the certificate.
pub(crate) fn key() -> PrivatePkcs8KeyDer<'static> {
    PrivatePkcs8KeyDer::from(&include_bytes!("key.der")[..])
}
