//! Root certificates that the caller gives, and the interface of all sources of root certificates.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{Error, OtherError, RootCertStore};

use super::error::RootsError;

/// A source of root certificates.
pub(in crate::tls) trait Roots: fmt::Debug + Send + Sync {
    /// Returns a verifier with these root certificates and `extra` ones.
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError>;

    /// Whether that may block, because it reads files.
    fn is_slow(&self) -> bool;

    /// Whether `extra` certificates can be added.
    fn takes_extra(&self) -> bool {
        true
    }
}

/// A verifier, and an error if some root certificates are missing.
pub(in crate::tls) struct Verifying {
    pub(in crate::tls) verifier: Arc<dyn ServerCertVerifier>,
    /// Why some of them are missing.
    pub(in crate::tls) problem: Option<RootsError>,
}

/// Root certificates that the caller gives.
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

/// Returns a verifier with `roots` and `extra` certificates.
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
