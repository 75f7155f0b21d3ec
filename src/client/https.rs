//! A client for https with the defaults.

use super::service::Client;
use crate::connect::HappyEyeballsConnector;
use crate::race::ConfigError;
use crate::resolve::GaiResolver;
use crate::tls::{TlsConnector, TlsOptions};

impl Client<HappyEyeballsConnector<GaiResolver, TlsConnector>> {
    /// Makes a client with the defaults for `https` and `http`: over a [`HappyEyeballsConnector`] and [`TlsOptions`] with the defaults. These take
    /// the provider and the root certificates of the features `tls-…`.
    ///
    /// # Errors
    ///
    /// Those of the connector's [`build`](crate::connect::Builder::build): there is no provider of cryptography, say.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use hyper_happy_eyeballs::Client;
    ///
    /// let client = Client::https()?;
    /// println!("{}", client.get("https://example.com/").await?.status());
    /// # Ok(())
    /// # }
    /// ```
    pub fn https() -> Result<Self, ConfigError> {
        Ok(Self::new(HappyEyeballsConnector::builder().tls(TlsOptions::new()).build()?))
    }
}
