//! A request without a response: why there is none, and what became of the request.

use std::sync::Arc;

use h2::Reason;

use super::connection::Connection;
use super::ended::{Ended, Heard};
use super::verdict::{Cause, Facts, Verdict, judge};
use crate::client::error::{ClientError, Processing, StreamEnd, Transfer};
use crate::client::request::upload::Progress;
use crate::client::retry::Again;
use crate::outcome::BoxError;

/// A request without a response.
pub(in crate::client) struct Failure {
    pub(super) verdict: Verdict,
    pub(super) cause: Failed,
    pub(super) transfer: Transfer,
    /// The request's body, with what was kept of it put back.
    pub(in crate::client) progress: Option<Arc<Progress>>,
}

/// Why a request has no response.
pub(super) enum Failed {
    /// The connection did not take the request.
    NotTaken,
    /// The heads of interim responses exceed this limit, in bytes.
    Endless(u64),
    /// The stream, or its connection, has ended.
    Ended(Ended),
    /// The body of the request has failed.
    Body(BoxError),
}

impl Failure {
    /// Whether the request may be sent again.
    pub(in crate::client) fn again(&self) -> Again {
        if matches!(self.cause, Failed::Body(_)) { Again::Never } else { self.verdict.again }
    }

    /// Whether the server may have acted on the request.
    pub(in crate::client) fn may_have_been_processed(&self) -> bool {
        !matches!(self.verdict.processing, Processing::Unsent | Processing::Unprocessed)
    }

    /// Whether the server has said that it did not act on the request.
    pub(in crate::client) fn was_turned_away(&self) -> bool {
        self.verdict.processing == Processing::Unprocessed
    }

    pub(in crate::client) fn into_error(self) -> ClientError {
        let Self { verdict: Verdict { processing, again }, cause, transfer, .. } = self;
        let (source, reason): (Option<BoxError>, _) = match cause {
            Failed::Body(error) => return ClientError::stream_request_body(error, processing, transfer),
            Failed::Endless(most) => {
                // h2 resets a stream that is dropped with this code.
                let end = StreamEnd { processing, reason: Some(Reason::CANCEL.into()), again };
                return ClientError::endless_head(most, transfer, Some(end));
            }
            Failed::NotTaken => (None, None),
            Failed::Ended(ended) => {
                let reason = ended.error.reason().filter(|_| ended.heard == Heard::Http2);
                (Some(ended.into()), reason)
            }
        };
        let reason = reason.map(u32::from);
        ClientError::stream(StreamEnd { processing, reason, again }, source, transfer)
    }

    pub(super) fn not_taken(connection: &Connection, progress: Option<Arc<Progress>>) -> Self {
        let facts = Facts {
            cause: Cause::NotTaken,
            has_written: false,
            has_settings: connection.observed.has_settings(),
            has_head: false,
            is_first: false,
            has_answered: connection.observed.heads() > 0,
            has_answered_since: false,
        };
        let transfer = connection.transfer(1, u64::MAX, u64::MAX);
        Self { verdict: judge(facts), cause: Failed::NotTaken, transfer, progress }
    }
}
