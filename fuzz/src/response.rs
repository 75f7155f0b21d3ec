//! Response bytes in any segmentation, through the client and through hyper's bare connection.
//!
//! The input is eight bytes of [`Plan`], then the bytes that the server sends. The result of hyper on a connection whose writes never fail is the
//! reference: the client must return the same status, fields, body and end. That must also hold if the client's writes fail, and if the response
//! arrives before the request: a response that arrived is never lost.
//!
//! Then the client sends a second request. Its response has a mark, so that a test can tell whether bytes of the first response were taken for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_happy_eyeballs::client::{Builder, Client};

use crate::clock;
use crate::memory::{Dialer, Memory, Next, Peer};

/// Runs the target.
pub fn response(data: &[u8]) {
    let Some((plan, bytes)) = data.split_first_chunk::<8>() else { return };
    let plan = Plan::new(*plan);
    let bytes: Arc<[u8]> = bytes.into();
    let oracle = clock::run(through_hyper(plan.clone().undisturbed(), Arc::clone(&bytes)));
    let has_failed = Arc::new(AtomicBool::new(false));
    let (first, second) = clock::run(through_client(plan.clone(), bytes, Arc::clone(&has_failed)));
    check(&plan, &oracle, &first, has_failed.load(Ordering::Relaxed));
    if let Some(second) = second {
        // The first exchange must leave nothing for the next one.
        assert!(is_marked(&second), "{plan:?}: the second request got {second:?}, after {first:?}");
    }
}

/// What the client adds to hyper's result is only that its own writes do not matter.
fn check(plan: &Plan, oracle: &Came, client: &Came, write_has_failed: bool) {
    match (oracle, client) {
        (Came::Response(expected), Came::Response(came)) => {
            // A write that met a reset leaves it open whether a body that ends with the connection is whole.
            let is_reset =
                write_has_failed && plan.write_fails.is_some_and(|(_, kind)| kind != io::ErrorKind::BrokenPipe);
            let is_open = is_reset && ends_with_connection(&expected.fields);
            let is_cut_off = came.end == BodyEnd::Error
                && match expected.end {
                    BodyEnd::Complete => is_open,
                    // Waiting for more is of no use.
                    BodyEnd::Open => write_has_failed,
                    BodyEnd::Error => true,
                };
            let expected =
                Whole { end: if is_cut_off { BodyEnd::Error } else { expected.end }, ..(**expected).clone() };
            assert_eq!(**came, expected, "{plan:?}");
        }
        (Came::Error { is_parse: expected }, Came::Error { is_parse }) => {
            // If a write has failed, its error may be the result.
            assert!(write_has_failed || expected == is_parse, "{plan:?}: hyper says {oracle:?}, the client {client:?}");
        }
        // Without a response, the failed write ends the exchange.
        (Came::Nothing, Came::Error { is_parse: false }) if write_has_failed => {}
        (Came::Nothing, Came::Nothing) if !write_has_failed => {}
        _ => panic!("{plan:?}: hyper says {oracle:?}, the client {client:?}"),
    }
}

/// Whether the body of a response ends where the connection does (RFC 9112, section 6.3): a transfer coding other than `chunked` comes last,
/// or nothing tells the length.
fn ends_with_connection(fields: &HeaderMap) -> bool {
    let codings = fields.get_all(TRANSFER_ENCODING).iter().next_back();
    match codings {
        Some(codings) => {
            let last = codings.to_str().ok().and_then(|codings| codings.rsplit(',').next());
            !last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
        }
        None => !fields.contains_key(CONTENT_LENGTH),
    }
}

/// How the exchange goes, apart from the bytes of the response.
#[derive(Clone, Debug)]
struct Plan {
    method: Method,
    /// How many bytes the request's body has.
    upload: usize,
    end: End,
    /// After how many bytes writes fail, and how.
    write_fails: Option<(usize, io::ErrorKind)>,
    /// The response is there before the request is written.
    is_early: bool,
    /// The sizes of the segments, over and over. 0 is a pause.
    segments: [u8; 4],
}

