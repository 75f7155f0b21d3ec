//! The socket under a connection, where its type is known, and what is asked of the system without waiting for the runtime.

use std::any::Any;
use std::io::{self, Read as _};
use std::mem;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::connect::HappyEyeballsStream;
use crate::tcp::TcpConnection;

/// The socket under the connections of this crate and of hyper-util. Of any other it is not known.
fn tcp_stream(io: &dyn Any) -> Option<&TcpStream> {
    fn of<T: 'static>(io: &dyn Any) -> Option<&T> {
        io.downcast_ref::<T>().or_else(|| io.downcast_ref::<TokioIo<T>>().map(TokioIo::inner))
    }
    type Raced = HappyEyeballsStream<TcpConnection>;
    of::<TcpStream>(io)
        .or_else(|| of::<TokioIo<TcpStream>>(io).map(TokioIo::inner))
        .or_else(|| of::<TcpConnection>(io).map(TcpConnection::get_ref))
        .or_else(|| of::<Raced>(io).map(|raced| raced.get_ref().get_ref()))
}

/// Reads at most `most` bytes of what the system has, whether or not the runtime has heard of it. `WouldBlock` if there is
/// nothing; `None` if the socket is not known.
pub(super) fn read_at_once(io: &dyn Any, buf: &mut ReadBuf<'_>, most: usize) -> Option<io::Result<()>> {
    let stream = tcp_stream(io)?;
    let part = buf.initialize_unfilled_to(most.min(buf.remaining()));
    let read = (&*socket2::SockRef::from(stream)).read(part);
    Some(read.map(|bytes| buf.advance(bytes)))
}

/// Whether the system has anything to read, or the end. `None` if the socket is not known.
pub(super) fn peek(io: &dyn Any) -> Option<io::Result<bool>> {
    let stream = tcp_stream(io)?;
    let mut byte = [mem::MaybeUninit::uninit()];
    Some(match socket2::SockRef::from(stream).peek(&mut byte) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    })
}

/// Makes closing a reset. The worst that a failure does is a graceful close.
pub(super) fn reset_on_close(io: &dyn Any) {
    if let Some(stream) = tcp_stream(io) {
        let _ignored = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}
