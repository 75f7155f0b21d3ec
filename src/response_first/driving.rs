//! What the client, which drives its connections itself, tells a wrapped connection and asks of it.

use std::task::Waker;

use super::flags::{BLOCKED, BROKEN, HEARD, HELD_BACK, HOLDS_READS, LOOKS, RESETS, TOLD, UNFLUSHED, WRITTEN};
use super::{ResponseFirst, ResponseFirstHandle};

impl<T: 'static> ResponseFirst<T> {
    /// Wakes `waker` for what happens on the socket, whoever polls, as long as the stream is HTTP.
    pub(crate) fn waking(mut self, waker: Waker) -> Self {
        self.waker = Some(waker);
        self
    }
}

impl ResponseFirstHandle {
    /// Whether anything has come since the current request began: bytes, the end, or an error.
    #[inline]
    pub(crate) fn has_heard(&self) -> bool {
        self.bytes_read() > 0 || self.read_ended()
    }

    /// A request begins here, on a connection that may have had others.
    #[inline]
    pub(crate) fn begin_request(&self) {
        if !self.flags().are(TOLD, TOLD | HEARD) {
            self.set(TOLD, true);
            self.set(HEARD, false);
        }
        self.reset_counts();
    }

    /// Holds reads back until something is written, unless that has happened before. What the server says before it has the first
    /// request is the answer to that request, and nothing that hyper has to see before.
    #[inline]
    pub(crate) fn hold_reads_until_written(&self) {
        if !self.has(WRITTEN) {
            self.set(HOLDS_READS, true);
        }
    }

    /// Whether requests have been written, all that was given, and writing is not over.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.flags().are(WRITTEN, WRITTEN | BLOCKED | UNFLUSHED | BROKEN)
    }

    /// Whether a read was held back that need not wait any more. Only the first call after that says so.
    #[inline]
    pub(crate) fn was_held_back(&self) -> bool {
        if !self.flags().are(HELD_BACK, HELD_BACK | HOLDS_READS) {
            return false;
        }
        self.set(HELD_BACK, false);
        true
    }

    /// What was read has been seen: the request may go on.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.set(HEARD, false);
    }

    /// Until [`end_look`](Self::end_look), a read that the runtime has nothing for asks the system. What that has is read, and not only seen:
    /// under TLS it may be TLS's own, session tickets for one, and only TLS can tell.
    #[inline]
    pub(crate) fn look(&self) {
        self.set(LOOKS, true);
    }

    #[inline]
    pub(crate) fn end_look(&self) {
        self.set(LOOKS, false);
    }

    /// Closing is a reset from now on, so that what the peer has not read does not keep it waiting.
    #[inline]
    pub(crate) fn reset_on_close(&self) {
        self.set(RESETS, true);
    }

    /// Whether something that was given to be written is not written yet, as far as that is known.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.has(BLOCKED | UNFLUSHED)
    }
}
