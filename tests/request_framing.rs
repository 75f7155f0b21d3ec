//! The client sends one complete request, or the call is an error: every combination of what a caller and a body can declare is sent to a server that
//! reads strictly.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the server is a task")]

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue, TRAILER, TRANSFER_ENCODING};
use hyper::{Method, Request, StatusCode, Version};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::ClientError;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "support/memory.rs"]
mod memory;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "support/strict.rs"]
mod strict;

use memory::Memory;
use strict::{Seen, serve};

/// What a body says of its length.
#[derive(Clone, Copy, Debug)]
enum Hint {
    Unknown,
    Exact(u64),
    /// Another one the second time.
    Changing,
    /// Bounds that are wrong for most bodies.
    Bounds,
    /// Nothing, and that it is at its end.
    AtItsEnd,
}

/// What a body gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Data(&'static str),
    Trailer,
    /// Nothing yet.
    Later,
    Broken,
}

use Piece::{Broken, Data, Later, Trailer};

struct Says {
    hint: Hint,
    asked: Cell<bool>,
    pieces: VecDeque<Piece>,
}

impl Says {
    fn new(hint: Hint, pieces: &[Piece]) -> Self {
        Self { hint, asked: Cell::new(false), pieces: pieces.iter().copied().collect() }
    }
}

impl Body for Says {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match self.pieces.pop_front() {
            None => None,
            Some(Data(text)) => Some(Ok(Frame::data(Bytes::from(text)))),
            Some(Trailer) => {
                let trailers = [(HeaderName::from_static("age"), HeaderValue::from_static("1"))];
                Some(Ok(Frame::trailers(HeaderMap::from_iter(trailers))))
            }
            Some(Broken) => Some(Err(io::Error::other("broken"))),
            Some(Later) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.hint, Hint::AtItsEnd)
    }

    fn size_hint(&self) -> SizeHint {
        match self.hint {
            Hint::Unknown | Hint::AtItsEnd => SizeHint::new(),
            Hint::Exact(length) => SizeHint::with_exact(length),
            Hint::Changing => SizeHint::with_exact(if self.asked.replace(true) { 99 } else { 5 }),
            Hint::Bounds => {
                let mut hint = SizeHint::new();
                hint.set_lower(1);
                hint.set_upper(3);
                hint
            }
        }
    }
}

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::CONNECT,
    Method::TRACE,
];
const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_10];
const HINTS: [Hint; 7] =
    [Hint::Unknown, Hint::Exact(0), Hint::Exact(5), Hint::Exact(11), Hint::Changing, Hint::Bounds, Hint::AtItsEnd];
const FIELDS: [&[(HeaderName, &str)]; 15] = [
    &[],
    &[(CONTENT_LENGTH, "0")],
    &[(CONTENT_LENGTH, "5")],
    &[(CONTENT_LENGTH, "11")],
    &[(CONTENT_LENGTH, "5, 5")],
    &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "5")],
    &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "11")],
    &[(TRANSFER_ENCODING, "chunked")],
    &[(TRANSFER_ENCODING, "gzip, chunked")],
    &[(TRANSFER_ENCODING, "gzip")],
    &[(TRANSFER_ENCODING, "chunked, chunked")],
    &[(CONTENT_LENGTH, "5"), (TRANSFER_ENCODING, "chunked")],
    &[(CONTENT_LENGTH, "3"), (TRANSFER_ENCODING, "chunked")],
    &[(TRAILER, "age")],
    &[(TRAILER, "age"), (CONTENT_LENGTH, "5")],
];
const BODIES: [&[Piece]; 10] = [
    &[],
    &[Data("hello")],
    &[Data("he"), Data(""), Later, Data("llo"), Data("")],
    &[Data("hello world")],
    &[Data("hello"), Data(" world")],
    &[Data("hello"), Later],
    &[Data("he")],
    &[Data("hello"), Trailer],
    &[Data("hello"), Broken],
    &[Broken],
];

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nobody is connected to.
    Invalid,
    /// The server sees no complete request.
    BodyFails,
    Sent,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    method: &'static Method,
    version: Version,
    hint: Hint,
    fields: &'static [(HeaderName, &'static str)],
    body: &'static [Piece],
}

