//! What is to be closed at a certain time unless it has ended by then, whichever runtime is driven.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::Pool;

/// A connection that goes on by itself, for a limited time.
pub(in crate::client) trait Finish: Send + Sync {
    /// Its time is over. Called without a lock, by any task.
    fn close(&self);
}

/// What has a deadline.
pub(super) struct Finishing {
    list: Vec<(Instant, Weak<dyn Finish>)>,
}

impl Finishing {
    pub(super) fn new() -> Self {
        Self { list: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn add(&mut self, deadline: Instant, finish: Weak<dyn Finish>) {
        if self.list.len() == self.list.capacity() {
            self.list.retain(|(_, finish)| finish.strong_count() > 0);
        }
        self.list.push((deadline, finish));
    }

    /// What is overdue, and when something else will be.
    fn take_overdue(&mut self, now: Instant) -> (Vec<Arc<dyn Finish>>, Option<Instant>) {
        let mut overdue = Vec::new();
        self.list.retain(|(deadline, finish)| {
            if *deadline <= now {
                overdue.extend(finish.upgrade());
            }
            *deadline > now && finish.strong_count() > 0
        });
        (overdue, self.list.iter().map(|(deadline, _)| *deadline).min())
    }
}

impl Pool {
    /// Has any sweeper close `finish` at `deadline`, if it has not been dropped by then.
    pub(in crate::client) fn close_at(&self, deadline: Instant, finish: Weak<dyn Finish>) {
        self.lock().finishing.add(deadline, finish);
        // Their timers may be set to a later time.
        self.wake_sweepers();
    }

    /// Closes what is overdue, and says when something else will be.
    pub(in crate::client) fn close_overdue(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        if state.finishing.is_empty() {
            return None;
        }
        let (overdue, next) = state.finishing.take_overdue(now);
        drop(state);
        overdue.iter().for_each(|finish| finish.close());
        next
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use super::super::Settings;
    use super::*;
    use crate::test_support::some_instant;
    use crate::timer::read_clock;

    struct Count(AtomicUsize);

    impl Finish for Count {
        fn close(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn what_is_overdue_is_taken_once_and_what_was_dropped_never() {
        let start = some_instant();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let counts: Vec<_> = (0..3).map(|_| Arc::new(Count(AtomicUsize::new(0)))).collect();
        let mut finishing = Finishing::new();
        for (count, deadline) in counts.iter().zip([20, 10, 30]) {
            finishing.add(after(deadline), Arc::downgrade(count) as Weak<dyn Finish>);
        }
        let dropped: Arc<dyn Finish> = Arc::new(Count(AtomicUsize::new(0)));
        finishing.add(after(5), Arc::downgrade(&dropped));
        drop(dropped);
        for (now, overdue, next) in [(0, 0, Some(10)), (10, 1, Some(20)), (25, 1, Some(30)), (30, 1, None)] {
            let (taken, deadline) = finishing.take_overdue(after(now));
            taken.iter().for_each(|finish| finish.close());
            assert_eq!((taken.len(), deadline), (overdue, next.map(after)), "{now} ms");
        }
        assert!(finishing.is_empty());
        assert!(counts.iter().all(|count| count.0.load(SeqCst) == 1));
    }

    #[test]
    fn what_is_overdue_is_closed_although_its_runtime_is_not_driven() {
        let settings = Settings {
            idle_timeout: Some(Duration::from_secs(90)),
            max_age: None,
            max_idle_per_host: usize::MAX,
            max_connections_per_host: usize::MAX,
        };
        let pool = Arc::new(Pool::new(settings));
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        second.block_on(async { drop(pool.watch()) });
        first.block_on(async {
            drop(pool.watch());
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
