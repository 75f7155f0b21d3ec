//! The flags of a wrapped connection.

use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Write errors are returned to the writer.
pub(super) const DISARMED: u16 = 1;
/// Writing is over.
pub(super) const BROKEN: u16 = 1 << 1;
/// Reading is over.
pub(super) const READ_ENDED: u16 = 1 << 2;
/// The client says when a request begins: requests need not be recognised.
pub(super) const TOLD: u16 = 1 << 3;
/// A read asks the system if the runtime knows of no data.
pub(super) const LOOKS: u16 = 1 << 4;
/// Closing is a reset.
pub(super) const RESETS: u16 = 1 << 5;
/// The last write was not complete.
pub(super) const BLOCKED: u16 = 1 << 6;
/// Something was read in the middle of a long request: the exchange has to see it before more is written.
pub(super) const HEARD: u16 = 1 << 7;
/// There was a write on this connection.
pub(super) const WRITTEN: u16 = 1 << 8;
/// Reads wait for the first write.
pub(super) const HOLDS_READS: u16 = 1 << 9;
/// A read was held back for that.
pub(super) const HELD_BACK: u16 = 1 << 10;
/// The last flush was not complete: a transport such as TLS has data that its socket has not taken.
pub(super) const UNFLUSHED: u16 = 1 << 11;
/// Write errors are swallowed, and nothing else is done: the protocol is not HTTP/1.1.
pub(super) const SWALLOWS_ONLY: u16 = 1 << 12;
/// The first that was read is an alert of TLS.
pub(super) const TLS_ALERT: u16 = 1 << 13;

/// The flags of a connection, in one relaxed atomic.
pub(super) struct SharedFlags(AtomicU16);

impl SharedFlags {
    #[inline]
    pub(super) const fn new() -> Self {
        Self(AtomicU16::new(0))
    }

    /// Returns the flags as they are now, for a poll that looks at several.
    #[inline]
    pub(super) fn load(&self) -> Flags {
        Flags(self.0.load(Relaxed))
    }

    /// Sets or clears `flag`. If nothing changes, which is the usual case, nothing is written. The write is an atomic operation, since another task
    /// than the one that drives the connection may set flags: anybody may disarm it.
    #[inline]
    pub(super) fn set(&self, flag: u16, on: bool) {
        if self.load().has(flag) == on {
            return;
        }
        if on {
            self.0.fetch_or(flag, Relaxed);
        } else {
            self.0.fetch_and(!flag, Relaxed);
        }
    }
}

/// The flags as they were at one moment.
#[derive(Clone, Copy)]
pub(super) struct Flags(u16);

impl Flags {
    /// Whether any of `flags` is set.
    #[inline]
    pub(super) fn has(self, flags: u16) -> bool {
        self.0 & flags != 0
    }

    /// Whether `flags` are set, and no others of `of`.
    #[inline]
    pub(super) fn are(self, flags: u16, of: u16) -> bool {
        self.0 & of == flags
    }

    /// Whether the wrapper does nothing but swallow write errors, and there was none.
    #[inline]
    pub(super) fn only_swallows(self) -> bool {
        self.are(
            SWALLOWS_ONLY,
            SWALLOWS_ONLY | DISARMED | BROKEN | READ_ENDED | HOLDS_READS | HELD_BACK | LOOKS | HEARD,
        )
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

    /// Whether a read without data has to ask the system.
    #[inline]
    pub(super) fn is_broken_or_looks(self) -> bool {
        self.has(BROKEN | LOOKS)
    }
}
