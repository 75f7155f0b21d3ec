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

/// An HTTP/1.1 client that never loses a response that arrived.
///
/// `C` makes the connections: any `tower::Service<Uri>` whose responses are hyper's I/O, such as
/// [`HappyEyeballsConnector`](crate::HappyEyeballsConnector), under TLS or not. Requests may have any [body](RequestBody), each
/// another one.
///
/// Under TLS, wrap the TCP connector in a [`ResponseFirstLayer`](crate::response_first::ResponseFirstLayer), and that in TLS: the
/// look at a connection before it is used again, and the reset that ends a refused upload, are a matter of the socket, which
/// cannot be seen through TLS otherwise.
///
/// An `https` or `wss` request is not sent in clear text: over a connector whose connections are bare TCP (those of this crate, hyper-util and tokio, which
/// are known by their type) it is an error before anything is looked up, which says that the connector does no TLS
/// ([`ConnectError::is_unsupported`](crate::ConnectError::is_unsupported)). Connections of any other type are believed to be what the scheme
/// asks for. CONNECT is exempt, since its URI is that of the tunnel's target.
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
/// Those of [`Builder`](super::Builder).
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
/// As a `tower::Service` it takes requests with every type of body, so that a call which shows no request, such as `ready` or `poll_ready`, has
/// to name one. `oneshot` needs no such help.
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
    /// A client with the defaults, whose connections `connector` makes.
    pub fn new(connector: C) -> Self {
        Self::with_settings(connector, Settings::default())
    }

    /// Sends `request`. Its URI must be absolute: it says where to connect to. Each request may have another body.
    ///
    /// # Errors
    ///
    /// Those that [`ClientError`] tells apart.
    pub fn request<B: RequestBody>(&self, request: Request<B>) -> ResponseFuture {
        limits::begin(Arc::clone(&self.shared), request)
    }

    /// Sends a GET request without a body, to a [`Uri`] or whatever becomes one: a `&str`, a `String`.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request); what does not become a `Uri` is an [invalid request](ClientError::is_invalid_request).
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
            // The error says what is wrong, and has nothing of the URI.
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

    /// What there is of connections at this moment, and who waits for one.
    pub fn pool_statistics(&self) -> PoolStatistics {
        self.shared.pool.statistics()
    }

    /// Says that the network of this machine has changed: another interface, another address, a VPN. Clones hear of it too.
    ///
    /// Idle connections are closed. Exchanges and connects that are under way go on, and their connections serve no further request.
    ///
    /// The next connect tells a
    /// [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) under whatever layers
    /// ([`HappyEyeballsConnector::network_changed`](crate::HappyEyeballsConnector::network_changed)); another connector hears of it by
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

/// The body of a request that has none.
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
