//! The error of the client.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

pub(super) use self::exchanged::{About, HowFar, Sendings, Transfer};
pub use self::phase::Phase;
pub(super) use self::phase::{Limit, TimedOut};
pub use self::processing::Processing;
pub(super) use self::processing::StreamEnd;
use super::retry::{Again, Fate};
use crate::connect::ConnectInfo;
use crate::outcome::{AttemptError, Chain, ConnectError, causes};

mod exchanged;
mod find;
mod made;
mod phase;
mod processing;
#[cfg(test)]
mod tests;

/// The error of a request without a response, or of a response that did not end.
///
/// `Display` is one line, which is enough for a log. The line does not repeat the [`source`](StdError::source). If there is no connection, the line is
/// that of the [`ConnectError`], which names every address, and the source is that of the `ConnectError`:
/// [`connect_error`](Self::connect_error) returns the `ConnectError` itself. There is one exception: the error of a layer around the connector, or of
/// another connector, is the source, so that its type can be found, although the line may have its text. `Debug` is the line, followed by the causes that add something. Of the URI,
/// errors of this crate show only host and port.
///
/// # Which error it is
///
/// | predicate | true when | [`is_permanent`](Self::is_permanent) | [`may_retry`](Self::may_retry) |
/// |---|---|---|---|
/// | [`is_invalid_request`](Self::is_invalid_request) | The request cannot be sent as it is. | yes | no |
/// | [`is_connect`](Self::is_connect) | There is no connection. | as the [`ConnectError`] | unless it is permanent |
/// | [`is_canceled`](Self::is_canceled) | The connection ended before it took the request; [`is_closed_before_response`](Self::is_closed_before_response) as well. | no | yes |
/// | [`is_closed_before_response`](Self::is_closed_before_response) | The connection ended before the head of a response was complete. | no | if nothing was written, or the request is idempotent; and nothing was read |
/// | [`is_invalid_response`](Self::is_invalid_response) | What the server sent is not HTTP, or its head is too large. | no | no |
/// | [`is_request_body`](Self::is_request_body) | The body of the request failed; [`is_body`](Self::is_body) as well. | no | no |
/// | [`is_body`](Self::is_body) alone | The body of the response is not complete, or malformed. | no | no |
/// | [`is_timeout`](Self::is_timeout) alone | A [time limit](super::Builder::timeout) of the client was reached; [`timeout_phase`](Self::timeout_phase) says when. | no | as for a connection that ended then |
///
/// Every error is in exactly one of these rows. In the others, too, [`is_timeout`](Self::is_timeout) is true if a time limit ended the connection or
/// the connect. A permanent error is never worth a retry; some errors are neither permanent nor worth one. Requests that waited for one dial get clones
/// of its error.
#[derive(Clone)]
pub struct ClientError {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: Kind,
    /// Shared by all requests that failed for the same reason.
    source: Option<Arc<dyn StdError + Send + Sync>>,
    /// Host and port, if the request got that far.
    host: Option<String>,
    transfer: Transfer,
    sendings: Sendings,
    /// How the HTTP/2 stream of the request ended. `None` over HTTP/1.1.
    stream: Option<StreamEnd>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    InvalidRequest(String),
    Connect,
    /// The connection ended, whether the request was sent or not.
    Closed,
    /// The connection ended before it took the request.
    Canceled,
    /// The server has ended the stream.
    StreamClosed,
    /// The server has said that it did not act on the request.
    TurnedAway,
    InvalidResponse,
    RequestBody,
    ResponseBody,
    /// The body of the response breaks HTTP/1: it has an invalid chunk.
    MalformedBody,
    /// A time limit of the client was reached.
    TimedOut(TimedOut),
}

impl ClientError {
    /// Whether the request cannot be sent as it is. Its URI has no host, an invalid host, or a scheme or port that a
    /// [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) does not accept ([`ConnectError::is_invalid_uri`]); its version is not supported; or
    /// the fields that frame its body contradict each other, the body or the version (RFC 9112 §6). No connection was made for it, with one
    /// exception: that `OPTIONS *` cannot be sent over a proxy is known only when there is a connection.
    pub fn is_invalid_request(&self) -> bool {
        matches!(self.inner.kind, Kind::InvalidRequest(_))
    }

