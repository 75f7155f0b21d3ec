//! What a wrapped connection tells, and may be told, while somebody else owns it.

use crate::lock::{Guard, Lock};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

/// A handle to a [`ResponseFirst`](super::ResponseFirst) connection: cheap to clone, and an extension of every response
/// over it.
///
/// It is one with the connection only as long as that lives; it does not keep it open.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

/// The task that drives the connection sets and reads nearly all of this, so that no order between the fields matters.
struct Shared {
    flags: AtomicU16,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    /// What the current poll of the connection may still read and write: an [`Allowance`].
    allowance: AtomicU64,
    /// Guards the error of the write that ended writing, until a reader or the client takes the error. Locked only to put or
    /// to take it.
    write_error: Lock<Option<io::Error>>,
}

/// Some of the flags above, as they were at one moment.
#[derive(Clone, Copy)]
pub(super) struct Flags(u16);

impl Flags {
    #[inline]
    fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(super) fn is_armed(self) -> bool {
        !self.has(DISARMED)
    }

    #[inline]
    pub(super) fn is_broken(self) -> bool {
        self.has(BROKEN)
    }

    #[inline]
    pub(super) fn is_unflushed(self) -> bool {
        self.has(UNFLUSHED)
    }

    /// Whether a read has to wait for the first write.
    #[inline]
    pub(super) fn holds_reads(self) -> bool {
        self.has(HOLDS_READS)
    }

    /// Whether a read that has nothing to give is more than that.
    #[inline]
    pub(super) fn is_broken_or_looks(self) -> bool {
        self.has(BROKEN | LOOKS)
    }
}

/// How many bytes a poll may read, and write: 32 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance(u64);

impl Allowance {
    /// Where nobody says when a poll begins.
    pub(crate) const UNLIMITED: Self = Self(u64::MAX);

    pub(crate) const fn new(readable: u32, writable: u32) -> Self {
        Self((writable as u64) << 32 | readable as u64)
    }

