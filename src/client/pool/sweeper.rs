//! The task that looks after idle connections: it sleeps until the server touches one, or the first expires.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Pool, Watch};
use crate::timer::{Timer, read_clock};

pin_project! {
    /// Ends with the pool, which has at most one.
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
                pool.lost_sweeper();
            }
        }
    }
}

/// When to look for what has expired.
enum Next {
    /// As long from now as a connection may be idle: one that became so just now is most often gone again.
    Later,
    At(Instant),
    /// When there is something idle again.
    WhenTold,
}

impl<B> Sweeper<B> {
    pub(super) fn new(pool: &Arc<Pool<B>>) -> Self {
        Self { pool: Arc::downgrade(pool), watch: Arc::clone(pool.watch()), next: Next::Later, timer: Timer::new() }
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
        if pool.is_closed() {
            return Poll::Ready(());
        }
        pool.close_touched();
        loop {
            let now = read_clock();
            *this.next = match *this.next {
                Next::Later => match pool.settings.shortest_life().and_then(|life| now.checked_add(life)) {
                    Some(at) => Next::At(at),
                    // Nothing ever expires.
                    None => return Poll::Pending,
                },
                Next::At(at) => {
                    ready!(this.timer.as_mut().poll(Some(at), cx));
                    pool.close_expired(read_clock()).map_or(Next::WhenTold, |at| Next::At(at.max(now + PAUSE)))
                }
                Next::WhenTold if pool.has_told() => Next::Later,
                Next::WhenTold => return this.timer.poll(None, cx),
            };
        }
    }
}

/// Connections that expire one after the other are closed together: each look is at all of them.
const PAUSE: Duration = Duration::from_millis(100);
