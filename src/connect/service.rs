//! The connector.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use tower_service::Service;

use super::future::Connecting;
use super::handshake_watch::HandshakeWatch;
use super::request::ConnectRequest;
use super::settings::Settings;
use super::target::Target;
use crate::attempt::AttemptRequest;
use crate::connection::HappyEyeballsStream;
use crate::network::Epoch;
use crate::outcome::{BoxError, ConnectError};
use crate::race::{Config, Protocols};
use crate::resolve::{GaiResolver, Resolve};
use crate::tcp::TcpConnector;

/// Connects to the host of a [`Uri`] over whichever of its addresses works first.
///
/// It replaces hyper-util's `HttpConnector` under hyper-util's `Client`, hyper-rustls, tonic, and any tower layer. `R` resolves names, and `A` makes
/// the attempts.
///
/// # Defaults
///
/// Those of [`Config`](crate::race::Config) and [`TcpOptions`](crate::tcp::TcpOptions). Names are resolved by the system, only `http` URIs are
/// accepted, and there is no timeout.
///
/// # Panics
///
/// Its future panics outside a tokio runtime, or in one without I/O and time (`enable_all`).
///
/// # Cancel safety
///
/// Dropping the future cancels the look-up and closes the socket of every attempt at once. Nothing is
/// spawned but by the resolver: see [`GaiResolver`].
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
///
/// let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(HappyEyeballsConnector::new());
/// ```
#[doc(alias = "HttpConnector")]
#[derive(Clone)]
pub struct HappyEyeballsConnector<R = GaiResolver, A = TcpConnector> {
    settings: Arc<Settings>,
    resolver: R,
    attempt: A,
}

impl<R, A> HappyEyeballsConnector<R, A> {
    pub(super) fn from_parts(settings: Arc<Settings>, resolver: R, attempt: A) -> Self {
        Self { settings, resolver, attempt }
    }

    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is switched off"))]
    pub(super) fn attempt(&self) -> &A {
        &self.attempt
    }

    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is switched off"))]
    pub(super) fn race(&self) -> &Config {
        &self.settings.race
    }

    /// Tells the connector and its clones that the network of this machine has changed: another interface, another address, a VPN.
    ///
    /// From the next connect on, everything that was learned before is forgotten. The system is asked again which families are connected, and for
    /// source addresses. The resolver sees the change in [`Name::epoch`](crate::resolve::Name::epoch), and should forget what it has cached.
    /// Connects that are under way go on.
    ///
    /// Without this call, a change is noticed when an attempt fails because of it, or after 5 s. Cached answers of DNS servers stay in use then.
    pub fn network_changed(&self) {
        let epoch = Epoch::begin();
        self.settings.network.epoch().advance(epoch);
        self.settings.memory.network_changed(epoch);
    }
}

impl<R, A> HappyEyeballsConnector<R, A>
where
    R: Resolve + Clone,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    /// Connects as `request` says. [`call`](Service::call) does the same with the request whose scope it is called in.
    pub fn connect(&self, request: ConnectRequest) -> Connecting<R, A> {
        self.begin(request.uri(), request.epoch(), || request.for_security())
    }

    /// Begins a connect. `security` returns the protocols and the watch of the client. It is called only for secure URIs.
    #[inline]
    fn begin(
        &self,
        uri: &Uri,
        epoch: Epoch,
        security: impl FnOnce() -> (Option<Protocols>, Option<HandshakeWatch>),
    ) -> Connecting<R, A> {
        self.settings.network.epoch().advance(epoch);
        let target = match Target::from_uri(uri, self.settings.schemes) {
            Ok(target) => target,
            Err(error) => return Connecting::failed(error),
        };
        let (protocols, watch) = if target.is_secure { security() } else { (None, None) };
        let settings = match self.settings_for(target.is_secure, protocols) {
            Ok(settings) => settings,
            Err(problem) => {
                return Connecting::failed(ConnectError::unsupported(&target.host, target.port.number(), problem));
            }
        };
        // The only call that makes a `Connecting`, so that the compiler builds it in its final place instead of copying it.
        Connecting::new(settings, target, watch, self.resolver.clone(), self.attempt.clone())
    }

    #[inline]
    fn settings_for(&self, is_secure: bool, protocols: Option<Protocols>) -> Result<Arc<Settings>, String> {
        if is_secure { self.settings.for_client(protocols) } else { Ok(Arc::clone(&self.settings)) }
    }
}

impl<R, A> Service<Uri> for HappyEyeballsConnector<R, A>
where
    R: Resolve + Clone,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    type Response = HappyEyeballsStream<A::Response>;
    type Error = ConnectError;
    type Future = Connecting<R, A>;

    /// Always ready: each call drives clones of the resolver and of the attempt service from not-ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.begin(&uri, ConnectRequest::epoch_of(&uri), || ConnectRequest::security_of(&uri))
    }
}

impl<R: fmt::Debug, A: fmt::Debug> fmt::Debug for HappyEyeballsConnector<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HappyEyeballsConnector")
            .field("settings", &self.settings)
            .field("resolver", &self.resolver)
            .field("attempt", &self.attempt)
            .finish()
    }
}
