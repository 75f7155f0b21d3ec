//! A server that does not speak HTTP/2.

use std::error::Error;
use std::fmt;

/// A connection has ended before the server has sent its settings, which come first (RFC 9113 §3.4).
#[derive(Debug)]
pub(super) struct NoHttp2 {
    pub(super) error: h2::Error,
    /// The server has said something else.
    pub(super) has_read: bool,
}

impl fmt::Display for NoHttp2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_read {
            "the server does not speak HTTP/2"
        } else {
            "the server closed the connection before it had said anything"
        })
    }
}

impl Error for NoHttp2 {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
