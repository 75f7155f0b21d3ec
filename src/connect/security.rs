//! What wraps the attempts of a connector: nothing, or TLS.

use crate::race::{Config, ConfigError};

/// What wraps the attempt service `A` of a connector: nothing ([`Plain`]), or TLS (`TlsOptions`, with the feature `tls`).
///
/// The trait is sealed: no other type implements it.
pub trait Security<A>: sealed::Sealed {
    /// The wrapped attempt service.
    type Attempt;

    /// Whether attempts for `https` URIs do TLS.
    #[doc(hidden)]
    const DOES_TLS: bool;

    /// Wraps `attempt`. The protocols of the connector are in `race`.
    #[doc(hidden)]
    fn secure(self, attempt: A, race: &Config) -> Result<Self::Attempt, ConfigError>;
}

/// The attempts are not wrapped.
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
