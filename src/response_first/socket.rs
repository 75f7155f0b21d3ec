//! The socket under a connection, if its type is known, and system calls on it that do not go through the runtime.

use std::any::Any;
use std::io::{self, Read as _};
use std::mem;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::connection::HappyEyeballsStream;
use crate::tcp::{self, TcpConnection};

/// A connection that passes everything on to a TCP socket, as those of this crate and of hyper-util do. The sockets of other connections are not
/// known.
trait OverSocket: Sized + 'static {
    fn socket(&self) -> &TcpStream;

    fn into_socket(self) -> TcpStream;
}

/// Calls a function with each type that is [`OverSocket`], until one returns a result.
macro_rules! first_known {
    ($of:ident($io:expr)) => {
        $of::<TcpStream>($io)
            .or_else(|| $of::<TokioIo<TcpStream>>($io))
            .or_else(|| $of::<TcpConnection>($io))
            .or_else(|| $of::<HappyEyeballsStream<TcpConnection>>($io))
    };
}

/// Returns the socket under a connection, which may be wrapped in a `TokioIo`.
fn tcp_stream(io: &dyn Any) -> Option<&TcpStream> {
    fn of<T: OverSocket>(io: &dyn Any) -> Option<&TcpStream> {
        let inner = || io.downcast_ref::<TokioIo<T>>().map(TokioIo::inner);
        io.downcast_ref::<T>().or_else(inner).map(T::socket)
    }
    first_known!(of(io))
}

/// Whether the socket is known.
pub(super) fn is_known(io: &dyn Any) -> bool {
    tcp_stream(io).is_some()
}

/// Takes the socket out of a connection, if its wrappers do nothing that HTTP needs. Otherwise returns the connection.
pub(crate) fn into_tcp_stream<T: 'static>(io: T) -> Result<TcpStream, T> {
    fn of<T: OverSocket>(io: &mut dyn Any) -> Option<TcpStream> {
        io.downcast_mut::<Option<T>>()?.take().map(T::into_socket)
    }
    // An option, so that what `Any` shows can be taken.
    let mut io = Some(io);
    match first_known!(of(&mut io)) {
        Some(stream) => Ok(stream),
        None => Err(io.expect("it was not taken")),
    }
}

/// Reads at most `most` bytes from the system, whether or not the runtime has noticed them. `WouldBlock` if there are none, `None` if the socket is
/// not known.
pub(super) fn read_at_once(io: &dyn Any, buf: &mut ReadBuf<'_>, most: usize) -> Option<io::Result<()>> {
    let stream = tcp_stream(io)?;
    let part = buf.initialize_unfilled_to(most.min(buf.remaining()));
    let read = (&*socket2::SockRef::from(stream)).read(part);
    Some(read.map(|bytes| buf.advance(bytes)))
}

/// Whether the system has bytes to read, or the end. `None` if the socket is not known.
pub(super) fn peek(io: &dyn Any) -> Option<io::Result<bool>> {
    let stream = tcp_stream(io)?;
    let mut byte = [mem::MaybeUninit::uninit()];
    Some(match socket2::SockRef::from(stream).peek(&mut byte) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    })
}

/// Tells the system to take no more writes while it holds `bytes` unsent, if it can do that.
pub(super) fn limit_unsent(io: &dyn Any, bytes: u32) {
    if let Some(stream) = tcp_stream(io) {
        let _ignored = tcp::limit_unsent(stream, bytes);
    }
}

/// Has the socket reset when it is closed. If that fails, it is closed gracefully.
pub(super) fn reset_on_close(io: &dyn Any) {
    if let Some(stream) = tcp_stream(io) {
        let _ignored = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}

impl OverSocket for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn into_socket(self) -> TcpStream {
        self
    }
}

impl OverSocket for TokioIo<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.inner()
    }

    fn into_socket(self) -> TcpStream {
        self.into_inner()
    }
}

impl OverSocket for TcpConnection {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }

    fn into_socket(self) -> TcpStream {
        self.into_inner()
    }
}

impl OverSocket for HappyEyeballsStream<TcpConnection> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().get_ref()
    }

    fn into_socket(self) -> TcpStream {
        self.into_inner().into_inner()
    }
}
