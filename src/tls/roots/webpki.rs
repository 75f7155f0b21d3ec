//! The root certificates of Mozilla.

use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::error::RootsError;
use super::given::{Roots, Verifying, verifier};

/// Mozilla's root certificates, as of the release of `webpki-roots`.
#[derive(Debug)]
pub(in crate::tls) struct OfMozilla;

impl Roots for OfMozilla {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError> {
        let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect::<RootCertStore>();
        Ok(Verifying { verifier: verifier(roots, extra, provider)?, problem: None })
    }

    fn is_slow(&self) -> bool {
        false
    }
}
