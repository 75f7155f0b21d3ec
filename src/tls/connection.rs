//! The connection of an attempt: with TLS, or without for `http`.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::info::TlsInfo;
use super::plaintext::Plaintext;
use crate::response_first::{ResponseFirst, SocketBelow};
use crate::tcp::forward_socket;

/// A connection made by a [`TlsConnector`](super::TlsConnector): the transport's connection, with TLS if the URI was `https` or `wss`.
///
/// It has hyper's I/O traits, and tokio's, `AsFd` and `AsSocket` if the transport's connection has them. Do not read or write that socket itself: the
/// bytes would be missing from TLS, or be no part of it. As hyper-util's [`Connection`] it has the transport's extras, a
/// [`TlsInfo`] and a [`ResponseFirstHandle`](crate::response_first::ResponseFirstHandle), and says whether HTTP/2 was negotiated. For a protocol
/// other than HTTP, [disarm](crate::response_first::ResponseFirstHandle::disarm) that handle.
pub struct TlsConnection<T: 'static> {
    inner: Inner<T>,
}

enum Inner<T: 'static> {
    Clear(T),
    /// Boxed, to keep a connection without TLS small.
    Tls(Box<Secured<T>>),
}

struct Secured<T: 'static> {
    stream: TokioIo<Plaintext<TokioIo<T>>>,
    info: TlsInfo,
}

/// TLS over the wrapper that keeps a write error from hiding a response.
pub(super) type Stream<T> = TlsStream<ResponseFirst<TokioIo<T>>>;

impl<T> TlsConnection<T> {
    pub(super) fn plain(transport: T) -> Self {
        Self { inner: Inner::Clear(transport) }
    }

    pub(super) fn secured(stream: Stream<T>, info: TlsInfo) -> Self {
        Self { inner: Inner::Tls(Box::new(Secured { stream: TokioIo::new(Plaintext::new(stream)), info })) }
    }

    /// Returns what was negotiated, and who the peer is. `None` without TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        match &self.inner {
            Inner::Clear(_) => None,
            Inner::Tls(secured) => Some(&secured.info),
        }
    }

    /// Returns the transport's connection.
    pub fn get_ref(&self) -> &T {
        match &self.inner {
            Inner::Clear(transport) => transport,
            Inner::Tls(secured) => secured.transport().get_ref().inner(),
        }
    }

    /// Unwraps the transport's connection, if there is no TLS.
    ///
    /// # Errors
    ///
    /// This connection, if it has TLS.
    pub fn into_plain(self) -> Result<T, Self> {
        match self.inner {
            Inner::Clear(transport) => Ok(transport),
            Inner::Tls(_) => Err(self),
        }
    }
}

impl<T> Secured<T> {
    fn transport(&self) -> &ResponseFirst<TokioIo<T>> {
        self.stream.inner().transport()
    }
}

impl<T: Connection> Connection for TlsConnection<T> {
    fn connected(&self) -> Connected {
        match &self.inner {
            Inner::Clear(transport) => {
                SocketBelow::pass_on(transport.connected(), |connection: &Self| connection.get_ref())
            }
            Inner::Tls(secured) => {
                let connected = secured.transport().connected().extra(secured.info.clone());
                if secured.info.is_http2() { connected.negotiated_h2() } else { connected }
            }
        }
    }
}

impl<T: Read + Write + Unpin> Read for TlsConnection<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Clear(transport) => Read::poll_read(Pin::new(transport), cx, buf),
            Inner::Tls(secured) => Pin::new(&mut secured.stream).poll_read(cx, buf),
        }
    }
}

impl<T: Read + Write + AsyncRead + Unpin> AsyncRead for TlsConnection<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Inner::Clear(transport) => AsyncRead::poll_read(Pin::new(transport), cx, buf),
            Inner::Tls(secured) => Pin::new(secured.stream.inner_mut()).poll_read(cx, buf),
        }
    }
}

/// Implements [`Write`] and [`AsyncWrite`], whose methods are the same.
macro_rules! write_to_either {
    ($Write:ident, [$($bound:tt)*], |$secured:ident| $stream:expr, |$shared:ident| $shared_stream:expr) => {
        impl<T: $($bound)*> $Write for TlsConnection<T> {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match &mut self.get_mut().inner {
                    Inner::Clear(transport) => $Write::poll_write(Pin::new(transport), cx, buf),
                    Inner::Tls($secured) => $Write::poll_write(Pin::new($stream), cx, buf),
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.get_mut().inner {
                    Inner::Clear(transport) => $Write::poll_flush(Pin::new(transport), cx),
                    Inner::Tls($secured) => $Write::poll_flush(Pin::new($stream), cx),
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.get_mut().inner {
                    Inner::Clear(transport) => $Write::poll_shutdown(Pin::new(transport), cx),
                    Inner::Tls($secured) => $Write::poll_shutdown(Pin::new($stream), cx),
                }
            }

            fn is_write_vectored(&self) -> bool {
                match &self.inner {
                    Inner::Clear(transport) => $Write::is_write_vectored(transport),
                    Inner::Tls($shared) => $Write::is_write_vectored($shared_stream),
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match &mut self.get_mut().inner {
                    Inner::Clear(transport) => $Write::poll_write_vectored(Pin::new(transport), cx, bufs),
                    Inner::Tls($secured) => $Write::poll_write_vectored(Pin::new($stream), cx, bufs),
                }
            }
        }
    };
}

write_to_either!(Write, [Read + Write + Unpin], |secured| &mut secured.stream, |secured| &secured.stream);
write_to_either!(AsyncWrite, [Read + Write + AsyncWrite + Unpin], |secured| secured.stream.inner_mut(), |secured| {
    secured.stream.inner()
});

forward_socket!([T: 'static] TlsConnection<T>, |this| this.get_ref());

impl<T: fmt::Debug> fmt::Debug for TlsConnection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection").field("transport", self.get_ref()).field("tls", &self.tls()).finish()
    }
}
