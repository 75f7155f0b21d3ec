//! What an error contains about its exchange.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::{Phase, StreamEnd};
use crate::client::retry::Repeats;
use crate::connect::ConnectInfo;
use crate::outcome::BoxError;

/// The connection of an exchange, and what was sent and received on it.
#[derive(Debug)]
pub(in crate::client) struct About {
    pub(in crate::client) host: String,
    pub(in crate::client) transfer: Transfer,
    /// The write error of the request, if there was one.
    pub(in crate::client) write: Option<io::Error>,
}

/// What was sent and received on the connection.
#[derive(Debug, Clone, Default)]
pub(in crate::client) struct Transfer {
    pub(in crate::client) info: Option<ConnectInfo>,
    pub(in crate::client) reused: bool,
    pub(in crate::client) bytes_written: u64,
    pub(in crate::client) bytes_read: u64,
}

/// How far a request without a response is.
#[derive(Debug)]
pub(in crate::client) struct HowFar {
    pub(in crate::client) phase: Phase,
    pub(in crate::client) transfer: Transfer,
    /// The verdict on the request if its HTTP/2 stream ends now. `None` over HTTP/1.1, where the bytes that were read decide.
    pub(in crate::client) end: Option<StreamEnd>,
}

impl HowFar {
    /// The state of a request that has no connection yet, or has one over HTTP/1.1.
    pub(in crate::client) fn owned(phase: Phase, transfer: Transfer) -> Self {
        Self { phase, transfer, end: None }
    }
}

/// What the request has gone through over all of its connections.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::client) struct Sendings {
    /// How often it was sent again.
    pub(in crate::client) retries: u32,
    /// An earlier connection had sent a part of the request.
    pub(in crate::client) has_sent: bool,
    /// An earlier connection had sent a part of the request, and its server said that it did not act on it.
    pub(in crate::client) was_turned_away: bool,
    /// Whether [`RetryPolicy::covers`](crate::client::RetryPolicy) the request.
    pub(in crate::client) covered: bool,
    /// How often the request was sent again over HTTP/2.
    pub(in crate::client) repeats: Repeats,
}

impl Sendings {
    /// The request is sent again over HTTP/1.1. If some of it was sent, the server may have acted on it.
    pub(in crate::client) fn on_sent_again(&mut self, has_sent: bool) {
        self.retries += 1;
        if has_sent {
            self.has_sent = true;
            self.repeats.add_unknown();
        }
    }
}

/// hyper's error of a response, and the write error of the request before it.
#[derive(Debug)]
struct AfterWrite {
    error: hyper::Error,
    write: io::Error,
}

/// Combines the two into one cause. If hyper's error has a cause of its own, that says more than the write error.
pub(super) fn after_write(error: Option<hyper::Error>, write: Option<io::Error>) -> Option<BoxError> {
    match (error, write) {
        (Some(error), Some(write)) if error.source().is_none() => Some(AfterWrite { error, write }.into()),
        (Some(error), _) => Some(error.into()),
        (None, write) => write.map(Into::into),
    }
}

impl fmt::Display for AfterWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for AfterWrite {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.write)
    }
}

/// The server answered with a TLS alert. hyper's error says that this is not HTTP.
#[derive(Debug)]
pub(super) struct AnsweredInTls(pub(super) Arc<dyn StdError + Send + Sync>);

impl fmt::Display for AnsweredInTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server speaks TLS")
    }
}

impl StdError for AnsweredInTls {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// A response head that is too large for hyper. hyper reports a `Content-Length` near 2^64 with the same error.
#[derive(Debug)]
pub(super) struct LargeHead {
    error: hyper::Error,
    /// The write error of the request before it.
    write: Option<io::Error>,
    is_short: bool,
}

impl LargeHead {
    pub(super) fn new(error: hyper::Error, write: Option<io::Error>, bytes_read: u64) -> Self {
        Self { error, write, is_short: bytes_read < LONG }
    }
}

/// Whether hyper's error is that of a head that is too large. hyper has no predicate for clients, so its text is compared.
pub(super) fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string() == "message head is too large"
}

/// A head with fewer bytes cannot have more fields than hyper allows by default.
const LONG: u64 = 400;

impl fmt::Display for LargeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_short {
            "malformed head: its Content-Length is more than any body has, or it has more fields than Builder::http1 allows"
        } else {
            "its head has more bytes or fields than Builder::http1 allows, or a Content-Length that is more than any body has"
        })
    }
}

impl StdError for LargeHead {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.write {
            Some(write) => Some(write),
            None if self.is_short => None,
            None => Some(&self.error),
        }
    }
}
