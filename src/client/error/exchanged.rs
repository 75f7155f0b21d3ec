//! What an exchange leaves to its error.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::{Phase, StreamEnd};
use crate::client::retry::Repeats;
use crate::connect::ConnectInfo;
use crate::outcome::BoxError;

/// Which connection it was, and what happened on it.
#[derive(Debug)]
pub(in crate::client) struct About {
    pub(in crate::client) host: String,
    pub(in crate::client) transfer: Transfer,
    /// How writing the request has failed, if it has.
    pub(in crate::client) write: Option<io::Error>,
}

/// What happened on the connection.
#[derive(Debug, Clone, Default)]
pub(in crate::client) struct Transfer {
    pub(in crate::client) info: Option<ConnectInfo>,
    pub(in crate::client) reused: bool,
    pub(in crate::client) bytes_written: u64,
    pub(in crate::client) bytes_read: u64,
}

/// How far a request is that has no response yet.
#[derive(Debug)]
pub(in crate::client) struct HowFar {
    pub(in crate::client) phase: Phase,
    pub(in crate::client) transfer: Transfer,
    /// What becomes of it if it ends now. None without a stream of HTTP/2: what was read on the connection says it then.
    pub(in crate::client) end: Option<StreamEnd>,
}

impl HowFar {
    /// Of a request that has no connection yet, or one of its own.
    pub(in crate::client) fn owned(phase: Phase, transfer: Transfer) -> Self {
        Self { phase, transfer, end: None }
    }
}

/// What only the request knows.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::client) struct Sendings {
    /// How often it was sent again.
    pub(in crate::client) retries: u32,
    /// A connection before the last one had sent something of it.
    pub(in crate::client) has_sent: bool,
    /// A connection before the last one had sent something of it, whose server has said that it did not act on it.
    pub(in crate::client) was_turned_away: bool,
    /// [`RetryPolicy::covers`](crate::client::RetryPolicy) it.
    pub(in crate::client) covered: bool,
    /// Over HTTP/2.
    pub(in crate::client) repeats: Repeats,
}

impl Sendings {
    /// The request is sent again over HTTP/1.1. The server may have acted on what was sent of it.
    pub(in crate::client) fn on_sent_again(&mut self, has_sent: bool) {
        self.retries += 1;
        if has_sent {
            self.has_sent = true;
            self.repeats.add_unknown();
        }
    }
}

/// What hyper says of a response, and how writing the request had failed before.
#[derive(Debug)]
struct AfterWrite {
    error: hyper::Error,
    write: io::Error,
}

/// The two as one cause. An error of hyper that has a cause of its own says more than that the server has gone.
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

/// A response that is an alert of TLS. What hyper says of it is that it is not HTTP.
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

/// A head that is too large to hyper. It says the same of a `Content-Length` that is nearly 2^64.
#[derive(Debug)]
pub(super) struct LargeHead {
    error: hyper::Error,
    /// How writing the request had failed before.
    write: Option<io::Error>,
    is_short: bool,
}

impl LargeHead {
    pub(super) fn new(error: hyper::Error, write: Option<io::Error>, bytes_read: u64) -> Self {
        Self { error, write, is_short: bytes_read < LONG }
    }
}

/// Whether hyper says that a head is too large. To clients it says so in words alone.
pub(super) fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string() == "message head is too large"
}

/// A head with more fields than hyper allows by default has more bytes.
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
