//! The root certificates of the system, or its own verifier where it has one.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::error::RootsError;
use super::given::{Roots, Verifying};

/// The system's root certificates. On Windows, macOS, iOS and Android the system's verifier is used. On other systems the certificates are read from
/// files.
#[derive(Debug)]
pub(in crate::tls) struct OfPlatform;

impl Roots for OfPlatform {
    fn verifier(
        &self,
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError> {
        of_system(extra, provider)
    }

    fn is_slow(&self) -> bool {
        true
    }

    /// Android's verifier uses only the system's root certificates.
    fn takes_extra(&self) -> bool {
        !cfg!(target_os = "android")
    }
}

#[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
use self::files::of_system;
#[cfg(not(all(unix, not(target_os = "android"), not(target_vendor = "apple"))))]
use self::verifier::of_system;

/// Systems whose root certificates are files.
#[cfg(all(unix, not(target_os = "android"), not(target_vendor = "apple")))]
mod files {
    use std::io;
    use std::sync::Arc;

    use rustls_native_certs::{CertificateResult, Error as FileError, ErrorKind, load_native_certs};
    use tokio_rustls::rustls::crypto::CryptoProvider;
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::{Error, OtherError, RootCertStore};

    use crate::tls::roots::error::RootsError;
    use crate::tls::roots::given::{Verifying, verifier};

    pub(super) fn of_system(
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError> {
        let CertificateResult { certs, errors, .. } = load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _unusable) = roots.add_parsable_certificates(certs);
        let problem = problem(errors, added);
        if added == 0 && extra.is_empty() {
            let none = || RootsError::lasting(Error::General("the system has none".into()));
            return Err(problem.unwrap_or_else(none));
        }
        Ok(Verifying { verifier: verifier(roots, extra, provider)?, problem })
    }

    /// Returns the error to report, if there is one: a temporary one if possible, else the first.
    fn problem(errors: Vec<FileError>, added: usize) -> Option<RootsError> {
        let passes = |error: &FileError| may_pass(error, added);
        let place = errors.iter().position(passes).unwrap_or(0);
        let error = errors.into_iter().nth(place)?;
        let may_pass = passes(&error);
        let source = Error::Other(OtherError(Arc::new(error)));
        Some(if may_pass { RootsError::passing(source) } else { RootsError::lasting(source) })
    }

    /// Whether the error may be temporary. If other files could be read, a file that is missing or may not be read by this user will probably stay
    /// so.
    fn may_pass(error: &FileError, added: usize) -> bool {
        match &error.kind {
            ErrorKind::Io { inner, .. } => {
                added == 0 || !matches!(inner.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            _ => false,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn errors(kinds: &[io::ErrorKind]) -> Vec<FileError> {
            let kind = |kind: &io::ErrorKind| ErrorKind::Io { inner: (*kind).into(), path: "roots.pem".into() };
            kinds.iter().map(|of| FileError { context: "reading", kind: kind(of) }).collect()
        }

        #[test]
        fn an_error_of_many_files_counts_if_it_may_pass() {
            use io::ErrorKind::{NotFound, PermissionDenied, TimedOut};

            for (kinds, added, expected) in [
                (&[][..], 0, None),
                (&[NotFound][..], 0, Some(("entity not found", true))),
                (&[NotFound, PermissionDenied], 7, Some(("entity not found", false))),
                (&[NotFound, TimedOut], 7, Some(("timed out", true))),
            ] {
                let problem = problem(errors(kinds), added).map(|problem| (problem.to_string(), problem.may_pass()));
                let expected = expected.map(|(says, passes)| (format!("reading: {says} at 'roots.pem'"), passes));
                assert_eq!(problem, expected);
            }
        }
    }
}

/// Systems with a verifier of their own.
#[cfg(not(all(unix, not(target_os = "android"), not(target_vendor = "apple"))))]
mod verifier {
    use std::sync::Arc;

    use rustls_platform_verifier::Verifier;
    use tokio_rustls::rustls::Error;
    use tokio_rustls::rustls::crypto::CryptoProvider;
    use tokio_rustls::rustls::pki_types::CertificateDer;

    use crate::tls::roots::error::RootsError;
    use crate::tls::roots::given::Verifying;

    pub(super) fn of_system(
        extra: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Verifying, RootsError> {
        // These verifiers do not say whether an error is temporary.
        let verifier = new(extra, provider).map_err(RootsError::passing)?;
        Ok(Verifying { verifier: Arc::new(verifier), problem: None })
    }

    #[cfg(not(target_os = "android"))]
    fn new(extra: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
        Verifier::new_with_extra_roots(extra.iter().cloned(), provider)
    }

    #[cfg(target_os = "android")]
    fn new(_: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
        Verifier::new(provider)
    }
}
