//! Request and response at the same time: a task drives the connection, until the body of the response is done with it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use tokio::task::AbortHandle;

use super::body::settle;
use super::wire::Wire;

/// The body's side. Dropping it leaves the connection to the task.
pub(super) struct Duplex {
    between: Arc<dyn Settle>,
    task: AbortHandle,
}

/// [`Between`], whatever the type of the requests.
trait Settle: Send + Sync {
    fn settle(&self);
}

impl Duplex {
    /// Starts the task.
    pub(super) fn start<B: Send + 'static>(wire: Box<Wire<B>>) -> Self {
        let between = Between::new(wire);
        Self { task: spawn(Drive { between: Arc::clone(&between) }), between }
    }

    /// The body is done with the connection.
    pub(super) fn settle(self) {
        self.between.settle();
        self.task.abort();
    }

    /// Closes the connection.
    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

/// Drives a connection to its end, which is not the end of its stream.
pub(super) fn drive_to_end<B: Send + 'static>(wire: Box<Wire<B>>) {
    drop(spawn(Drive { between: Between::new(wire) }));
}

#[expect(clippy::disallowed_methods, reason = "what goes on in both directions cannot wait for its reader")]
fn spawn<B: Send + 'static>(drive: Drive<B>) -> AbortHandle {
    tokio::spawn(drive).abort_handle()
}

/// A connection between the task that drives it and the body that will be done with it.
struct Between<B> {
    wire: Mutex<Option<Box<Wire<B>>>>,
    /// The thread on which it is polled now. The body of the request is polled there as well, and may be made of that of the
    /// response: then it is in no position to wait for the lock.
    polled_on: Mutex<Option<ThreadId>>,
    /// The body is done with it.
    is_done: AtomicBool,
}

impl<B> Between<B> {
    fn new(wire: Box<Wire<B>>) -> Arc<Self> {
        Arc::new(Self { wire: Mutex::new(Some(wire)), polled_on: Mutex::new(None), is_done: AtomicBool::new(false) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Wire<B>>>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_polled_on(&self, thread: Option<ThreadId>) {
        *self.polled_on.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    fn is_polled_here(&self) -> bool {
        *self.polled_on.lock().unwrap_or_else(PoisonError::into_inner) == Some(thread::current().id())
    }
}

impl<B: Send + 'static> Settle for Between<B> {
    fn settle(&self) {
        self.is_done.store(true, SeqCst);
        if self.is_polled_here() {
            // It is settled after that.
            return;
        }
        let wire = self.lock().take();
        if let Some(wire) = wire {
            settle(wire);
        }
    }
}

/// Drives a connection until it is taken away, or over.
struct Drive<B> {
    between: Arc<Between<B>>,
}

impl<B> Future for Drive<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let between = &self.between;
        let mut guard = between.lock();
        let Some(wire) = guard.as_mut() else {
            return Poll::Ready(());
        };
        wire.relay().hold();
        between.set_polled_on(Some(thread::current().id()));
        let polled = wire.poll();
        between.set_polled_on(None);
        wire.go_on();
        if polled.is_pending() && !between.is_done.load(SeqCst) {
            wire.relay().wait(cx);
            return Poll::Pending;
        }
        let wire = guard.take();
        drop(guard);
        if polled.is_pending() {
            wire.into_iter().for_each(settle);
        }
        Poll::Ready(())
    }
}

impl<B> Drop for Drive<B> {
    fn drop(&mut self) {
        // If the runtime ends, the reader must not wait for ever.
        let wire = self.between.lock().take();
        drop(wire);
    }
}
