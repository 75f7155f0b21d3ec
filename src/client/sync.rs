//! What the hand-over of a connection is made of: atomics, the waker that one task leaves and another wakes, and tasks.
//!
//! The model (`model/`) puts its own in their place, and so does [`lock`](crate::lock), so that the code of the client runs in
//! any order that threads could bring about.

#[cfg(not(hhe_model))]
pub(super) use self::of_the_system::{AbortHandle, AtomicWaker, atomic, spawn, spawn_in};
#[cfg(hhe_model)]
pub(super) use super::model::primitives::{AbortHandle, AtomicWaker, atomic, spawn, spawn_in};

#[cfg(not(hhe_model))]
mod of_the_system {
    use std::future::Future;
    pub(in crate::client) use std::sync::atomic;

    pub(in crate::client) use atomic_waker::AtomicWaker;
    use tokio::runtime::Handle;
    pub(in crate::client) use tokio::task::AbortHandle;

    /// Starts a task in the runtime that this is called in.
    #[expect(clippy::disallowed_methods, reason = "what goes on in both directions cannot wait for its reader")]
    pub(in crate::client) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        tokio::spawn(task).abort_handle()
    }

    /// Starts a task in `runtime`. The task ends by itself.
    pub(in crate::client) fn spawn_in(runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        drop(runtime.spawn(task));
    }
}
