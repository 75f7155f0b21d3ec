//! Everything that happens in one simulation, as data: the requests, and the script of the server on each connection.
//!
//! A plan is made from a seed, printed and parsed as a scenario file, and shrunk. The same plan gives the same run.

mod generate;
mod generate_alpn;
mod generate_http2;
mod parse;
mod print;
mod servers;
mod shrink;

pub use self::generate::{Wishes, generate};
pub use self::shrink::shrink;

/// One simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed that the plan was made from. It does not affect the run.
    pub seed: u64,
    /// The client's settings.
    pub client: Settings,
    /// Tasks that make requests in parallel.
    pub callers: Vec<Caller>,
    /// The server's script on each connection, in the order of their dials. Further connections get a correct server.
    pub connections: Vec<Script>,
}

/// The settings of the client, and how the simulation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `max_idle_per_host`.
    pub max_idle: Option<u32>,
    /// `max_connections_per_host`.
    pub max_connections: Option<u32>,
    /// `max_age`, in milliseconds.
    pub max_age: Option<u32>,
    /// `idle_timeout`, in milliseconds.
    pub idle_timeout: u32,
    /// `late_binding`.
    pub late_binding: bool,
    /// Which requests may be sent again.
    pub retry: Retry,
    /// Whether bodies can be copied for a retry.
    pub retry_bodies: bool,
    /// `retry_on_request_timeout`.
    pub retry_408: bool,
    /// Whether HTTP/2 is spoken: by prior knowledge, or if ALPN chooses it.
    pub http2: bool,
    /// Whether ALPN decides the protocol of each connection.
    pub alpn: bool,
    /// `http2_max_connections_per_host`.
    pub http2_connections: u32,
    /// `http2_windows`: of a stream and of a connection, in bytes.
    pub http2_windows: (u32, u32),
    /// Whether a `ResponseFirstLayer` is between the client and the transport, as it would be below TLS.
    pub layered: bool,
    /// How many runtimes the callers are in. The network has one of its own if there are several.
    pub runtimes: u32,
    /// The times at which a runtime is not driven.
    pub standstills: Vec<Standstill>,
    /// What is done after the last request.
    pub end: End,
}

/// A time at which a runtime is not driven, or has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// Which runtime.
    pub runtime: u32,
    /// From when on, in milliseconds.
    pub from: u32,
    /// Until when, in milliseconds; `None` drops the runtime.
    pub until: Option<u32>,
}

impl Standstill {
    /// The end of a standstill without one: the runtime is never driven again, and is not dropped.
    pub const FOR_EVER: u32 = u32::MAX;
}

/// Which requests may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// None.
    Never,
    /// Safe methods.
    Safe,
    /// Idempotent methods.
    Idempotent,
}

/// What is done after the last request. Afterwards no connection may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The idle connections are closed by hand.
    CloseIdle,
    /// The client is dropped.
    Drop,
    /// The idle timeout passes.
    Expire,
    /// As many requests as connections are allowed are sent at once to each host, and answered only when all are there.
    Probe,
}

/// A task that makes sequential requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The runtime that it is in.
    pub runtime: u32,
    /// Its requests.
    pub asks: Vec<Ask>,
}

/// A time to wait: milliseconds, and then rounds of the scheduler in which all other tasks run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Milliseconds of virtual time.
    pub ms: u32,
    /// Rounds of all other tasks.
    pub rounds: u32,
}

/// A request, and what its caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The pause before it is sent.
    pub pause: Pause,
    /// Which host.
    pub host: u32,
    /// The method.
    pub method: Method,
    /// Whether it has an `Idempotency-Key`.
    pub key: bool,
    /// Whether it has `Expect: 100-continue`.
    pub expect: bool,
    /// Its body.
    pub body: Upload,
    /// When its caller cancels it.
    pub cancel: Option<Pause>,
    /// What is done with the body of the response.
    pub reading: Reading,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are named as in RFC 9110")]
pub enum Method {
    Get,
    Head,
    Put,
    Delete,
    Post,
}

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// Its frames: bytes, and the time before them.
    pub frames: Vec<(u32, Pause)>,
    /// Whether its length is not known beforehand.
    pub unknown: bool,
    /// Whether it fails after its last frame.
    pub fails: bool,
}

/// What is done with the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is read to the end at once.
    All,
    /// It is read to the end, with a pause before each frame.
    Slow(Pause),
    /// It is dropped after as many frames.
    Stop(u32),
    /// It is kept for this time, then dropped unread.
    Hold(Pause),
}

