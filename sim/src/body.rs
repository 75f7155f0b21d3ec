//! The body of a request as the plan describes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::http1::content;
use crate::net::World;
use crate::plan::{Pause, Upload};

/// Waits for a time, and then lets other tasks run for some rounds.
pub(crate) struct Wait {
    sleep: Option<Pin<Box<Sleep>>>,
    rounds: u32,
}

impl Wait {
    pub(crate) fn new(pause: Pause) -> Self {
        let sleep = (pause.ms > 0).then(|| Box::pin(sleep(Duration::from_millis(pause.ms.into()))));
        Self { sleep, rounds: pause.rounds }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        if self.rounds == 0 {
            return Poll::Ready(());
        }
        self.rounds -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A request's body.
pub(crate) struct Content {
    world: Arc<World>,
    id: u32,
    upload: Upload,
    at: usize,
    offset: u64,
    wait: Option<Wait>,
    has_failed: bool,
}

impl Content {
    pub(crate) fn new(world: Arc<World>, id: u32, upload: Upload) -> Self {
        Self { world, id, upload, at: 0, offset: 0, wait: None, has_failed: false }
    }
}

impl Clone for Content {
    /// Returns the same body from its beginning.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.world), self.id, self.upload.clone())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let Some(&(bytes, pause)) = this.upload.frames.get(this.at) else {
            if !this.upload.fails || this.has_failed {
                return Poll::Ready(None);
            }
            this.has_failed = true;
            this.world.with(|state| {
                let now = state.stamp();
                state.ledger.requests[this.id as usize].body_failed.get_or_insert(now);
            });
            return Poll::Ready(Some(Err(std::io::Error::other("the body fails"))));
        };
        let wait = this.wait.get_or_insert_with(|| Wait::new(pause));
        ready!(Pin::new(wait).poll(cx));
        this.wait = None;
        this.at += 1;
        let offset = this.offset;
        this.offset += u64::from(bytes);
        let data: Bytes = (offset..this.offset).map(|offset| content(this.id, offset)).collect();
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.upload.frames.len() && !self.upload.fails
    }

    fn size_hint(&self) -> SizeHint {
        if self.upload.unknown {
            return SizeHint::default();
        }
        // A body that fails promises more than it gives.
        SizeHint::with_exact(self.upload.len() - self.offset + u64::from(self.upload.fails))
    }
}