impl Case {
    fn values(self, name: &HeaderName) -> Vec<&'static str> {
        self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| *value).collect()
    }

    /// The rules of the RFC, case by case. It shares no code with the client.
    fn expected(self) -> Outcome {
        let is_new = self.version == Version::HTTP_11;
        let declared = match *self.values(&CONTENT_LENGTH) {
            [] => None,
            ["5", "11"] => return Outcome::Invalid,
            [length, ..] => Some(length.split(',').next().unwrap().parse::<usize>().unwrap()),
        };
        let is_encoded = match *self.values(&TRANSFER_ENCODING) {
            [] => false,
            ["chunked" | "gzip, chunked"] => true,
            _ => return Outcome::Invalid,
        };
        if is_encoded && (!is_new || declared.is_some()) || (!is_new && *self.method == Method::CONNECT) {
            return Outcome::Invalid;
        }
        let said = match self.hint {
            Hint::Unknown | Hint::Bounds => None,
            Hint::Exact(length) => Some(length as usize),
            Hint::Changing => Some(5),
            Hint::AtItsEnd => Some(0),
        };
        let length = match (said, declared) {
            (Some(said), Some(declared)) if said != declared => return Outcome::Invalid,
            (said, declared) => said.or(declared),
        };
        let has_no_body = matches!(*self.method, Method::CONNECT | Method::TRACE);
        if length != Some(0) && (has_no_body || (length.is_none() && !is_new)) {
            return Outcome::Invalid;
        }
        let announced = !self.values(&TRAILER).is_empty();
        let is_chunked =
            length != Some(0) && (is_encoded || length.is_none() || (announced && is_new && declared.is_none()));
        let cannot_go = self.body.contains(&Broken)
            || (self.body.contains(&Trailer) && !(is_chunked && announced))
            || length.is_some_and(|length| length != self.text().len());
        if cannot_go { Outcome::BodyFails } else { Outcome::Sent }
    }

    fn text(self) -> String {
        let data = |piece: &Piece| if let Data(text) = piece { *text } else { "" };
        self.body.iter().map(data).collect()
    }

    fn request(self) -> Request<Says> {
        let uri = if *self.method == Method::CONNECT { "a.example:80" } else { "http://a.example:80/first" };
        let mut request = Request::new(Says::new(self.hint, self.body));
        (*request.method_mut(), *request.uri_mut()) = (self.method.clone(), uri.parse().unwrap());
        *request.version_mut() = self.version;
        for (name, value) in self.fields {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }
}

/// What the server saw, connection by connection.
type Log = Arc<Mutex<Vec<Result<Seen, String>>>>;

