//! Requests whose fields and bodies contradict each other, read by a strict server.
//!
//! If the call succeeds, the server has read exactly the request that was made: method, target, fields, body, trailers. A valid request must succeed.
//! In both cases a second request must arrive complete: the first one leaves nothing on its connection.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use http_body::{Body, Frame, SizeHint};
use hyper_happy_eyeballs::client::{Builder, Client};

use crate::clock;
use crate::memory::{Dialer, Memory, Next, Peer};
use crate::message::{Message, Parsed, parse, trimmed};

/// Runs the target.
pub fn request(data: &[u8]) {
    if let Ok(made) = Made::arbitrary(&mut Unstructured::new(data)) {
        clock::run(exchange(made));
    }
}

async fn exchange(made: Made) {
    let log = Log::default();
    let shared = log.clone();
    let client: Client<_> =
        Builder::new().build(Dialer::new(move || Memory::new(shared.connection()))).expect("the defaults are valid");
    let sent = clock::ends(client.request(made.request())).await;
    let sent = sent.unwrap_or_else(|| panic!("{made:?} never ends; the server has {log:?}"));
    let is_ok = sent.is_ok();
    if let Ok(response) = sent {
        let messages = log.messages();
        assert_eq!(messages.len(), 1, "{made:?}: {log:?}");
        made.check(&messages[0]);
        drop(response);
    } else {
        assert!(!made.is_sound(), "{made:?}: {sent:?}");
    }
    let second = Request::get("http://a.example/second").body(MadeBody::empty()).expect("a valid request");
    let second = clock::ends(client.request(second)).await;
    assert!(matches!(&second, Some(Ok(_))), "after {made:?}: {second:?}; the server has {log:?}");
    let messages = log.messages();
    let last = messages.last().expect("a request was answered");
    assert_eq!((&last.target[..], last.body.len()), (&b"/second"[..], 0), "after {made:?}: {log:?}");
    // What was refused may be anything: its connection is not used again. Otherwise no connection has a flaw.
    assert!(!is_ok || log.wrongs().is_empty(), "{made:?}: {log:?}");
}

/// A request, and what its body does.
#[derive(Clone, Debug)]
struct Made {
    method: Method,
    version: Version,
    fields: Vec<(HeaderName, HeaderValue)>,
    body: MadeBody,
}

impl<'a> Arbitrary<'a> for Made {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let methods =
            [Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::PATCH];
        let version = if input.ratio(1, 8)? { Version::HTTP_10 } else { Version::HTTP_11 };
        let method = input.choose(&methods)?.clone();
        let body = MadeBody::arbitrary(input)?;
        let mut fields = Vec::new();
        for _ in 0..input.int_in_range(0..=5)? {
            fields.extend(field(input)?);
        }
        Ok(Self { method, version, fields, body })
    }
}

