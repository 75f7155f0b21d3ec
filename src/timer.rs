//! The one timer, and the one clock.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

/// The time as the runtime has it, which a test may have stopped.
#[inline]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn read_clock() -> Instant {
    tokio::time::Instant::now().into_std()
}

pin_project! {
    /// Wakes at an instant that may be moved. A timer that was never armed costs nothing.
    pub(crate) struct Timer {
        armed: Option<Instant>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self { armed: None, sleep: None }
    }

    /// Ready once `at` has come; never for `None`. The caller reads the clock again before it acts.
    pub(crate) fn poll(self: Pin<&mut Self>, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(at) = at else {
            if this.armed.take().is_some() {
                this.sleep.set(None);
            }
            return Poll::Pending;
        };
        if *this.armed != Some(at) {
            match this.sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.reset(at.into()),
                None => this.sleep.set(Some(sleep_until(at.into()))),
            }
            *this.armed = Some(at);
        }
        this.sleep.as_pin_mut().expect("armed above").poll(cx)
    }
}
