//! What was received in order is read before what went wrong after it.

use std::fmt;
use std::io::{self, IoSlice, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// A TLS stream whose error comes after all the data that came before it.
///
/// A response and an alert may come in one segment, and so may a response and garbage. tokio-rustls then reports the error, and the data stays in the session.
pub(super) struct PlaintextFirst<T> {
    stream: TlsStream<T>,
    /// The error, until the data before it has been read.
    error: Option<io::Error>,
}

impl<T> PlaintextFirst<T> {
    pub(super) fn new(stream: TlsStream<T>) -> Self {
        Self { stream, error: None }
    }

    /// What TLS is spoken over.
    pub(super) fn transport(&self) -> &T {
        self.stream.get_ref().0
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for PlaintextFirst<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let error = match this.error.take() {
            Some(error) => error,
            None => match ready!(Pin::new(&mut this.stream).poll_read(cx, buf)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) => error,
            },
        };
        match this.stream.get_mut().1.reader().read(buf.initialize_unfilled()) {
            Ok(bytes) if bytes > 0 => {
                buf.advance(bytes);
                this.error = Some(error);
                Poll::Ready(Ok(()))
            }
            // An alert that ended the session before has been told as the end.
            _nothing => Poll::Ready(Err(error)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PlaintextFirst<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }
}

impl<T: fmt::Debug> fmt::Debug for PlaintextFirst<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaintextFirst").field("transport", self.transport()).field("error", &self.error).finish()
    }
}
