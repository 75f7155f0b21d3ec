//! Who vouches for certificates.

#[cfg(feature = "tls-platform-roots")]
pub(super) mod platform;
#[cfg(feature = "tls-webpki-roots")]
pub(super) mod webpki;

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{Error, OtherError, RootCertStore};

/// Some root certificates, and what verifies by them.
pub(super) trait Roots: fmt::Debug + Send + Sync {
    /// Returns what verifies by these certificates and `extra` ones.
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error>;

    /// Whether that may take long, as it reads files.
    fn is_slow(&self) -> bool;
}

/// No root certificates but the extra ones.
#[derive(Debug)]
pub(super) struct Given;

impl Roots for Given {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        verifier(RootCertStore::empty(), extra, provider)
    }

    fn is_slow(&self) -> bool {
        false
    }
}

#[cfg(feature = "tls-platform-roots")]
pub(super) fn default_roots() -> Option<Arc<dyn Roots>> {
    Some(Arc::new(platform::OfPlatform))
}

#[cfg(all(feature = "tls-webpki-roots", not(feature = "tls-platform-roots")))]
pub(super) fn default_roots() -> Option<Arc<dyn Roots>> {
    Some(Arc::new(webpki::OfMozilla))
}

#[cfg(not(any(feature = "tls-platform-roots", feature = "tls-webpki-roots")))]
pub(super) fn default_roots() -> Option<Arc<dyn Roots>> {
    None
}

fn verifier(
    mut roots: RootCertStore,
    extra: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    extra.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = builder.build().map_err(|error| Error::Other(OtherError(Arc::new(error))))?;
    Ok(verifier)
}
