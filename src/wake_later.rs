//! Lets other tasks, timers and sockets run before a task goes on that might never pause.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use tokio::task::yield_now;

/// Wakes `waker` after the runtime has polled its timers and sockets.
#[cold]
pub(crate) fn wake_later(waker: &Waker) {
    let _pending = pin!(yield_now()).poll(&mut Context::from_waker(waker));
}
