//! The connector.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower_service::Service;

use super::builder::Builder;
use super::future::Connecting;
use super::stream::HappyEyeballsStream;
use super::target::Target;
use crate::attempt::AttemptRequest;
use crate::outcome::{BoxError, ConnectError};
use crate::race::{Config, Families};
use crate::resolve::{GaiResolver, Resolve};
use crate::tcp::{SourceAddresses, TcpConnector};

/// Connects to the host of a [`Uri`] over whichever of its addresses works first.
///
/// It takes the place of hyper-util's `HttpConnector`: under its `Client`, under hyper-rustls, under tonic, under any tower
/// layer. `R` resolves names, `A` makes the attempts.
///
/// # Defaults
///
/// Those of [`Config`] and [`TcpOptions`](crate::tcp::TcpOptions); names are resolved by the system, only `http` URIs are
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
#[derive(Clone)]
pub struct HappyEyeballsConnector<R = GaiResolver, A = TcpConnector> {
    settings: Arc<Settings>,
    resolver: R,
    attempt: A,
}

/// What all clones of a connector share.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) race: Arc<Config>,
    /// Those that the race can use.
    pub(super) families: Families,
    pub(super) timeout: Option<Duration>,
    pub(super) enforce_http: bool,
    pub(super) sources: SourceAddresses,
    /// Whether attempts may say something before they are over: those of `TcpConnector` do not.
    pub(super) hears_attempts: bool,
}

impl Settings {
    /// The same for attempts that may take other routes than the sockets of `TcpConnector`, and may have more to say.
    pub(super) fn for_any_attempt(mut self) -> Self {
        self.sources = self.sources.unless_of_system();
        self.hears_attempts = true;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Builder::new().settings().expect("the defaults are valid")
    }
}

impl HappyEyeballsConnector {
    /// A connector with the defaults.
    pub fn new() -> Self {
        Self::from_parts(Arc::default(), GaiResolver::new(), TcpConnector::default())
    }

    /// Starts from the defaults.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<R, A> HappyEyeballsConnector<R, A> {
    pub(super) fn from_parts(settings: Arc<Settings>, resolver: R, attempt: A) -> Self {
        Self { settings, resolver, attempt }
    }
}

impl Default for HappyEyeballsConnector {
    fn default() -> Self {
        Self::new()
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
        match Target::from_uri(&uri, self.settings.enforce_http) {
            Ok(target) => {
                Connecting::new(Arc::clone(&self.settings), target, self.resolver.clone(), self.attempt.clone())
            }
            Err(error) => Connecting::failed(error),
        }
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
