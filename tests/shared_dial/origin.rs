//! An origin behind a connector that reports what was negotiated, in virtual time, without sockets and TLS.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::client::{Builder, ClientError};
use hyper_happy_eyeballs::{AttemptError, Client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tower::Service;

use crate::memory::MemoryStream;

/// What is negotiated over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    H2,
    Http1,
}

/// What becomes of a dial.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dial {
    Connects(Alpn),
    /// HTTP/2 is negotiated, and each request is told to come again over HTTP/1.1.
    AsksForHttp1,
    /// HTTP/2 is negotiated, and nothing is read.
    ReadsNothing,
    Fails,
    Hangs,
}

/// The connector of an origin. Its clones share what becomes of their dials, and the log.
#[derive(Clone)]
pub(crate) struct Origin {
    state: Arc<Mutex<State>>,
    began: Instant,
    takes: Duration,
    /// How long an answer takes.
    answers_after: Duration,
    max_streams: u32,
    /// How many of the connections are silent.
    silent: Arc<AtomicUsize>,
}

struct State {
    /// What becomes of the next dials; of all further ones what becomes of the last.
    dials: VecDeque<Dial>,
    log: Vec<(u64, String)>,
    begun: usize,
    dropped: usize,
    /// Requests that are not answered yet, and the most there ever were on one connection.
    open: Vec<usize>,
    most_open: usize,
}

impl Origin {
    /// Dials take so long, and come to this, one after the other.
    pub(crate) fn new(takes: Duration, dials: impl IntoIterator<Item = Dial>) -> Self {
        let dials = dials.into_iter().collect();
        let state = State { dials, log: Vec::new(), begun: 0, dropped: 0, open: Vec::new(), most_open: 0 };
        let (state, began) = (Arc::new(Mutex::new(state)), Instant::now());
        let silent = Arc::default();
        Self { state, began, takes, answers_after: Duration::ZERO, max_streams: 100, silent }
    }

    pub(crate) fn answers_after(self, answers_after: Duration) -> Self {
        Self { answers_after, ..self }
    }

    pub(crate) fn max_streams(self, max_streams: u32) -> Self {
        Self { max_streams, ..self }
    }

    /// How many dials have begun.
    pub(crate) fn dials(&self) -> usize {
        self.read(|state| state.begun)
    }

    /// How many dials were dropped before they were over.
    pub(crate) fn dropped(&self) -> usize {
        self.read(|state| state.dropped)
    }

    /// The most requests that were ever open on one connection.
    pub(crate) fn most_open(&self) -> usize {
        self.read(|state| state.most_open)
    }

    /// What has happened, each with the millisecond.
    pub(crate) fn log(&self) -> Vec<(u64, String)> {
        self.read(|state| state.log.clone())
    }

