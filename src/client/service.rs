//! The client.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use http_body::Body;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower_service::Service;

use super::body::ResponseBody;
use super::builder::Builder;
use super::duplex::AfterResponse;
use super::error::ClientError;
use super::future::ResponseFuture;
use super::pool::Pool;
use super::replay::Replay;
use super::stock::Stock;
use crate::connect::HappyEyeballsConnector;
use crate::outcome::BoxError;

/// An HTTP/1.1 client that never loses a response that arrived.
///
/// `C` makes the connections: any `tower::Service<Uri>` whose responses are hyper's I/O, such as
/// [`HappyEyeballsConnector`], under TLS or not. `B` is the body of requests.
///
/// Under TLS, wrap the TCP connector in a [`ResponseFirstLayer`](crate::response_first::ResponseFirstLayer), and that in TLS: the
/// look at a connection before it is used again, and the reset that ends a refused upload, are a matter of the socket, which
/// cannot be seen through TLS otherwise.
///
/// It is cheap to clone; clones share their connections. Dropping the last of them, and the last response that is waited
/// for, closes those that are idle.
///
/// # Runtimes
///
/// A client may be used in several runtimes. Each request has a connection of the runtime that it is first polled in; a response is to be
/// read while that runtime is driven. When a runtime ends, its idle connections are closed.
///
/// # Servers that close without notice
///
/// A request that cannot be sent again, a POST, is an error if it meets the end of its connection. So for a host that has closed an idle
/// connection without notice, the next such requests have fresh connections: 8 after the first close, 8 times as many after each further one
/// of a connection that was made later. After a close that looks like the server's time-out (1 s of idleness, or more), only connections
/// that have been idle for at least half of that time are not used. Hosts are remembered for ten minutes.
///
/// # Defaults
///
/// Those of [`Builder`].
///
/// # Panics
///
/// Its futures panic outside a tokio runtime, or in one without I/O and time (`enable_all`).
///
/// # Cancel safety
///
/// Dropping a [`ResponseFuture`] or a [`ResponseBody`] closes its connection, or recycles it if the exchange is complete.
///
/// # Example
///
/// ```no_run
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, Empty};
/// use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client: Client<_, Empty<Bytes>> = Client::new(HappyEyeballsConnector::new());
/// let response = client.get("http://example.com/".parse()?).await?;
/// println!("{}: {} bytes", response.status(), response.into_body().collect().await?.to_bytes().len());
/// # Ok(())
/// # }
/// ```
pub struct Client<C, B> {
    pub(super) shared: Arc<Shared<C, B>>,
}

/// What all clones of a client share.
pub(super) struct Shared<C, B> {
    /// Apart, so that a connect may go on without the client.
    pub(super) connectors: Arc<Stock<C>>,
    pub(super) pool: Arc<Pool<B>>,
    pub(super) settings: Settings<B>,
}

pub(super) struct Settings<B> {
    pub(super) replay: Replay,
    pub(super) replay_body: Option<ReplayBody<B>>,
    pub(super) repeats_on_request_timeout: bool,
    pub(super) late_binding: bool,
    pub(super) continue_timeout: Duration,
    pub(super) upload_after_response: AfterResponse,
    pub(super) http1: http1::Builder,
}

/// A second copy of a body, if there can be one.
pub(super) type ReplayBody<B> = Arc<dyn Fn(&B) -> Option<B> + Send + Sync>;

/// What every connector that a [`Client`] can use implements: an alias, not to be implemented by hand.
pub trait Connector:
    Service<
        Uri,
        Response: Read + Write + Connection + Unpin + Send + 'static,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<C> Connector for C where
    C: Service<
            Uri,
            Response: Read + Write + Connection + Unpin + Send + 'static,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// What every body that a [`Client`] can send implements: an alias, not to be implemented by hand.
pub trait RequestBody: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static {}

impl<B> RequestBody for B where B: Body<Data: Send, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static {}

impl<B: RequestBody> Client<HappyEyeballsConnector, B> {
    /// Starts from the defaults.
    pub fn builder() -> Builder<B> {
        Builder::new()
    }
}

impl<C: Connector, B: RequestBody> Client<C, B> {
    /// A client with the defaults, whose connections `connector` makes.
    pub fn new(connector: C) -> Self {
        Builder::new().client(connector)
    }

    /// Sends `request`. Its URI must be absolute: it says where to connect to.
    ///
    /// # Errors
    ///
    /// Those that [`ClientError`] tells apart.
    pub fn request(&self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::new(Arc::clone(&self.shared), request)
    }

    /// Sends a GET request without a body.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn get(&self, uri: Uri) -> ResponseFuture
    where
        B: Default,
    {
        let mut request = Request::new(B::default());
        *request.uri_mut() = uri;
        self.request(request)
    }
}

impl<C, B> Client<C, B> {
    pub(super) fn from_parts(connector: C, pool: Pool<B>, settings: Settings<B>) -> Self {
        let connectors = Arc::new(Stock::new(connector));
        Self { shared: Arc::new(Shared { connectors, pool: Arc::new(pool), settings }) }
    }

    /// Closes every connection that is idle now.
    pub fn close_idle(&self) {
        self.shared.pool.close_idle();
    }
}

impl<C, B> Drop for Shared<C, B> {
    fn drop(&mut self) {
        self.pool.close();
    }
}

impl<C, B> Clone for Client<C, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C: Connector, B: RequestBody> Service<Request<B>> for Client<C, B> {
    type Response = Response<ResponseBody>;
    type Error = ClientError;
    type Future = ResponseFuture;

    /// Always ready: each connect drives a clone of the connector from not-ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.request(request)
    }
}

impl<C: Connector, B: RequestBody> Service<Request<B>> for &Client<C, B> {
    type Response = Response<ResponseBody>;
    type Error = ClientError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.request(request)
    }
}

impl<C: fmt::Debug, B> fmt::Debug for Client<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connector", &self.shared.connectors)
            .field("settings", &self.shared.settings)
            .field("pool", &self.shared.pool)
            .finish()
    }
}

impl<B> fmt::Debug for Settings<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("replay", &self.replay)
            .field("replays_bodies", &self.replay_body.is_some())
            .field("repeats_on_request_timeout", &self.repeats_on_request_timeout)
            .field("late_binding", &self.late_binding)
            .field("continue_timeout", &self.continue_timeout)
            .field("upload_after_response", &self.upload_after_response)
            .finish_non_exhaustive()
    }
}

impl<B> Clone for Settings<B> {
    fn clone(&self) -> Self {
        let Self { replay, repeats_on_request_timeout, late_binding, continue_timeout, upload_after_response, .. } =
            *self;
        let (replay_body, http1) = (self.replay_body.clone(), self.http1.clone());
        Self {
            replay,
            replay_body,
            repeats_on_request_timeout,
            late_binding,
            continue_timeout,
            upload_after_response,
            http1,
        }
    }
}
