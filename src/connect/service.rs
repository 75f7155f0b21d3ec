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
/// It takes the place of hyper-util's `HttpConnector`: under its `Client`, under hyper-rustls, under tonic, under any tower
/// layer. `R` resolves names, `A` makes the attempts.
///
/// # Defaults
///
/// Those of [`Config`](crate::race::Config) and [`TcpOptions`](crate::tcp::TcpOptions); names are resolved by the system, only `http` URIs are
/// taken, and there is no timeout.
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

    /// Says that the network of this machine has changed: another interface, another address, a VPN. Clones hear of it too.
    ///
    /// From the next connect on, nothing is believed that was learned before: which families are connected, and which addresses are connected from, are asked of
    /// the system; a resolver hears of it by [`Name::epoch`](crate::resolve::Name::epoch), and forgets what it has cached. Connects that are under way go on.
    ///
    /// Without it, changes are noticed when an attempt fails of them, or after 5 s; but cached answers of DNS servers stay.
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
    /// Connects as `request` has it. [`call`](Service::call) with a URI does the same, with the request of the client that calls.
    pub fn connect(&self, request: ConnectRequest) -> Connecting<R, A> {
        self.begin(request.uri(), request.epoch(), || request.for_security())
    }

    /// `security` is asked for the protocols of the client, and for who watches, only where they matter.
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
        // There is one place that makes a connect, so that it is built where it is to lie.
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
