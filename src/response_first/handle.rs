//! The handle of a wrapped connection: reads its state and controls it while somebody else owns the connection.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::allowance::{Allowance, SharedAllowance};
use super::flags::{
    BLOCKED, BROKEN, DISARMED, Flags, HEARD, HELD_BACK, HOLDS_READS, READ_ENDED, RESETS, SWALLOWS_ONLY, SharedFlags,
    TLS_ALERT, TOLD, UNFLUSHED, WRITTEN,
};
use crate::lock::{Guard, Lock};

/// A handle to a [`ResponseFirst`](super::ResponseFirst) connection. It is cheap to clone.
///
/// Under hyper-util's client it is an extension of every response over the connection. Under [`Client`](crate::client::Client), which uses the handle itself, a response does not
/// have it, since each of them would pay for that. A stream that was upgraded has it: [`ResponseFirst::handle`](super::ResponseFirst::handle).
///
/// It does not keep the connection open.
#[derive(Clone)]
pub struct ResponseFirstHandle {
    shared: Arc<Shared>,
}

/// The state that wrapper and handles share. Nearly all of it is set and read by the task that drives the connection, so that relaxed atomics
/// suffice.
struct Shared {
    flags: SharedFlags,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    allowance: SharedAllowance,
    /// The error of the write that ended writing, until a reader or the client takes it. Locked only to store or to take the error.
    write_error: Lock<Option<io::Error>>,
}

