//! The client.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use tower_service::Service;

use super::body::ResponseBody;
use super::bounds::{Connector, RequestBody};
use super::error::ClientError;
use super::future::ResponseFuture;
use super::limits;
use super::pool::PoolStatistics;
use super::settings::Settings;
use super::shared::Shared;
use crate::network::Epoch;

/// An HTTP client that never loses a response that arrived. It speaks HTTP/1.1, and HTTP/2 with the feature `http2`.
///
/// `C` makes the connections. It is any `tower::Service<Uri>` whose responses have hyper's I/O traits, such as
/// [`HappyEyeballsConnector`](crate::HappyEyeballsConnector), with or without TLS. Each request may have another type of [body](RequestBody).
///
/// With a TLS layer, wrap the TCP connector in a [`ResponseFirstLayer`](crate::response_first::ResponseFirstLayer), and that in TLS. The client
/// checks a connection before reuse, and resets it to stop a refused upload. Both need the socket, which is hidden by TLS otherwise.
///
/// An `https` or `wss` request is never sent in clear text. If the connector makes bare TCP connections (those of this crate, hyper-util and tokio
/// are known by their types), the request is an error before anything is looked up
/// ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)). Connections of any other type are trusted to be what the scheme asks for.
/// CONNECT is exempt, since its URI is that of the tunnel's target.
///
/// It is cheap to clone. Clones share their connections. When the last clone and the last awaited response are dropped, the idle connections are
/// closed.
///
/// In a struct, write the type of its connector: `Client<HappyEyeballsConnector>` is the type of `Client::default()`, for `http` alone; `HttpsClient` that
/// of `Client::https()`. A function takes any client as `&Client<impl client::Connector>`.
///
/// # Runtimes
///
/// A client may be used in several runtimes. Each request uses a connection of the runtime in which it is first polled. Read its response while that
/// runtime is driven. When a runtime ends, its idle connections are closed.
///
/// # Servers that close without notice
///
/// If the server closes an idle connection while a request is sent on it, and the request cannot be sent again (a POST, say), the caller gets an
/// error. So after a host has closed an idle connection without notice, the next such requests to it get fresh connections: 8 after the first close,
/// and 8 times as many after each further close of a connection that was made later. A close after at least 1 s of idleness looks like the server's
/// time-out: then only connections that have been idle for at least half of that time are avoided. Hosts are remembered for ten minutes.
///
/// # Defaults
///
/// Those of [`Builder`](super::Builder).
///
/// # Panics
///
/// Its futures panic outside a tokio runtime, or in one without I/O and time (`enable_all`).
///
/// # Cancel safety
///
/// Dropping a [`ResponseFuture`] or a [`ResponseBody`] closes its connection, or returns it to the pool if the exchange is complete.
///
/// # Example
///
/// ```no_run
/// use http::Request;
/// use http_body_util::BodyExt;
/// use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(HappyEyeballsConnector::new());
/// let response = client.get("http://example.com/").await?;
/// println!("{}: {} bytes", response.status(), response.into_body().collect().await?.to_bytes().len());
/// client.request(Request::put("http://example.com/name").body("Ada".to_owned())?).await?;
/// # Ok(())
/// # }
/// ```
///
/// As a `tower::Service` the client takes requests with any type of body. So a call without a request, such as `ready` or `poll_ready`, must name the
/// type. `oneshot` need not.
///
/// ```no_run
/// use http::Request;
/// use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
/// use tower::{Service, ServiceExt};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::new(HappyEyeballsConnector::new());
/// let request = || Request::put("http://example.com/name").body("Ada".to_owned());
/// ServiceExt::<Request<String>>::ready(&mut client).await?.call(request()?).await?;
/// client.oneshot(request()?).await?;
/// # Ok(())
/// # }
/// ```
pub struct Client<C> {
    pub(super) shared: Arc<Shared<C>>,
}

impl<C: Connector> Client<C> {
    /// Makes a client with the defaults, whose connections `connector` makes.
    pub fn new(connector: C) -> Self {
        Self::with_settings(connector, Settings::default())
    }

    /// Sends `request`. Its URI must be absolute, since it says where to connect to. Each request may have another type of body.
    ///
    /// # Errors
    ///
    /// Those of [`ClientError`].
    pub fn request<B: RequestBody>(&self, request: Request<B>) -> ResponseFuture {
        limits::begin(Arc::clone(&self.shared), request)
    }

    /// Sends a GET request without a body to a [`Uri`], or to anything that converts to one: a `&str`, a `String`.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request). An invalid `Uri` is an [invalid request](ClientError::is_invalid_request).
    pub fn get<U>(&self, uri: U) -> ResponseFuture
    where
        U: TryInto<Uri, Error: Into<http::Error>>,
    {
        match uri.try_into() {
            Ok(uri) => {
                let mut request = Request::new(NoBody);
                *request.uri_mut() = uri;
                self.request(request)
            }
            // The error names the problem, and shows nothing of the URI.
            Err(error) => {
                let error: http::Error = error.into();
                ResponseFuture::failed(ClientError::invalid_request(format!("the URI cannot be read: {error}")))
            }
        }
    }
}

impl<C> Client<C> {
    pub(super) fn with_settings(connector: C, settings: Settings) -> Self {
        Self { shared: Shared::new(connector, settings) }
    }

    /// Returns how many connections and waiting requests there are now.
    pub fn pool_statistics(&self) -> PoolStatistics {
        self.shared.pool.statistics()
    }

    /// Tells the client and its clones that the network of this machine has changed: another interface, another address, a VPN.
    ///
    /// Idle connections are closed. Exchanges and connects under way go on, but their connections get no further request.
    ///
    /// The next connect passes the change on to a [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) under any layers
    /// ([`HappyEyeballsConnector::network_changed`](crate::HappyEyeballsConnector::network_changed)). Another connector can read it from
    /// [`ConnectRequest::epoch`](crate::connect::ConnectRequest::epoch).
    pub fn network_changed(&self) {
        self.shared.connectors.epoch().advance(Epoch::begin());
        self.shared.pool.retire();
    }

    /// Closes every connection that is idle now.
    pub fn close_idle(&self) {
        self.shared.pool.close_idle();
    }
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C: Connector, B: RequestBody> Service<Request<B>> for Client<C> {
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

impl<C: Connector, B: RequestBody> Service<Request<B>> for &Client<C> {
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

impl<C: fmt::Debug> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connector", &self.shared.connectors)
            .field("settings", &self.shared.settings)
            .field("pool", &self.shared.pool)
            .finish()
    }
}

/// An empty request body.
struct NoBody;

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
