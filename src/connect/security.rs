//! What is put around the attempts of a connector: nothing, or TLS.

use crate::race::{Config, ConfigError};

/// What is put around the attempts of a connector, whose attempt service is `A`: [`Plain`] is nothing, and
/// `TlsOptions` are TLS (feature `tls`).
///
/// No other type has this trait.
pub trait Security<A>: sealed::Sealed {
    /// The attempt service that comes of it.
    type Attempt;

    /// Whether `https` URIs are connected to securely.
    #[doc(hidden)]
    const DOES_TLS: bool;

    /// `race` has the protocols of the connector.
    #[doc(hidden)]
    fn secure(self, attempt: A, race: &Config) -> Result<Self::Attempt, ConfigError>;
}

/// Nothing is put around the attempts.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Plain;

impl<A> Security<A> for Plain {
    type Attempt = A;

    const DOES_TLS: bool = false;

    fn secure(self, attempt: A, _: &Config) -> Result<A, ConfigError> {
        Ok(attempt)
    }
}

pub(super) mod sealed {
    #[expect(unnameable_types, reason = "nobody else may name it")]
    pub trait Sealed {}

    impl Sealed for super::Plain {}
}
