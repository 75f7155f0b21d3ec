//! The socket under a connection, if it is known, and system calls on it that do not go through the runtime.

use std::any::Any;
use std::io::{self, Read as _};
use std::mem;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::connection::{HappyEyeballsStream, SocketBelow};
use crate::tcp::{self, TcpConnection};

/// A connection that passes everything on to a TCP socket, as those of this crate and of hyper-util do. Other connections show their sockets
/// themselves, by [`SocketBelow`].
trait OverSocket: Sized + 'static {
    fn socket(&self) -> &TcpStream;

    fn into_socket(self) -> TcpStream;
}

/// Calls a function with each type that is known to be [`OverSocket`], until one returns a result.
macro_rules! first_known {
    ($of:ident($io:expr)) => {
        $of::<TcpStream>($io)
            .or_else(|| $of::<TokioIo<TcpStream>>($io))
            .or_else(|| $of::<TcpConnection>($io))
            .or_else(|| $of::<HappyEyeballsStream<TcpConnection>>($io))
            .or_else(|| $of::<HappyEyeballsStream<TokioIo<TcpStream>>>($io))
            .or_else(|| $of::<TokioIo<HappyEyeballsStream<TcpStream>>>($io))
    };
}

/// Returns the socket under a connection, which may be wrapped in a `TokioIo`. `below` is what the connection says of it.
#[inline]
pub(super) fn socket<'a>(io: &'a dyn Any, below: Option<&SocketBelow>) -> Option<&'a TcpStream> {
    fn of<T: OverSocket>(io: &dyn Any) -> Option<&TcpStream> {
        let inner = || io.downcast_ref::<TokioIo<T>>().map(TokioIo::inner);
        io.downcast_ref::<T>().or_else(inner).map(T::socket)
    }
    first_known!(of(io)).or_else(|| below?.find(io))
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

/// Reads at most `most` bytes from the system, whether or not the runtime has noticed them. `WouldBlock` if there are none.
pub(super) fn read_at_once(stream: &TcpStream, buf: &mut ReadBuf<'_>, most: usize) -> io::Result<()> {
    let part = buf.initialize_unfilled_to(most.min(buf.remaining()));
    let bytes = (&*socket2::SockRef::from(stream)).read(part)?;
    buf.advance(bytes);
    Ok(())
}

/// Returns how many writes to put off, since there may be a response that has to be read first.
pub(super) fn ask(stream: Option<&TcpStream>) -> io::Result<u8> {
    match stream {
        Some(stream) => Ok(if peek(stream)? { PUT_OFF } else { 0 }),
        // Whether there is a response is not known. One write is put off, so that the reader gets its turn.
        None => Ok(1),
    }
}

/// Whether the system has bytes to read, or the end.
pub(super) fn peek(stream: &TcpStream) -> io::Result<bool> {
    let mut byte = [mem::MaybeUninit::uninit()];
    match socket2::SockRef::from(stream).peek(&mut byte) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells the system to take no more writes while it holds `bytes` unsent, if it can do that.
pub(super) fn limit_unsent(stream: &TcpStream, bytes: u32) {
    let _ignored = tcp::limit_unsent(stream, bytes);
}

/// Has the socket reset when it is closed. If that fails, it is closed gracefully.
pub(super) fn reset_on_close(stream: &TcpStream) {
    let _ignored = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl OverSocket for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn into_socket(self) -> TcpStream {
        self
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

impl<T: OverSocket> OverSocket for TokioIo<T> {
    fn socket(&self) -> &TcpStream {
        self.inner().socket()
    }

    fn into_socket(self) -> TcpStream {
        self.into_inner().into_socket()
    }
}

impl<T: OverSocket> OverSocket for HappyEyeballsStream<T> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().socket()
    }

    fn into_socket(self) -> TcpStream {
        self.into_inner().into_socket()
    }
}

/// How many writes are put off at most while a response waits to be read.
const PUT_OFF: u8 = 8;
