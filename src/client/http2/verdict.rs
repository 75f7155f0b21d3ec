//! The verdict on a request that has no response: what became of it, and may it be sent again? The rules of RFC 9113 §6.8, §8.1 and §8.7, as a
//! function.

use crate::client::error::Processing;
use crate::client::retry::Again;

/// The facts that a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) cause: Cause,
    /// A byte was written on the connection since it got the request.
    pub(super) has_written: bool,
    /// The server has shown that it speaks HTTP/2.
    pub(super) has_settings: bool,
    /// An informational response came.
    pub(super) has_head: bool,
    /// The request was the first on its connection.
    pub(super) is_first: bool,
    /// The connection has answered another request.
    pub(super) has_answered: bool,
    /// The connection has answered another request since it got this one.
    pub(super) has_answered_since: bool,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The connection did not take the request.
    NotTaken,
    /// The server sent GOAWAY with this error code, and it does not cover the stream.
    GoAway(u32),
    /// The server sent RST_STREAM with this error code.
    Reset(u32),
    /// The response was not valid HTTP/2, or too large.
    Malformed,
    /// The server broke the protocol.
    Broken,
    /// The connection ended.
    Closed,
}

/// What became of a request, and whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Verdict {
    pub(in crate::client) processing: Processing,
    pub(in crate::client) again: Again,
}

impl Cause {
    pub(super) fn of(error: &h2::Error) -> Self {
        let reason = error.reason().map_or(0, Into::into);
        match (error.is_go_away(), error.is_reset(), error.is_remote()) {
            (true, _, true) => Self::GoAway(reason),
            (_, true, true) => Self::Reset(reason),
            (_, true, false) if error.is_library() => Self::Malformed,
            (true, _, false) => Self::Broken,
            _ => Self::Closed,
        }
    }
}

/// Returns the verdict on a request.
pub(super) fn judge(facts: Facts) -> Verdict {
    let Facts { cause, has_written, has_settings, has_head, is_first, has_answered, has_answered_since } = facts;
    let verdict = |processing, again| Verdict { processing, again };
    if has_head && cause != Cause::Malformed {
        // The server has seen the request, whatever GOAWAY or RST_STREAM says.
        let again = match cause {
            Cause::Reset(reason) if reason != REFUSED_STREAM => Again::Never,
            Cause::GoAway(reason) if is_final(reason, is_first) => Again::Never,
            _ => Again::IfIdempotent,
        };
        return verdict(Processing::Unknown, again);
    }
    match cause {
        // RFC 9113 §7: the server wants the request over HTTP/1.1, and so has not processed it.
        Cause::GoAway(HTTP_1_1_REQUIRED) | Cause::Reset(HTTP_1_1_REQUIRED) => {
            verdict(Processing::Unprocessed, Again::OverHttp1)
        }
        Cause::Malformed => verdict(Processing::Answered, Again::Never),
        Cause::NotTaken => verdict(Processing::Unsent, Again::Always { counts: !has_answered }),
        Cause::GoAway(reason) if is_final(reason, is_first) => verdict(Processing::Unprocessed, Again::Never),
        Cause::GoAway(_) => verdict(Processing::Unprocessed, Again::Always { counts: !has_answered }),
        Cause::Reset(REFUSED_STREAM) => verdict(Processing::Unprocessed, Again::Always { counts: !has_answered_since }),
        // The server chose to end this request: it may have acted on it.
        Cause::Reset(_) => verdict(Processing::Unknown, Again::Never),
        Cause::Closed | Cause::Broken if !has_written => {
            verdict(Processing::Unsent, Again::Always { counts: !has_answered })
        }
        // Without SETTINGS, the server refused the connection, most likely, or speaks another protocol.
        Cause::Closed | Cause::Broken if !has_settings => verdict(Processing::Unknown, Again::Never),
        Cause::Closed | Cause::Broken => verdict(Processing::Unknown, Again::IfIdempotent),
    }
}

/// Whether a GOAWAY forbids a retry. A server that names a fault at the first request would name it again. After ENHANCE_YOUR_CALM the caller decides
/// how long to back off.
fn is_final(reason: u32, is_first: bool) -> bool {
    (is_first && reason != NO_ERROR) || matches!(reason, ENHANCE_YOUR_CALM | INADEQUATE_SECURITY | HTTP_1_1_REQUIRED)
}