    /// Whether there is no connection: the connector failed, or the connection cannot be used. [`connect_error`](Self::connect_error) has the attempts.
    /// The error of another connector than this crate's is the [`source`](StdError::source).
    pub fn is_connect(&self) -> bool {
        self.inner.kind == Kind::Connect
    }

    /// Whether the connection ended before the head of a final response was complete. The server may or may not have acted on the request;
    /// [`bytes_written`](Self::bytes_written) says whether it can have seen any of it.
    pub fn is_closed_before_response(&self) -> bool {
        matches!(self.inner.kind, Kind::Closed | Kind::Canceled | Kind::StreamClosed | Kind::TurnedAway)
    }

    /// Returns what is known of the request: whether the server may have acted on it.
    pub fn processing(&self) -> Processing {
        let fate = match self.inner.kind {
            Kind::InvalidRequest(_) => return Processing::Unsent,
            Kind::ResponseBody | Kind::MalformedBody => return Processing::Answered,
            Kind::TimedOut(TimedOut { phase: Phase::ReadingBody, .. }) => return Processing::Answered,
            Kind::RequestBody => None,
            _ => self.fate(),
        };
        let Inner { stream, sendings, transfer, .. } = &*self.inner;
        let processing = match stream.as_ref().map(|end| end.processing) {
            Some(Processing::Unprocessed | Processing::Unsent) if sendings.has_sent => Processing::Unknown,
            Some(processing) => processing,
            None if fate.is_some_and(|fate| fate.unsent) => Processing::Unsent,
            None if transfer.bytes_read > 0 => Processing::Answered,
            None if transfer.bytes_written == 0 && !sendings.has_sent => Processing::Unsent,
            None => Processing::Unknown,
        };
        let was_only_turned_away = processing == Processing::Unsent && sendings.was_turned_away;
        if was_only_turned_away { Processing::Unprocessed } else { processing }
    }

    /// Returns the HTTP/2 error code with which either side ended the stream or the connection (RFC 9113 §7). `None` if there was none, or if it was
    /// not HTTP/2.
    pub fn http2_reason(&self) -> Option<u32> {
        self.inner.stream.as_ref()?.reason
    }

    /// Whether the connection ended before it took the request: nothing was sent, and a retry is safe for any method.
    pub fn is_canceled(&self) -> bool {
        self.inner.kind == Kind::Canceled
    }

    /// Whether a time limit was reached: one of the client (its [phase](Self::timeout_phase) says how far the request was), or one of the connector,
    /// such as that of a TLS handshake ([`ConnectError::is_timeout`]); or the connection was given up as dead.
    pub fn is_timeout(&self) -> bool {
        // An error of the caller's own body does not count.
        !self.is_request_body() && (matches!(self.inner.kind, Kind::TimedOut(_)) || self.has_timed_out_below())
    }

    fn has_timed_out_below(&self) -> bool {
        self.causes().any(|cause| {
            cause.downcast_ref().is_some_and(ConnectError::is_timeout)
                || cause.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
        })
    }

    /// Returns how far the request was when a time limit was reached: one of the client ([`Builder::timeout`](super::Builder::timeout),
    /// [`Builder::response_header_timeout`](super::Builder::response_header_timeout), [`TimeLimits`](super::TimeLimits)), or one of the connector, which
    /// is always [`Phase::Connecting`]; so is the phase of a connect that the system gave up. `None` for every other error, also where a connection that had
    /// the request was given up as dead.
    pub fn timeout_phase(&self) -> Option<Phase> {
        match self.inner.kind {
            Kind::TimedOut(TimedOut { phase, .. }) => Some(phase),
            Kind::Connect if self.has_timed_out_below() => Some(Phase::Connecting),
            _ => None,
        }
    }

    /// Whether a body failed: that of the request, whose own error is among the causes, or that of the response, which ended before it was complete
    /// (RFC 9112 §8), or has an invalid chunk (RFC 9112 §7.1).
    pub fn is_body(&self) -> bool {
        matches!(self.inner.kind, Kind::RequestBody | Kind::ResponseBody | Kind::MalformedBody)
    }

