//! The mutex of this crate. With debug assertions it checks that no foreign code runs, and no second lock is taken, while a lock is held.
//!
//! Foreign code is: I/O and bodies of the caller, connectors, resolvers, attempts, wakers, `Debug` of user types, subscribers of `tracing`. Such
//! code may call this crate again, or wait for a lock whose holder waits for ours: a deadlock. [`assert_unlocked`] is called wherever foreign code
//! follows. Builds with debug assertions panic if a lock is held there, or if a second lock is taken. Other builds do not check.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

#[cfg(hhe_model)]
use shuttle::{
    sync::{Mutex, MutexGuard},
    thread_local,
};
#[cfg(not(hhe_model))]
use std::{
    sync::{Mutex, MutexGuard},
    thread_local,
};

thread_local! {
    /// Whether this thread holds a lock.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// A mutex without poisoning: a panic of its holder leaves no inconsistent state, since the state is changed in whole steps.
pub(crate) struct Lock<T>(Mutex<T>);

/// Access to what a [`Lock`] guards.
#[must_use = "it is unlocked at once otherwise"]
pub(crate) struct Guard<'a, T> {
    // Declared first, so that it is unlocked before `_held` is dropped.
    inner: MutexGuard<'a, T>,
    _held: Held,
}

impl<T> Lock<T> {
    pub(crate) const fn new(guarded: T) -> Self {
        Self(Mutex::new(guarded))
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let held = Held::note();
        Guard { inner: self.0.lock().unwrap_or_else(PoisonError::into_inner), _held: held }
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Lock<T> {
    /// Does not print the value: its `Debug` may be foreign code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Notes that this thread holds a lock, as long as it lives.
struct Held;

impl Held {
    #[inline]
    fn note() -> Self {
        assert_unlocked();
        if cfg!(debug_assertions) {
            HOLDS.with(|holds| holds.set(true));
        }
        Self
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            HOLDS.with(|holds| holds.set(false));
        }
    }
}

/// Checks that this thread holds no lock. To be called before foreign code.
///
/// # Panics
///
/// With debug assertions, if this thread holds a lock.
#[inline]
#[track_caller]
pub(crate) fn assert_unlocked() {
    if cfg!(debug_assertions) {
        assert!(!HOLDS.with(Cell::get), "a lock is held where foreign code is called, or another lock is taken");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_code_may_run_before_and_after_a_lock_is_held() {
        let lock = Lock::new(1);
        assert_unlocked();
        *lock.lock() += 1;
        assert_unlocked();
        assert_eq!(*lock.lock(), 2);
    }

    #[test]
    #[cfg_attr(not(debug_assertions), ignore = "nothing is checked")]
    #[should_panic(expected = "a lock is held")]
    fn foreign_code_may_not_run_under_a_lock() {
        let lock = Lock::new(());
        let _guard = lock.lock();
        assert_unlocked();
    }

    #[test]
    #[cfg_attr(not(debug_assertions), ignore = "nothing is checked")]
    #[should_panic(expected = "a lock is held")]
    fn a_second_lock_may_not_be_taken() {
        let (one, other) = (Lock::new(()), Lock::new(()));
        let _guard = one.lock();
        let _second = other.lock();
    }

    #[test]
    fn a_panic_under_a_lock_leaves_what_it_guards() {
        let lock = Lock::new(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut guard = lock.lock();
            *guard = 2;
            std::panic::resume_unwind(Box::new("of a test"));
        }));
        assert!(panicked.is_err());
        assert_eq!(*lock.lock(), 2);
    }
}
