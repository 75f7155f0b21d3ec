//! Connections without sockets, so that there can be a hundred thousand: the server answers at once, inside the connection.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower::Service;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!";

/// Makes them, and counts.
#[derive(Clone, Default)]
pub(super) struct MemoryConnector {
    made: Arc<AtomicUsize>,
}

impl MemoryConnector {
    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

impl Service<Uri> for MemoryConnector {
    type Response = MemoryIo;
    type Error = Infallible;
    type Future = Ready<Result<MemoryIo, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.made.fetch_add(1, Ordering::SeqCst);
        ready(Ok(MemoryIo { answer: &[], reader: None }))
    }
}

/// A connection whose other end answers each head with 13 bytes.
pub(super) struct MemoryIo {
    /// What is there to be read.
    answer: &'static [u8],
    reader: Option<Waker>,
}

impl Read for MemoryIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.answer.is_empty() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        buffer.put_slice(self.answer);
        self.answer = &[];
        Poll::Ready(Ok(()))
    }
}

impl Write for MemoryIo {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.ends_with(b"\r\n\r\n") {
            self.answer = ANSWER;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection for MemoryIo {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
