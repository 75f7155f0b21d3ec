//! How it stood with a connection when it got a request, and what has happened on it since.

use super::connection::Connection;
use super::seen::{Observed, Watched};
use super::verdict::{Cause, Facts};
use crate::client::error::Transfer;

/// How it stood with the connection when it got the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// How many requests it had had.
    before: usize,
    written: u64,
    read: u64,
    /// How many responses had come.
    heads: u64,
}

impl Begun {
    /// Of a connection that gets its next request now.
    pub(super) fn now(observed: &Observed) -> Self {
        let (written, read, heads) = (observed.bytes_written(), observed.bytes_read(), observed.heads());
        Self { before: 0, written, read, heads }
    }

    /// The connection had had so many requests.
    pub(super) fn after(self, before: usize) -> Self {
        Self { before, ..self }
    }

    /// How many requests the connection had had.
    pub(super) fn before(self) -> usize {
        self.before
    }

    /// What has happened on the connection since.
    pub(super) fn transfer(self, connection: &Connection) -> Transfer {
        connection.transfer(self.before, self.written, self.read)
    }

    /// Whether the head of a response has come on the connection since, be it on another stream.
    #[inline]
    pub(super) fn has_heads_since(self, observed: &Observed) -> bool {
        observed.heads() > self.heads
    }

    /// What there is to be judged by, if the stream of the request ends now, and of this.
    pub(super) fn facts(self, cause: Cause, observed: &Observed, watched: &Watched) -> Facts {
        let heads = observed.heads();
        Facts {
            cause,
            has_written: observed.bytes_written() > self.written,
            has_settings: observed.has_settings(),
            has_head: watched.has_head(),
            is_first: self.before == 0,
            has_answered: heads > 0,
            has_answered_since: heads > self.heads,
        }
    }
}
