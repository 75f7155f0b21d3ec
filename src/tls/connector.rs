//! The attempt service.

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

/// An attempt service that adds TLS to another one, `A`, where the URI is one of `https` or `wss`. See the [module](super).
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
    /// Options that cannot work: no provider or no root certificates compiled in and none given, certificates that cannot be used, a timeout of
    /// zero.
    pub fn new(transport: A, options: TlsOptions) -> Result<Self, ConfigError> {
        Ok(Self { transport, current: Arc::new(Current::new(&options)?) })
    }

    /// Replaces the settings, for all clones: certificates that were renewed, say. It holds for attempts from the next one on. Sessions begin anew, except those of a [whole configuration](TlsOptions::with_config) whose clone was there before.
    ///
    /// The root certificates of the system are read anew. Until they are, and where that fails, those that were read before hold.
    ///
    /// # Errors
    ///
    /// Options that cannot work. Then nothing has changed.
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
