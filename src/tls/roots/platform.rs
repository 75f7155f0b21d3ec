//! The root certificates of the system, or its own verifier where it has one.

use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::given::Roots;

/// On Windows, macOS, iOS and Android the system verifies. On others its certificates are read, once.
#[derive(Debug)]
pub(in crate::tls) struct OfPlatform;

impl Roots for OfPlatform {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        Ok(Arc::new(of_system(extra, provider)?))
    }

    fn is_slow(&self) -> bool {
        true
    }

    /// Android's verifier knows its own root certificates alone.
    fn takes_extra(&self) -> bool {
        !cfg!(target_os = "android")
    }
}

#[cfg(not(target_os = "android"))]
fn of_system(extra: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
    Verifier::new_with_extra_roots(extra.iter().cloned(), provider)
}

#[cfg(target_os = "android")]
fn of_system(_: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
    Verifier::new(provider)
}