/// A field, most often one that has to do with framing.
fn field(input: &mut Unstructured<'_>) -> arbitrary::Result<Option<(HeaderName, HeaderValue)>> {
    const FRAMING: [(&str, &str); 22] = [
        ("content-length", "0"),
        ("content-length", "1"),
        ("content-length", "3"),
        ("content-length", "5"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
        ("content-length", "18446744073709551615"),
        ("content-length", "18446744073709551616"),
        ("content-length", ""),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "Chunked"),
        ("transfer-encoding", "gzip, chunked"),
        ("transfer-encoding", "chunked, gzip"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", "transfer-encoding"),
        ("expect", "100-continue"),
        ("trailer", "x-trailer"),
        ("host", "b.example"),
        ("te", "trailers"),
    ];
    if input.ratio(3, 4)? {
        let (name, value) = *input.choose(&FRAMING)?;
        return Ok(Some((HeaderName::from_static(name), HeaderValue::from_static(value))));
    }
    let (name, value) = (<&[u8]>::arbitrary(input)?, <&[u8]>::arbitrary(input)?);
    // An invalid `Host` is the caller's own choice.
    let name = HeaderName::from_bytes(name).ok().filter(|name| name != "host");
    Ok(name.zip(HeaderValue::from_bytes(value).ok()))
}

impl Made {
    fn request(&self) -> Request<MadeBody> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.version_mut() = self.version;
        *request.uri_mut() = "http://a.example/first?q".parse().expect("a URI");
        for (name, value) in &self.fields {
            request.headers_mut().append(name.clone(), value.clone());
        }
        request
    }

    /// Whether the request is certainly valid, so that it must be sent.
    fn is_sound(&self) -> bool {
        const DELICATE: [&str; 7] =
            ["connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding"];
        let is_plain = self.fields.iter().all(|(name, _)| !DELICATE.contains(&name.as_str()) && name != "upgrade");
        // Chunks need HTTP/1.1, and a method that has content as a rule: what else does not know its length may be refused.
        let has_content = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        let is_framed = self.body.size_hint().exact().is_some() || (has_content && self.version == Version::HTTP_11);
        is_plain && is_framed && self.body.is_honest()
    }

    /// Checks that the server has read the request that was made.
    fn check(&self, message: &Message) {
        assert_eq!(message.method, self.method.as_str(), "{self:?}");
        assert_eq!(message.target, b"/first?q", "{self:?}");
        assert_eq!(message.minor, if self.version == Version::HTTP_10 { 0 } else { 1 }, "{self:?}");
        // A body is not waited for once all that was declared is sent: what it does then matters only if it does it at once.
        let declared = message.values("content-length").next().is_some() || message.body.is_empty();
        let content = self.body.content();
        if declared && self.body.is_slow {
            assert!(content.starts_with(&message.body), "the body of {self:?} in {message:?}");
        } else {
            let [came, made] = [&message.body, &content].map(|body| body.escape_ascii().to_string());
            assert_eq!(came, made, "the body of {self:?} in {message:?}");
            assert!(!matches!(self.body.end, BodyEnd::Error), "the body of {self:?} failed, and nobody was told");
        }
        // Trailers that were announced are sent where they can be.
        let is_chunked = message.values("transfer-encoding").next().is_some();
        let is_announced = message.values("trailer").any(announces_the_trailer);
        let has_trailers = matches!(self.body.end, BodyEnd::Trailers) && is_chunked && is_announced;
        let expected: &[_] = if has_trailers { &[("x-trailer".to_owned(), b"yes".to_vec())] } else { &[] };
        assert_eq!(message.trailers, expected, "the trailers of {self:?} in {message:?}");
        // Fields that the client may add or leave out.
        let is_callers =
            |name: &str| !["connection", "content-length", "expect", "host", "transfer-encoding"].contains(&name);
        let of_message = |name: &str| message.values(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let names = self.fields.iter().map(|(name, _)| name.as_str()).filter(|name| is_callers(name));
        for name in names {
            let values = self.fields.iter().filter(|(other, _)| other == name);
            let values: Vec<_> = values.map(|(_, value)| trimmed(value.as_bytes()).to_vec()).collect();
            assert_eq!(of_message(name), values, "{name} of {self:?}");
        }
        let added = message.fields.iter().filter(|(name, _)| is_callers(name));
        let added = added.filter(|(name, _)| self.fields.iter().all(|(own, _)| own.as_str() != name)).count();
        assert_eq!(added, 0, "fields that nobody asked for: {message:?}");
        if let Some(host) = self.fields.iter().find(|(name, _)| name == "host") {
            assert!(message.values("host").eq([host.1.as_bytes()]), "{self:?}: {message:?}");
        } else {
            assert!(message.values("host").eq([b"a.example"]), "{self:?}: {message:?}");
        }
    }
}

/// Whether a Trailer field, a list of names, has that of the trailer which bodies end with. hyper reads no list that is not visible ASCII.
fn announces_the_trailer(names: &[u8]) -> bool {
    let is_visible = names.iter().all(|&byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    is_visible && names.split(|&byte| byte == b',').any(|name| name.trim_ascii().eq_ignore_ascii_case(b"x-trailer"))
}

/// A body that gives `frames`, whatever length it declares.
#[derive(Clone, Debug)]
struct MadeBody {
    /// The lengths of the frames.
    frames: Vec<u16>,
    next: usize,
    hint: Hint,
    end: BodyEnd,
    /// Each frame is pending once before it is there.
    is_slow: bool,
    has_waited: bool,
    /// It reports its end as soon as it has ended, without another poll.
    says_end: bool,
}

#[derive(Clone, Debug, Arbitrary)]
enum Hint {
    Honest,
    Unknown,
    Exact(u16),
    Lower(u16),
    Range(u16, u16),
}

#[derive(Clone, Debug, Arbitrary)]
enum BodyEnd {
    Clean,
    Error,
    Trailers,
}

impl<'a> Arbitrary<'a> for MadeBody {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let mut frames = Vec::new();
        for _ in 0..input.int_in_range(0..=4)? {
            frames.push(if input.ratio(1, 16)? {
                input.int_in_range(0..=20_000)?
            } else {
                input.int_in_range(0..=12)?
            });
        }
        let (hint, end) =
            (Hint::arbitrary(input)?, if input.ratio(3, 4)? { BodyEnd::Clean } else { BodyEnd::arbitrary(input)? });
        let (is_slow, says_end) = (bool::arbitrary(input)?, bool::arbitrary(input)?);
        Ok(Self { frames, next: 0, hint, end, is_slow, has_waited: false, says_end })
    }
}

impl MadeBody {
    fn empty() -> Self {
        Self {
            frames: Vec::new(),
            next: 0,
            hint: Hint::Honest,
            end: BodyEnd::Clean,
            is_slow: false,
            has_waited: false,
            says_end: true,
        }
    }

    fn is_honest(&self) -> bool {
        let len = self.len();
        let is_right = match self.hint {
            Hint::Honest | Hint::Unknown => true,
            Hint::Exact(exact) => u64::from(exact) == len,
            Hint::Lower(lower) => u64::from(lower) <= len,
            Hint::Range(lower, more) => u64::from(lower) <= len && len <= u64::from(lower) + u64::from(more),
        };
        is_right && matches!(self.end, BodyEnd::Clean)
    }

    fn len(&self) -> u64 {
        self.frames[self.next..].iter().copied().map(u64::from).sum()
    }

    fn content(&self) -> Vec<u8> {
        self.frames.iter().enumerate().flat_map(|(place, len)| frame(place, *len)).collect()
    }
}

fn frame(place: usize, len: u16) -> Vec<u8> {
    vec![b'a' + u8::try_from(place % 26).unwrap_or_default(); usize::from(len)]
}

impl Body for MadeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_slow && !std::mem::replace(&mut self.has_waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_waited = false;
        let place = self.next;
        self.next = (place + 1).min(self.frames.len() + 1);
        if let Some(len) = self.frames.get(place) {
            return Poll::Ready(Some(Ok(Frame::data(frame(place, *len).into()))));
        }
        let is_last = place == self.frames.len();
        Poll::Ready(match self.end {
            BodyEnd::Error if is_last => Some(Err(io::Error::other("the body fails"))),
            BodyEnd::Trailers if is_last => {
                let mut trailers = HeaderMap::new();
                trailers.insert("x-trailer", HeaderValue::from_static("yes"));
                Some(Ok(Frame::trailers(trailers)))
            }
            _ => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.next >= self.frames.len() && matches!(self.end, BodyEnd::Clean)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        match self.hint {
            Hint::Honest => hint
                .set_exact(self.frames.get(self.next..).map_or(0, |left| left.iter().map(|len| u64::from(*len)).sum())),
            Hint::Unknown => {}
            Hint::Exact(exact) => hint.set_exact(exact.into()),
            Hint::Lower(lower) => hint.set_lower(lower.into()),
            Hint::Range(lower, more) => {
                hint.set_upper(u64::from(lower) + u64::from(more));
                hint.set_lower(lower.into());
            }
        }
        hint
    }
}

/// What the servers of all connections have read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Connection>>>);

#[derive(Default)]
struct Connection {
    bytes: Vec<u8>,
    messages: Vec<Message>,
    wrong: Option<String>,
}

impl Log {
    fn connection(&self) -> Server {
        let place = self.with(|connections| {
            connections.push(Connection::default());
            connections.len() - 1
        });
        Server { log: self.clone(), place, answers: 0, has_continued: false }
    }

    fn messages(&self) -> Vec<Message> {
        self.with(|connections| connections.iter().flat_map(|connection| connection.messages.clone()).collect())
    }

    fn wrongs(&self) -> Vec<String> {
        self.with(|connections| connections.iter().filter_map(|connection| connection.wrong.clone()).collect())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<Connection>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|connections| {
            for connection in connections {
                write!(f, "[{:?}; {:?}", connection.messages, connection.wrong)?;
                write!(
                    f,
                    "; then {:?}]",
                    connection.bytes[..connection.bytes.len().min(300)].escape_ascii().to_string()
                )?;
            }
            Ok(())
        })
    }
}

/// A server that answers each request when it has read all of it.
struct Server {
    log: Log,
    place: usize,
    answers: usize,
    has_continued: bool,
}

impl Peer for Server {
    fn on_write(&mut self, bytes: &[u8]) -> Result<(), io::Error> {
        self.log.clone().with(|connections| {
            let connection = &mut connections[self.place];
            connection.bytes.extend_from_slice(bytes);
            while connection.wrong.is_none() {
                match parse(&connection.bytes) {
                    Parsed::Whole(message, len) => {
                        connection.bytes.drain(..len);
                        connection.messages.push(message);
                        self.answers += 1;
                    }
                    Parsed::Partial(_) => break,
                    Parsed::Wrong(wrong) => connection.wrong = Some(wrong.to_string()),
                }
            }
        });
        Ok(())
    }

    fn on_read(&mut self) -> Next {
        let (is_wrong, awaits_body) = self.log.with(|connections| {
            let connection = &connections[self.place];
            let head = match parse(&connection.bytes) {
                Parsed::Partial(Some(head)) => head.values("expect").next().is_some(),
                _ => false,
            };
            (connection.wrong.is_some(), head)
        });
        if self.answers > 0 {
            self.answers -= 1;
            return Next::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec());
        }
        if is_wrong {
            return Next::End;
        }
        if awaits_body && !self.has_continued {
            self.has_continued = true;
            return Next::Bytes(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
        }
        Next::Wait
    }
}
