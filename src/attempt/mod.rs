//! What an attempt is asked to do, and how it says how far it has come: the second of the two seams.
//!
//! An attempt service is a [`tower_service::Service`] that takes an [`AttemptRequest`] and gives a connection.
//! [`TcpConnector`](crate::tcp::TcpConnector) is the default. Whatever goes wrong in an attempt is the failure of that attempt, and never of
//! the race.
//!
//! 1. An attempt that is done once the transport stands needs the [endpoint](AttemptRequest::endpoint) and nothing else.
//! 2. One that has more to do (a TLS handshake, a CONNECT) knows the [host](AttemptRequest::host) of the URI and the
//!    [protocols](AttemptRequest::protocols) that may be negotiated, and has an [`AttemptHandle`].
//!    By [`progress`](AttemptHandle::progress) it says that the transport stands, and how long the rest may take: the next attempt is put
//!    off for so long.
//! 3. By [`choose`](AttemptHandle::choose) it says that its transport decides the race, before the rest is done: no other attempt goes on beside it.
//! 4. By [`admission`](AttemptHandle::admission) it asks whether it may shake hands, and with what. The race may keep it waiting for the
//!    HTTPS query, as [`Patience`](crate::race::Patience) says, and then tells which service record holds.
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
