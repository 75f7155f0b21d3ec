//! A layer that makes a connector of any attempt service.

use std::sync::Arc;

use tower_layer::Layer;

use super::service::HappyEyeballsConnector;
use super::settings::Settings;
use crate::resolve::GaiResolver;

/// A [`Layer`] that makes a connector of an attempt service. The connector resolves names, races attempts, and calls the service once for each
/// attempt.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::attempt::AttemptRequest;
/// use hyper_happy_eyeballs::connect::HappyEyeballsLayer;
/// use tokio::net::TcpStream;
/// use tower::{ServiceBuilder, service_fn};
///
/// let connector = ServiceBuilder::new()
///     .layer(HappyEyeballsLayer::new())
///     .service(service_fn(|request: AttemptRequest| TcpStream::connect(request.endpoint().address())));
/// ```
#[derive(Clone, Debug)]
pub struct HappyEyeballsLayer<R = GaiResolver> {
    settings: Arc<Settings>,
    resolver: R,
}

impl<R> HappyEyeballsLayer<R> {
    pub(super) fn from_parts(settings: Settings, resolver: R) -> Self {
        Self { settings: Arc::new(settings), resolver }
    }
}

impl<R: Clone, A> Layer<A> for HappyEyeballsLayer<R> {
    type Service = HappyEyeballsConnector<R, A>;

    fn layer(&self, inner: A) -> Self::Service {
        HappyEyeballsConnector::from_parts(Arc::clone(&self.settings), self.resolver.clone(), inner)
    }
}
