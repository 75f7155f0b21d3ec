//! What a wrapped connection tells, and may be told, while somebody else owns it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::allowance::{Allowance, SharedAllowance};
use super::flags::{
    BLOCKED, BROKEN, DISARMED, Flags, HEARD, HELD_BACK, HOLDS_READS, READ_ENDED, RESETS, SWALLOWS_ONLY, SharedFlags,
    TOLD, UNFLUSHED, WRITTEN,
};
use crate::lock::{Guard, Lock};

/// A handle to a [`ResponseFirst`](super::ResponseFirst) connection: cheap to clone, and an extension of every response
/// over it.
///
/// It is one with the connection only as long as that lives; it does not keep it open.
#[derive(Clone)]
pub struct ResponseFirstHandle {
    shared: Arc<Shared>,
}

/// The task that drives the connection sets and reads nearly all of this, so that no order between the fields matters.
struct Shared {
    flags: SharedFlags,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    allowance: SharedAllowance,
    /// Guards the error of the write that ended writing, until a reader or the client takes the error. Locked only to put or
    /// to take it.
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

    /// Write errors are reported from now on as they come. For a connection that is no longer HTTP/1.1.
    ///
    /// A connection that was upgraded is disarmed already, unless its TLS is another than that of this crate's connector.
    #[inline]
    pub fn disarm(&self) {
        self.set(DISARMED, true);
        self.begin_poll(Allowance::UNLIMITED);
    }

    /// A write error still ends writing alone, and nothing else is done from now on: no request or response is recognised, and no write is put off for
    /// an answer. For HTTP/2, before anything of it is written.
    ///
    /// TLS of this crate's connector has disarmed a connection that negotiated HTTP/2, since most who speak it handle write errors themselves; this
    /// arms it again. The bytes are those of the connection.
    #[inline]
    pub fn swallow_write_errors(&self) {
        self.set(SWALLOWS_ONLY, true);
        self.set(DISARMED, false);
    }

    /// Whether a write has failed and writing is over.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.has(BROKEN)
    }

    /// Bytes read since the current request began; below TLS, under a client that does not say when that is, all of them.
    #[inline]
    pub fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Relaxed)
    }

    /// Bytes of the current request that the system has taken; below TLS, under a client that does not say where it begins, all
    /// that were written.
    #[inline]
    pub fn bytes_written(&self) -> u64 {
        self.shared.bytes_written.load(Relaxed)
    }

    /// A poll of the connection begins, which may read and write so much: about as much, since a read counts for at least 1 KiB.
    /// What is beyond waits for the next poll, so that a peer that never stops cannot keep a thread.
    #[inline]
    pub(crate) fn begin_poll(&self, allowance: Allowance) {
        self.shared.allowance.store(allowance);
    }

    /// What the current poll may still read and write.
    #[inline]
    pub(super) fn allowance(&self) -> Allowance {
        self.shared.allowance.load()
    }

    /// A read waits for the first write.
    #[cold]
    pub(super) fn hold_back(&self) {
        self.set(HELD_BACK, true);
    }

    /// Something is to be written. `true` if reads have waited for that.
    #[inline]
    pub(super) fn begin_write(&self) -> bool {
        if self.flags().are(WRITTEN, WRITTEN | HOLDS_READS) {
            return false;
        }
        self.set(WRITTEN, true);
        self.set(HOLDS_READS, false);
        self.has(HELD_BACK)
    }

    /// Whether writing is put off until somebody has seen what was read.
    #[inline]
    pub(super) fn is_put_off(&self) -> bool {
        self.has(HEARD) && self.is_armed()
    }

    /// Swallows whatever is written from now on.
    #[inline]
    pub(crate) fn stop_writing(&self) {
        self.set(BROKEN, true);
    }

    /// Writing has failed, and is over.
    pub(super) fn fail_writing(&self, error: io::Error) {
        self.stop_writing();
        // An error of somebody else's making is dropped after the lock.
        let _before = self.write_error().replace(error);
    }

    /// The error of the write that ended writing, if nobody has been told.
    pub(crate) fn take_write_error(&self) -> Option<io::Error> {
        if self.is_broken() { self.write_error().take() } else { None }
    }

    /// The same, if `wanted` says so.
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
        // Only where somebody will say that it has been seen.
        if self.bytes_written() > LONG_REQUEST && self.has(TOLD) {
            self.set(HEARD, true);
        }
        add(&self.shared.bytes_read, bytes);
        // Only the task that drives the connection takes.
        self.begin_poll(self.allowance().after_read(bytes));
    }

    #[inline]
    pub(super) fn on_write(&self, written: usize, of: usize) {
        add(&self.shared.bytes_written, written);
        self.begin_poll(self.allowance().after_write(written));
        self.set(BLOCKED, written < of);
    }

    /// Whether requests have to be recognised in what is written.
    #[inline]
    pub(super) fn recognises_requests(&self) -> bool {
        !self.has(TOLD | DISARMED | SWALLOWS_ONLY)
    }

    /// Whether a long request is kept back now and then, to see whether there is an answer.
    #[inline]
    pub(super) fn asks_for_answers(&self) -> bool {
        !self.has(DISARMED | SWALLOWS_ONLY)
    }

    /// Whether a failed write of a transport that is no known socket counts as one that was sent.
    #[cold]
    pub(super) fn counts_failed_writes(&self) -> bool {
        self.has(SWALLOWS_ONLY)
    }

    /// The flags as they are now, for a poll that looks at several.
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

/// What is shorter has been written by the time that there is anything to see.
const LONG_REQUEST: u64 = 64 * 1024;

/// Only the task that drives the connection adds.
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
