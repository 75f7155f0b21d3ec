//! What is known of the fate of a request that failed.

use crate::client::retry::Again;

/// What is known of the fate of a request that failed: [`ClientError::processing`](super::ClientError::processing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Processing {
    /// Nothing of it was sent.
    Unsent,
    /// The server has said that it did not act on it: REFUSED_STREAM, or a GOAWAY that does not cover it (RFC 9113 §6.8 and §8.7).
    Unprocessed,
    /// The server may have acted on it, or may not.
    Unknown,
    /// The server has begun to answer.
    Answered,
}

/// How a stream of HTTP/2 has ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct StreamEnd {
    pub(in crate::client) processing: Processing,
    /// The error code, if there was one.
    pub(in crate::client) reason: Option<u32>,
    pub(in crate::client) again: Again,
}
