//! The plaintext of a connection: data is read before an error that came after it, and upgrades are recognised.

use std::fmt;
use std::io::{self, IoSlice, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::response_first::{Recognition, ResponseFirst, first_of};

/// The TLS stream of a connection, over the wrapper that keeps a write error from hiding a response.
///
/// 1. All data that came before an error is read before the error. A response may share a TCP segment with an alert or with garbage:
///    tokio-rustls then reports the error first, and leaves the data in the session.
/// 2. The wrapper below TLS sees only ciphertext. So this type disarms it after an upgrade, when the stream is no longer HTTP, under a
///    client that does not do so itself.
pub(super) struct Plaintext<T: 'static> {
    stream: TlsStream<ResponseFirst<T>>,
    /// An error that is returned once the data before it has been read.
    error: Option<io::Error>,
    recognition: Recognition,
}

impl<T> Plaintext<T> {
    pub(super) fn new(stream: TlsStream<ResponseFirst<T>>) -> Self {
        Self { stream, error: None, recognition: Recognition::new() }
    }

    /// Returns the wrapper below TLS.
    pub(super) fn transport(&self) -> &ResponseFirst<T> {
        self.stream.get_ref().0
    }

    fn on_write(&mut self, first: &[u8]) {
        self.recognition.on_write(first, self.stream.get_ref().0.handle());
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Plaintext<T> {
    fn poll_data(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let error = match self.error.take() {
            Some(error) => error,
            None => match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) => error,
            },
        };
        match self.stream.get_mut().1.reader().read(buf.initialize_unfilled()) {
            Ok(bytes) if bytes > 0 => {
                buf.advance(bytes);
                self.error = Some(error);
                Poll::Ready(Ok(()))
            }
            _nothing => Poll::Ready(Err(error)),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Plaintext<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(this.poll_data(cx, buf))?;
        this.recognition.on_read(&buf.filled()[before..], this.stream.get_ref().0.handle());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Plaintext<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.on_write(buf);
        Pin::new(&mut this.stream).poll_write(cx, buf)
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
        let this = self.get_mut();
        this.on_write(first_of(bufs));
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }
}

impl<T: fmt::Debug> fmt::Debug for Plaintext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plaintext")
            .field("transport", self.transport())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
