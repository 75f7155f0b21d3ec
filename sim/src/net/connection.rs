//! One connection: bytes in both directions, and how they end.

use std::io;
use std::task::Waker;

use crate::http1::Parser;
use crate::http2::Server;
use crate::ledger::Stamp;
use crate::plan::Script;

/// A connection, or a connect under way.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) host: usize,
    pub(crate) runtime: usize,
    pub(crate) script: Script,
    pub(crate) is_connected: bool,
    /// When it was dialled, and when that was over.
    pub(crate) dialled: Stamp,
    pub(crate) dial_ended: Option<Stamp>,
    /// When the client has let go of it, in milliseconds.
    pub(crate) let_go: Option<u64>,
    /// HTTP/2 is spoken over it.
    pub(crate) is_http2: bool,
    /// It was dialled while its host was not known to speak HTTP/1.1: for all that waited.
    pub(crate) is_for_all: bool,

    // From the server to the client.
    /// What the client has not read.
    pub(crate) readable: Vec<u8>,
    /// Bytes that were made readable, and bytes that the client has read.
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    pub(crate) read_end: Option<Ended>,
    pub(crate) reader: Option<Waker>,

    // From the client to the server.
    /// Bytes that the client has written, and bytes that the server has read.
    pub(crate) accepted: u64,
    pub(crate) taken: u64,
    pub(crate) parser: Parser,
    /// What a write meets.
    pub(crate) write_error: Option<io::ErrorKind>,
    /// The server has closed: one more write succeeds.
    pub(crate) is_deserted: bool,
    pub(crate) writer: Option<Waker>,
    /// A write has had to wait.
    pub(crate) was_blocked: bool,
    pub(crate) has_shut_down: bool,
    /// The client has let go of it.
    pub(crate) is_dropped: bool,

    // What goes over it.
    /// The requests on it, and the responses.
    pub(crate) attempts: Vec<usize>,
    pub(crate) answers: Vec<usize>,
    /// When something happened to it that a request may fail of, and when its end could be read.
    pub(crate) hurt: Option<Stamp>,
    pub(crate) ended: Option<Stamp>,
    /// It takes nothing more, and a write has met that.
    pub(crate) refuses_writes: bool,
    pub(crate) write_failed: Option<Stamp>,
    /// The caller of the last request has seen the end of its response.
    pub(crate) is_released: bool,

    // The server.
    pub(crate) at: usize,
    /// What the server had read when it began its script again.
    pub(crate) round_began: Option<u64>,
    /// Counts what the server waits for.
    pub(crate) epoch: u64,
    pub(crate) is_waiting: bool,
    pub(crate) is_noticing: bool,
    pub(crate) is_served: bool,
    /// What is left of the response to be sent.
    pub(crate) outbox: Vec<u8>,
    /// What it is over HTTP/2.
    pub(crate) http2: Server,
}

/// How the bytes to the client end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Properly,
    ByReset,
}

impl Connection {
    pub(crate) fn new(host: usize, runtime: usize, script: Script, dialled: Stamp, is_http2: bool) -> Self {
        Self {
            host,
            runtime,
            script,
            is_connected: false,
            dialled,
            dial_ended: None,
            let_go: None,
            is_http2,
            is_for_all: false,
            readable: Vec::new(),
            delivered: 0,
            read: 0,
            read_end: None,
            reader: None,
            accepted: 0,
            taken: 0,
            parser: Parser::default(),
            write_error: None,
            is_deserted: false,
            writer: None,
            was_blocked: false,
            has_shut_down: false,
            is_dropped: false,
            attempts: Vec::new(),
            answers: Vec::new(),
            hurt: None,
            ended: None,
            refuses_writes: false,
            write_failed: None,
            is_released: false,
            at: 0,
            round_began: None,
            epoch: 0,
            is_waiting: false,
            is_noticing: false,
            is_served: false,
            outbox: Vec::new(),
            http2: Server::default(),
        }
    }

    /// How many bytes a write may take now.
    pub(crate) fn room(&self) -> usize {
        let ahead = self.accepted - self.taken;
        usize::try_from(u64::from(self.script.window).saturating_sub(ahead)).unwrap_or(usize::MAX)
    }
}
