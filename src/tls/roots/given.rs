//! Root certificates that were given, and what all kinds of them have in common.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{Error, OtherError, RootCertStore};

/// Some root certificates, and what verifies by them.
pub(in crate::tls) trait Roots: fmt::Debug + Send + Sync {
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
pub(in crate::tls) struct Given;

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

/// Returns what verifies by `roots` and `extra` ones.
pub(super) fn verifier(
    mut roots: RootCertStore,
    extra: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    extra.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = builder.build().map_err(|error| Error::Other(OtherError(Arc::new(error))))?;
    Ok(verifier)
}
