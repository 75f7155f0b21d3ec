//! The layer that wraps every connection of a connector.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::Connection;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::ResponseFirstStream;

/// A [`Layer`] that makes every connection of a connector [`ResponseFirst`](super::ResponseFirst); see the [module](super).
///
/// The connector is any service whose responses have hyper's I/O traits and hyper-util's [`Connection`]: [`HappyEyeballsConnector`], hyper-util's
/// `HttpConnector`. It goes below TLS.
///
/// [`HappyEyeballsConnector`]: crate::HappyEyeballsConnector
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ResponseFirstLayer;

impl ResponseFirstLayer {
    /// The layer. There is nothing to set.
    pub fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for ResponseFirstLayer {
    type Service = ResponseFirstConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResponseFirstConnector { inner }
    }
}

/// A connector whose connections are [`ResponseFirst`](super::ResponseFirst); made by [`ResponseFirstLayer`].
#[derive(Clone, Debug)]
pub struct ResponseFirstConnector<S> {
    inner: S,
}

impl<S, Dst> Service<Dst> for ResponseFirstConnector<S>
where
    S: Service<Dst>,
    S::Response: Connection + 'static,
{
    type Response = ResponseFirstStream<S::Response>;
    type Error = S::Error;
    type Future = ResponseFirstConnecting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, destination: Dst) -> Self::Future {
        ResponseFirstConnecting { inner: self.inner.call(destination) }
    }
}

pin_project! {
    /// The future of a [`ResponseFirstConnector`]. Its output is the wrapped connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner future.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFirstConnecting<F> {
        #[pin]
        inner: F,
    }
}

impl<F, T, E> Future for ResponseFirstConnecting<F>
where
    F: Future<Output = Result<T, E>>,
    T: Connection + 'static,
{
    type Output = Result<ResponseFirstStream<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let io = ready!(self.project().inner.poll(cx))?;
        Poll::Ready(Ok(ResponseFirstStream::new(io)))
    }
}
