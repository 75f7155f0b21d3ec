//! The future of a connection that a request waits for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::error::{ClientError, Phase};
use super::ready::Ready;

/// Waits for the connection of a request that found no idle one. Boxed, so that the future of a request stays small: most requests find one.
pub(super) struct Connecting {
    future: Pin<Box<dyn Future<Output = Result<Ready, ClientError>> + Send>>,
    /// `None` for the request's own connect.
    queue: Option<Arc<Queue>>,
}

/// The place of a request in the queue. Tells a time-out whether the request waited for its turn or dialled.
pub(super) struct Queue {
    waits: AtomicBool,
}

impl Connecting {
    /// The request waits for its own connect.
    pub(super) fn new(future: impl Future<Output = Result<Ready, ClientError>> + Send + 'static) -> Self {
        Self { future: Box::pin(future), queue: None }
    }

    /// The request waits in the queue until [`Queue::leave`] is called.
    pub(super) fn queued(
        future: impl Future<Output = Result<Ready, ClientError>> + Send + 'static,
        queue: Arc<Queue>,
    ) -> Self {
        Self { future: Box::pin(future), queue: Some(queue) }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Ready, ClientError>> {
        self.future.as_mut().poll(cx)
    }

    pub(super) fn phase(&self) -> Phase {
        match &self.queue {
            Some(queue) if queue.waits.load(Ordering::Relaxed) => Phase::WaitingForConnection,
            _ => Phase::Connecting,
        }
    }
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { waits: AtomicBool::new(true) })
    }

    /// The request has left the queue, and dials for itself or for all.
    pub(super) fn leave(&self) {
        self.waits.store(false, Ordering::Relaxed);
    }
}