    /// Whether the body of the request failed or broke a promise: it was longer or shorter than its exact [`size_hint`](http_body::Body::size_hint)
    /// or its `Content-Length`, or had trailers that cannot be sent. If a response with a status of 300 or more arrived all the same, that is
    /// returned instead.
    pub fn is_request_body(&self) -> bool {
        self.inner.kind == Kind::RequestBody
    }

    /// Whether the server sent something that is not HTTP, or a head that is too large ([`Builder::http1`](super::Builder::http1),
    /// [`Builder::max_response_head`](super::Builder::max_response_head)). If a server answers a connection without TLS with a TLS alert (RFC 8446
    /// §6), the [`source`](StdError::source) says that the server speaks TLS. If a write of the request had failed before, its error is among the
    /// causes.
    pub fn is_invalid_response(&self) -> bool {
        self.inner.kind == Kind::InvalidResponse
    }

    /// Whether the same request would fail again, until somebody changes it, the configuration, the server or the name's records. This is so for an
    /// [invalid request](Self::is_invalid_request). It is also so if there is [no connection](Self::is_connect) and the connector's error is
    /// permanent: by [`ConnectError::is_permanent`] if there is a [`connect_error`](Self::connect_error), else by [`AttemptError::is_permanent`] of an
    /// [`AttemptError`] among the causes.
    pub fn is_permanent(&self) -> bool {
        match self.inner.kind {
            Kind::InvalidRequest(_) => true,
            Kind::Connect => {
                let says = |cause: &(dyn StdError + 'static)| {
                    let connect = cause.downcast_ref().map(ConnectError::is_permanent);
                    connect.or_else(|| cause.downcast_ref().map(AttemptError::is_permanent))
                };
                self.causes().find_map(says).unwrap_or(false)
            }
            _ => false,
        }
    }

    /// Whether a retry is safe (RFC 9110 §9.2.2) and may help. It is safe if nothing of the request was sent, whatever the method; or if the request
    /// is idempotent by the client's [`RetryPolicy`](super::RetryPolicy) and no byte of a response was read. The error must not be
    /// [permanent](Self::is_permanent), and the [body of the request](Self::is_request_body) must not have failed.
    ///
    /// The client follows the same rule, and has [retried](Self::retries) already where it could. What remains is for the caller: to back off, to
    /// retry after a failure on a fresh connection, and to make a used body again. With [`RetryPolicy::Never`](super::RetryPolicy::Never) no request
    /// counts as idempotent.
    pub fn may_retry(&self) -> bool {
        if let Some(end) = &self.inner.stream {
            return match end.again {
                Again::Never | Again::OverHttp1 => false,
                Again::IfIdempotent => self.inner.sendings.covered,
                Again::Always { .. } => !self.inner.sendings.has_sent || self.inner.sendings.covered,
            };
        }
        !self.is_permanent() && self.fate().is_some_and(Fate::may_be_sent_again)
    }

    /// Returns the facts that decide whether a retry is safe. `None` if a retry does not help: the request or its body was at fault, or the body of
    /// the response had begun.
    fn fate(&self) -> Option<Fate> {
        let Inner { kind, transfer, sendings, .. } = &*self.inner;
        match kind {
            Kind::InvalidRequest(_) | Kind::RequestBody | Kind::ResponseBody | Kind::MalformedBody => None,
            Kind::TimedOut(TimedOut { phase: Phase::ReadingBody, .. }) => None,
            Kind::Connect
            | Kind::Closed
            | Kind::Canceled
            | Kind::StreamClosed
            | Kind::TurnedAway
            | Kind::InvalidResponse
            | Kind::TimedOut(_) => Some(Fate {
                unsent: has_no_connection(kind) && !sendings.has_sent,
                written: transfer.bytes_written > 0 || sendings.has_sent,
                read: transfer.bytes_read > 0,
                covered: sendings.covered,
            }),
        }
    }

    /// Returns the error of a [`HappyEyeballsConnector`](crate::HappyEyeballsConnector), under any layers. It has the attempts, or says why the URI
    /// is invalid. The [`source`](StdError::source) does not lead to it if its text is that of this error; [`ConnectError::find`] finds it.
    pub fn connect_error(&self) -> Option<&ConnectError> {
        if self.is_before_connection() { self.causes().find_map(|cause| cause.downcast_ref()) } else { None }
    }

