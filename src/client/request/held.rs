//! A body that waits for the server to ask for it (RFC 9110 §10.1.1).

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::upload::Progress;
use crate::timer::{Timer, read_clock};

pin_project! {
    /// Lets a body go that is kept back for too long.
    pub(in crate::client) struct Held {
        progress: Arc<Progress>,
        timeout: Duration,
        // None before the first poll, from which time counts.
        at: Option<Instant>,
        #[pin]
        timer: Timer,
    }
}

impl Held {
    /// Of a body that [is kept back](Progress::hold).
    pub(in crate::client) fn new(progress: Arc<Progress>, timeout: Duration) -> Pin<Box<Self>> {
        Box::pin(Self { progress, timeout, at: None, timer: Timer::new() })
    }

    /// Lets the body go if it is time.
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
