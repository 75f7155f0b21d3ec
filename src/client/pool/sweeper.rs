//! The sweepers: tasks that close idle connections, one in each runtime that has made connections. A sweeper sleeps until there is an event on an
//! idle connection of its runtime, or until the first of *all* idle connections expires. So connections expire even if their runtime is not driven.
//!
//! Only the runtime of a connection notices that the server has closed it. So when a sweeper finds connections that a server has closed, it asks the
//! other sweepers to run. It checks the idle connections of those that have not run after [half a second](PATIENCE).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;

use super::central::Pool;
use super::connection::Owned;
use super::lease::Lease;
use super::place::Place;
use super::runtimes::Watch;
use crate::client::sync::spawn_in;
use crate::timer::{Timer, read_clock};

impl<W: Owned> Pool<W> {
    /// Counts a connection that was made with `lease` in the current runtime. Returns its place and the watch of the runtime. Starts the sweeper of
    /// the runtime if there is none.
    pub(in crate::client) fn enter(self: &Arc<Self>, lease: &mut Lease) -> (Place, Arc<Watch>) {
        let runtime = Handle::try_current().ok();
        let (place, watch, is_first) = self.add(lease, runtime.as_ref().map(Handle::id));
        if let (Some(runtime), true) = (runtime, is_first) {
            // A task, so that no caller has to drive idle connections. A runtime that is ending drops it at once: then the connection is not kept.
            spawn_in(&runtime, Sweeper::new(self, &watch));
        }
        (place, watch)
    }
}

pin_project! {
    /// A sweeper. It ends with the pool or with its runtime.
    struct Sweeper<W: Owned> {
        pool: Weak<Pool<W>>,
        watch: Arc<Watch>,
        next: Next,
        // By when the other sweepers have to run.
        answers: Option<Instant>,
        #[pin]
        timer: Timer,
    }

    impl<W: Owned> PinnedDrop for Sweeper<W> {
        fn drop(this: Pin<&mut Self>) {
            // The runtime may end before the pool does.
            if let Some(pool) = this.pool.upgrade() {
                pool.on_end(&this.watch);
            }
        }
    }
}

/// When to look for connections that have expired.
#[derive(Clone, Copy)]
enum Next {
    /// After the shortest time in which a connection may expire. One that has just become idle is usually in use again soon.
    Later,
    At(Instant),
    Never,
    /// When a connection becomes idle.
    WhenTold,
}

impl<W: Owned> Sweeper<W> {
    fn new(pool: &Arc<Pool<W>>, watch: &Arc<Watch>) -> Self {
        let (pool, watch) = (Arc::downgrade(pool), Arc::clone(watch));
        Self { pool, watch, next: Next::WhenTold, answers: None, timer: Timer::new() }
    }
}

impl<W: Owned> Future for Sweeper<W> {
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
            if let Some(gone) = pool.first_gone() {
                let is_before = !matches!(*this.next, Next::At(at) if at <= gone);
                if is_before {
                    *this.next = Next::At(gone);
                }
            }
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
            // The client may be gone, and the last connection with a deadline may have ended just now.
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

/// The least time between two looks for expired connections, since each look goes through all of them.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a sweeper that was asked may take to run, before its runtime counts as not driven.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use http::Request;

    use super::super::central::Acquired;
    use super::super::finishing::{Count, Finish};
    use super::super::no_connection::NoConnection;
    use super::super::settings::Settings;
    use super::*;
    use crate::client::destination::Destination;

    /// Has the runtime that this is called in start its sweeper.
    fn start_sweeper(pool: &Arc<Pool<NoConnection>>) {
        let destination = Destination::take_from(&mut Request::get("http://a.test/").body(()).unwrap()).unwrap();
        let Acquired::Dial(mut lease) = pool.acquire(&destination, None) else { panic!("there is no connection") };
        drop(pool.enter(&mut lease));
    }

    #[test]
    fn what_is_overdue_is_closed_although_its_runtime_is_not_driven() {
        let settings = Settings {
            idle_timeout: Some(Duration::from_secs(90)),
            max_age: None,
            max_idle_per_host: usize::MAX,
            max_connections_per_host: usize::MAX,
            max_shared_per_host: 1,
        };
        let pool = Arc::new(Pool::<NoConnection>::new(settings));
        let count = Arc::new(Count::default());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        second.block_on(async { start_sweeper(&pool) });
        first.block_on(async {
            start_sweeper(&pool);
            let deadline = read_clock() + Duration::from_millis(20);
            pool.close_at(deadline, Arc::downgrade(&count) as Weak<dyn Finish>);
        });
        // That the client is gone changes nothing.
        pool.close();
        second.block_on(async {
            while count.0.load(SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        assert_eq!(count.0.load(SeqCst), 1);
    }
}
