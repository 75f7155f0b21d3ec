//! What can go wrong with a request.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::connect::ConnectInfo;
use crate::outcome::BoxError;

/// Why a request has no response, or a response no end.
///
/// `Display` is one line; the cause is the [`source`](StdError::source). Of the URI it has host and port, never more.
pub struct ClientError {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    source: Option<BoxError>,
    /// Host and port, as far as it came to that.
    host: Option<String>,
    transfer: Transfer,
    repeats: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    InvalidRequest(String),
    Connect,
    /// The connection is gone, and the request with it, sent or not.
    Closed,
    /// The connection is gone, and had not taken the request.
    Canceled,
    InvalidResponse,
    RequestBody,
    ResponseBody,
}

/// Which connection it was, and what happened on it.
#[derive(Debug)]
pub(super) struct About {
    pub(super) host: String,
    pub(super) transfer: Transfer,
    /// How writing the request has failed, if it has.
    pub(super) write: Option<io::Error>,
}

/// What hyper says of a response, and how writing the request had failed before.
#[derive(Debug)]
struct AfterWrite {
    error: hyper::Error,
    write: io::Error,
}

/// The two as one cause. An error of hyper that has a cause of its own says more than that the server has gone.
fn after_write(error: Option<hyper::Error>, write: Option<io::Error>) -> Option<BoxError> {
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

/// What happened on the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Transfer {
    pub(super) info: Option<ConnectInfo>,
    pub(super) reused: bool,
    pub(super) bytes_written: u64,
    pub(super) bytes_read: u64,
}

