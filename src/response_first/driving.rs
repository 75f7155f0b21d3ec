//! The part of the handle that only this crate's client uses, which drives its connections itself.

use std::task::Waker;

use super::flags::{BLOCKED, BROKEN, HEARD, HELD_BACK, HOLDS_READS, LOOKS, RESETS, TOLD, UNFLUSHED, WRITTEN};
use super::{ResponseFirst, ResponseFirstHandle};

impl<T: 'static> ResponseFirst<T> {
    /// Has events of the socket wake `waker` instead of the waker of the caller, as long as the wrapper is armed.
    pub(crate) fn waking(mut self, waker: Waker) -> Self {
        self.waker = Some(waker);
        self
    }
}

impl ResponseFirstHandle {
    /// Whether bytes, the end or an error have come since the current request began.
    #[inline]
    pub(crate) fn has_heard(&self) -> bool {
        self.bytes_read() > 0 || self.read_ended()
    }

    /// Begins a request. The connection may have had others.
    #[inline]
    pub(crate) fn begin_request(&self) {
        if !self.flags().are(TOLD, TOLD | HEARD) {
            self.set(TOLD, true);
            self.set(HEARD, false);
        }
        self.reset_counts();
    }

    /// Holds reads back until the first write. What a server sends before the first request counts as the response to it, and hyper must not read it
    /// before the request is written. Nothing happens if there was a write already.
    #[inline]
    pub(crate) fn hold_reads_until_written(&self) {
        if !self.has(WRITTEN) {
            self.set(HOLDS_READS, true);
        }
    }

    /// Whether something was written, all of it was taken and flushed, and writing is not over.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.flags().are(WRITTEN, WRITTEN | BLOCKED | UNFLUSHED | BROKEN)
    }

    /// Whether a read was held back that need not wait any more. Returns `true` once.
    #[inline]
    pub(crate) fn was_held_back(&self) -> bool {
        if !self.flags().are(HELD_BACK, HELD_BACK | HOLDS_READS) {
            return false;
        }
        self.set(HELD_BACK, false);
        true
    }

    /// The exchange has seen what was read: the writing of the request may go on.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.set(HEARD, false);
    }

    /// Until [`end_look`](Self::end_look), a read asks the system if the runtime knows of no data. The data is read, and not only peeked at: below
    /// TLS it may be a message of TLS, such as a session ticket, which only TLS can tell.
    #[inline]
    pub(crate) fn look(&self) {
        self.set(LOOKS, true);
    }

    #[inline]
    pub(crate) fn end_look(&self) {
        self.set(LOOKS, false);
    }

    /// Has the connection reset when it is closed, so that the close does not queue up behind data that the peer does not read.
    #[inline]
    pub(crate) fn reset_on_close(&self) {
        self.set(RESETS, true);
    }

    /// Whether the last write or flush was not complete, as far as that is known.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.has(BLOCKED | UNFLUSHED)
    }
}
