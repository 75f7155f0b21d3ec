//! Connections that finish an upload after their response. They are closed at a deadline, by whichever runtime is driven then.

use std::sync::{Arc, Weak};
use std::time::Instant;

/// A connection that finishes its upload in a task of its own, for a limited time.
pub(in crate::client) trait Finish: Send + Sync {
    /// The deadline has passed. Called without a lock held, in any task.
    fn close(&self);
}

/// The connections with a deadline.
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

    pub(super) fn add(&mut self, deadline: Instant, finish: Weak<dyn Finish>) {
        if self.list.len() == self.list.capacity() {
            self.list.retain(|(_, finish)| finish.strong_count() > 0);
        }
        self.list.push((deadline, finish));
    }

    /// Takes the connections whose deadline has passed, and returns the next deadline with them.
    pub(super) fn take_overdue(&mut self, now: Instant) -> (Vec<Arc<dyn Finish>>, Option<Instant>) {
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

/// Counts how often it is closed.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Count(pub(super) std::sync::atomic::AtomicUsize);

#[cfg(test)]
impl Finish for Count {
    fn close(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;
    use std::time::Duration;

    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn what_is_overdue_is_taken_once_and_what_was_dropped_never() {
        let start = some_instant();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let counts: Vec<_> = (0..3).map(|_| Arc::new(Count::default())).collect();
        let mut finishing = Finishing::new();
        for (count, deadline) in counts.iter().zip([20, 10, 30]) {
            finishing.add(after(deadline), Arc::downgrade(count) as Weak<dyn Finish>);
        }
        let dropped: Arc<dyn Finish> = Arc::new(Count::default());
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
}
