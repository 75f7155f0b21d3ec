//! An HTTP client that never loses a response that arrived.
//!
//! What happens to a request, in order:
//!
//! 1. It takes the idle connection to its scheme and authority that was used last, if that is alive; else the connector
//!    makes one.
//! 2. Whoever waits for the response drives the connection. A response whose head has arrived is returned, whatever then
//!    happens to the connection, or to a body that is still being sent; the rest of a body that the server does not want is
//!    not sent. After a complete response below 300 the rest is still sent, for a while, to a server that
//!    [reads on](Builder::upload_after_response).
//! 3. If the connection is gone without a byte of a response, and it had been used before, the request is sent again on a
//!    fresh one, if that is [safe](RetryPolicy). If not, the error says [so](ClientError::is_closed_before_response), as soon as the
//!    system does: no timer is involved.
//! 4. The body of the response takes the connection along. When its end is reported, the connection is idle again,
//!    closed, or still sending the request. So requests in sequence use one connection, and requests at the same time one each.
//!
//! # HTTP/2
//!
//! With the feature `http2`, a server that chooses HTTP/2 is spoken to so: requests at the same time share a connection then, each on a stream of its own, and
//! dropping one ends its stream alone. What the server says that it did not process is sent again, whatever its method.
//! [`ClientError::processing`] says what is known of a request that failed.
//!
//! # Upgrades
//!
//! `hyper::upgrade::on(response)` gives the stream after a `101` or a successful `CONNECT`. It lives on without the client. For
//! [`Upgraded::downcast`](hyper::upgrade::Upgraded::downcast) it is a
//!
//! - `TokioIo<ResponseFirst<TcpStream>>` (hyper-util's `TokioIo`, [`ResponseFirst`](crate::response_first::ResponseFirst), tokio's `TcpStream`) where the connection was
//!   bare TCP: of this crate's connector for `http`, with TLS or without, whose attempts give a `TcpConnection` or a `TokioIo<TcpStream>`, of hyper-util's
//!   `HttpConnector`, or a `TokioIo<TcpStream>`;
//! - `TokioIo<ResponseFirst<TokioIo<T>>>` where it was any other `T`, what the connector gives.
//!
//! Two times `into_inner` is the `TcpStream` itself. What was read beyond the head is in the `read_buf` that `downcast` gives beside it:
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
//! - URIs that mean the same have the same connections: the case of scheme and host does not matter, nor a port that the scheme implies. The zone of an IPv6 address is for the connector alone (RFC 6874 §4).
//! - User and password of a URI become the field `Authorization` with Basic credentials (RFC 7617), percent-decoded, as reqwest and curl do. A request that has the
//!   field keeps its own; the credentials of the URI have precedence over a [default header](Builder::default_headers). They are in no other place: neither in the target nor in
//!   `Host`, in no error and no event of `tracing`, and the connector does not see them. What Basic cannot express, a colon in the user or a control character, is an
//!   [invalid request](ClientError::is_invalid_request), and so are user or password in the URI of CONNECT. In a URI from somebody else they may disguise the host, as
//!   in `https://bank.example@evil.example/`: refuse such a URI (RFC 9110 §4.2.4).
//! - A request over a connection that says `Connected::proxy(true)` has absolute-form, whatever its scheme: the proxy makes the connection to the server, and
//!   speaks TLS to it for `https`. A connector that has made a tunnel through a proxy, and TLS in it, does not say so.
//! - `Host` is the caller's, or that of the URI, and the first field. Of the other fields the first goes last.
//!
//! # Time-outs
//!
//! The client has none for a request unless it is told so: a server that never answers is waited for. [`Builder::timeout`] bounds all of a request, to the end of
//! the response's body, and [`Builder::response_header_timeout`] all to the head of the response; [`TimeLimits`] in the extensions of a request sets them for that one.
//! [`ClientError::timeout_phase`] says how far it was. Without them these bound a part of it:
//!
//! | what | is bounded by | default |
//! |---|---|---|
//! | the wait for a connection | nothing | |
//! | look-up, race and TLS | [`connect::Builder::timeout`](crate::connect::Builder::timeout) | none; look-up and attempts end by the limits of the system |
//! | a handshake of TLS | `TlsOptions` | 10 s |
//! | the upload, and the wait for the response | the system, which gives up on a host that does not acknowledge what was sent; over HTTP/2 `http2_ping_timeout` | minutes; 15 s |
//! | an upload after the response | [`Builder::upload_after_response`] | 5 s |
//! | the body of the response | as the wait for the response | |
//!
//! A time-out around the future of [`Client::request`] covers all to the head of the response as well, and says nothing of how far it was. Dropping the future or the
//! body closes the connection, unless the exchange is complete.
//!
//! # Bodies
//!
//! A request goes out whole, or the call is an error:
//!
//! - A body with an exact [`size_hint`](http_body::Body::size_hint), or a `Content-Length` of the caller, is sent with that length; any other
//!   in chunks, whatever the method (RFC 9112 §6). HTTP/1.0 has no chunks.
//! - That there is no content is said by `Content-Length: 0` for POST, PUT and PATCH, and not at all for other methods (RFC 9110 §8.6).
//! - Fields that contradict each other, the body or the version are an [invalid request](ClientError::is_invalid_request).
//! - A body that is longer or shorter than it said is an [error of the body](ClientError::is_request_body).
//! - Trailers are frames, in both directions. Those of a request need a `Trailer` field with their names, and no `Content-Length`.
//!
//! A body with an exact `size_hint` is asked for its first frame before there is a connection, unless the server is to ask for it
//! (`Expect: 100-continue`). If that is all of it, its request can be retried; so can that of a [`RetryBody`].
//!
//! How far an upload is shows in what was taken of its body, which a body around it can count. More is taken when the system has taken what was there before: what was
//! taken is what was sent, but for the buffers of hyper ([`Builder::http1`]) and of the system. What an upload had sent when it failed is
//! [`ClientError::bytes_written`].
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
//! // In pieces, since a piece is a step. A stream does not know its length: that is said by the field.
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
//! A response's body that ends too early is an error; one without a length ends with the connection (RFC 9112 §8).
//!
//! # What there is
//!
//! [`Client::pool_statistics`] counts connections and who waits for one; [`ConnectionUse`], in the extensions of every response, says which
//! connection it came over.

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
pub use self::layer::ClientLayer;
pub use self::pool::{ConnectionCounts, HostStatistics, PoolStatistics};
pub use self::request::informational::{Informational, on_informational};
pub use self::retry::RetryPolicy;
pub use self::retry_body::RetryBody;
pub use self::service::Client;
pub use self::time_limits::TimeLimits;
