//! TCP: [`TcpConnector`], the default [attempt](crate::attempt) service, which connects to one endpoint.
//!
//! An error of an attempt (no socket, no local address, an option that cannot be set) is the failure of that attempt alone: the race goes on. An
//! attempt ends when the TCP handshake has ended. It reports no progress, and does not ask for admission.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use hyper_happy_eyeballs::connect::HappyEyeballsConnector;
//! use hyper_happy_eyeballs::tcp::TcpOptions;
//!
//! let options = TcpOptions::new().keepalive_time(Duration::from_secs(60)).user_timeout(Duration::from_secs(20));
//! let connector = HappyEyeballsConnector::builder().tcp(options).build()?;
//! # Ok::<_, hyper_happy_eyeballs::race::ConfigError>(())
//! ```

mod options;
mod platform;
mod self_connect;
mod socket;
mod source;
mod steps;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

pub use self::options::TcpOptions;
pub(crate) use self::platform::{forward_socket, interface_index, limit_unsent};
use self::self_connect::Suspect;
pub(crate) use self::source::SourceAddresses;
use crate::attempt::AttemptRequest;
use crate::forward_io::{forward_hyper_io, forward_tokio_io};
use crate::outcome::AttemptError;
use crate::race::Endpoint;

/// Connects to one endpoint over TCP.
///
/// # Panics
///
/// [`call`](Service::call), which opens the socket, panics outside a tokio runtime, or in one without I/O
/// (`enable_io`).
#[derive(Clone, Debug, Default)]
pub struct TcpConnector {
    options: Arc<TcpOptions>,
}

impl TcpConnector {
    /// Connects with these options.
    pub fn new(options: TcpOptions) -> Self {
        Self { options: Arc::new(options) }
    }
}

impl Service<AttemptRequest> for TcpConnector {
    type Response = TcpConnection;
    type Error = AttemptError;
    type Future = TcpConnecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: AttemptRequest) -> Self::Future {
        let endpoint = request.endpoint();
        TcpConnecting {
            begun: Some(begin(&self.options, endpoint)),
            nodelay: self.options.nodelay,
            suspect: Suspect::at(&endpoint.address()),
        }
    }
}

/// Opens a socket, and begins to connect it.
#[inline]
fn begin(options: &TcpOptions, endpoint: &Endpoint) -> Result<TcpStream, AttemptError> {
    let socket = options.open(endpoint.address())?;
    if let Err(error) = socket.connect(&endpoint.address().into()) {
        if !platform::is_in_progress(&error) {
            return Err(not_begun(error, endpoint.address()));
        }
    }
    TcpStream::from_std(socket.into()).map_err(|error| AttemptError::new(error).at_step(steps::WATCH))
}

/// Returns the error of an attempt whose call of connect has failed (no route, no free port): nothing was sent.
#[cold]
fn not_begun(error: io::Error, destination: SocketAddr) -> AttemptError {
    let step = steps::of_connect(&error, destination);
    let error = AttemptError::new(error).unsent();
    if let Some(step) = step { error.at_step(step) } else { error }
}

/// One connection attempt of a [`TcpConnector`].
///
/// # Cancel safety
///
/// Dropping it closes the socket.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct TcpConnecting {
    begun: Option<Result<TcpStream, AttemptError>>,
    nodelay: bool,
    /// The destination, if the socket might connect to itself there.
    suspect: Option<Suspect>,
}

impl Future for TcpConnecting {
    type Output = Result<TcpConnection, AttemptError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(Ok(stream)) = &self.begun {
            // A socket becomes writable when its handshake has succeeded or failed.
            ready!(stream.poll_write_ready(cx)).map_err(AttemptError::new)?;
            let error = stream.take_error().map_err(AttemptError::new)?;
            if let Some(error) = error.filter(|error| !socket::was_answered(stream, error)) {
                return Poll::Ready(Err(AttemptError::new(error)));
            }
            if let Some(suspect) = self.suspect {
                suspect.check(stream).map_err(AttemptError::new)?;
            }
            if self.nodelay {
                socket::set_nodelay(stream);
            }
        }
        let begun = self.begun.take().expect("not polled after completion");
        Poll::Ready(begun.map(|stream| TcpConnection { io: TokioIo::new(stream) }))
    }
}

/// An established TCP connection.
///
/// It has hyper's I/O traits and tokio's, and `AsFd` or `AsSocket`. The system is asked for its addresses only in [`connected`](Connection::connected).
pub struct TcpConnection {
    io: TokioIo<TcpStream>,
}

impl TcpConnection {
    /// Returns the stream.
    pub fn get_ref(&self) -> &TcpStream {
        self.io.inner()
    }

    /// Returns the stream, mutably.
    pub fn get_mut(&mut self) -> &mut TcpStream {
        self.io.inner_mut()
    }

    /// Unwraps the stream.
    pub fn into_inner(self) -> TcpStream {
        self.io.into_inner()
    }
}

impl Connection for TcpConnection {
    fn connected(&self) -> Connected {
        self.get_ref().connected()
    }
}

forward_hyper_io!([] TcpConnection, |this| Pin::new(&mut this.get_mut().io), &this.io);
forward_tokio_io!([] TcpConnection, |this| Pin::new(this.get_mut().get_mut()), this.get_ref());
forward_socket!([] TcpConnection, |this| this.get_ref());

impl fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.get_ref(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nodelay_is_set_on_the_connection_unless_it_is_switched_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let request = AttemptRequest::new(listener.local_addr().unwrap(), "localhost", false);
        for nodelay in [true, false] {
            let mut connector = TcpConnector::new(TcpOptions::new().nodelay(nodelay));
            let connection = connector.call(request.clone()).await.unwrap();
            assert_eq!(connection.get_ref().nodelay().unwrap(), nodelay);
        }
    }
}
