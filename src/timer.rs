//! The timer of this crate, and the only function that reads the clock.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

/// Returns the present time by the clock of the tokio runtime, which tests may pause.
#[inline]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn read_clock() -> Instant {
    tokio::time::Instant::now().into_std()
}

pin_project! {
    /// A timer whose instant may be changed at any time. It registers nothing with the runtime before it is armed.
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

    /// Ready when `at` has come. `None` disarms the timer, and is never ready. The caller must read the clock again before it acts.
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
