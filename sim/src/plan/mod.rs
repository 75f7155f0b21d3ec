//! What happens in one simulation, as data: who asks for what, and what each connection's server does.
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
    /// The seed that the plan was made from; of no effect on the run.
    pub seed: u64,
    /// The client's settings.
    pub client: Settings,
    /// Tasks that ask, all at the same time.
    pub callers: Vec<Caller>,
    /// What the server does on each connection, in the order in which they are dialled. Whatever is dialled beyond them
    /// meets a server that does everything right.
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
    /// Whether bodies can be had a second time.
    pub retry_bodies: bool,
    /// `retry_on_request_timeout`.
    pub retry_408: bool,
    /// Whether HTTP/2 is spoken: by prior knowledge, or where ALPN comes to it.
    pub http2: bool,
    /// Whether ALPN decides: with each connection another time.
    pub alpn: bool,
    /// `http2_max_connections_per_host`.
    pub http2_connections: u32,
    /// `http2_windows`: of a stream and of a connection, in bytes.
    pub http2_windows: (u32, u32),
    /// Whether a `ResponseFirstLayer` is between the client and the transport, as it would be below TLS.
    pub layered: bool,
    /// How many runtimes the callers are in. The network has one of its own if there are several.
    pub runtimes: u32,
    /// Times at which a runtime is not driven.
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
    /// The end of a standstill that has none: the runtime lives on, and is never driven again.
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

/// What is done after the last request. Whatever it is, no connection may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The idle connections are closed by hand.
    CloseIdle,
    /// The client is dropped.
    Drop,
    /// The idle timeout passes.
    Expire,
    /// As many requests as there may be connections are sent at once to each host, and answered only when all are there.
    Probe,
}

/// A task that asks for one thing after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The runtime that it is in.
    pub runtime: u32,
    /// What it asks for.
    pub asks: Vec<Ask>,
}

/// A time to wait: milliseconds, and then rounds of the scheduler, in which everybody else has a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Milliseconds of virtual time.
    pub ms: u32,
    /// Turns of everybody else.
    pub rounds: u32,
}

/// A request, and what its caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Before it is sent.
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
    /// When its caller loses interest in the response.
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
    /// It is kept for so long, then dropped unread.
    Hold(Pause),
}

/// What a server does on one connection. At its end it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// How long the connect takes.
    pub connect: Pause,
    /// The connect fails.
    pub refused: bool,
    /// ALPN comes to HTTP/1.1.
    pub http1: bool,
    /// How many bytes the client may be ahead of the server.
    pub window: u32,
    /// How long the server waits for anything, in milliseconds, before it goes on to the end of its script.
    pub patience: u32,
    /// How long the server takes to notice what came; `None` is at once, before the write that brings it returns.
    pub latency: Option<Pause>,
    /// After the last step comes the first; not over HTTP/2.
    pub again: bool,
    /// Over HTTP/2: how many bytes arrive at a time; `None` is all that was sent.
    pub segment: Option<u32>,
    /// What it does.
    pub steps: Vec<Step>,
}

/// What a server does.
///
/// Over HTTP/2 the steps before the first [`Stream`](Self::Stream) are those of the connection. Those of the streams follow, in the order in which
/// the streams are opened; whatever has none is served as it should be, and so is what the steps of a stream leave undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits.
    Wait(Pause),
    /// Waits for more of the request.
    Read(Until),
    /// Sends an informational response.
    Inform(u16),
    /// Makes the response to the request that has none yet, to be sent by the steps that follow. If there is no such
    /// request, the response is for nobody.
    Answer(Answer),
    /// Sends so many bytes of the response.
    Send(u32),
    /// Sends the rest of it.
    SendRest,
    /// Closes its side, and reads on.
    Fin,
    /// Closes.
    Close,
    /// Resets the connection; `true` leaves to the client what has arrived.
    Reset(bool),
    /// Whatever the client writes fails, and nothing else happens.
    RefuseWrites,
    /// Waits until all of [`End::Probe`] are there.
    Gather,
    /// Over HTTP/2: the steps of the next stream follow.
    Stream,
    /// Ends a stream with this error code.
    ResetStream(u32),
    /// Waits until so many streams were opened on the connection.
    Requests(u32),
    /// Waits until a stream was opened, and all have ended.
    Idle,
    /// Allows so many streams at a time.
    MaxStreams(u32),
    /// Lets so many bytes of each upload come that were not read; more than none.
    InitialWindow(u32),
    /// Says that no stream beyond the last one is processed, with this error code.
    GoAway(Last, u32),
    /// Asks for a sign of life.
    Ping,
    /// Reads nothing for so long.
    Deaf(Pause),
    /// Sends so many bytes more, of whatever is sent, and then nothing.
    Cut(u32),
}

/// The last stream that a server processes. It is never below one that was answered, nor above one that was named before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// None at all.
    Zero,
    /// The first half of those that were opened.
    Half,
    /// Those that were opened.
    Seen,
    /// Whatever comes.
    Max,
}

/// How much of a request is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Its first byte, which is not read.
    Begun,
    /// Its head.
    Head,
    /// So many bytes of its body.
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
    /// Chunks of at most 16 bytes, so many bytes in all. Over HTTP/2, END_STREAM in a frame of its own.
    Chunked(u32),
    /// Trailers, after so many bytes; over HTTP/2.
    Trailers(u32),
    /// The end of the connection, after so many bytes.
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
    /// How many requests are asked for.
    pub fn asks(&self) -> usize {
        self.callers.iter().map(|caller| caller.asks.len()).sum()
    }
}

impl Method {
    /// As it is written.
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
    /// Whether `retry` lets it be sent again after the server may have seen it.
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
    /// How many bytes it has, if it comes to its end.
    pub fn len(&self) -> u64 {
        self.frames.iter().map(|(bytes, _)| u64::from(*bytes)).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.fails
    }

    /// Whether the first frame is all of it, and is there at once: then it can be sent a second time.
    pub fn is_whole(&self) -> bool {
        matches!(*self.frames, [(1.., Pause { ms: 0, rounds: 0 })]) && !self.unknown && !self.fails
    }
}