    #[inline]
    pub(super) const fn readable(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    pub(super) const fn writable(self) -> usize {
        (self.0 >> 32) as usize
    }

    #[inline]
    fn after_read(self, bytes: usize) -> Self {
        if self == Self::UNLIMITED {
            return self;
        }
        let left = self.readable().saturating_sub(bytes.max(LEAST));
        Self(self.0 & !u64::from(u32::MAX) | left as u64)
    }

    #[inline]
    fn after_write(self, bytes: usize) -> Self {
        if self == Self::UNLIMITED {
            return self;
        }
        let left = self.writable().saturating_sub(bytes);
        Self(self.0 & u64::from(u32::MAX) | (left as u64) << 32)
    }
}

/// What a read counts for at the least: it costs a system call, however little it gives.
const LEAST: usize = 1024;

/// Write errors are reported as they come.
const DISARMED: u16 = 1;
/// Writing is over.
const BROKEN: u16 = 1 << 1;
/// Reading is over.
const READ_ENDED: u16 = 1 << 2;
/// Somebody says when a request begins: no need to recognise it.
const TOLD: u16 = 1 << 3;
/// The next read looks at the socket.
const LOOKS: u16 = 1 << 4;
/// It has found something.
const TOUCHED: u16 = 1 << 5;
/// Closing is a reset.
const RESETS: u16 = 1 << 6;
/// The last write did not take all that it was given.
const BLOCKED: u16 = 1 << 7;
/// Something was read in the middle of a long request: whoever sends it has to see it before more is written.
const HEARD: u16 = 1 << 8;
/// Something was given to be written, ever.
const WRITTEN: u16 = 1 << 9;
/// Reads wait for the first write.
const HOLDS_READS: u16 = 1 << 10;
/// A read was held back so.
const HELD_BACK: u16 = 1 << 11;
/// What was written has not been flushed: a transport such as TLS has taken it, and its socket has not.
const UNFLUSHED: u16 = 1 << 12;

impl Control {
    #[inline]
    pub(crate) fn new() -> Self {
        let shared = Shared {
            flags: AtomicU16::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            allowance: AtomicU64::new(Allowance::UNLIMITED.0),
            write_error: Lock::new(None),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Write errors are reported from now on as they come. For a connection that is no longer HTTP/1.1.
    ///
    /// A connection without TLS that was upgraded is disarmed already.
    #[inline]
    pub fn disarm(&self) {
        self.set(DISARMED, true);
        self.begin_poll(Allowance::UNLIMITED);
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

    /// Whether anything has come since the current request began: bytes, the end, or an error.
    #[inline]
    pub(crate) fn has_heard(&self) -> bool {
        self.bytes_read() > 0 || self.read_ended()
    }

    /// A request begins here, on a connection that may have had others.
    #[inline]
    pub(crate) fn begin_request(&self) {
        if self.flags().0 & (TOLD | HEARD) != TOLD {
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
        self.flags().0 & (WRITTEN | BLOCKED | UNFLUSHED | BROKEN) == WRITTEN
    }

    /// Whether a read was held back that need not wait any more. Only the first call after that says so.
    #[inline]
    pub(crate) fn was_held_back(&self) -> bool {
        if self.flags().0 & (HELD_BACK | HOLDS_READS) != HELD_BACK {
            return false;
        }
        self.set(HELD_BACK, false);
        true
    }

    /// A poll of the connection begins, which may read and write so much: about as much, since a read counts for at least [`LEAST`].
    /// What is beyond waits for the next poll, so that a peer that never stops cannot keep a thread.
    #[inline]
    pub(crate) fn begin_poll(&self, allowance: Allowance) {
        self.shared.allowance.store(allowance.0, Relaxed);
    }

    /// What the current poll may still read and write.
    #[inline]
    pub(super) fn allowance(&self) -> Allowance {
        Allowance(self.shared.allowance.load(Relaxed))
    }

    /// A read waits for the first write.
    #[cold]
    pub(super) fn hold_back(&self) {
        self.set(HELD_BACK, true);
    }

    /// Something is to be written. `true` if reads have waited for that.
    #[inline]
    pub(super) fn begin_write(&self) -> bool {
        if self.flags().0 & (WRITTEN | HOLDS_READS) == WRITTEN {
            return false;
        }
        self.set(WRITTEN, true);
        self.set(HOLDS_READS, false);
        self.has(HELD_BACK)
    }

    /// What was read has been seen: the request may go on.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.set(HEARD, false);
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

    /// The next read that has nothing to give looks at the socket.
    #[inline]
    pub(crate) fn look(&self) {
        self.set(TOUCHED, false);
        self.set(LOOKS, true);
    }

    /// Whether the look found anything: bytes, the end, or an error.
    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.set(LOOKS, false);
        self.has(TOUCHED)
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
    pub(super) fn looked(&self, touched: bool) {
        self.set(TOUCHED, touched);
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
        self.flags().0 & (TOLD | DISARMED) == 0
    }

    /// The flags as they are now, for a poll that looks at several.
    #[inline]
    pub(super) fn flags(&self) -> Flags {
        Flags(self.shared.flags.load(Relaxed))
    }

    #[inline]
    fn has(&self, flag: u16) -> bool {
        self.flags().has(flag)
    }

    /// Most often nothing changes, and then nothing is written. Not the owner's task alone may do it: somebody may disarm.
    #[inline]
    fn set(&self, flag: u16, on: bool) {
        if self.has(flag) == on {
            return;
        }
        if on {
            self.shared.flags.fetch_or(flag, Relaxed);
        } else {
            self.shared.flags.fetch_and(!flag, Relaxed);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_used_up_by_reads_and_writes_each_by_itself() {
        let allowance = Allowance::new(4096, 100).after_read(3000).after_write(40);
        assert_eq!((allowance.readable(), allowance.writable()), (1096, 60));
        // A small read counts for more than it gives.
        assert_eq!(allowance.after_read(1), Allowance::new(72, 60));
        assert_eq!(allowance.after_read(usize::MAX).after_write(usize::MAX), Allowance::new(0, 0));
    }

    #[test]
    fn without_a_limit_nothing_is_used_up() {
        let unlimited = Allowance::UNLIMITED;
        assert_eq!(unlimited.after_read(usize::MAX).after_write(usize::MAX), unlimited);
    }
}