    /// Whether a connect error among the causes is about this request. One behind the error of a request's body may be about another request.
    fn is_before_connection(&self) -> bool {
        self.is_connect() || self.is_invalid_request()
    }

    /// Returns the errors behind this one. The connector's error is one of them, although `source` skips it.
    fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        self.inner.source.as_deref().into_iter().flat_map(|error| causes(error))
    }

    /// Returns the record of the connection's race, if a [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) made it.
    pub fn connect_info(&self) -> Option<&ConnectInfo> {
        self.inner.transfer.info.as_ref()
    }

    /// Whether the connection had other requests before.
    pub fn was_reused(&self) -> bool {
        self.inner.transfer.reused
    }

    /// Returns how many bytes of the request the system has taken, on the last connection that it was sent on. If this is zero and there were no
    /// [`retries`](Self::retries), nothing can have reached the server.
    pub fn bytes_written(&self) -> u64 {
        self.inner.transfer.bytes_written
    }

    /// Returns how many bytes arrived from the server since the request began.
    pub fn bytes_read(&self) -> u64 {
        self.inner.transfer.bytes_read
    }

    /// Returns how many times the request was sent again before this error.
    pub fn retries(&self) -> u32 {
        self.inner.sendings.retries
    }

    /// Writes the line of a connector's error, with the host only once.
    fn fmt_connect(&self, host: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.connect_error(), &self.inner.source) {
            (Some(error), _) if error.host().is_some_and(|name| has_name(host, name)) => fmt::Display::fmt(error, f),
            // The error is about another host, a proxy, say.
            (Some(error), _) => write!(f, "no connection to {host}: {error}"),
            (None, Some(error)) => write!(f, "no connection to {host}: {error}"),
            (None, None) => write!(f, "no connection to {host}"),
        }
    }
}

/// Whether no connection had taken the request.
fn has_no_connection(kind: &Kind) -> bool {
    match kind {
        Kind::Connect | Kind::Canceled => true,
        Kind::TimedOut(timed_out) => matches!(timed_out.phase, Phase::WaitingForConnection | Phase::Connecting),
        _ => false,
    }
}

/// Whether `host`, which may have brackets and a port, is the host `name`.
fn has_name(host: &str, name: &str) -> bool {
    let rest = host.strip_prefix('[').unwrap_or(host).strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([']', ':']))
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.inner.host.as_deref().unwrap_or("the server");
        match &self.inner.kind {
            Kind::InvalidRequest(problem) => return write!(f, "invalid request: {problem}"),
            Kind::Connect => self.fmt_connect(host, f)?,
            Kind::Closed => write!(f, "the connection to {host} was closed before a response arrived")?,
            Kind::Canceled => write!(f, "the connection to {host} was closed before the request was sent")?,
            Kind::StreamClosed => write!(f, "{host} ended the stream of the request before a response arrived")?,
            Kind::TurnedAway => write!(f, "{host} turned the request away, and has not acted on it")?,
            Kind::InvalidResponse => write!(f, "the response of {host} is invalid")?,
            Kind::RequestBody => write!(f, "the body of the request to {host} failed")?,
            Kind::ResponseBody => write!(f, "the body of the response of {host} is incomplete")?,
            Kind::MalformedBody => write!(f, "the body of the response of {host} is malformed")?,
            Kind::TimedOut(timed_out) => timed_out.fmt_with(host, f)?,
        }
        if self.inner.sendings.retries > 0 {
            f.write_str(", when the request was sent again")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientError({})", Chain(self))
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // An `io::Error` may only wrap the connector's error. The error of a layer says more, and stays a cause.
        let first = self.causes().find(|cause| !cause.is::<io::Error>());
        match first.and_then(|cause| cause.downcast_ref::<ConnectError>()) {
            // The line of this error has the text of the connector's error. Whoever joins the causes would read the text twice.
            Some(error) if self.is_before_connection() => error.source(),
            _ => self.inner.source.as_deref().map(|error| error as _),
        }
    }
}
