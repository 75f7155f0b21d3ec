//! The transport: what h2 reads from and writes to.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::FrameReader;
use super::seen::{GoAway, Observed};
use crate::response_first::{ResponseFirst, SocketBelow};

/// The I/O of a connection under h2. [`Observed`] records everything that passes.
///
/// A write error does not end the connection: h2 would give up, and lose what can still be read. Later writes are discarded, and reading goes on to
/// the peer's end or error. TLS too may give up after a write error, which this wrapper above TLS cannot prevent. So the connector's own TLS has a
/// second wrapper below it.
///
/// Writes are discarded too after the peer has closed its side. By then h2 has failed every request, and one that waits in its buffer may be on its
/// way over another connection: it must not reach a server that has only half-closed.
///
/// The first GOAWAY that covers every stream reaches h2 one poll late. The server sends a second GOAWAY when its PING is answered. h2 would send that
/// answer before the requests that it has buffered, and the second GOAWAY would not cover them. A server that then closes its socket with those
/// requests unread resets the connection, and the client loses responses on their way. During the poll without anything to read, h2 sends the
/// buffered requests.
pub(super) struct Transport<T: 'static> {
    io: ResponseFirst<T>,
    frames: FrameReader,
    observed: Arc<Observed>,
    /// Bytes that were read, and that the next poll returns.
    held: Bytes,
}

impl<T> Transport<T> {
    /// Wraps a connection on which nothing was sent yet. Pass a bare socket without further layers: the wrapper can then ask the socket directly what
    /// there is to be read after a write error.
    pub(super) fn new(io: T, observed: Arc<Observed>) -> Self {
        let io = ResponseFirst::with_handle(io, observed.control().clone());
        Self { io, frames: FrameReader::new(), observed, held: Bytes::new() }
    }

    /// Says where the socket is, if the type of the connection is a foreign one.
    pub(super) fn socket_below(self, below: Option<SocketBelow>) -> Self {
        Self { io: self.io.socket_below(below), ..self }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Transport<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.held.is_empty() {
            let len = this.held.len().min(buf.remaining());
            buf.put_slice(&this.held.split_to(len));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let room = buf.remaining();
        let read = ready!(Pin::new(&mut this.io).poll_read(cx, buf)).map_err(|error| this.observed.on_error(error));
        let bytes = &buf.filled()[before..];
        let had_goaway = this.observed.goaway().is_some();
        this.observed.on_read(&mut this.frames, bytes);
        if read.is_err() || (bytes.is_empty() && room > 0) {
            this.observed.on_end();
        }
        if !had_goaway && this.observed.goaway().is_some_and(GoAway::covers_all) {
            this.held = Bytes::copy_from_slice(bytes);
            buf.set_filled(before);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.observed.has_ended() {
            return Poll::Ready(Ok(buf.len()));
        }
        let this = self.get_mut();
        this.observed.on_write(Pin::new(&mut this.io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.observed.on_write(Pin::new(&mut this.io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.observed.has_ended() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let this = self.get_mut();
        this.observed.on_write(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))
    }
}

#[cfg(test)]
mod tests;
