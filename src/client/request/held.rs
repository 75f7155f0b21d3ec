//! The timer of a body that waits for 100 (Continue) (RFC 9110 §10.1.1).

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::upload::Progress;
use crate::timer::{Timer, read_clock};

pin_project! {
    /// Releases a body that has been held back for too long.
    pub(in crate::client) struct Held {
        progress: Arc<Progress>,
        timeout: Duration,
        // `None` before the first poll, from which the time counts.
        at: Option<Instant>,
        #[pin]
        timer: Timer,
    }
}

impl Held {
    /// The timer of a body that [is held back](Progress::hold).
    pub(in crate::client) fn new(progress: Arc<Progress>, timeout: Duration) -> Pin<Box<Self>> {
        Box::pin(Self { progress, timeout, at: None, timer: Timer::new() })
    }

    /// Releases the body when the time is over.
    pub(in crate::client) fn poll_release(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        if !this.progress.is_held() {
            return;
        }
        if this.at.is_none() {
            *this.at = read_clock().checked_add(*this.timeout);
        }
        if this.timer.poll(*this.at, cx).is_ready() {
            this.progress.release();
        }
    }
}
