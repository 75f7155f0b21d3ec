//! The tasks that look after idle connections, one in each runtime that has made connections. Each sleeps until the server touches a
//! connection of its runtime, or until the first of *all* connections has expired: no runtime has to be driven for those of the others.
//!
//! The server's close of a connection is heard by its runtime alone. So when a sweeper finds that a server has closed connections, it asks
//! the other sweepers for a sign of life, and has a look at the connections of those that give none.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Pool, Watch};
use crate::timer::{Timer, read_clock};

pin_project! {
    /// Ends with the pool, or with its runtime.
    pub(super) struct Sweeper {
        pool: Weak<Pool>,
        watch: Arc<Watch>,
        next: Next,
        // When the other sweepers have to have answered.
        answers: Option<Instant>,
        #[pin]
        timer: Timer,
    }

    impl PinnedDrop for Sweeper {
        fn drop(this: Pin<&mut Self>) {
            // The runtime may end before the pool does.
            if let Some(pool) = this.pool.upgrade() {
                pool.on_end(&this.watch);
            }
        }
    }
}

/// When to look for what has expired.
#[derive(Clone, Copy)]
enum Next {
    /// As long from now as a connection may be idle: one that became so just now is most often gone again.
    Later,
    At(Instant),
    Never,
    /// When there is something idle again.
    WhenTold,
}

impl Sweeper {
    pub(super) fn new(pool: &Arc<Pool>, watch: &Arc<Watch>) -> Self {
        let (pool, watch) = (Arc::downgrade(pool), Arc::clone(watch));
        Self { pool, watch, next: Next::WhenTold, answers: None, timer: Timer::new() }
    }
}

impl Future for Sweeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.watch.sweeper().register(cx.waker());
        this.watch.answer();
        let Some(pool) = this.pool.upgrade() else {
            return Poll::Ready(());
        };
        if pool.is_over() {
            return Poll::Ready(());
        }
        let swept = pool.sweep_touched(this.watch);
        let mut again = swept.more;
        if swept.closed && this.answers.is_none() && pool.ask_others(this.watch) {
            *this.answers = read_clock().checked_add(PATIENCE);
        }
        loop {
            let now = read_clock();
            if let Next::At(at) = *this.next {
                if at <= now {
                    let earliest = pool.close_expired(now);
                    *this.next = earliest.map_or(Next::WhenTold, |at| Next::At(at.max(now + PAUSE)));
                }
            }
            if matches!(this.next, Next::WhenTold) && pool.has_told() {
                *this.next = Next::Later;
            }
            if let Next::Later = *this.next {
                let at = pool.settings.shortest_life().and_then(|life| now.checked_add(life));
                *this.next = at.map_or(Next::Never, Next::At);
            }
            if this.answers.is_some_and(|at| at <= now) {
                *this.answers = None;
                again |= pool.take_over(this.watch);
            }
            let at = match *this.next {
                Next::At(at) => Some(at),
                Next::Later | Next::Never | Next::WhenTold => None,
            };
            let at = at.into_iter().chain(*this.answers).chain(pool.close_overdue(now)).min();
            // The last that had a deadline may have gone just now, after the client.
            if pool.is_over() {
                return Poll::Ready(());
            }
            if again {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(this.timer.as_mut().poll(at, cx));
        }
    }
}

/// Connections that expire one after the other are closed together: each look is at all of them.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a sweeper has to show that its runtime is driven.
const PATIENCE: Duration = Duration::from_millis(500);
