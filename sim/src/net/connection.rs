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
    /// When the dial began, and when it ended.
    pub(crate) dialled: Stamp,
    pub(crate) dial_ended: Option<Stamp>,
    /// When the client dropped it, in milliseconds.
    pub(crate) let_go: Option<u64>,
    /// HTTP/2 is spoken over it.
    pub(crate) is_http2: bool,
    /// It was dialled for all waiting requests: its host was not known to speak HTTP/1.1.
    pub(crate) is_for_all: bool,

    // From the server to the client.
    /// Bytes that the client has not read.
    pub(crate) readable: Vec<u8>,
    /// How many bytes could be read, and how many the client has read.
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    pub(crate) read_end: Option<Ended>,
    pub(crate) reader: Option<Waker>,

    // From the client to the server.
    /// How many bytes the client has written, and how many the server has read.
    pub(crate) accepted: u64,
    pub(crate) taken: u64,
    pub(crate) parser: Parser,
    /// The error of writes.
    pub(crate) write_error: Option<io::ErrorKind>,
    /// The server has closed: one more write succeeds.
    pub(crate) is_deserted: bool,
    pub(crate) writer: Option<Waker>,
    /// A write has had to wait.
    pub(crate) was_blocked: bool,
    pub(crate) has_shut_down: bool,
    /// The client has dropped it.
    pub(crate) is_dropped: bool,

    // The exchanges on it.
    /// The requests on it, and the responses.
    pub(crate) attempts: Vec<usize>,
    pub(crate) answers: Vec<usize>,
    /// When there was an event that a request may fail of, and when its end could be read.
    pub(crate) hurt: Option<Stamp>,
    pub(crate) ended: Option<Stamp>,
    /// It takes no more bytes, and a write has failed of that.
    pub(crate) refuses_writes: bool,
    pub(crate) write_failed: Option<Stamp>,
    /// The caller of the last request has seen the end of its response.
    pub(crate) is_released: bool,

    // The server.
    pub(crate) at: usize,
    /// How many bytes the server had read when it began its script again.
    pub(crate) round_began: Option<u64>,
    /// Counts the server's waits, so that timers of earlier waits are ignored.
    pub(crate) epoch: u64,
    pub(crate) is_waiting: bool,
    pub(crate) is_noticing: bool,
    pub(crate) is_served: bool,
    /// The unsent rest of the response.
    pub(crate) outbox: Vec<u8>,
    /// Its state over HTTP/2.
    pub(crate) http2: Server,
}

/// How reading ends for the client.
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

    /// Returns how many bytes a write may take now.
    pub(crate) fn room(&self) -> usize {
        let ahead = self.accepted - self.taken;
        usize::try_from(u64::from(self.script.window).saturating_sub(ahead)).unwrap_or(usize::MAX)
    }
}
