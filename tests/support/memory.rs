//! Connections without sockets. Each is passed to a function that plays the server.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower::Service;

/// A connector for every URI.
pub(crate) struct Memory<F> {
    serve: Arc<F>,
    is_proxied: bool,
    connects: Arc<AtomicUsize>,
}

impl<F: Fn(DuplexStream)> Memory<F> {
    pub(crate) fn new(serve: F) -> Self {
        Self { serve: Arc::new(serve), is_proxied: false, connects: Arc::default() }
    }

    /// Sets whether its connections say that they are proxied.
    pub(crate) fn proxied(self, is_proxied: bool) -> Self {
        Self { is_proxied, ..self }
    }

    /// Returns how many connections it has made.
    pub(crate) fn connects(&self) -> usize {
        self.connects.load(SeqCst)
    }
}

impl<F> Clone for Memory<F> {
    fn clone(&self) -> Self {
        Self { serve: Arc::clone(&self.serve), is_proxied: self.is_proxied, connects: Arc::clone(&self.connects) }
    }
}

impl<F: Fn(DuplexStream)> Service<Uri> for Memory<F> {
    type Response = TokioIo<MemoryStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<MemoryStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.connects.fetch_add(1, SeqCst);
        let (ours, theirs) = tokio::io::duplex(4096);
        (self.serve)(theirs);
        ready(Ok(TokioIo::new(MemoryStream::new(ours).proxied(self.is_proxied))))
    }
}

pub(crate) struct MemoryStream {
    stream: DuplexStream,
    is_proxied: bool,
    is_http2: bool,
    at_first_write: Option<AtFirstWrite>,
}

type AtFirstWrite = Box<dyn FnOnce() + Send>;

impl MemoryStream {
    /// Makes a connection that says nothing of itself.
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, is_proxied: false, is_http2: false, at_first_write: None }
    }

    /// Sets whether it says that it is proxied.
    pub(crate) fn proxied(self, is_proxied: bool) -> Self {
        Self { is_proxied, ..self }
    }

    /// Sets whether it says that HTTP/2 was negotiated.
    pub(crate) fn http2(self, is_http2: bool) -> Self {
        Self { is_http2, ..self }
    }

    /// Calls `call` at the first write.
    pub(crate) fn at_first_write(self, call: impl FnOnce() + Send + 'static) -> Self {
        Self { at_first_write: Some(Box::new(call)), ..self }
    }
}

impl Connection for MemoryStream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.is_proxied);
        if self.is_http2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(call) = self.at_first_write.take() {
            call();
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