impl ResponseFirstHandle {
    #[inline]
    pub(crate) fn new() -> Self {
        let shared = Shared {
            flags: SharedFlags::new(),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            allowance: SharedAllowance::unlimited(),
            write_error: Lock::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Disarms the wrapper: from now on write errors are returned to the writer. It is for a connection that does not speak HTTP/1.1 any more.
    ///
    /// A connection that was upgraded is disarmed already, unless it has TLS of another connector than this crate's.
    #[inline]
    pub fn disarm(&self) {
        self.set(DISARMED, true);
        self.begin_poll(Allowance::UNLIMITED);
    }

    /// From now on the wrapper does nothing but swallow write errors: an error ends writing, and reading goes on. Requests and responses are not
    /// recognised, and no write is put off for a response. It is for HTTP/2, and must be called before anything is written.
    ///
    /// TLS of this crate's connector disarms a connection that has negotiated HTTP/2, since most users of it handle write errors themselves. This
    /// call arms it again. [`bytes_read`](Self::bytes_read) and [`bytes_written`](Self::bytes_written) are those of the whole connection then.
    #[inline]
    pub fn swallow_write_errors(&self) {
        self.set(SWALLOWS_ONLY, true);
        self.set(DISARMED, false);
    }

    /// Whether a write has failed, so that writing is over.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.has(BROKEN)
    }

    /// How many bytes were read since the current request began. Below TLS, under another client than this crate's: since the connection was made.
    #[inline]
    pub fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Relaxed)
    }

    /// How many bytes of the current request the system has taken. Below TLS, under another client than this crate's: all bytes since the connection
    /// was made.
    #[inline]
    pub fn bytes_written(&self) -> u64 {
        self.shared.bytes_written.load(Relaxed)
    }

    /// Begins a poll of the connection, and sets about how much it may read and write (a read counts for at least 1 KiB). The rest waits for the
    /// next poll, so that a peer that never stops cannot block a thread.
    #[inline]
    pub(crate) fn begin_poll(&self, allowance: Allowance) {
        self.shared.allowance.store(allowance);
    }

    /// Returns how much the current poll may still read and write.
    #[inline]
    pub(super) fn allowance(&self) -> Allowance {
        self.shared.allowance.load()
    }

    /// Notes that a read waits for the first write.
    #[cold]
    pub(super) fn hold_back(&self) {
        self.set(HELD_BACK, true);
    }

    /// Something is going to be written. Returns whether reads have waited for that.
    #[inline]
    pub(super) fn begin_write(&self) -> bool {
        if self.flags().are(WRITTEN, WRITTEN | HOLDS_READS) {
            return false;
        }
        self.set(WRITTEN, true);
        self.set(HOLDS_READS, false);
        self.has(HELD_BACK)
    }

    /// Whether writing is put off until the exchange has seen what was read.
    #[inline]
    pub(super) fn is_put_off(&self) -> bool {
        self.has(HEARD) && self.is_armed()
    }

    /// Ends writing: further writes are discarded.
    #[inline]
    pub(crate) fn stop_writing(&self) {
        self.set(BROKEN, true);
    }

    /// Ends writing, since a write has failed.
    pub(super) fn fail_writing(&self, error: io::Error) {
        self.stop_writing();
        // The error before may have a foreign destructor: it is dropped after the lock.
        let _before = self.write_error().replace(error);
    }

    /// Takes the error of the write that ended writing, if it was not taken before.
    pub(crate) fn take_write_error(&self) -> Option<io::Error> {
        if self.is_broken() { self.write_error().take() } else { None }
    }

    /// As [`take_write_error`](Self::take_write_error), if `wanted` returns `true` for the kind of the error.
    pub(super) fn take_write_error_if(&self, wanted: impl FnOnce(io::ErrorKind) -> bool) -> Option<io::Error> {
        if self.is_broken() { self.write_error().take_if(|error| wanted(error.kind())) } else { None }
    }

    fn write_error(&self) -> Guard<'_, Option<io::Error>> {
        self.shared.write_error.lock()
    }

    #[inline]
    pub(super) fn on_flush(&self, is_flushed: bool) {
        self.set(UNFLUSHED, !is_flushed);
    }

    #[inline]
    pub(super) fn resets_on_close(&self) -> bool {
        self.has(RESETS)
    }

    #[inline]
    pub(super) fn is_armed(&self) -> bool {
        self.flags().is_armed()
    }

    #[inline]
    pub(super) fn read_ended(&self) -> bool {
        self.has(READ_ENDED)
    }

    #[inline]
    pub(super) fn on_read_end(&self) {
        self.set(READ_ENDED, true);
    }

    #[inline]
    pub(super) fn on_read(&self, bytes: usize) {
        // Only under this crate's client, which calls `go_on` when it has seen what was read.
        if self.bytes_written() > LONG_REQUEST && self.has(TOLD) {
            self.set(HEARD, true);
        }
        add(&self.shared.bytes_read, bytes);
        // A load and a store suffice: only the task that drives the connection changes the allowance.
        self.begin_poll(self.allowance().after_read(bytes));
    }

    #[inline]
    pub(super) fn on_write(&self, written: usize, of: usize) {
        add(&self.shared.bytes_written, written);
        self.begin_poll(self.allowance().after_write(written));
        self.set(BLOCKED, written < of);
    }

    /// The first bytes of the connection are an alert of TLS.
    #[cold]
    pub(super) fn on_tls_alert(&self) {
        self.set(TLS_ALERT, true);
    }

    /// Whether the first bytes that were read are an alert of TLS. Not known under a client that says nothing of its requests.
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "only the client asks"))]
    #[cold]
    pub(crate) fn has_tls_alert(&self) -> bool {
        self.has(TLS_ALERT)
    }

    /// Whether requests have to be recognised in the bytes that are written.
    #[inline]
    pub(super) fn recognises_requests(&self) -> bool {
        !self.has(TOLD | DISARMED | SWALLOWS_ONLY)
    }

    /// Whether a long request is interrupted now and then to check for a response.
    #[inline]
    pub(super) fn asks_for_answers(&self) -> bool {
        !self.has(DISARMED | SWALLOWS_ONLY)
    }

    /// Whether a failed write counts as sent, if the socket of the transport is not known.
    #[cold]
    pub(super) fn counts_failed_writes(&self) -> bool {
        self.has(SWALLOWS_ONLY)
    }

    /// Returns the present flags, for a poll that needs several.
    #[inline]
    pub(super) fn flags(&self) -> Flags {
        self.shared.flags.load()
    }

    #[inline]
    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags().has(flag)
    }

    #[inline]
    pub(super) fn set(&self, flag: u16, on: bool) {
        self.shared.flags.set(flag, on);
    }

    pub(super) fn reset_counts(&self) {
        self.shared.bytes_read.store(0, Relaxed);
        self.shared.bytes_written.store(0, Relaxed);
    }
}

/// A request with fewer bytes has been written before a response can arrive, and is never paused.
const LONG_REQUEST: u64 = 64 * 1024;

/// Adds to a counter. A load and a store suffice: only the task that drives the connection adds.
fn add(counter: &AtomicU64, bytes: usize) {
    counter.store(counter.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}

impl fmt::Debug for ResponseFirstHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFirstHandle")
            .field("armed", &self.is_armed())
            .field("broken", &self.is_broken())
            .field("bytes_written", &self.bytes_written())
            .field("bytes_read", &self.bytes_read())
            .finish()
    }
}
