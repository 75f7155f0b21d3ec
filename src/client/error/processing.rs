//! What the server may have done with a request that failed.

use crate::client::retry::Again;

/// What the server may have done with a request that failed: see [`ClientError::processing`](super::ClientError::processing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Processing {
    /// Nothing of the request was sent.
    Unsent,
    /// The server has said that it did not act on the request: REFUSED_STREAM, or a GOAWAY that does not cover the request (RFC 9113 §6.8 and §8.7).
    Unprocessed,
    /// The server may or may not have acted on the request.
    Unknown,
    /// The server has begun to answer.
    Answered,
}

/// How an HTTP/2 stream has ended, and whether its request may be sent again.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct StreamEnd {
    pub(in crate::client) processing: Processing,
    /// The error code, if there was one.
    pub(in crate::client) reason: Option<u32>,
    pub(in crate::client) again: Again,
}
