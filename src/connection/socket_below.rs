//! The socket below a connection whose type is foreign, as that connection shows it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::Extensions;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Shows the TCP socket below a connection of your own type, as an extra of that connection ([`Connected::extra`]).
///
/// [`ResponseFirst`](crate::response_first::ResponseFirst), and so [`Client`](crate::Client), asks the socket whether a response has arrived. The sockets of
/// [`TcpConnection`](crate::tcp::TcpConnection) and of tokio's `TcpStream` are known, also in a [`HappyEyeballsStream`](super::HappyEyeballsStream) and in
/// hyper-util's `TokioIo`. Any other connection is polled for its response, unless it has this extra.
///
/// Bytes are read from the socket itself. The connection must pass all bytes on as they are, in both directions, and must not buffer any: TLS, and a connection
/// that counts its bytes, do not have this extra.
///
/// The extra is for the connection that adds it. A wrapper around that has another type: its own extra takes the place of this one, and without one its
/// socket is not known. The exceptions are [`HappyEyeballsStream`](super::HappyEyeballsStream), and the connections of `.tls(…)` that have no TLS, which pass
/// the extra on. The TLS of `.tls(…)` itself does not ask the connection below it for this extra.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use hyper_happy_eyeballs::response_first::SocketBelow;
/// use hyper_util::client::legacy::connect::{Connected, Connection};
/// use hyper_util::rt::TokioIo;
/// use tokio::net::TcpStream;
///
/// /// Holds a permit as long as the connection is open. `Read` and `Write` are those of `io`.
/// struct Limited {
///     io: TokioIo<TcpStream>,
///     permit: tokio::sync::OwnedSemaphorePermit,
/// }
///
/// impl Connection for Limited {
///     fn connected(&self) -> Connected {
///         self.io.connected().extra(SocketBelow::new(|limited: &Self| Some(limited.io.inner())))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SocketBelow {
    find: Arc<Find>,
}

type Find = dyn Fn(&dyn Any) -> Option<&TcpStream> + Send + Sync;

impl SocketBelow {
    /// The socket of a connection of type `T` is what `find` returns. `None` is a connection without a TCP socket.
    pub fn new<T: 'static>(find: impl Fn(&T) -> Option<&TcpStream> + Send + Sync + 'static) -> Self {
        Self { find: Arc::new(move |io: &dyn Any| find(layered(io)?)) }
    }

    /// The extra of this type that a connection has.
    pub(crate) fn of(connected: &Connected) -> Option<Self> {
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        extras.remove()
    }

    /// Adapts the extra of a connection to the wrapper `W` around it. `inner` returns the connection.
    pub(crate) fn pass_on<W: 'static>(connected: Connected, inner: fn(&W) -> &dyn Any) -> Connected {
        match Self::of(&connected) {
            Some(below) => {
                connected.extra(Self { find: Arc::new(move |io: &dyn Any| below.find(inner(layered(io)?))) })
            }
            None => connected,
        }
    }

    /// Returns the socket below `io`. `None` if the extra is that of another connection.
    pub(crate) fn find<'a>(&self, io: &'a dyn Any) -> Option<&'a TcpStream> {
        (self.find)(io)
    }
}

/// Returns the connection of type `T`, which may be in a `TokioIo`.
fn layered<T: 'static>(io: &dyn Any) -> Option<&T> {
    io.downcast_ref().or_else(|| io.downcast_ref().map(TokioIo::inner))
}

impl fmt::Debug for SocketBelow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketBelow").finish_non_exhaustive()
    }
}
