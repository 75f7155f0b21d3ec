//! The sources of root certificates.

mod error;
mod given;
#[cfg(feature = "tls-platform-roots")]
pub(super) mod platform;
#[cfg(feature = "tls-webpki-roots")]
pub(super) mod webpki;

use std::sync::Arc;

pub(super) use self::error::RootsError;
pub(super) use self::given::{Given, Roots, Verifying};

/// Returns the default source of root certificates; `None` if none is compiled in.
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
