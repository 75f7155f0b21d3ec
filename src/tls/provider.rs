//! Chooses the provider of cryptography.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;
#[cfg(feature = "tls-aws-lc-rs")]
use tokio_rustls::rustls::crypto::aws_lc_rs;
#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
use tokio_rustls::rustls::crypto::ring;

use crate::race::ConfigError;

/// Returns `given`, else the provider of the process, else the one that is compiled in: aws-lc-rs if there are two, as rustls itself prefers it. Does
/// not install one for the process, which only the program may do.
pub(super) fn choose(given: Option<Arc<CryptoProvider>>) -> Result<Arc<CryptoProvider>, ConfigError> {
    given.or_else(|| CryptoProvider::get_default().cloned()).or_else(|| compiled_in().map(Arc::new)).ok_or_else(|| {
        ConfigError::new("TLS has no provider of cryptography: give one, or turn on the feature `https`")
    })
}

#[cfg(feature = "tls-aws-lc-rs")]
fn compiled_in() -> Option<CryptoProvider> {
    Some(aws_lc_rs::default_provider())
}

#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
fn compiled_in() -> Option<CryptoProvider> {
    Some(ring::default_provider())
}

#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
fn compiled_in() -> Option<CryptoProvider> {
    None
}
