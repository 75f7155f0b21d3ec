//! An HTTP client that never loses a response that arrived.
//!
//! What happens to a request, in order:
//!
//! 1. The request takes the idle connection to its scheme and authority that was used last, if that is alive. Otherwise the connector
//!    makes one.
//! 2. The future of the response drives the connection. A response whose head has arrived is returned, even if the connection then fails, or
//!    a body is still being sent. The rest of a body that the server does not want is not sent. After a complete response below 300 the
//!    rest is still sent, within limits, since the server may [read on](Builder::upload_after_response).
//! 3. If the connection ends without a byte of a response, and it is a reused connection, the request is retried on a fresh one, if that is
//!    [safe](RetryPolicy). If not, the [error](ClientError::is_closed_before_response) is returned as soon as the system reports the end: no
//!    timer is involved.
//! 4. The body of the response owns the connection. When its end is reported, the connection is idle again or closed, or still sends the
//!    request. So sequential requests use one connection, and parallel requests use one each.
//!
//! # HTTP/2
//!
//! With the feature `http2`, the client speaks HTTP/2 to a server that chooses it. Parallel requests then share a connection, each on a stream of its
//! own, and dropping a request resets only its stream. A request that the server says it did not process is retried, whatever its method.
//! [`ClientError::processing`] says what is known of a request that failed.
//!
//! # Upgrades
//!
//! `hyper::upgrade::on(response)` returns the stream after a `101` or a successful `CONNECT`. It lives on without the client. Its type for
//! [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) is
//!
//! - `TokioIo<ResponseFirst<TcpStream>>` (hyper-util's `TokioIo`, [`ResponseFirst`](crate::response_first::ResponseFirst), tokio's `TcpStream`) if
//!   the connection was bare TCP: from this crate's connector for `http`, with TLS or without, whose attempts make a `TcpConnection` or a
//!   `TokioIo<TcpStream>`; from hyper-util's `HttpConnector`; or a `TokioIo<TcpStream>`;
//! - `TokioIo<ResponseFirst<TokioIo<T>>>` for any other connection type `T` of the connector.
//!
//! Calling `into_inner` twice returns the `TcpStream`. Bytes that were read beyond the head are in the `read_buf` that `downcast` returns:
//!
//! ```
//! use hyper::upgrade::Upgraded;
//! use hyper_happy_eyeballs::response_first::ResponseFirst;
//! use hyper_util::rt::TokioIo;
//! use tokio::net::TcpStream;
//!
//! fn socket(upgraded: Upgraded) -> Option<(TcpStream, bytes::Bytes)> {
//!     let parts = upgraded.downcast::<TokioIo<ResponseFirst<TcpStream>>>().ok()?;
//!     Some((parts.io.into_inner().into_inner(), parts.read_buf))
//! }
//! # _ = socket;
//! ```
//!
//! # What a server is told
//!
//! - URIs that mean the same share connections: the case of scheme and host does not matter, nor does the default port. Only the connector sees the
//!   zone of an IPv6 address (RFC 6874 §4).
//! - User and password of a URI become the field `Authorization` with Basic credentials (RFC 7617), percent-decoded, as with reqwest and curl. A request
//!   that has the field keeps its own. The credentials of the URI have precedence over a [default header](Builder::default_headers). They appear nowhere
//!   else: not in the target, `Host`, errors or events of `tracing`, and the connector does not see them. Credentials that Basic cannot express (a
//!   colon in the user, a control character) are an [invalid request](ClientError::is_invalid_request), and so are user or password in the URI of
//!   CONNECT. In a URI from somebody else they may disguise the host, as in `https://bank.example@evil.example/`: refuse such a URI (RFC 9110 §4.2.4).
//! - A request over a connection with `Connected::proxy(true)` is in absolute-form, whatever its scheme: the proxy makes the connection to the
//!   server, and does TLS for `https`. A connector that makes a tunnel through a proxy, and TLS in it, does not set this flag.
//! - `Host` is the caller's, or that of the URI. It is the first field, and the field that was first is last.
//!
//! # Time-outs
//!
//! By default the client has no time limit for a request: it waits for a server that never answers. [`Builder::timeout`] limits the whole request, to
//! the end of the response's body, and [`Builder::response_header_timeout`] limits the time to the head of the response. [`TimeLimits`] in the
//! extensions of a request sets them for that request. [`ClientError::timeout_phase`] says how far the request was. Set the connector's
//! limit below the client's: a limit of the client cancels the connect, so that its error has no addresses. Without them only these limits apply:
//!
//! | what | is limited by | default |
//! |---|---|---|
//! | the wait for a connection | nothing | |
//! | look-up, race and TLS | [`connect::Builder::timeout`](crate::connect::Builder::timeout) | none; look-up and attempts end by the limits of the system |
//! | a handshake of TLS | `TlsOptions` | 10 s |
//! | the upload, and the wait for the response | the system, which gives up on a host that does not acknowledge what was sent; over HTTP/2 `http2_ping_timeout` | minutes; 15 s |
//! | an upload after the response | [`Builder::upload_after_response`] | 5 s |
//! | the body of the response | as the wait for the response | |
//!
//! A time-out around the future of [`Client::request`] also covers everything up to the head of the response, but does not say how far the request
//! was. Dropping the future or the body closes the connection, unless the exchange is complete.
//!
//! # Bodies
//!
//! A request is sent completely, or the call is an error:
//!
//! - A body with an exact [`size_hint`](http_body::Body::size_hint), or with a `Content-Length` of the caller, is sent with that length. Any other is
//!   sent in chunks, whatever the method is (RFC 9112 §6). HTTP/1.0 has no chunks.
//! - An empty body is declared by `Content-Length: 0` for POST, PUT and PATCH, and not at all for other methods (RFC 9110 §8.6).
//! - Fields that contradict each other, the body or the version are an [invalid request](ClientError::is_invalid_request).
//! - A body that is longer or shorter than it declared is an [error of the body](ClientError::is_request_body).
//! - Trailers are frames, in both directions. Those of a request need a `Trailer` field with their names, and no `Content-Length`.
//!
//! A body with an exact `size_hint` is polled for its first frame before there is a connection, unless it waits for the server to ask for it
//! (`Expect: 100-continue`). If that frame is all of it, the request can be retried, and so can one with a [`RetryBody`].
//!
//! To show the progress of an upload, wrap its body and count what is taken from it. More is taken when the system has taken what came before: so
//! what was taken is what was sent, except for the buffers of hyper ([`Builder::http1`]) and of the system. After a failure,
//! [`ClientError::bytes_written`] says how much was sent.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//!
//! use bytes::Bytes;
//! use futures_util::stream;
//! use http::Request;
//! use http_body_util::{BodyExt, StreamBody};
//! use hyper::body::Frame;
//! use hyper_happy_eyeballs::Client;
//!
//! # async fn run(file: Bytes) -> Result<(), Box<dyn std::error::Error>> {
//! let sent = Arc::new(AtomicUsize::new(0));
//! let (length, count) = (file.len(), Arc::clone(&sent));
//! // In pieces, since each piece is a step. A stream does not know its length, so the field declares it.
//! let pieces = (0..length).step_by(64 * 1024).map(move |at| file.slice(at..length.min(at + 64 * 1024)));
//! let body = StreamBody::new(stream::iter(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)))));
//! let body = body.inspect_frame(move |frame| {
//!     count.fetch_add(frame.data_ref().map_or(0, Bytes::len), Ordering::Relaxed);
//! });
//! let request = Request::put("http://example.com/file").header("content-length", length).body(body)?;
//! // Meanwhile, `sent` may be shown.
//! let response = Client::default().request(request).await?;
//! println!("{} after {} of {length} bytes", response.status(), sent.load(Ordering::Relaxed));
//! # Ok(())
//! # }
//! ```
//!
//! A response's body that ends early is an error. A body without a length ends with the connection (RFC 9112 §8).
//!
//! # Statistics
//!
//! [`Client::pool_statistics`] counts connections and waiting requests. [`ConnectionUse`], in the extensions of every response, says which connection
//! the response came over.

