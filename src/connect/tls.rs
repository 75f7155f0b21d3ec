//! TLS as a part of the attempts of a connector.

use super::builder::Builder;
use super::security::{Plain, Security, sealed};
use super::service::HappyEyeballsConnector;
use crate::race::{Config, ConfigError};
use crate::tls::{TlsConnector, TlsOptions};

impl<R, A> Builder<R, A, Plain> {
    /// Does TLS for `https` and `wss` URIs, as a part of each attempt: see [`tls`](crate::tls). The connector then accepts the schemes `http` and
    /// `https`.
    ///
    /// It may be called before or after the setters of the attempts.
    #[must_use]
    pub fn tls(self, options: TlsOptions) -> Builder<R, A, TlsOptions> {
        self.security(options)
    }
}

impl<A> Security<A> for TlsOptions {
    type Attempt = TlsConnector<A>;

    const DOES_TLS: bool = true;

    fn secure(self, attempt: A, race: &Config) -> Result<Self::Attempt, ConfigError> {
        self.check_protocols(race.shared_protocols())?;
        TlsConnector::new(attempt, self)
    }
}

impl sealed::Sealed for TlsOptions {}

impl<R, A> HappyEyeballsConnector<R, TlsConnector<A>> {
    /// Replaces the TLS settings of this connector and its clones: with a renewed certificate, say. Attempts that start afterwards have the new
    /// settings. Connections that were made before stay, also in the pool of a client. Sessions are not resumed, except those of a
    /// [whole configuration](TlsOptions::with_config) that is a clone of the one before.
    ///
    /// The root certificates of the system are read again. Until that is done, and if it fails, those that were read before are used.
    ///
    /// # Errors
    ///
    /// The options cannot work by themselves, or with the protocols of this connector. Nothing is changed then.
    pub fn replace_tls(&self, options: TlsOptions) -> Result<(), ConfigError> {
        options.check_protocols(self.race().shared_protocols())?;
        self.attempt().replace(options)
    }
}
