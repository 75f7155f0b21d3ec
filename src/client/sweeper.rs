//! The task that looks after idle connections: it sleeps until the server touches one, or the first expires.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::pool::{Pool, Watch};
use crate::timer::{Timer, read_clock};

pin_project! {
    /// Ends when nothing is idle. The pool has at most one, and may be dropped at any time.
    pub(super) struct Sweeper<B> {
        pool: Weak<Pool<B>>,
        watch: Arc<Watch>,
        next: Next,
        #[pin]
        timer: Timer,
    }

    impl<B> PinnedDrop for Sweeper<B> {
        fn drop(this: Pin<&mut Self>) {
            // The runtime may end before the pool does.
            if let Some(pool) = this.pool.upgrade() {
                if !matches!(this.next, Next::Over) {
                    pool.lost_sweeper();
                }
            }
        }
    }
}

/// When to look for expired connections.
enum Next {
    Now,
    At(Option<Instant>),
    Over,
}

impl<B> Sweeper<B> {
    pub(super) fn new(pool: &Arc<Pool<B>>) -> Self {
        Self { pool: Arc::downgrade(pool), watch: Arc::clone(pool.watch()), next: Next::Now, timer: Timer::new() }
    }
}

impl<B> Future for Sweeper<B> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.watch.sweeper.register(cx.waker());
        let Some(pool) = this.pool.upgrade() else {
            return Poll::Ready(());
        };
        pool.close_touched();
        loop {
            match *this.next {
                Next::Now => {
                    let now = read_clock();
                    *this.next = Next::At(pool.close_expired(now).map(|at| at.max(now + PAUSE)));
                }
                Next::At(at) => {
                    if pool.dismisses_sweeper() {
                        *this.next = Next::Over;
                        return Poll::Ready(());
                    }
                    ready!(this.timer.as_mut().poll(at, cx));
                    *this.next = Next::Now;
                }
                Next::Over => return Poll::Ready(()),
            }
        }
    }
}

/// Connections that expire one after the other are closed together: each look is at all of them.
const PAUSE: Duration = Duration::from_millis(100);
