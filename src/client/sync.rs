//! The primitives of the hand-over of connections between tasks: atomics, a waker slot, and tasks.
//!
//! The model (`model/`) replaces these, and [`lock`](crate::lock), with its own, and then runs the code of the client in every order that threads
//! could bring about.

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

    /// Spawns a task in the current runtime.
    #[expect(clippy::disallowed_methods, reason = "what goes on in both directions cannot wait for its reader")]
    pub(in crate::client) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        tokio::spawn(task).abort_handle()
    }

    /// Spawns a task in `runtime`, which ends by itself.
    pub(in crate::client) fn spawn_in(runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        drop(runtime.spawn(task));
    }
}
