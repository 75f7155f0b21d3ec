//! A connection to come.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use super::error::{ClientError, Phase};
use super::ready::Ready;

/// A connection to come. It is boxed, since most requests need none.
pub(super) struct Connecting {
    future: Pin<Box<dyn Future<Output = Result<Ready, ClientError>> + Send>>,
    /// None for a connect that the request makes by itself.
    queue: Option<Arc<Queue>>,
}

/// Whether a request still waits for its turn.
pub(super) struct Queue {
    waits: AtomicBool,
}

impl Connecting {
    /// The request has a connect of its own.
    pub(super) fn new(future: impl Future<Output = Result<Ready, ClientError>> + Send + 'static) -> Self {
        Self { future: Box::pin(future), queue: None }
    }

    /// The request waits for its turn, as long as `queue` says so.
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

    /// The request connects, for itself or for all that wait.
    pub(super) fn leave(&self) {
        self.waits.store(false, Ordering::Relaxed);
    }
}
