//! A client for https, over a connector with the defaults.

use super::builder::Builder;
use super::service::Client;
use crate::connect::HappyEyeballsConnector;
use crate::race::ConfigError;
use crate::resolve::GaiResolver;
use crate::tls::{TlsConnector, TlsOptions};

/// The type of [`Client::https`] and [`Builder::build_https`]: the client for `https` and `http` whose names the system resolves.
///
/// Clones share their connections, so each part of a program can have its own:
///
/// ```no_run
/// use hyper_happy_eyeballs::{Client, HttpsClient};
///
/// #[derive(Clone)]
/// struct App {
///     client: HttpsClient,
/// }
///
/// let app = App { client: Client::https()? };
/// # _ = app.client;
/// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
/// ```
///
/// A connector of your own gives `Client` another type. A function can take any: `fn fetch(client: &Client<impl client::Connector>)`.
pub type HttpsClient = Client<HappyEyeballsConnector<GaiResolver, TlsConnector>>;

impl HttpsClient {
    /// Makes a client with the defaults for `https` and `http`: over a [`HappyEyeballsConnector`] and [`TlsOptions`] with the defaults. These take
    /// the provider and the root certificates of the features `tls-…`. With settings of the client: [`Builder::build_https`].
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
        Builder::new().build_https()
    }
}

impl Builder {
    /// Builds a client for `https` and `http`, over a [`HappyEyeballsConnector`] and [`TlsOptions`] with the defaults. To set something of these, a
    /// time limit for connects say, give the connector to [`build`](Self::build).
    ///
    /// # Errors
    ///
    /// As [`Client::https`] and [`Builder::build`].
    ///
    /// # Example
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use hyper_happy_eyeballs::Client;
    ///
    /// let client = Client::builder().timeout(Duration::from_secs(30)).build_https()?;
    /// # _ = client;
    /// # Ok::<_, hyper_happy_eyeballs::ConfigError>(())
    /// ```
    pub fn build_https(self) -> Result<HttpsClient, ConfigError> {
        self.build(HappyEyeballsConnector::builder().tls(TlsOptions::new()).build()?)
    }
}
