//! Decides what happens to a request body that is not complete when its response is there.

use std::time::Duration;

use http::StatusCode;

/// How much of a request may still be sent after the end of its response.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct AfterResponse {
    pub(in crate::client) bytes: u64,
    pub(in crate::client) time: Duration,
}

impl AfterResponse {
    pub(in crate::client) fn stops_at_once(self) -> bool {
        self.bytes == 0 || self.time.is_zero()
    }
}

/// Whether a server that answers with `status` still wants the body of the request (RFC 9112 §9.5, RFC 9113 §8.1).
pub(in crate::client) fn wants_body(status: StatusCode) -> bool {
    status.as_u16() < 300
}
