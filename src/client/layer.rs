//! A layer that makes a client of any connector.

use tower_layer::Layer;

use super::service::Client;
use super::settings::Settings;

/// A [`Layer`] that makes a [`Client`] of any connector.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::client::ClientLayer;
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use tower::ServiceBuilder;
///
/// let client = ServiceBuilder::new()
///     .concurrency_limit(100)
///     .layer(ClientLayer::new())
///     .service(HappyEyeballsConnector::new());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientLayer {
    settings: Settings,
}

impl ClientLayer {
    /// Makes a layer with the defaults of [`Builder`](super::Builder). Its method [`layer`](super::Builder::layer) makes one with other settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a layer with these settings, which must have been checked.
    pub(super) fn with_settings(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<C> Layer<C> for ClientLayer {
    type Service = Client<C>;

    fn layer(&self, connector: C) -> Self::Service {
        Client::with_settings(connector, self.settings.clone())
    }
}