impl ClientError {
    pub(super) fn invalid_request(problem: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest(problem.into()), None)
    }

    pub(super) fn connect(error: impl Into<BoxError>) -> Self {
        Self::new(Kind::Connect, Some(error.into()))
    }

    /// What hyper says of an exchange that failed, if it says anything; and how writing the request had failed before, if that is not
    /// what hyper says.
    pub(super) fn exchange(
        error: Option<hyper::Error>,
        write: Option<io::Error>,
        body_has_failed: bool,
        transfer: Transfer,
    ) -> Self {
        let says = |what: fn(&hyper::Error) -> bool| error.as_ref().is_some_and(what);
        let kind = if says(hyper::Error::is_canceled) {
            Kind::Canceled
        } else if body_has_failed || says(hyper::Error::is_body_write_aborted) {
            Kind::RequestBody
        } else if says(hyper::Error::is_parse) {
            Kind::InvalidResponse
        } else {
            Kind::Closed
        };
        let mut this = Self::new(kind, after_write(error, write));
        this.inner.transfer = transfer;
        this
    }

    /// The body of the request failed, or broke a promise. `transfer` is that of the connection, if it came to one.
    pub(super) fn request_body(error: Option<BoxError>, transfer: Transfer) -> Self {
        let mut this = Self::new(Kind::RequestBody, error);
        this.inner.transfer = transfer;
        this
    }

    pub(super) fn response_body(error: hyper::Error, about: Option<About>) -> Self {
        let (about, write) =
            about.map_or((None, None), |About { host, transfer, write }| (Some((host, transfer)), write));
        let mut this = Self::new(Kind::ResponseBody, after_write(Some(error), write));
        if let Some((host, transfer)) = about {
            (this.inner.host, this.inner.transfer) = (Some(host), transfer);
        }
        this
    }

    fn new(kind: Kind, source: Option<BoxError>) -> Self {
        Self { inner: Box::new(Inner { kind, source, host: None, transfer: Transfer::default(), repeats: 0 }) }
    }

    /// The same error, with what only the request knows.
    pub(super) fn after(mut self, host: String, repeats: u32, has_sent: bool) -> Self {
        self.inner.host = Some(host);
        self.inner.repeats = repeats;
        if has_sent && self.inner.kind == Kind::Canceled {
            // This attempt sent nothing, but one before it did.
            self.inner.kind = Kind::Closed;
        }
        self
    }

    /// The request cannot be sent as it is: its URI has no host, or one that cannot be written; its version is not HTTP/1.0
    /// or 1.1; the fields that frame its body contradict each other, the body or the version (RFC 9112 §6). No connection
    /// was made for it.
    pub fn is_invalid_request(&self) -> bool {
        matches!(self.inner.kind, Kind::InvalidRequest(_))
    }

    /// There is no connection: the connector failed, whose error is the [`source`](StdError::source).
    /// [`ConnectError::find`](crate::ConnectError::find) gets to the attempts.
    pub fn is_connect(&self) -> bool {
        self.inner.kind == Kind::Connect
    }

    /// The connection ended before the head of a final response was complete. The server may have acted on the request, or
    /// may not; [`bytes_written`](Self::bytes_written) tells if it has seen any of it.
    pub fn is_closed_before_response(&self) -> bool {
        matches!(self.inner.kind, Kind::Closed | Kind::Canceled)
    }

    /// The connection ended before it took the request: nothing was sent, and to send it again is safe for any method.
    pub fn is_canceled(&self) -> bool {
        self.inner.kind == Kind::Canceled
    }

    /// The connector took too long, or the system gave up on the connection.
    pub fn is_timeout(&self) -> bool {
        // What a body of the caller's says is its own affair.
        !self.is_request_body()
            && self.causes().any(|cause| {
                cause.downcast_ref().is_some_and(crate::ConnectError::is_timeout)
                    || cause.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
            })
    }

    /// A body failed: that of the request, whose own error is among the causes, or that of the response, which ended
    /// before it was complete (RFC 9112 §8).
    pub fn is_body(&self) -> bool {
        matches!(self.inner.kind, Kind::RequestBody | Kind::ResponseBody)
    }

    /// The body of the request failed, or was not what it says: longer or shorter than its exact
    /// [`size_hint`](http_body::Body::size_hint) or its `Content-Length`, or with trailers that cannot be sent. A response
    /// with a status of 300 or more that arrived all the same is returned instead.
    pub fn is_request_body(&self) -> bool {
        self.inner.kind == Kind::RequestBody
    }

    /// What the server sent is not HTTP/1. If a write of the request had failed before that, the error of the write is among the
    /// causes.
    pub fn is_invalid_response(&self) -> bool {
        self.inner.kind == Kind::InvalidResponse
    }

    /// How the connection came about, if a [`HappyEyeballsConnector`](crate::HappyEyeballsConnector) made it.
    pub fn connect_info(&self) -> Option<&ConnectInfo> {
        self.inner.transfer.info.as_ref()
    }

    /// Whether the connection had carried other requests before.
    pub fn was_reused(&self) -> bool {
        self.inner.transfer.reused
    }

    /// How many bytes of the request the system has taken, on the last connection that it was sent on. If it is zero, and
    /// there were no [`retries`](Self::retries), nothing can have reached the server.
    pub fn bytes_written(&self) -> u64 {
        self.inner.transfer.bytes_written
    }

    /// How many bytes came from the server since the request began.
    pub fn bytes_read(&self) -> u64 {
        self.inner.transfer.bytes_read
    }

    /// How many times the request was sent again before this error: never more than once, but for a future policy.
    pub fn retries(&self) -> u32 {
        self.inner.repeats
    }

    fn causes(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        std::iter::successors(self.source(), |&error| error.source())
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.inner.host.as_deref().unwrap_or("the server");
        match &self.inner.kind {
            Kind::InvalidRequest(problem) => return write!(f, "invalid request: {problem}"),
            Kind::Connect => write!(f, "no connection to {host}")?,
            Kind::Closed => write!(f, "the connection to {host} was closed before a response arrived")?,
            Kind::Canceled => write!(f, "the connection to {host} was closed before the request was sent")?,
            Kind::InvalidResponse => write!(f, "the response of {host} is invalid")?,
            Kind::RequestBody => write!(f, "the body of the request to {host} failed")?,
            Kind::ResponseBody => write!(f, "the body of the response of {host} is incomplete")?,
        }
        if self.inner.repeats > 0 {
            f.write_str(", when the request was sent again")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientError({self}")?;
        for cause in self.causes() {
            write!(f, ": {cause}")?;
        }
        f.write_str(")")
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|error| error as _)
    }
}