/// The script of a server on one connection. At its end the server closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// How long the connect takes.
    pub connect: Pause,
    /// The connect fails.
    pub refused: bool,
    /// ALPN chooses HTTP/1.1.
    pub http1: bool,
    /// How many bytes the client may be ahead of the server.
    pub window: u32,
    /// How long the server waits for any input, in milliseconds, before it skips to the end of its script.
    pub patience: u32,
    /// How long the server takes to notice input; `None` is at once, before the write returns.
    pub latency: Option<Pause>,
    /// The script is repeated; not over HTTP/2.
    pub again: bool,
    /// Over HTTP/2: how many bytes arrive at a time; `None` is all that was sent.
    pub segment: Option<u32>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A step of a server.
///
/// Over HTTP/2 the steps before the first [`Stream`](Self::Stream) belong to the connection. Those of the streams follow in the order of opening. A
/// stream without steps is served correctly, and so is what its steps leave undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits.
    Wait(Pause),
    /// Waits for more of the request.
    Read(Until),
    /// Sends an informational response.
    Inform(u16),
    /// Makes the response to the request without one, to be sent by later steps. Without such a request, the response is unsolicited.
    Answer(Answer),
    /// Sends this many bytes of the response.
    Send(u32),
    /// Sends the rest of it.
    SendRest,
    /// Half-closes, and reads on.
    Fin,
    /// Closes.
    Close,
    /// Resets the connection. With `true` the client can still read what has arrived.
    Reset(bool),
    /// Makes the client's writes fail, and nothing else.
    RefuseWrites,
    /// Waits until all requests of [`End::Probe`] are there.
    Gather,
    /// Over HTTP/2: the steps of the next stream follow.
    Stream,
    /// Ends a stream with this error code.
    ResetStream(u32),
    /// Waits until this many streams were opened on the connection.
    Requests(u32),
    /// Waits until a stream was opened, and all have ended.
    Idle,
    /// Allows this many streams at a time.
    MaxStreams(u32),
    /// Sets the initial window of uploads; more than zero.
    InitialWindow(u32),
    /// Sends GOAWAY with this last stream and error code.
    GoAway(Last, u32),
    /// Sends PING.
    Ping,
    /// Reads nothing for this time.
    Deaf(Pause),
    /// Sends this many more bytes of anything, and then nothing.
    Cut(u32),
}

/// The last stream that a server processes. It is never below one that was answered, nor above one that was named before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// No stream.
    Zero,
    /// The first half of the opened streams.
    Half,
    /// All opened streams.
    Seen,
    /// All streams, later ones included.
    Max,
}

/// How much of a request is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Its first byte, which is not read.
    Begun,
    /// Its head.
    Head,
    /// This many bytes of its body.
    Body(u32),
    /// All of it.
    End,
}

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How the end of the body is found.
    pub framing: Framing,
    /// Whether it has `Connection: close`.
    pub close: bool,
}

/// How the end of a response's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length(u32),
    /// Chunks of at most 16 bytes, this many bytes in all. Over HTTP/2, END_STREAM in a frame of its own.
    Chunked(u32),
    /// Trailers after this many bytes; only over HTTP/2.
    Trailers(u32),
    /// The end of the connection, after this many bytes.
    UntilClose(u32),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_idle: None,
            max_connections: None,
            max_age: None,
            idle_timeout: 90_000,
            late_binding: false,
            retry: Retry::Idempotent,
            retry_bodies: false,
            retry_408: false,
            http2: false,
            alpn: false,
            http2_connections: 4,
            http2_windows: (1 << 20, 16 << 20),
            layered: false,
            runtimes: 1,
            standstills: Vec::new(),
            end: End::CloseIdle,
        }
    }
}

impl Plan {
    /// Returns the number of requests.
    pub fn asks(&self) -> usize {
        self.callers.iter().map(|caller| caller.asks.len()).sum()
    }
}

impl Method {
    /// Returns the method's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Post => "POST",
        }
    }
}

impl Ask {
    /// Whether `retry` allows a retry after the server may have seen the request.
    pub fn is_covered(&self, retry: Retry) -> bool {
        let by_method = match self.method {
            Method::Get | Method::Head => true,
            Method::Put | Method::Delete => retry == Retry::Idempotent,
            Method::Post => false,
        };
        retry != Retry::Never && (by_method || self.key)
    }
}

impl Upload {
    /// Returns its length in bytes, if it does not fail.
    pub fn len(&self) -> u64 {
        self.frames.iter().map(|(bytes, _)| u64::from(*bytes)).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.fails
    }

    /// Whether the first frame is all of it and ready at once, so that it can be sent again.
    pub fn is_whole(&self) -> bool {
        matches!(*self.frames, [(1.., Pause { ms: 0, rounds: 0 })]) && !self.unknown && !self.fails
    }
}
