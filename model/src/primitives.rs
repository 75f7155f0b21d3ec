//! The model's replacements for the system's primitives, and the count of its tasks.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::task::{Poll, Waker};

pub(in crate::client) use shuttle::future::AbortHandle;
use shuttle::sync::Mutex;
pub(in crate::client) use shuttle::sync::atomic;
use tokio::runtime::Handle;

/// A waker slot with the guarantees of the crate `atomic-waker`, in whole steps: a wake-up comes before or after a registration.
pub(in crate::client) struct AtomicWaker(Mutex<Option<Waker>>);

impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}

impl AtomicWaker {
    pub(in crate::client) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(in crate::client) fn register(&self, waker: &Waker) {
        let before = self.0.lock().unwrap().replace(waker.clone());
        drop(before);
    }

    pub(in crate::client) fn wake(&self) {
        let waker = self.0.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Starts a task.
pub(in crate::client) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    let counted = Counted::new();
    let task = async move {
        let _counted = counted;
        task.await;
    };
    shuttle::future::spawn(task).abort_handle()
}

/// The model has one runtime.
pub(in crate::client) fn spawn_in(_: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    spawn(task);
}

/// The tasks of a run.
#[derive(Default)]
pub(super) struct Tasks {
    alive: usize,
    waiting: Option<Waker>,
}

// A run uses one thread of the system.
thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
}

impl Tasks {
    pub(super) fn begin() {
        TASKS.take();
    }

    /// Ready when every task has ended. If one never ends, the run is a deadlock.
    pub(super) fn all_ended() -> impl Future<Output = ()> {
        poll_fn(|cx| {
            TASKS.with_borrow_mut(|tasks| {
                if tasks.alive == 0 {
                    return Poll::Ready(());
                }
                tasks.waiting = Some(cx.waker().clone());
                Poll::Pending
            })
        })
    }
}

/// A task that has not ended.
struct Counted;

impl Counted {
    fn new() -> Self {
        TASKS.with_borrow_mut(|tasks| tasks.alive += 1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let waiting = TASKS.with_borrow_mut(|tasks| {
            tasks.alive -= 1;
            tasks.waiting.take_if(|_| tasks.alive == 0)
        });
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}
