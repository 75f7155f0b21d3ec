//! Connections in memory: the other end is a value that decides what the client reads, so that a run can be repeated.

use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

/// What the client reads next.
pub(crate) enum Next {
    /// These bytes, in one read.
    Bytes(Vec<u8>),
    /// Nothing yet; the reader is woken at once to try again.
    Later,
    /// Nothing until the client has written something.
    Wait,
    /// The end of the stream.
    End,
    /// An error.
    Failed(io::ErrorKind),
}

/// The other end of a connection.
pub(crate) trait Peer: Send {
    /// The client writes `bytes`. All of them are taken, or the write fails.
    fn on_write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The client reads.
    fn on_read(&mut self) -> Next;

    /// Whether the connection says that it leads through a proxy.
    fn is_proxied(&self) -> bool {
        false
    }
}

/// The client's end of a connection.
pub(crate) struct Memory {
    peer: Box<dyn Peer>,
    /// Bytes of a segment for which the reader's buffer had no room.
    rest: Vec<u8>,
    reader: Option<Waker>,
}

impl Memory {
    pub(crate) fn new(peer: impl Peer + 'static) -> Self {
        Self { peer: Box::new(peer), rest: Vec::new(), reader: None }
    }
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            match self.peer.on_read() {
                Next::Bytes(bytes) => self.rest = bytes,
                Next::Later => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Wait => {
                    self.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Next::End => return Poll::Ready(Ok(())),
                Next::Failed(kind) => return Poll::Ready(Err(kind.into())),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.peer.on_write(bytes).map(|()| bytes.len());
        // The peer may have waited for these bytes.
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection for Memory {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.peer.is_proxied())
    }
}

/// A connector, and a service of attempts, whose connections live in memory.
#[derive(Clone)]
pub(crate) struct Dialer {
    dial: Arc<dyn Fn() -> Memory + Send + Sync>,
}

impl Dialer {
    /// `dial` makes each connection.
    pub(crate) fn new(dial: impl Fn() -> Memory + Send + Sync + 'static) -> Self {
        Self { dial: Arc::new(dial) }
    }
}

impl Service<Uri> for Dialer {
    type Response = Memory;
    type Error = io::Error;
    type Future = Ready<io::Result<Memory>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok((self.dial)()))
    }
}

impl Service<AttemptRequest> for Dialer {
    type Response = Memory;
    type Error = io::Error;
    type Future = Ready<io::Result<Memory>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: AttemptRequest) -> Self::Future {
        ready(Ok((self.dial)()))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer")
    }
}
