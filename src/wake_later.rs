//! How a task that could go on without end leaves room for others.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use tokio::task::yield_now;

/// Wakes `waker` once the runtime has looked at its timers and sockets.
#[cold]
pub(crate) fn wake_later(waker: &Waker) {
    let _pending = pin!(yield_now()).poll(&mut Context::from_waker(waker));
}
