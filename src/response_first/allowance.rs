//! How much one poll of a connection may read and write.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many bytes a poll may read, and how many it may write, in 32 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance(u64);

impl Allowance {
    /// Without a limit, for clients that do not say when a poll begins.
    pub(crate) const UNLIMITED: Self = Self::new(u32::MAX, u32::MAX);

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
    pub(super) fn after_read(self, bytes: usize) -> Self {
        if self == Self::UNLIMITED {
            return self;
        }
        let left = self.readable().saturating_sub(bytes.max(LEAST));
        Self(self.0 & !u64::from(u32::MAX) | left as u64)
    }

    #[inline]
    pub(super) fn after_write(self, bytes: usize) -> Self {
        if self == Self::UNLIMITED {
            return self;
        }
        let left = self.writable().saturating_sub(bytes);
        Self(self.0 & u64::from(u32::MAX) | (left as u64) << 32)
    }
}

/// The least number of bytes that a read counts for, since each read costs a system call.
const LEAST: usize = 1024;

/// How much the current poll may still read and write. Only the task that drives the connection changes it.
pub(super) struct SharedAllowance(AtomicU64);

impl SharedAllowance {
    #[inline]
    pub(super) const fn unlimited() -> Self {
        Self(AtomicU64::new(Allowance::UNLIMITED.0))
    }

    #[inline]
    pub(super) fn load(&self) -> Allowance {
        Allowance(self.0.load(Relaxed))
    }

    #[inline]
    pub(super) fn store(&self, allowance: Allowance) {
        self.0.store(allowance.0, Relaxed);
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