    /// What has happened, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        self.log().into_iter().map(|(_, event)| event).collect()
    }

    fn read<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        read(&mut self.state.lock().unwrap())
    }

    fn note(&self, event: String) {
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.read(|state| state.log.push((at, event)));
    }

    async fn dial(self) -> Result<Io, AttemptError> {
        let (number, dial) = self.read(|state| {
            state.begun += 1;
            let dial = if state.dials.len() > 1 { state.dials.pop_front() } else { state.dials.front().copied() };
            (state.begun, dial.expect("an origin has a dial"))
        });
        self.note(format!("dial {number}"));
        let unfinished = Unfinished(&self);
        sleep(self.takes).await;
        let result = match dial {
            Dial::Hangs => std::future::pending().await,
            Dial::Fails => Err(AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused))),
            Dial::Connects(alpn) => {
                let (client, server) = tokio::io::duplex(64 * 1024);
                tokio::spawn(self.clone().serve(server, number));
                Ok(self.connection(client, alpn, number))
            }
            Dial::AsksForHttp1 => {
                let (client, server) = tokio::io::duplex(64 * 1024);
                tokio::spawn(ask_for_http1(server));
                Ok(self.connection(client, Alpn::H2, number))
            }
            Dial::ReadsNothing => {
                let (client, server) = tokio::io::duplex(1);
                tokio::spawn(async move {
                    let _server = server;
                    std::future::pending::<()>().await;
                });
                Ok(self.connection(client, Alpn::H2, number))
            }
        };
        std::mem::forget(unfinished);
        result
    }

    /// The client's end of a connection, whose first bytes are in the log.
    fn connection(&self, io: DuplexStream, alpn: Alpn, number: usize) -> Io {
        let origin = self.clone();
        let stream = MemoryStream::new(io).http2(alpn == Alpn::H2);
        TokioIo::new(stream.at_first_write(move || origin.note(format!("write on {number}"))))
    }

    /// From now on nothing comes of the connections that there are.
    pub(crate) fn falls_silent(&self) {
        self.silent.store(self.dials(), SeqCst);
    }

    async fn serve(self, io: DuplexStream, connection: usize) {
        let origin = self.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let origin = origin.clone();
            async move {
                origin.note(format!("request on {connection}"));
                let _open = Open::new(&origin, connection);
                sleep(origin.answers_after).await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(connection.to_string()))))
            }
        });
        let mut server = auto::Builder::new(TokioExecutor::new());
        server.http2().max_concurrent_streams(self.max_streams);
        let mut serving = pin!(server.serve_connection(TokioIo::new(io), service));
        poll_fn(|cx| {
            // Whatever comes is lost on the way.
            if connection <= self.silent.load(SeqCst) {
                return Poll::Pending;
            }
            // A connection that its client closes is no failure of the test.
            serving.as_mut().poll(cx).map(drop)
        })
        .await;
    }
}

/// A dial that is not over.
struct Unfinished<'a>(&'a Origin);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.read(|state| state.dropped += 1);
    }
}

/// A request that is not answered.
struct Open<'a>(&'a Origin, usize);

impl<'a> Open<'a> {
    fn new(origin: &'a Origin, connection: usize) -> Self {
        origin.read(|state| {
            if state.open.len() <= connection {
                state.open.resize(connection + 1, 0);
            }
            state.open[connection] += 1;
            state.most_open = state.most_open.max(state.open[connection]);
        });
        Self(origin, connection)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.read(|state| state.open[self.1] -= 1);
    }
}

impl Service<Uri> for Origin {
    type Response = Io;
    type Error = AttemptError;
    type Future = BoxFuture<'static, Result<Io, AttemptError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AttemptError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

/// Resets every stream.
async fn ask_for_http1(io: DuplexStream) {
    let mut server = h2::server::handshake(io).await.unwrap();
    while let Some(Ok((_, mut response))) = server.accept().await {
        response.send_reset(h2::Reason::HTTP_1_1_REQUIRED);
    }
}

/// A connection over which something was negotiated.
pub(crate) type Io = TokioIo<MemoryStream>;

pub(crate) type Answer = Result<String, ClientError>;

/// A client of the origin.
pub(crate) fn client(origin: &Origin) -> Client<Origin> {
    Builder::new().build(origin.clone()).unwrap()
}

/// A POST, to the end of its response: on which connection.
pub(crate) fn post(client: &Client<Origin>) -> JoinHandle<Answer> {
    send(client, Request::post("https://origin.example/"))
}

/// A GET, to the end of its response: on which connection.
pub(crate) fn get(client: &Client<Origin>) -> JoinHandle<Answer> {
    get_from(client, "https://origin.example/")
}

pub(crate) fn get_from(client: &Client<Origin>, uri: &'static str) -> JoinHandle<Answer> {
    send(client, Request::get(uri))
}

fn send(client: &Client<Origin>, request: http::request::Builder) -> JoinHandle<Answer> {
    let response = client.request(request.body(Empty::<Bytes>::new()).unwrap());
    tokio::spawn(async move {
        let body = response.await?.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&body).into_owned())
    })
}
