//! The ledger: which requests were made, what the server saw of them, and its responses. It knows no protocol: requests have numbers, and connections
//! carry bytes.

use std::fmt;

use crate::plan::{Ask, Plan};

/// A moment: virtual time, and the order of events within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

/// Everything that is known of the requests of a simulation.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) requests: Vec<Request>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) answers: Vec<Answered>,
    pub(crate) violations: Vec<Violation>,
    /// A hash of everything that happened.
    pub(crate) trace: u64,
}

/// A request of a caller, made or to be made.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// Its attempts, in order.
    pub(crate) attempts: Vec<usize>,
    /// Its body has given its error.
    pub(crate) body_failed: Option<Stamp>,
    /// When it was made.
    pub(crate) asked: Option<Stamp>,
    /// Its caller has the head of the response.
    pub(crate) has_head: bool,
    /// Its caller has finished with it, or has ended.
    pub(crate) is_done: bool,
}

/// An attempt: at least one byte of a request was sent on a connection.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) request: u32,
    pub(crate) connection: usize,
    pub(crate) began: Stamp,
    /// Bytes that the transport took.
    pub(crate) accepted: u64,
    /// Where the request ends in the bytes that the connection took, once its end is there.
    pub(crate) head_end: Option<u64>,
    pub(crate) end: Option<u64>,
    /// Bytes of its body.
    pub(crate) content: u64,
    /// The connection had taken other requests before.
    pub(crate) reused: bool,
    /// The bytes that could be read, and that the client had read, when the request began.
    pub(crate) delivered_before: u64,
    pub(crate) read_before: u64,
    pub(crate) answer: Option<usize>,
}

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Answered {
    /// `None` for a response to no request.
    pub(crate) attempt: Option<usize>,
    pub(crate) connection: usize,
    pub(crate) status: u16,
    pub(crate) close: bool,
    pub(crate) until_close: bool,
    /// Where it is in the bytes of its connection.
    pub(crate) start: u64,
    pub(crate) head_end: u64,
    pub(crate) end: u64,
    pub(crate) content: u64,
    /// It ends with trailers that are looked at.
    pub(crate) has_trailers: bool,
    /// When its first byte, its head, and all of it could be read.
    pub(crate) first_arrived: Option<Stamp>,
    pub(crate) head_arrived: Option<Stamp>,
    pub(crate) all_arrived: Option<Stamp>,
}

/// A rule. Each names its violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A response went to another request than its own, or was given to a request that it preceded.
    Crossed,
    /// A response whose head had arrived was not returned.
    Lost,
    /// The body of a response is not what the server sent, or the end of one that was cut off looks proper.
    WrongBody,
    /// All of a body had arrived, and was not returned.
    LostBody,
    /// A request is pending for ever.
    Pending,
    /// An outcome came later than what decided it.
    Late,
    /// A request was sent again that must not be.
    SentTwice,
    /// A request was not sent again that must be.
    NotRetried,
    /// A request failed though nothing had happened to its connection.
    Unjustified,
    /// An error makes a wrong claim about bytes, connections or retries.
    FalseClaim,
    /// The server got something else than the caller gave, or a request was a success although not all of it was sent.
    WrongRequest,
    /// A connection is left at the end.
    Leak,
    /// A connection was made although one was idle.
    SpuriousDial,
    /// There are more connections, or streams of one, than allowed.
    TooMany,
    /// A request was sent on a connection after its GOAWAY was read.
    AfterGoaway,
    /// A panic.
    Panic,
}

/// A rule that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)
    }
}

impl Ledger {
    pub(crate) fn new(plan: &Plan) -> Self {
        let asks = plan.callers.iter().flat_map(|caller| caller.asks.iter());
        let requests = asks.map(|ask| Request::new(ask.clone())).collect();
        Self { requests, attempts: Vec::new(), answers: Vec::new(), violations: Vec::new(), trace: 0 }
    }

    pub(crate) fn violate(&mut self, rule: Rule, what: impl Into<String>) {
        self.violations.push(Violation { rule, what: what.into() });
    }

    /// Adds what happened to the hash of the run.
    pub(crate) fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what).wrapping_mul(0x100_0000_01b3).rotate_left(23);
    }
}

impl Request {
    pub(crate) fn new(ask: Ask) -> Self {
        Self { ask, attempts: Vec::new(), body_failed: None, asked: None, has_head: false, is_done: false }
    }
}

impl Answered {
    /// Notes that this many bytes of the connection can be read.
    pub(crate) fn arrive(&mut self, delivered: u64, now: Stamp) {
        if delivered > self.start {
            self.first_arrived.get_or_insert(now);
        }
        if delivered >= self.head_end {
            self.head_arrived.get_or_insert(now);
        }
        if delivered >= self.end && !self.until_close {
            self.all_arrived.get_or_insert(now);
        }
    }

    /// Notes that no more than this many bytes can be read.
    pub(crate) fn forget(&mut self, delivered: u64) {
        if delivered <= self.start {
            self.first_arrived = None;
        }
        if delivered < self.head_end {
            self.head_arrived = None;
        }
        if delivered < self.end {
            self.all_arrived = None;
        }
    }
}
