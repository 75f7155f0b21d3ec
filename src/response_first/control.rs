//! What a wrapped connection tells, and may be told, while somebody else owns it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::request_head::RequestHead;

/// A handle to a [`ResponseFirst`](super::ResponseFirst) connection: cheap to clone, and an extension of every response over it.
///
/// It is one with the connection only as long as that lives; it does not keep it open.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

/// The task that drives the connection sets and reads nearly all of this, so that no order between the fields matters.
#[derive(Default)]
struct Shared {
    disarmed: AtomicBool,
    broken: AtomicBool,
    /// Somebody says when a request begins: no need to recognise it.
    is_told: AtomicBool,
    read_ended: AtomicBool,
    looks: AtomicBool,
    touched: AtomicBool,
    resets_on_close: AtomicBool,
    /// The last write did not take all that it was given.
    blocked: AtomicBool,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl Control {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Write errors are reported from now on as they come. For a connection that is no longer HTTP/1.1.
    ///
    /// A connection without TLS that was asked for an upgrade is disarmed already.
    #[inline]
    pub fn disarm(&self) {
        self.shared.disarmed.store(true, Relaxed);
    }

    /// Whether a write has failed and writing is over.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Relaxed)
    }

    /// Bytes read since the current request began.
    #[inline]
    pub fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Relaxed)
    }

    /// Bytes of the current request that the system has taken.
    #[inline]
    pub fn bytes_written(&self) -> u64 {
        self.shared.bytes_written.load(Relaxed)
    }

    /// Whether anything has come since the current request began: bytes, the end, or an error.
    #[inline]
    pub(crate) fn has_heard(&self) -> bool {
        self.bytes_read() > 0 || self.read_ended()
    }

    /// A request begins here, on a connection that may have had others.
    #[inline]
    pub(crate) fn begin_request(&self) {
        self.shared.is_told.store(true, Relaxed);
        self.reset_counts();
    }

    /// Swallows whatever is written from now on.
    #[inline]
    pub(crate) fn stop_writing(&self) {
        self.shared.broken.store(true, Relaxed);
    }

    /// The next read that has nothing to give looks at the socket.
    #[inline]
    pub(crate) fn look(&self) {
        self.shared.touched.store(false, Relaxed);
        self.shared.looks.store(true, Relaxed);
    }

    /// Whether the look found anything: bytes, the end, or an error.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.shared.looks.store(false, Relaxed);
        self.shared.touched.load(Relaxed)
    }

    /// Closing is a reset from now on, so that what the peer has not read does not keep it waiting.
    #[inline]
    pub(crate) fn reset_on_close(&self) {
        self.shared.resets_on_close.store(true, Relaxed);
    }

    /// Whether something that was given to be written is not written yet, as far as that is known.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.shared.blocked.load(Relaxed)
    }

    #[inline]
    pub(super) fn resets_on_close(&self) -> bool {
        self.shared.resets_on_close.load(Relaxed)
    }

    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        !self.shared.disarmed.load(Relaxed)
    }

    #[inline]
    pub(super) fn is_to_look(&self) -> bool {
        self.shared.looks.load(Relaxed)
    }

    #[inline]
    pub(super) fn looked(&self, touched: bool) {
        self.shared.touched.store(touched, Relaxed);
    }

    #[inline]
    pub(super) fn read_ended(&self) -> bool {
        self.shared.read_ended.load(Relaxed)
    }

    #[inline]
    pub(super) fn on_read_end(&self) {
        self.shared.read_ended.store(true, Relaxed);
    }

    #[inline]
    pub(super) fn on_read(&self, bytes: usize) {
        add(&self.shared.bytes_read, bytes);
    }

    #[inline]
    pub(super) fn on_write(&self, written: usize, of: usize) {
        add(&self.shared.bytes_written, written);
        self.shared.blocked.store(written < of, Relaxed);
    }

    /// The first write since something was read may be the head of a request.
    #[inline]
    pub(super) fn on_first_write(&self, head: impl FnOnce() -> Option<RequestHead>) {
        if self.shared.is_told.load(Relaxed) || !self.is_armed() {
            return;
        }
        if let Some(head) = head() {
            self.reset_counts();
            if head.wants_upgrade {
                self.disarm();
            }
        }
    }

    fn reset_counts(&self) {
        self.shared.bytes_read.store(0, Relaxed);
        self.shared.bytes_written.store(0, Relaxed);
    }
}

/// Only the task that drives the connection adds.
fn add(counter: &AtomicU64, bytes: usize) {
    counter.store(counter.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("armed", &self.is_armed())
            .field("broken", &self.is_broken())
            .field("bytes_written", &self.bytes_written())
            .field("bytes_read", &self.bytes_read())
            .finish()
    }
}
