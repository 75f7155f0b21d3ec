//! The phase of a request at a time limit.

use std::fmt;
use std::time::Duration;

use crate::outcome::Time;

/// How far a request was when a time limit was reached: [`ClientError::timeout_phase`](super::ClientError::timeout_phase).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The request waited for a connection that another request used, or that was being made for other requests. The request had begun no
    /// connect of its own.
    WaitingForConnection,
    /// A connection was being made for the request: look-up, race and TLS. Time limits of the connector end in this phase. A request that has begun a dial for itself and others stays in this phase
    /// until it gets a connection, even if that connection exists and all its streams are in use.
    Connecting,
    /// The request's head or body was being sent. Over HTTP/2 this phase also applies while the server does not read what was written on the
    /// connection, for whichever request.
    SendingRequest,
    /// The request was sent, and the head of its response was not complete.
    WaitingForResponse,
    /// The body of its response was being read.
    ReadingBody,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WaitingForConnection => "waiting for a connection",
            Self::Connecting => "connecting",
            Self::SendingRequest => "sending the request",
            Self::WaitingForResponse => "waiting for the response",
            Self::ReadingBody => "reading the body of the response",
        })
    }
}

/// A time limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct TimedOut {
    pub(in crate::client) limit: Limit,
    pub(in crate::client) after: Duration,
    pub(in crate::client) phase: Phase,
}

/// What a time limit covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Limit {
    /// From the call to the end of the response.
    Total,
    /// From the call to the head of the response.
    Head,
}

impl TimedOut {
    pub(super) fn fmt_with(self, host: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Total => "the request to",
            Limit::Head => "the head of the response of",
        };
        write!(f, "the time limit of {} for {what} {host} was reached while {}", Time(self.after), self.phase)
    }
}
