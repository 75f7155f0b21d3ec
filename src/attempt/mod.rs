//! Attempt services, which make the connection attempts of a race. The resolver and the attempt service are the two parts that users can replace.
//!
//! An attempt service is a [`tower_service::Service`] from an [`AttemptRequest`] to a connection. The default is
//! [`TcpConnector`](crate::tcp::TcpConnector). An error of an attempt is the failure of that attempt alone: the race goes on.
//!
//! 1. An attempt that ends when its transport is connected needs nothing but the [endpoint](AttemptRequest::endpoint).
//! 2. An attempt with a handshake (TLS, or CONNECT to a proxy) uses the [host](AttemptRequest::host) of the URI, the
//!    [protocols](AttemptRequest::protocols) that may be negotiated, and its [`AttemptHandle`]. It calls [`progress`](AttemptHandle::progress) when
//!    the transport is connected, with an estimate of how long the handshake will take. The next attempt is put off for so long.
//! 3. Instead it may call [`choose`](AttemptHandle::choose): the transport decides the race, and the other attempts are dropped.
//! 4. It may call [`admission`](AttemptHandle::admission), to ask whether it may begin its handshake, and for which service record. The race may have
//!    it wait for the answer to the HTTPS query: see [`Patience`](crate::race::Patience).
//!
//! # Example
//!
//! ```
//! use std::io;
//! use std::time::Duration;
//!
//! use hyper_happy_eyeballs::attempt::AttemptRequest;
//! use hyper_happy_eyeballs::HappyEyeballsConnector;
//! use tokio::net::TcpStream;
//! use tower::service_fn;
//!
//! let attempt = service_fn(|request: AttemptRequest| async move {
//!     let stream = TcpStream::connect(request.endpoint().address()).await?;
//!     let handle = request.handle();
//!     handle.progress(Duration::from_millis(200));
//!     let admission = handle.admission().await.map_err(io::Error::other)?;
//!     shake_hands(stream, request.host(), admission.service().and_then(|record| record.ech.as_deref())).await
//! });
//! let connector = HappyEyeballsConnector::builder().attempt(attempt).enforce_http(false).build()?;
//! # async fn shake_hands(stream: TcpStream, _: &str, _: Option<&[u8]>) -> io::Result<TcpStream> { Ok(stream) }
//! # Ok::<_, hyper_happy_eyeballs::race::ConfigError>(())
//! ```

mod handle;
mod request;

pub use self::handle::{Admission, AttemptHandle, AttemptOver};
pub(crate) use self::handle::{LastWords, Listener, News};
pub use self::request::AttemptRequest;
