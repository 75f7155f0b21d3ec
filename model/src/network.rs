//! A network in memory: bytes that one end writes can be read at the other at once.

use std::convert::Infallible;
use std::future::{Future, Ready, poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use shuttle::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use super::primitives::spawn;

/// Connects to a server that serves each connection in a task of its own.
#[derive(Clone)]
pub(super) struct Network<F> {
    serve: F,
    counts: Arc<Mutex<Counts>>,
}

/// Connections of the client.
#[derive(Default)]
struct Counts {
    made: usize,
    open: usize,
    /// The most connections that were open at a time.
    most: usize,
    /// The waker of the task that waits until none is open.
    waiting: Option<Waker>,
}

impl<F> Network<F> {
    pub(super) fn new(serve: F) -> Self {
        Self { serve, counts: Arc::default() }
    }

    /// Returns how many connections were made.
    pub(super) fn made(&self) -> usize {
        self.counts.lock().unwrap().made
    }

    /// Returns the most connections that were open at a time.
    pub(super) fn most(&self) -> usize {
        self.counts.lock().unwrap().most
    }

    /// Waits until the client has closed all of its connections.
    pub(super) async fn all_closed(&self) {
        poll_fn(|cx| {
            let mut counts = self.counts.lock().unwrap();
            if counts.open == 0 {
                return Poll::Ready(());
            }
            counts.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl<F, S> Service<Uri> for Network<F>
where
    F: Fn(Far) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    type Response = TokioIo<Near>;
    type Error = Infallible;
    type Future = Ready<Result<TokioIo<Near>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let mut counts = self.counts.lock().unwrap();
        counts.made += 1;
        counts.open += 1;
        counts.most = counts.most.max(counts.open);
        drop(counts);
        let (mut near, far) = Near::to_nobody();
        near.counts = Arc::clone(&self.counts);
        spawn((self.serve)(far));
        ready(Ok(TokioIo::new(near)))
    }
}

impl Near {
    /// Makes a connection to a server that neither reads nor writes.
    pub(super) fn to_nobody() -> (Self, Far) {
        let link = Arc::<Mutex<Link>>::default();
        let far = Far { link: Arc::clone(&link), unread: String::new() };
        (Self { link, counts: Arc::default() }, far)
    }
}

#[derive(Default)]
struct Link {
    to_near: Direction,
    to_far: Direction,
}

#[derive(Default)]
struct Direction {
    bytes: Vec<u8>,
    is_closed: bool,
    reader: Option<Waker>,
}

impl Direction {
    /// Adds bytes. Returns the reader's waker, to be called when the link is unlocked.
    fn push(&mut self, bytes: &[u8]) -> Option<Waker> {
        self.bytes.extend_from_slice(bytes);
        self.reader.take()
    }

    fn close(&mut self) -> Option<Waker> {
        self.is_closed = true;
        self.reader.take()
    }

    /// Takes at most `most` bytes. No bytes are the end.
    fn poll_take(&mut self, most: usize, cx: &Context<'_>) -> Poll<Vec<u8>> {
        if self.bytes.is_empty() && !self.is_closed {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = most.min(self.bytes.len());
        Poll::Ready(self.bytes.drain(..most).collect())
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The client's end.
pub(super) struct Near {
    link: Arc<Mutex<Link>>,
    counts: Arc<Mutex<Counts>>,
}

impl Drop for Near {
    fn drop(&mut self) {
        let reader = {
            let mut link = self.link.lock().unwrap();
            link.to_near.is_closed = true;
            link.to_far.close()
        };
        wake(reader);
        let waiting = {
            let mut counts = self.counts.lock().unwrap();
            counts.open = counts.open.saturating_sub(1);
            if counts.open == 0 { counts.waiting.take() } else { None }
        };
        wake(waiting);
    }
}

impl Connection for Near {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Near {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = self.link.lock().unwrap().to_near.poll_take(buf.remaining(), cx);
        polled.map(|bytes| {
            buf.put_slice(&bytes);
            Ok(())
        })
    }
}

impl AsyncWrite for Near {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let reader = {
            let mut link = self.link.lock().unwrap();
            if link.to_near.is_closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            link.to_far.push(bytes)
        };
        wake(reader);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reader = self.link.lock().unwrap().to_far.close();
        wake(reader);
        Poll::Ready(Ok(()))
    }
}

/// The server's end. Dropping it closes the connection.
pub(super) struct Far {
    link: Arc<Mutex<Link>>,
    unread: String,
}

impl Drop for Far {
    fn drop(&mut self) {
        self.end();
    }
}

impl Far {
    pub(super) fn write(&self, text: &str) {
        let reader = self.link.lock().unwrap().to_near.push(text.as_bytes());
        wake(reader);
    }

    /// Half-closes.
    pub(super) fn end(&self) {
        let reader = self.link.lock().unwrap().to_near.close();
        wake(reader);
    }

    async fn read(&self) -> Vec<u8> {
        poll_fn(|cx| self.link.lock().unwrap().to_far.poll_take(1024, cx)).await
    }

    /// Reads up to `end`. `None` if the client closes before.
    pub(super) async fn read_until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(found) = self.unread.find(end) {
                return Some(self.unread.drain(..found + end.len()).collect());
            }
            let read = self.read().await;
            if read.is_empty() {
                return None;
            }
            self.unread.push_str(std::str::from_utf8(&read).unwrap());
        }
    }

    /// Whether the client has closed.
    pub(super) fn is_alone(&self) -> bool {
        self.link.lock().unwrap().to_far.is_closed
    }

    /// Waits until the client has closed.
    pub(super) async fn sees_the_client_go(&self) {
        while !self.read().await.is_empty() {}
    }

    /// Reads the next request, without a body, and returns its path without the slash.
    pub(super) async fn request(&mut self) -> Option<String> {
        let head = self.read_until("\r\n\r\n").await?;
        Some(head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned())
    }

    /// Writes a response with this body.
    pub(super) fn answer(&self, body: &str) {
        self.write(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    }
}
