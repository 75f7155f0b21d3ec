//! Foreign code (connections, wakers) may call the client at any time, so no lock is held while it runs. What a server does to many connections at a
//! time costs little for each.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use hyper::Uri;
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::{Builder, ResponseFuture};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use runs::{in_time, now, read, say, times, until};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tower::Service;

type TestClient = Client<Connector>;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const URI: &str = "http://host.test/";

/// Makes connections in memory, whose I/O calls the client.
#[derive(Clone)]
struct Connector {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The servers' ends, in the order of connects.
    ends: Mutex<Vec<Option<DuplexStream>>>,
    client: OnceLock<TestClient>,
    /// How often the client was called.
    calls: AtomicUsize,
    /// How often a connection was read from.
    reads: AtomicUsize,
    open: AtomicUsize,
}

impl Shared {
    /// I/O would not usually do this, but it may.
    fn call_client(&self) {
        if let Some(client) = self.client.get() {
            self.calls.fetch_add(1, SeqCst);
            assert!(format!("{client:?}").contains("pool"));
            client.close_idle();
        }
    }

    async fn answer(&self, connection: usize) {
        let mut end = self.ends.lock().unwrap()[connection].take().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(end.read_u8().await.unwrap());
        }
        end.write_all(OK).await.unwrap();
        self.ends.lock().unwrap()[connection] = Some(end);
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(client) = self.shared.client.get() {
            client.close_idle();
            client.fmt(f)?;
        }
        f.write_str("Connector")
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Io>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Io>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.shared.call_client();
        let (stream, end) = tokio::io::duplex(1024);
        self.shared.ends.lock().unwrap().push(Some(end));
        self.shared.open.fetch_add(1, SeqCst);
        ready(Ok(TokioIo::new(Io { stream, shared: Arc::clone(&self.shared) })))
    }
}

struct Io {
    stream: DuplexStream,
    shared: Arc<Shared>,
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        self.shared.call_client();
        Connected::new()
    }
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.shared.reads.fetch_add(1, SeqCst);
        self.shared.call_client();
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.shared.call_client();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.call_client();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.call_client();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        self.shared.call_client();
        self.shared.open.fetch_sub(1, SeqCst);
    }
}

fn client(set: impl FnOnce(Builder) -> Builder) -> (TestClient, Arc<Shared>) {
    let shared = Arc::<Shared>::default();
    let builder = set(Client::builder());
    (builder.build(Connector { shared: Arc::clone(&shared) }).unwrap(), shared)
}

/// In a thread of its own, so that a deadlock fails the test.
fn watched(test: impl AsyncFnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("a deadlock, or a panic");
}

async fn get(client: &TestClient, shared: &Shared, connection: usize) {
    let (response, ()) = tokio::join!(in_time(client.get(Uri::from_static(URI))), async {
        until(|| shared.ends.lock().unwrap().len() > connection).await;
        shared.answer(connection).await;
    });
    read(response.unwrap()).await.unwrap();
}

#[test]
fn io_that_calls_the_client_while_the_server_closes_an_idle_connection_locks_nobody_out() {
    watched(async || {
        let (client, shared) = client(|builder| builder);
        for connection in 0..10 {
            get(&client, &shared, connection).await;
            if connection == 0 {
                shared.client.set(client.clone()).unwrap();
                get(&client, &shared, 0).await;
            }
            let calls = shared.calls.load(SeqCst);
            shared.ends.lock().unwrap()[connection] = None;
            // The sweeper polls it, and drops it.
            until(|| shared.open.load(SeqCst) == 0).await;
            assert!(shared.calls.load(SeqCst) > calls);
        }
        client.close_idle();
        let clone = client.clone();
        assert!(format!("{clone:?}").contains("idle"));
    });
}

#[test]
fn io_that_calls_the_client_while_its_connection_expires_or_makes_room_locks_nobody_out() {
    watched(async || {
        let (client, shared) = client(|builder| builder.idle_timeout(Duration::from_millis(20)).max_idle_per_host(1));
        shared.client.set(client.clone()).unwrap();
        for connection in 0..5 {
            get(&client, &shared, connection).await;
            until(|| shared.open.load(SeqCst) == 0).await;
        }
        for pair in 0..5 {
            // Both come back at the same time, and one of them makes room.
            let first = 5 + 2 * pair;
            tokio::join!(get(&client, &shared, first), get(&client, &shared, first + 1));
            until(|| shared.open.load(SeqCst) == 0).await;
        }
    });
}

/// A waker that sends a request when it is woken.
struct Nosy(TestClient);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.0.close_idle();
        let mut request: ResponseFuture = self.0.get(Uri::from_static("http://other.test/"));
        let polled = Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}

#[test]
fn a_waker_that_calls_the_client_locks_nobody_out() {
    watched(async || {
        let (client, shared) = client(|builder| builder.max_connections_per_host(1));
        for closes in [false, true] {
            let connection = shared.ends.lock().unwrap().len();
            let mut first = client.get(Uri::from_static(URI));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
            let mut waiting: Vec<_> = (0..3).map(|_| client.get(Uri::from_static(URI))).collect();
            let waker = Waker::from(Arc::new(Nosy(client.clone())));
            for request in &mut waiting {
                assert!(Pin::new(request).poll(&mut Context::from_waker(&waker)).is_pending());
            }
            if closes {
                drop(first);
            } else {
                let (response, ()) = tokio::join!(in_time(first), shared.answer(connection));
                read(response.unwrap()).await.unwrap();
            }
            // Each is granted what the one before it gives up.
            drop(waiting);
            client.close_idle();
            until(|| shared.open.load(SeqCst) == 0).await;
        }
    });
}

#[test]
fn a_server_that_restarts_costs_each_of_its_idle_connections_a_few_reads() {
    watched(async || {
        let connections = times(4_000);
        let (client, shared) = client(|builder| builder);
        let mut requests: Vec<_> = (0..connections).map(|_| client.get(Uri::from_static(URI))).collect();
        for request in &mut requests {
            assert!(Pin::new(request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        for (connection, request) in requests.into_iter().enumerate() {
            let (response, ()) = tokio::join!(in_time(request), shared.answer(connection));
            read(response.unwrap()).await.unwrap();
        }
        assert_eq!(shared.open.load(SeqCst), connections);
        let reads = shared.reads.load(SeqCst);
        let start = now();
        // The one that was used last comes first.
        let ends = std::mem::take(&mut *shared.ends.lock().unwrap());
        ends.into_iter().rev().for_each(drop);
        until(|| shared.open.load(SeqCst) == 0).await;
        let reads = shared.reads.load(SeqCst) - reads;
        say(format_args!("{connections} idle connections were closed in {:?}, with {reads} reads", start.elapsed()));
        assert!(reads <= 4 * connections, "{reads} reads");
    });
}
