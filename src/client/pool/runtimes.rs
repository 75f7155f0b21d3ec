//! The runtime that a connection belongs to, and what the connections of a runtime share with its sweeper.
//!
//! A socket is registered with the runtime that it was made in. In another runtime its events are noticed only while the first one is driven, and it
//! is useless when the first one has ended. So a connection is given only to requests of its own runtime.

use std::mem;
use std::sync::Arc;

use tokio::runtime::{self, Handle};

use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::lock::{Guard, Lock};

/// The id of a runtime. `None` outside of any runtime.
pub(in crate::client) type RuntimeId = Option<runtime::Id>;

/// Returns the id of the current runtime.
#[inline]
pub(in crate::client) fn current_runtime() -> RuntimeId {
    Handle::try_current().ok().map(|handle| handle.id())
}

/// What the connections of a runtime and its sweeper share.
pub(in crate::client) struct Watch {
    runtime: RuntimeId,
    /// The idle connections with an event. Guards nothing but the list. A connection is added at most once each time that it becomes idle.
    touched: Lock<Vec<Touched>>,
    sweeper: AtomicWaker,
    /// The sweeper has ended, with its runtime. Set while the pool is locked.
    ended: AtomicBool,
    /// Another sweeper has asked this one to show that its runtime is driven, and it has not run since.
    asked: AtomicBool,
}

/// An idle connection with an event on its socket: the server has sent something, or closed it.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Touched {
    /// The key of the connection on the shelf. By now it may be that of another connection.
    pub(in crate::client) key: usize,
    /// The number of the connection, which is unique.
    pub(in crate::client) id: u64,
}

impl Watch {
    /// The watch of connections that were made outside of a runtime. They are never idle, and need no sweeper.
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

    /// Called by the waker of an idle connection on which there was an event: adds it to the list, and wakes the sweeper.
    pub(in crate::client) fn touched(&self, key: usize, id: u64) {
        self.lock().push(Touched { key, id });
        self.sweeper.wake();
    }

    /// Adds connections of other runtimes for the sweeper to check. The caller wakes the sweeper.
    pub(super) fn add_touched(&self, touched: Vec<Touched>) {
        self.lock().extend(touched);
    }

    /// Takes at most `most` of the touched connections, and returns whether there are more.
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

    /// The sweeper runs, which answers [`ask`](Self::ask).
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
