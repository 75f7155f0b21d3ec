//! Connections without sockets, whose other ends the test holds.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use hyper::Uri;
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Builder;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tower::Service;

/// A client with so many connections to be had, and their other ends.
pub(crate) fn client(connections: usize, set: impl FnOnce(Builder) -> Builder) -> (Client<Connector>, Servers) {
    let (ours, theirs) = (0..connections).map(|_| connection()).unzip();
    let builder = set(Client::builder());
    let connector = Connector { waiting: Arc::new(Mutex::new(ours)) };
    let servers = Servers { ends: Mutex::new(theirs), connector: connector.clone(), total: connections };
    (builder.build(connector).unwrap(), servers)
}

/// Gives out connections that are there already, in order.
#[derive(Clone)]
pub(crate) struct Connector {
    waiting: Arc<Mutex<VecDeque<Fake>>>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Fake>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Fake>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let next = self.waiting.lock().unwrap().pop_front();
        ready(next.map(TokioIo::new).ok_or_else(|| io::Error::other("one connection too many")))
    }
}

/// The other ends, by the order of connects.
pub(crate) struct Servers {
    ends: Mutex<Vec<Option<End>>>,
    connector: Connector,
    total: usize,
}

struct End {
    stream: DuplexStream,
    faults: Arc<Mutex<Faults>>,
}

impl Servers {
    pub(crate) fn connected(&self) -> usize {
        self.total - self.connector.waiting.lock().unwrap().len()
    }

    pub(crate) async fn read_head(&self, connection: usize) {
        self.with(connection, async |stream| {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
        })
        .await;
    }

    pub(crate) async fn read(&self, connection: usize, bytes: usize) {
        self.with(connection, async |stream| {
            stream.read_exact(&mut vec![0; bytes]).await.unwrap();
        })
        .await;
    }

    pub(crate) async fn send(&self, connection: usize, text: &str) {
        self.with(connection, async |stream| stream.write_all(text.as_bytes()).await.unwrap()).await;
    }

    /// Of what is written from now on so many bytes go out, then writing fails, and the server has gone.
    pub(crate) fn fail_after(&self, connection: usize, bytes: usize) {
        self.set(connection, |faults| faults.writable = Some(bytes));
    }

    /// The same with this error; but the read side never hears of it.
    pub(crate) fn fail_silently_after(&self, connection: usize, bytes: usize, error: io::ErrorKind) {
        self.set(connection, |faults| (faults.writable, faults.silent) = (Some(bytes), Some(error)));
    }

    fn set(&self, connection: usize, set: impl FnOnce(&mut Faults)) {
        let ends = self.ends.lock().unwrap();
        set(&mut ends[connection].as_ref().unwrap().faults.lock().unwrap());
    }

    pub(crate) fn hang_up(&self, connection: usize) {
        self.ends.lock().unwrap()[connection] = None;
    }

    /// The other end of a connection, for a server of the test's own.
    pub(crate) fn take(&self, connection: usize) -> DuplexStream {
        self.ends.lock().unwrap()[connection].take().unwrap().stream
    }

    async fn with(&self, connection: usize, act: impl AsyncFnOnce(&mut DuplexStream)) {
        let mut end = self.ends.lock().unwrap()[connection].take().unwrap();
        act(&mut end.stream).await;
        self.ends.lock().unwrap()[connection] = Some(end);
    }
}

fn connection() -> (Fake, Option<End>) {
    let (stream, other) = tokio::io::duplex(64 * 1024);
    let fake = Fake::new(stream);
    let faults = Arc::clone(&fake.faults);
    (fake, Some(End { stream: other, faults }))
}

/// A connection whose writes can fail.
pub(crate) struct Fake {
    stream: DuplexStream,
    faults: Arc<Mutex<Faults>>,
}

impl Fake {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { stream, faults: Arc::default() }
    }
}

#[derive(Default)]
struct Faults {
    /// How much can be written, if there is a limit.
    writable: Option<usize>,
    /// A write has failed: what is there can be read, and then the end.
    broken: bool,
    /// The error of a write that the read side does not hear of.
    silent: Option<io::ErrorKind>,
    reader: Option<Waker>,
}

impl Connection for Fake {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Fake {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let mut faults = self.faults.lock().unwrap();
        if read.is_pending() && faults.broken {
            return Poll::Ready(Ok(()));
        }
        faults.reader = Some(cx.waker().clone());
        read
    }
}

impl AsyncWrite for Fake {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let writable = {
            let mut faults = self.faults.lock().unwrap();
            if let (Some(0), Some(error)) = (faults.writable, faults.silent) {
                return Poll::Ready(Err(error.into()));
            }
            if faults.writable == Some(0) {
                faults.broken = true;
                if let Some(reader) = faults.reader.take() {
                    reader.wake();
                }
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let writable = faults.writable.map_or(buf.len(), |left| left.min(buf.len()));
            faults.writable = faults.writable.map(|left| left - writable);
            writable
        };
        Pin::new(&mut self.stream).poll_write(cx, &buf[..writable])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
