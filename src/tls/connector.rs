//! The attempt service that adds TLS.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, Write};
use tower_service::Service;

use super::connection::TlsConnection;
use super::handshaking::TlsConnecting;
use super::options::TlsOptions;
use super::state::Current;
use crate::attempt::AttemptRequest;
use crate::outcome::{AttemptError, BoxError};
use crate::race::ConfigError;
use crate::tcp::TcpConnector;

/// An attempt service that adds TLS to the attempt service `A`, for `https` and `wss` URIs. See the [module](super).
///
/// Clones share sessions and settings.
#[derive(Clone)]
pub struct TlsConnector<A = TcpConnector> {
    transport: A,
    current: Arc<Current>,
}

impl<A> TlsConnector<A> {
    /// Adds TLS to the connections of `transport`.
    ///
    /// # Errors
    ///
    /// The options cannot work: no provider or no root certificates are compiled in and none are given, certificates cannot be used, or a timeout is
    /// zero.
    pub fn new(transport: A, options: TlsOptions) -> Result<Self, ConfigError> {
        Ok(Self { transport, current: Arc::new(Current::new(&options)?) })
    }

    /// Replaces the settings of all clones, from the next attempt on: because certificates were renewed, say. The earlier sessions are not used any
    /// more, except those of a [whole configuration](TlsOptions::with_config) of which a clone was set before.
    ///
    /// The system's root certificates are read again. Until then, and if that fails, those that were read before are used.
    ///
    /// # Errors
    ///
    /// The options cannot work. Then nothing is changed.
    pub fn replace(&self, options: TlsOptions) -> Result<(), ConfigError> {
        self.current.replace(&options)
    }
}

impl<A> Service<AttemptRequest> for TlsConnector<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>>,
    A::Response: Read + Write + Unpin + 'static,
{
    type Response = TlsConnection<A::Response>;
    type Error = AttemptError;
    type Future = TlsConnecting<A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.transport.poll_ready(cx).map_err(AttemptError::from_any)
    }

    fn call(&mut self, request: AttemptRequest) -> Self::Future {
        if request.is_secure() {
            TlsConnecting::secured(self.current.get(), &mut self.transport, request)
        } else {
            TlsConnecting::plain(self.transport.call(request))
        }
    }
}

impl<A: fmt::Debug> fmt::Debug for TlsConnector<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("transport", &self.transport).field("settings", &self.current).finish()
    }
}