#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Reset,
    Silence,
}

impl Plan {
    fn new([what, end, fails, upload, segments @ ..]: [u8; 8]) -> Self {
        let kind = if end & 4 == 0 { io::ErrorKind::BrokenPipe } else { io::ErrorKind::ConnectionReset };
        let write_fails = (fails > 128).then(|| (usize::from(fails - 129) * 64, kind));
        // After a failed write, a connection that is not a socket gets no more time: the response must be there.
        let segments = if write_fails.is_some() { segments.map(|size| size.max(1)) } else { segments };
        let (method, has_body) = match what % 6 {
            0 | 1 => (Method::GET, false),
            2 => (Method::HEAD, false),
            3 => (Method::POST, true),
            4 => (Method::PUT, true),
            _ => (Method::CONNECT, false),
        };
        Self {
            method,
            upload: if has_body { usize::from(upload) * usize::from(upload) * 8 } else { 0 },
            end: [End::Close, End::Reset, End::Silence, End::Close][usize::from(end & 3)],
            write_fails,
            is_early: what >= 192,
            segments,
        }
    }

    /// The same exchange where nothing goes wrong with the request.
    fn undisturbed(mut self) -> Self {
        self.write_fails = None;
        self.is_early = false;
        self
    }

    fn request(&self) -> Request<Upload> {
        let uri = if self.method == Method::CONNECT { "a.example:80" } else { "http://a.example/first" };
        let request = Request::builder().method(self.method.clone()).uri(uri);
        request.body(Upload { left: self.upload }).expect("a valid request")
    }
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Response(Box<Whole>),
    Error {
        is_parse: bool,
    },
    /// The server sends nothing, and does not close.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Whole {
    status: StatusCode,
    version: Version,
    fields: HeaderMap,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
    end: BodyEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Complete,
    Error,
    /// There is more to come, which does not.
    Open,
}

async fn through_hyper(plan: Plan, bytes: Arc<[u8]>) -> Came {
    let io = Memory::new(Server::new(&plan, bytes));
    let (mut sender, connection) = http1::handshake(io).await.expect("hyper says nothing before the request");
    let exchange = async {
        let mut request = plan.request();
        if plan.method != Method::CONNECT {
            *request.uri_mut() = "/first".parse().expect("a path");
        }
        request.headers_mut().insert("host", "a.example".parse().expect("a host"));
        match sender.send_request(request).await {
            Ok(response) => Came::Response(Box::new(collect(response).await)),
            Err(error) => Came::Error { is_parse: error.is_parse() },
        }
    };
    #[expect(clippy::disallowed_methods, reason = "a task of its own is how a connection of hyper's is used")]
    let connection = tokio::spawn(connection.with_upgrades());
    let came = clock::ends(exchange).await.unwrap_or(Came::Nothing);
    connection.abort();
    came
}

async fn through_client(plan: Plan, bytes: Arc<[u8]>, has_failed: Arc<AtomicBool>) -> (Came, Option<Came>) {
    let is_first = AtomicBool::new(true);
    let server_plan = plan.clone();
    let dialer = Dialer::new(move || {
        let bytes = if is_first.swap(false, Ordering::Relaxed) { Arc::clone(&bytes) } else { Arc::default() };
        Memory::new(Server { has_failed: Arc::clone(&has_failed), ..Server::new(&server_plan, bytes) })
    });
    let client = Builder::new().build(dialer).expect("the defaults are valid");
    let first = send(&client, plan.request()).await;
    if first == Came::Nothing {
        return (first, None);
    }
    let second = Request::get("http://a.example/second").body(Upload { left: 0 }).expect("a valid request");
    let second = send(&client, second).await;
    (first, Some(second))
}

async fn send(client: &Client<Dialer>, request: Request<Upload>) -> Came {
    let exchange = async {
        match client.request(request).await {
            Ok(response) => Came::Response(Box::new(collect(response).await)),
            Err(error) => Came::Error { is_parse: error.is_invalid_response() },
        }
    };
    clock::ends(exchange).await.unwrap_or(Came::Nothing)
}