mod body;
mod bounds;
mod builder;
mod checkout;
mod connecting;
mod connection_use;
mod deadlines;
mod deliver;
mod destination;
mod dialing;
#[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "HTTP/2 is switched off"))]
mod error;
mod future;
mod http1;
#[cfg(feature = "http2")]
mod http2;
#[cfg(not(feature = "http2"))]
#[path = "http2_absent.rs"]
mod http2;
#[cfg(feature = "tls")]
mod https;
mod layer;
mod limits;
#[cfg(hhe_model)]
#[path = "../../model/src/mod.rs"]
pub mod model;
#[cfg(feature = "tls")]
mod negotiated;
#[cfg(not(feature = "tls"))]
mod negotiated {
    pub(super) fn has_negotiated(_: &hyper_util::client::legacy::connect::Connected) -> bool {
        false
    }
}
#[cfg(feature = "tls")]
mod plain;
#[cfg(not(feature = "tls"))]
mod plain {
    pub(super) use crate::response_first::into_tcp_stream;
}
#[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "HTTP/2 is switched off"))]
mod pool;
mod protocol;
mod ready;
mod request;
mod responding;
#[cfg_attr(not(any(feature = "http2", test)), expect(dead_code, reason = "HTTP/2 is switched off"))]
mod retry;
mod retry_body;
mod security;
mod service;
mod settings;
mod shared;
mod speaks;
mod stock;
mod sync;
mod time_limits;

pub use self::body::ResponseBody;
pub use self::bounds::{Connector, RequestBody};
pub use self::builder::Builder;
pub use self::connection_use::ConnectionUse;
pub use self::error::{ClientError, Phase, Processing};
pub use self::future::ResponseFuture;
#[cfg(feature = "tls")]
pub use self::https::HttpsClient;
pub use self::layer::ClientLayer;
pub use self::pool::{ConnectionCounts, HostStatistics, PoolStatistics};
pub use self::request::informational::{Informational, on_informational};
pub use self::retry::RetryPolicy;
pub use self::retry_body::RetryBody;
pub use self::service::Client;
pub use self::time_limits::TimeLimits;
