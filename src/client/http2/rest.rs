//! What is left of a request when its response has arrived: nothing, a body that is not sent, or a body that a task sends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::SendStream;
use pin_project_lite::pin_project;

use super::connection::Connection;
use super::pump::{Pump, Pumped};
use crate::client::pool::Share;
use crate::client::request::after_response::AfterResponse;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::client::sync::{AbortHandle, AtomicWaker, spawn};
use crate::timer::{Timer, read_clock};

/// What is left of a request, and the share of the connection. The share is given back when both request and response have ended.
pub(super) enum Rest {
    /// Nothing is left, or the exchange still sends it.
    Nothing(Share<Connection>),
    /// The body is not sent. The stream is reset when the response has ended.
    Parked(
        #[expect(dead_code, reason = "it is kept until the response has ended")] SendStream<Bytes>,
        Share<Connection>,
    ),
    /// A task sends the body.
    Goes(Uploading),
}

impl Rest {
    pub(super) fn connection(&self) -> &Connection {
        match self {
            Self::Nothing(share) | Self::Parked(_, share) => share.connection(),
            Self::Goes(uploading) => uploading.between.share.connection(),
        }
    }

    /// Notes on the share that the request was answered. Must be called before the body is left to a task or parked.
    pub(super) fn set_answered(&mut self) {
        if let Self::Nothing(share) = self {
            share.set_answered();
        }
    }

    /// Stops sending, and keeps the stream until the response has ended.
    pub(super) fn park(self, pump: Pump) -> Self {
        match self {
            Self::Nothing(share) => Self::Parked(pump.into_stream(), share),
            rest => rest,
        }
    }

    /// Spawns a task that sends the rest of the body.
    pub(super) fn go_on(self, pump: Pump, after: AfterResponse) -> Self {
        match self {
            Self::Nothing(share) => Self::Goes(Uploading::start(pump, share, after)),
            rest => rest,
        }
    }

    /// Limits the time for the rest of the body from now on.
    pub(super) fn on_response_end(&self) {
        if let Self::Goes(uploading) = self {
            uploading.on_response_end();
        }
    }

    /// Stops the task that sends.
    pub(super) fn abort(&self) {
        if let Self::Goes(uploading) = self {
            uploading.abort();
        }
    }
}

/// The task that sends the rest of a request, as the body of the response sees it.
pub(super) struct Uploading {
    between: Arc<Between>,
    task: AbortHandle,
}

/// What the task and the body of the response share.
struct Between {
    share: Share<Connection>,
    has_ended: AtomicBool,
    waker: AtomicWaker,
}

impl Uploading {
    fn start(pump: Pump, share: Share<Connection>, after: AfterResponse) -> Self {
        let between = Arc::new(Between { share, has_ended: AtomicBool::new(false), waker: AtomicWaker::new() });
        let task = spawn(Upload { pump, between: Arc::clone(&between), after, limit: None, timer: Timer::new() });
        Self { between, task }
    }

    /// Limits the time for the rest from now on.
    fn on_response_end(&self) {
        self.between.has_ended.store(true, SeqCst);
        self.between.waker.wake();
    }

    fn abort(&self) {
        self.task.abort();
    }
}

pin_project! {
    /// Sends the rest of a request. The pump, a part of h2, is dropped before the share.
    struct Upload {
        pump: Pump,
        between: Arc<Between>,
        after: AfterResponse,
        // Set when the response has ended: the deadline, and how many bytes of the body may have been sent in all.
        limit: Option<(Option<Instant>, u64)>,
        #[pin]
        timer: Timer,
    }
}

impl Future for Upload {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.between.waker.register(cx.waker());
        if this.limit.is_none() && this.between.has_ended.load(SeqCst) {
            let bytes = this.pump.sent().saturating_add(this.after.bytes);
            *this.limit = Some((read_clock().checked_add(this.after.time), bytes));
        }
        let polled = this.pump.poll(cx);
        if let Poll::Ready(Pumped::Failed(_)) = polled {
            this.pump.give_up(&this.between.share.connection().observed);
        }
        if let (Poll::Pending, Some((until, bytes))) = (&polled, *this.limit) {
            if this.pump.sent() > bytes || this.timer.poll(until, cx).is_ready() {
                this.pump.cancel();
                return Poll::Ready(());
            }
        }
        polled.map(drop)
    }
}