/// A connector to a server that says yes to every request, but for those that ask for a tunnel.
fn strict_server() -> (Memory<impl Fn(DuplexStream) + use<>>, Log) {
    strict_server_that(|seen| {
        let status = if seen.method == "CONNECT" { "403 Forbidden" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
    })
}

fn strict_server_that(answers: fn(&Seen) -> String) -> (Memory<impl Fn(DuplexStream) + use<>>, Log) {
    let log = Log::default();
    let writer = Arc::clone(&log);
    let connector = Memory::new(move |stream| {
        let log = Arc::clone(&writer);
        tokio::spawn(async move {
            let answer = |seen: Seen| {
                let answer = answers(&seen);
                log.lock().unwrap().push(Ok(seen));
                answer
            };
            if let Err(fault) = serve(stream, answer).await {
                log.lock().unwrap().push(Err(fault));
            }
        });
    });
    (connector, log)
}

fn next() -> Request<Says> {
    Request::get("http://a.example:80/next").body(Says::new(Hint::Exact(0), &[])).unwrap()
}

/// What is wrong with what became of a request, if anything is.
async fn fault(case: Case) -> Option<String> {
    let (connector, log) = strict_server();
    let client = Client::new(connector.clone());
    let result = client.request(case.request()).await;
    let dialed = connector.connects() > 0;
    let expected = case.expected();
    let outcome = match &result {
        Ok(_) => Outcome::Sent,
        Err(error) if error.is_invalid_request() && !dialed => Outcome::Invalid,
        Err(error) if error.is_request_body() => Outcome::BodyFails,
        Err(error) => return Some(format!("{error:?}")),
    };
    if outcome != expected {
        return Some(format!("{outcome:?} ({:?}), not {expected:?}", result.err()));
    }
    if let Ok(response) = result {
        response.into_body().collect().await.unwrap();
    }
    if let Err(error) = client.request(next()).await {
        return Some(format!("the next request: {error:?}"));
    }
    let log = log.lock().unwrap();
    let complete: Vec<_> = log.iter().filter_map(|seen| seen.as_ref().ok()).collect();
    let (first, next) = match *complete {
        [next] => (None, next),
        [first, next] => (Some(first), next),
        _ => return Some(format!("the server saw {log:?}")),
    };
    let is_next = next.target == "/next" && next.body.is_empty();
    let is_first = match first {
        None => expected != Outcome::Sent,
        Some(first) => {
            expected == Outcome::Sent
                && (&*first.method, &*first.body) == (case.method.as_str(), &*case.text())
                && first.trailers.len() == case.body.iter().filter(|&&piece| piece == Trailer).count()
                && log.len() == 2
                && connector.connects() == 1
        }
    };
    if is_next && is_first { None } else { Some(format!("the server saw {log:?}")) }
}

#[tokio::test]
async fn no_combination_sends_a_head_that_does_not_match_its_body_and_reports_success() {
    let (mut cases, mut faults) = (0, Vec::new());
    let mut outcomes = [0; 3];
    for method in &METHODS {
        for version in VERSIONS {
            for hint in HINTS {
                for fields in FIELDS {
                    for body in BODIES {
                        let case = Case { method, version, hint, fields, body };
                        cases += 1;
                        outcomes[case.expected() as usize] += 1;
                        // Nothing takes long; a server that is told of more than it gets waits for ever.
                        let fault = tokio::time::timeout(Duration::from_secs(30), fault(case)).await;
                        let fault = fault.unwrap_or_else(|_| Some("the server waits for more".into()));
                        faults.extend(fault.map(|fault| format!("{case:?}: {fault}")));
                        assert!(faults.len() < 10, "after {cases} cases:\n{}", faults.join("\n"));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(cases, 8 * 2 * 7 * 15 * 10);
    // There are plenty of each.
    assert!(outcomes.iter().all(|&count| count > 500), "{outcomes:?}");
}

#[tokio::test]
async fn a_get_with_a_body_of_unknown_length_is_sent_in_chunks() {
    for method in [Method::GET, Method::HEAD] {
        let (connector, log) = strict_server();
        let client = Client::new(connector);
        let mut request = next();
        (*request.method_mut(), *request.body_mut()) =
            (method, Says::new(Hint::Unknown, &[Data("hello"), Data(" world")]));
        assert_eq!(client.request(request).await.unwrap().status(), 200);
        let seen = log.lock().unwrap().remove(0).unwrap();
        assert_eq!((seen.one("transfer-encoding"), &*seen.body), (Some("chunked"), "hello world"));
    }
}

#[tokio::test]
async fn a_body_with_a_length_and_announced_trailers_takes_them_along() {
    let (connector, log) = strict_server();
    let mut request = next();
    (*request.method_mut(), *request.body_mut()) = (Method::POST, Says::new(Hint::Exact(5), &[Data("hello"), Trailer]));
    request.headers_mut().insert(TRAILER, HeaderValue::from_static("age"));
    assert_eq!(Client::new(connector).request(request).await.unwrap().status(), 200);
    let seen = log.lock().unwrap().remove(0).unwrap();
    assert_eq!((&*seen.body, &*seen.trailers), ("hello", &[("age".to_owned(), "1".to_owned())][..]));
}

#[tokio::test]
async fn chunks_do_not_go_out_on_a_connection_whose_server_answered_as_http_1_0() {
    let (connector, log) =
        strict_server_that(|_| "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n".into());
    let client = Client::new(connector.clone());
    let post = |hint| {
        let mut request = next();
        (*request.method_mut(), *request.body_mut()) = (Method::POST, Says::new(hint, &[Data("hello")]));
        request
    };
    // There, hyper makes the second request one of HTTP/1.0.
    for (hint, connects) in [(Hint::Exact(5), 1), (Hint::Exact(5), 1), (Hint::Unknown, 2), (Hint::Exact(5), 2)] {
        assert_eq!(client.request(post(hint)).await.unwrap().status(), 200);
        assert_eq!(connector.connects(), connects, "{hint:?}");
    }
    let log = log.lock().unwrap();
    let seen: Vec<_> =
        log.iter().map(|seen| seen.as_ref().unwrap()).map(|seen| (&*seen.version, &*seen.body)).collect();
    let [new, old] = ["HTTP/1.1", "HTTP/1.0"].map(|version| (version, "hello"));
    assert_eq!(seen, [new, old, new, old]);
}

/// The result of a request whose body gives `last`, and nothing more, in the moment that the response comes.
async fn answered_while_the_body_gives(
    last: fn() -> io::Result<Frame<Bytes>>,
    status: &'static str,
) -> Result<StatusCode, ClientError> {
    let (feed, frames) = mpsc::unbounded_channel();
    feed.send(Ok(Frame::data(Bytes::from("hello")))).unwrap();
    let feed = Mutex::new(Some(feed));
    let connector = Memory::new(move |mut stream: DuplexStream| {
        let feed = feed.lock().unwrap().take().expect("there is one connection");
        tokio::spawn(async move {
            let mut read = Vec::new();
            while !read.ends_with(b"hello\r\n") {
                stream.read_buf(&mut read).await.unwrap();
            }
            // One wake-up for both.
            stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
            feed.send(last()).unwrap();
            // The client closes.
            drop(stream.read(&mut [0; 64]).await);
        });
    });
    let request = Request::post("http://a.example/").body(Fed(frames)).unwrap();
    Client::new(connector).request(request).await.map(|response| response.status())
}

struct Fed(mpsc::UnboundedReceiver<io::Result<Frame<Bytes>>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test]
async fn a_success_that_comes_as_the_body_breaks_its_promise_is_an_error_and_a_refusal_is_returned() {
    let unannounced = || Ok(Frame::trailers(HeaderMap::from_iter([(ETAG, HeaderValue::from_static("1"))])));
    let error = answered_while_the_body_gives(unannounced, "200 OK").await.unwrap_err();
    assert!(error.is_request_body() && error.bytes_read() > 0, "{error:?}");
    for status in ["303 See Other", "413 Content Too Large", "503 Service Unavailable"] {
        assert_eq!(answered_while_the_body_gives(unannounced, status).await.unwrap().as_str(), &status[..3]);
    }
}

#[tokio::test]
async fn a_response_that_has_arrived_is_returned_although_the_body_fails() {
    let failure = || Err(io::Error::other("the disk is on fire"));
    for status in ["200 OK", "303 See Other", "413 Content Too Large"] {
        assert_eq!(answered_while_the_body_gives(failure, status).await.unwrap().as_str(), &status[..3]);
    }
}
