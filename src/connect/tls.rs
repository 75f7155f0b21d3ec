//! The connector for https.

use super::builder::Builder;
use super::security::{Plain, Security, sealed};
use super::service::HappyEyeballsConnector;
use crate::race::{Config, ConfigError};
use crate::tls::{TlsConnector, TlsOptions};

impl<R, A> Builder<R, A, Plain> {
    /// TLS for `https` URIs, within the race: see [`tls`](crate::tls). URIs of `http` and of `https` are taken then.
    ///
    /// The order of this call and of those that set the attempts does not matter.
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
    /// Replaces the settings of TLS, for all clones: certificates that were renewed, say, or root certificates. It holds for attempts from the next one
    /// on; connections that are made stay, also in the pool of a client. Sessions begin anew, except those of a [whole configuration](TlsOptions::with_config) whose clone was there before.
    ///
    /// The root certificates of the system are read anew. Until they are, and where that fails, those that were read before hold.
    ///
    /// # Errors
    ///
    /// Options that cannot work, with the protocols of this connector too. Then nothing has changed.
    pub fn replace_tls(&self, options: TlsOptions) -> Result<(), ConfigError> {
        options.check_protocols(self.race().shared_protocols())?;
        self.attempt().replace(options)
    }
}
