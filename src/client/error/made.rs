//! Makes each error.

use std::io;
use std::sync::Arc;

use super::exchanged::{About, AnsweredInTls, LargeHead, Sendings, Transfer, after_write, is_too_large};
use super::{ClientError, Inner, Kind, Processing, StreamEnd, TimedOut};
use crate::client::retry::Again;
use crate::outcome::{BoxError, ConnectError, causes};

impl ClientError {
    pub(in crate::client) fn invalid_request(problem: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest(problem.into()), None)
    }

    /// There is no connection. If the URI is at fault, the request is invalid: nothing was tried, and a retry is useless.
    pub(in crate::client) fn connect(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        let invalid = ConnectError::find(&*error).filter(|error| error.is_invalid_uri()).map(ToString::to_string);
        Self::new(invalid.map_or(Kind::Connect, Kind::InvalidRequest), Some(error))
    }

    /// An exchange has failed. `error` is hyper's error, if there is one, and `write` the write error of the request, if hyper's error is another.
    pub(in crate::client) fn exchange(
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
        let cause = match error {
            Some(error) if is_too_large(&error) => Some(LargeHead::new(error, write, transfer.bytes_read).into()),
            error => after_write(error, write),
        };
        let mut this = Self::new(kind, cause);
        this.inner.transfer = transfer;
        this
    }

    /// Adds to an invalid response that the server answered with TLS.
    #[cold]
    pub(in crate::client) fn answered_in_tls(mut self) -> Self {
        if self.inner.kind == Kind::InvalidResponse {
            self.inner.source = self.inner.source.map(|error| Arc::new(AnsweredInTls(error)) as _);
        }
        self
    }

    /// The heads of a response, informational ones included, are too large. `end` says what became of a request over HTTP/2.
    #[cold]
    pub(in crate::client) fn endless_head(most: u64, transfer: Transfer, end: Option<StreamEnd>) -> Self {
        let what = format!(
            "its heads have more than {most} bytes, informational ones (1xx) among them: Builder::max_response_head"
        );
        let mut this = Self::new(Kind::InvalidResponse, Some(what.into()));
        (this.inner.transfer, this.inner.stream) = (transfer, end);
        this
    }

    /// The body of the request failed or broke a promise. `transfer` is that of the connection, if there was one.
    pub(in crate::client) fn request_body(error: Option<BoxError>, transfer: Transfer) -> Self {
        let mut this = Self::new(Kind::RequestBody, error);
        this.inner.transfer = transfer;
        this
    }

    pub(in crate::client) fn response_body(error: hyper::Error, about: Option<About>) -> Self {
        let (about, write) =
            about.map_or((None, None), |About { host, transfer, write }| (Some((host, transfer)), write));
        let is_malformed = causes(&error).any(|cause| {
            let kind = cause.downcast_ref().map(io::Error::kind);
            kind.is_some_and(|kind| matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
        });
        let kind = if is_malformed { Kind::MalformedBody } else { Kind::ResponseBody };
        let mut this = Self::new(kind, after_write(Some(error), write));
        if let Some((host, transfer)) = about {
            (this.inner.host, this.inner.transfer) = (Some(host), transfer);
        }
        this
    }

    /// A time limit of the client was reached. `end` is the verdict on a request over HTTP/2 without a response.
    #[cold]
    pub(in crate::client) fn timed_out(
        timed_out: TimedOut,
        host: Option<String>,
        transfer: Transfer,
        end: Option<StreamEnd>,
    ) -> Self {
        let mut this = Self::new(Kind::TimedOut(timed_out), None);
        (this.inner.host, this.inner.transfer, this.inner.stream) = (host, transfer, end);
        this
    }

    pub(super) fn new(kind: Kind, source: Option<BoxError>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                source: source.map(Arc::from),
                host: None,
                transfer: Transfer::default(),
                sendings: Sendings::default(),
                stream: None,
            }),
        }
    }

    /// Adds the host, and the history of the request on its earlier connections.
    pub(in crate::client) fn after(mut self, host: String, sendings: Sendings) -> Self {
        self.inner.host = Some(host);
        self.inner.sendings = sendings;
        if sendings.has_sent && matches!(self.inner.kind, Kind::Canceled | Kind::TurnedAway) {
            // This connection sent nothing of the request, but an earlier one did.
            self.inner.kind = Kind::Closed;
        } else if sendings.was_turned_away && self.inner.kind == Kind::Canceled {
            self.inner.kind = Kind::TurnedAway;
        }
        self
    }

    /// A stream ended without a response.
    pub(in crate::client) fn stream(end: StreamEnd, source: Option<BoxError>, transfer: Transfer) -> Self {
        let kind = match (end.processing, end.reason) {
            (Processing::Unsent, _) => Kind::Canceled,
            (Processing::Unprocessed, _) => Kind::TurnedAway,
            (Processing::Answered, _) => Kind::InvalidResponse,
            (Processing::Unknown, Some(_)) => Kind::StreamClosed,
            (Processing::Unknown, None) => Kind::Closed,
        };
        let mut this = Self::new(kind, source);
        (this.inner.stream, this.inner.transfer) = (Some(end), transfer);
        this
    }

    /// The body of a request over HTTP/2 failed.
    pub(in crate::client) fn stream_request_body(error: BoxError, processing: Processing, transfer: Transfer) -> Self {
        let mut this = Self::request_body(Some(error), transfer);
        this.inner.stream = Some(StreamEnd { processing, reason: None, again: Again::Never });
        this
    }

    /// A response over HTTP/2 did not end properly.
    pub(in crate::client) fn stream_body(
        error: BoxError,
        reason: Option<u32>,
        about: Option<(String, Transfer)>,
    ) -> Self {
        let mut this = Self::new(Kind::ResponseBody, Some(error));
        this.inner.stream = Some(StreamEnd { processing: Processing::Answered, reason, again: Again::Never });
        if let Some((host, transfer)) = about {
            (this.inner.host, this.inner.transfer) = (Some(host), transfer);
        }
        this
    }
}
