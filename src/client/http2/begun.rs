//! A snapshot of a connection's counters, taken when the connection got a request, and what has happened on the connection since.

use super::connection::Connection;
use super::seen::{Observed, Watched};
use super::verdict::{Cause, Facts};
use crate::client::error::Transfer;

/// The connection's counters at the moment when it got the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// How many requests the connection had got before.
    before: usize,
    written: u64,
    read: u64,
    /// How many field blocks of responses the connection had received.
    heads: u64,
}

impl Begun {
    /// Takes the snapshot for the request that the connection gets next.
    pub(super) fn now(observed: &Observed) -> Self {
        let (written, read, heads) = (observed.bytes_written(), observed.bytes_read(), observed.heads());
        Self { before: 0, written, read, heads }
    }

    /// Sets how many requests the connection had got before.
    pub(super) fn after(self, before: usize) -> Self {
        Self { before, ..self }
    }

    /// Returns how many requests the connection had got before.
    pub(super) fn before(self) -> usize {
        self.before
    }

    /// Returns what was sent and received on the connection since.
    pub(super) fn transfer(self, connection: &Connection) -> Transfer {
        connection.transfer(self.before, self.written, self.read)
    }

    /// Whether the head of a response, of any stream, has arrived on the connection since.
    #[inline]
    pub(super) fn has_heads_since(self, observed: &Observed) -> bool {
        observed.heads() > self.heads
    }

    /// Returns the facts for the verdict on the request, if its stream ends now because of `cause`.
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
