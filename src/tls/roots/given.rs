//! Root certificates that were given, and what all kinds of them have in common.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{Error, OtherError, RootCertStore};

use super::error::RootsError;

/// Some root certificates, and what verifies by them.
pub(in crate::tls) trait Roots: fmt::Debug + Send + Sync {
    /// Returns what verifies by these certificates and `extra` ones.
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError>;

    /// Whether that may take long, as it reads files.
    fn is_slow(&self) -> bool;

    /// Whether there may be extra ones.
    fn takes_extra(&self) -> bool {
        true
    }
}

/// What verifies by root certificates.
pub(in crate::tls) struct Verifying {
    pub(in crate::tls) verifier: Arc<dyn ServerCertVerifier>,
    /// Why some of them are missing.
    pub(in crate::tls) problem: Option<RootsError>,
}

/// The root certificates of a caller.
pub(in crate::tls) struct Given(pub(in crate::tls) Vec<CertificateDer<'static>>);

impl Roots for Given {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError> {
        let mut roots = RootCertStore::empty();
        self.0.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
        Ok(Verifying { verifier: verifier(roots, extra, provider)?, problem: None })
    }

    fn is_slow(&self) -> bool {
        false
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("certificates", &self.0.len()).finish()
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
