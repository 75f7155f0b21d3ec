//! A client over any connector, as a layer.

use std::fmt;

use tower_layer::Layer;

use super::builder::Builder;
use super::service::{Client, RequestBody};

/// A [`Layer`] that makes a [`Client`] of any connector.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_happy_eyeballs::client::ClientLayer;
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use tower::ServiceBuilder;
///
/// let client = ServiceBuilder::new()
///     .concurrency_limit(100)
///     .layer(ClientLayer::<Full<Bytes>>::new())
///     .service(HappyEyeballsConnector::new());
/// ```
pub struct ClientLayer<B> {
    builder: Builder<B>,
}

impl<B> ClientLayer<B> {
    /// A layer with the defaults of [`Builder`], whose [`layer`](Builder::layer) makes one with others.
    pub fn new() -> Self {
        Self::from_builder(Builder::new())
    }

    pub(super) fn from_builder(builder: Builder<B>) -> Self {
        Self { builder }
    }
}

impl<B> Default for ClientLayer<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C, B: RequestBody> Layer<C> for ClientLayer<B> {
    type Service = Client<C, B>;

    fn layer(&self, connector: C) -> Self::Service {
        self.builder.clone().client(connector)
    }
}

impl<B> Clone for ClientLayer<B> {
    fn clone(&self) -> Self {
        Self { builder: self.builder.clone() }
    }
}

impl<B> fmt::Debug for ClientLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer").field("builder", &self.builder).finish()
    }
}