/// Error codes (RFC 9113 §7).
const NO_ERROR: u32 = 0x0;
const REFUSED_STREAM: u32 = 0x7;
const ENHANCE_YOUR_CALM: u32 = 0xb;
const INADEQUATE_SECURITY: u32 = 0xc;
const HTTP_1_1_REQUIRED: u32 = 0xd;

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Facts = Facts {
        cause: Cause::Closed,
        has_written: true,
        has_settings: true,
        has_head: false,
        is_first: false,
        has_answered: true,
        has_answered_since: true,
    };

    #[track_caller]
    fn check(facts: Facts, processing: Processing, again: Again) {
        assert_eq!(judge(facts), Verdict { processing, again }, "{facts:?}");
    }

    const FREE: Again = Again::Always { counts: false };
    const COUNTED: Again = Again::Always { counts: true };

    #[test]
    fn what_was_not_taken_or_not_written_is_sent_again_whatever_it_is() {
        for cause in [Cause::NotTaken, Cause::Closed, Cause::Broken] {
            let unsent = Facts { cause, has_written: false, ..SENT };
            check(unsent, Processing::Unsent, FREE);
            check(Facts { has_settings: false, ..unsent }, Processing::Unsent, FREE);
            check(Facts { has_answered: false, ..unsent }, Processing::Unsent, COUNTED);
        }
    }

    #[test]
    fn a_goaway_that_does_not_cover_the_request_proves_that_it_was_not_processed() {
        for reason in [NO_ERROR, 1, 2, 0xff] {
            let turned_away = Facts { cause: Cause::GoAway(reason), ..SENT };
            check(turned_away, Processing::Unprocessed, FREE);
            check(Facts { has_answered: false, ..turned_away }, Processing::Unprocessed, COUNTED);
        }
    }

    #[test]
    fn a_goaway_to_the_first_request_that_names_a_fault_would_come_again() {
        let first = |reason| Facts { cause: Cause::GoAway(reason), is_first: true, has_answered: false, ..SENT };
        check(first(ENHANCE_YOUR_CALM), Processing::Unprocessed, Again::Never);
        check(first(1), Processing::Unprocessed, Again::Never);
        check(first(NO_ERROR), Processing::Unprocessed, COUNTED);
    }

    #[test]
    fn a_goaway_that_asks_for_something_is_for_the_caller() {
        for reason in [ENHANCE_YOUR_CALM, INADEQUATE_SECURITY] {
            check(Facts { cause: Cause::GoAway(reason), ..SENT }, Processing::Unprocessed, Again::Never);
        }
    }

    #[test]
    fn a_server_that_asks_for_http1_has_it() {
        for cause in [Cause::GoAway(HTTP_1_1_REQUIRED), Cause::Reset(HTTP_1_1_REQUIRED)] {
            check(Facts { cause, ..SENT }, Processing::Unprocessed, Again::OverHttp1);
            check(Facts { cause, has_head: true, ..SENT }, Processing::Unknown, Again::Never);
        }
    }

    #[test]
    fn of_resets_only_a_refusal_proves_anything() {
        let refused = Facts { cause: Cause::Reset(REFUSED_STREAM), ..SENT };
        check(refused, Processing::Unprocessed, FREE);
        check(Facts { has_answered_since: false, ..refused }, Processing::Unprocessed, COUNTED);
        for reason in [NO_ERROR, 1, 2, 8, ENHANCE_YOUR_CALM] {
            check(Facts { cause: Cause::Reset(reason), ..SENT }, Processing::Unknown, Again::Never);
        }
    }

    #[test]
    fn what_was_on_a_connection_that_ended_is_unknown() {
        for cause in [Cause::Closed, Cause::Broken] {
            check(Facts { cause, ..SENT }, Processing::Unknown, Again::IfIdempotent);
            check(Facts { cause, has_settings: false, ..SENT }, Processing::Unknown, Again::Never);
        }
    }

    #[test]
    fn after_an_informational_response_no_proof_is_believed() {
        for cause in [Cause::GoAway(NO_ERROR), Cause::Reset(REFUSED_STREAM), Cause::Closed, Cause::Broken] {
            check(Facts { cause, has_head: true, ..SENT }, Processing::Unknown, Again::IfIdempotent);
        }
        for cause in [Cause::Reset(8), Cause::GoAway(ENHANCE_YOUR_CALM)] {
            check(Facts { cause, has_head: true, ..SENT }, Processing::Unknown, Again::Never);
        }
    }

    #[test]
    fn a_response_that_cannot_be_read_is_an_answer() {
        for has_head in [false, true] {
            check(Facts { cause: Cause::Malformed, has_head, ..SENT }, Processing::Answered, Again::Never);
        }
    }
}