async fn collect<B: Body<Data = Bytes> + Unpin>(response: Response<B>) -> Whole {
    let (parts, mut incoming) = response.into_parts();
    let (mut body, mut trailers, mut end) = (Vec::new(), None, BodyEnd::Complete);
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx));
        match clock::ends(frame).await {
            None => end = BodyEnd::Open,
            Some(None) => {}
            Some(Some(Err(_))) => end = BodyEnd::Error,
            Some(Some(Ok(frame))) => {
                match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
                continue;
            }
        }
        return Whole { status: parts.status, version: parts.version, fields: parts.headers, body, trailers, end };
    }
}

fn is_marked(came: &Came) -> bool {
    matches!(came, Came::Response(whole) if whole.fields.contains_key("x-second") && whole.end == BodyEnd::Complete)
}

/// Its version is that of the first response.
const SECOND_REQUEST: &[u8] = b"GET /second HTTP/1.";
const SECOND_RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nx-second: yes\r\ncontent-length: 6\r\n\r\nsecond";

/// A server that answers any first request with the bytes of the input, and the second request with a valid response.
struct Server {
    segments: VecDeque<Next>,
    end: End,
    write_fails: Option<(usize, io::ErrorKind)>,
    written: usize,
    /// A write has failed, for whoever wants to know.
    has_failed: Arc<AtomicBool>,
    /// The last bytes written. They show the end of a head that is written in several pieces.
    tail: Vec<u8>,
    is_asked: bool,
    has_ended: bool,
}

impl Server {
    fn new(plan: &Plan, bytes: Arc<[u8]>) -> Self {
        let mut segments = VecDeque::new();
        let (mut rest, mut sizes) = (&bytes[..], plan.segments.into_iter().cycle());
        // Four pauses in a row are too many to count as progress.
        let has_sizes = plan.segments.iter().any(|size| *size > 0);
        while !rest.is_empty() {
            let size = sizes.next().map_or(0, usize::from);
            if size == 0 && has_sizes {
                segments.push_back(Next::Later);
                continue;
            }
            let (segment, others) = rest.split_at(if has_sizes { size.min(rest.len()) } else { rest.len() });
            segments.push_back(Next::Bytes(segment.to_vec()));
            rest = others;
        }
        Self {
            segments,
            end: plan.end,
            write_fails: plan.write_fails,
            written: 0,
            has_failed: Arc::default(),
            tail: Vec::new(),
            is_asked: plan.is_early,
            has_ended: false,
        }
    }
}

impl Peer for Server {
    fn on_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A request that cannot be written was asked all the same, as far as the one is concerned who sends these bytes.
        self.tail.extend_from_slice(bytes);
        self.is_asked |= self.tail.windows(4).any(|end| end == b"\r\n\r\n");
        if self.tail.windows(SECOND_REQUEST.len()).any(|line| line == SECOND_REQUEST) && !self.has_ended {
            self.segments = [Next::Bytes(SECOND_RESPONSE.to_vec())].into();
            self.write_fails = None;
        }
        self.tail.drain(..self.tail.len().saturating_sub(SECOND_REQUEST.len() - 1));
        self.written += bytes.len();
        match self.write_fails {
            Some((limit, kind)) if self.written > limit => {
                self.has_failed.store(true, Ordering::Relaxed);
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    fn on_read(&mut self) -> Next {
        if !self.is_asked {
            return Next::Wait;
        }
        if let Some(segment) = self.segments.pop_front() {
            return segment;
        }
        self.has_ended = !matches!(self.end, End::Silence);
        match self.end {
            End::Close => Next::End,
            End::Reset => Next::Failed(io::ErrorKind::ConnectionReset),
            End::Silence => Next::Wait,
        }
    }
}

/// A body with a known length, in bytes.
struct Upload {
    left: usize,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static PIECE: [u8; 8192] = [b'x'; 8192];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let len = self.left.min(PIECE.len());
        self.left -= len;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..len])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
