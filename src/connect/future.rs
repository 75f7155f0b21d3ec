//! The future of a connect.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::driver::{Connected, Driver};
use super::handshake_watch::HandshakeWatch;
use super::settings::Settings;
use super::target::Target;
use crate::attempt::AttemptRequest;
use crate::outcome::{BoxError, ConnectError};
use crate::resolve::Resolve;

/// The future of a [`HappyEyeballsConnector`](super::HappyEyeballsConnector). Its output is the connection.
///
/// # Cancel safety
///
/// Dropping it cancels the look-up and closes the socket of every attempt at once.
#[must_use = "futures do nothing unless polled"]
pub struct Connecting<R: Resolve, A: Service<AttemptRequest>> {
    state: State<R, A>,
}

enum State<R: Resolve, A: Service<AttemptRequest>> {
    /// The URI is invalid, or asks for something that the connector cannot do.
    Failed(Option<ConnectError>),
    /// In a box, since hyper-util's client needs a future that is `Unpin`.
    Driving(Pin<Box<Driver<R, A>>>),
}

impl<R, A> Connecting<R, A>
where
    R: Resolve,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    pub(super) fn new(
        settings: Arc<Settings>,
        target: Target,
        watch: Option<HandshakeWatch>,
        resolver: R,
        attempt: A,
    ) -> Self {
        Self { state: State::Driving(Driver::new(settings, target, watch, resolver, attempt)) }
    }

    pub(super) fn failed(error: ConnectError) -> Self {
        Self { state: State::Failed(Some(error)) }
    }
}

impl<R, A> Future for Connecting<R, A>
where
    R: Resolve,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    type Output = Connected<A::Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Driving(driver) => driver.as_mut().poll(cx),
            State::Failed(error) => Poll::Ready(Err(error.take().expect("polled after completion"))),
        }
    }
}

impl<R: Resolve, A: Service<AttemptRequest>> fmt::Debug for Connecting<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Connecting");
        match &self.state {
            State::Failed(error) => debug.field("error", error).finish(),
            State::Driving(driver) => debug.field("record", driver.record()).finish_non_exhaustive(),
        }
    }
}
