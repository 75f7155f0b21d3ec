//! The root certificates of Mozilla.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{Error, RootCertStore};

use super::given::{Roots, verifier};

/// As they were when `webpki-roots` was released.
#[derive(Debug)]
pub(in crate::tls) struct OfMozilla;

impl Roots for OfMozilla {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        verifier(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect::<RootCertStore>(), extra, provider)
    }

    fn is_slow(&self) -> bool {
        false
    }
}
