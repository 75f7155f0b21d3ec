//! What h2 reads from and writes to.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::FrameReader;
use super::seen::{GoAway, Observed};
use crate::response_first::ResponseFirst;

/// A connection under h2, of which everything that passes is [observed](Observed).
///
/// A write error does not end it: h2 would give up, and lose what can still be read. What is written from then on goes nowhere, and reading goes on to the
/// end or the error of the peer. Above TLS that does not help against what TLS itself gives up for a write error; so the connector's
/// own TLS has such a wrapper below.
///
/// After the end of the peer nothing is written either. h2 has given every request up by then, and one that waits in its buffer must not reach a server
/// that has closed its side alone: it may be on its way over another connection.
///
/// The first GOAWAY that covers every stream reaches h2 one poll late. It announces another one, which comes when the server has the answer to a PING: h2
/// sends that answer before the requests that it has not sent yet, which the server then neither covers nor reads. A socket that is closed with
/// something unread takes what is on its way to the client with it. While h2 has nothing to read, it sends those requests.
pub(super) struct Transport<T: 'static> {
    io: ResponseFirst<T>,
    frames: FrameReader,
    observed: Arc<Observed>,
    /// What was read, and is given at the next poll.
    held: Bytes,
}

impl<T> Transport<T> {
    /// Around a connection on which nothing was sent yet. A bare socket is best given as one, without layers that do nothing: then it is asked at once for
    /// what there is to be read after a write error.
    pub(super) fn new(io: T, observed: Arc<Observed>) -> Self {
        let io = ResponseFirst::with_handle(io, observed.control().clone());
        Self { io, frames: FrameReader::new(), observed, held: Bytes::new() }
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
