//! Which runtime a connection belongs to, and who looks after it there.
//!
//! A socket is registered with the runtime that it was made in. In another runtime nobody hears of it unless that first one is driven,
//! and it dies with it. So a connection is given only to requests of its own runtime.

use std::mem;
use std::sync::Arc;

use tokio::runtime::{self, Handle};

use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::lock::{Guard, Lock};

/// A runtime; `None` is outside any.
pub(in crate::client) type RuntimeId = Option<runtime::Id>;

/// The runtime that this is called in.
#[inline]
pub(in crate::client) fn current_runtime() -> RuntimeId {
    Handle::try_current().ok().map(|handle| handle.id())
}

/// What the connections of a runtime and its sweeper share.
pub(in crate::client) struct Watch {
    runtime: RuntimeId,
    /// Guards the list alone. Each idle connection is in it at most once for each time that it becomes idle.
    touched: Lock<Vec<Touched>>,
    sweeper: AtomicWaker,
    /// The sweeper has gone, with its runtime. Set when the pool is locked.
    ended: AtomicBool,
    /// Another sweeper has asked this one to show that its runtime is driven.
    asked: AtomicBool,
}

/// An idle connection on which something has happened.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Touched {
    /// Its key on the shelf, which may be another's by now.
    pub(in crate::client) key: usize,
    /// Its number, which is never another's.
    pub(in crate::client) id: u64,
}

impl Watch {
    /// Of connections that nobody looks after: they are never idle.
    pub(in crate::client) fn nobody() -> Arc<Self> {
        Self::new(None, true)
    }

    pub(super) fn of(runtime: runtime::Id) -> Arc<Self> {
        Self::new(Some(runtime), false)
    }

    fn new(runtime: RuntimeId, ended: bool) -> Arc<Self> {
        let (touched, sweeper, asked) = (Lock::default(), AtomicWaker::new(), AtomicBool::new(false));
        Arc::new(Self { runtime, touched, sweeper, ended: AtomicBool::new(ended), asked })
    }

    #[inline]
    pub(in crate::client) fn runtime(&self) -> RuntimeId {
        self.runtime
    }

    /// Something happened on an idle connection.
    pub(in crate::client) fn touched(&self, key: usize, id: u64) {
        self.lock().push(Touched { key, id });
        self.sweeper.wake();
    }

    /// Has the sweeper look after other connections too, which it is to be woken for.
    pub(super) fn add_touched(&self, touched: Vec<Touched>) {
        self.lock().extend(touched);
    }

    /// Takes `most` of the touched connections, and says whether there are more.
    pub(in crate::client) fn take_touched(&self, most: usize) -> (Vec<Touched>, bool) {
        let mut touched = self.lock();
        if touched.len() <= most {
            return (mem::take(&mut *touched), false);
        }
        let rest = touched.len() - most;
        (touched.split_off(rest), true)
    }

    pub(super) fn sweeper(&self) -> &AtomicWaker {
        &self.sweeper
    }

    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, SeqCst);
    }

    /// Asks the sweeper to show that its runtime is driven.
    pub(super) fn ask(&self) {
        self.asked.store(true, SeqCst);
        self.sweeper.wake();
    }

    /// The sweeper runs.
    pub(super) fn answer(&self) {
        self.asked.store(false, SeqCst);
    }

    /// Whether the sweeper has not run since it was asked.
    pub(super) fn is_silent(&self) -> bool {
        self.asked.load(SeqCst)
    }

    fn lock(&self) -> Guard<'_, Vec<Touched>> {
        self.touched.lock()
    }
}
