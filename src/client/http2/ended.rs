//! The error of a stream that ended before its response did.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The error of a stream that ended before its response did. Its source is the error of the connection.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) error: h2::Error,
    /// The read error, if that ended the stream.
    pub(super) read: Option<Arc<io::Error>>,
    pub(super) heard: Heard,
}

/// What the server had sent before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// SETTINGS, which come first (RFC 9113 §3.4).
    Http2,
    SomethingElse,
    Nothing,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.heard {
            Heard::Http2 => self.error.fmt(f),
            Heard::SomethingElse => f.write_str("the server does not speak HTTP/2"),
            Heard::Nothing => f.write_str("the server closed the connection before it had said anything"),
        }
    }
}

impl Error for Ended {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match (&self.read, self.heard) {
            (Some(read), _) => Some(&**read),
            (None, Heard::Http2) => None,
            (None, Heard::SomethingElse | Heard::Nothing) => Some(&self.error),
        }
    }
}
