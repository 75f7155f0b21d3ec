//! Threads for calls that block, a bounded number of them, that nobody waits for.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// As systems show it, of which some cut names after 15 bytes.
const THREAD_NAME: &str = "he-resolve";
/// How long a thread without work waits for some.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Runs jobs on threads of its own, in the order in which they come. Clones share the threads.
///
/// They are not those of the runtime, which waits for its threads when it is shut down: a job that never returns keeps
/// its thread, and nothing else.
#[derive(Clone, Debug)]
pub(super) struct Threads {
    last: Arc<Last>,
}

/// When the last clone is gone, no more work comes.
struct Last(Arc<Shared>);

/// Called with the reason if there is no thread for it.
type Job = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Shared {
    most: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    no_more: bool,
}

impl Threads {
    /// At most this many threads.
    pub(super) fn new(most: usize) -> Self {
        Self { last: Arc::new(Last(Arc::new(Shared { most, state: Mutex::default(), work: Condvar::new() }))) }
    }

    /// Runs `job` as soon as a thread is free. If there is none and the system gives none, it is called here, with the error.
    pub(super) fn run(&self, job: impl FnOnce(io::Result<()>) + Send + 'static) {
        let shared = &self.last.0;
        let mut state = shared.lock();
        if state.idle < state.queue.len() + 1 && state.threads < shared.most {
            let worker = Arc::clone(shared);
            match thread::Builder::new().name(THREAD_NAME.into()).spawn(move || worker.work()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    drop(state);
                    return job(Err(error));
                }
                // One of the others gets round to it.
                Err(_) => {}
            }
        }
        state.queue.push_back(Box::new(job));
        drop(state);
        shared.work.notify_one();
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.0.lock().no_more = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                // A job that panics is its own affair: whoever waits for its result learns that there is none.
                drop(panic::catch_unwind(AssertUnwindSafe(|| job(Ok(())))));
                state = self.lock();
                continue;
            }
            if state.no_more {
                break;
            }
            state.idle += 1;
            let (woken, wait) = self.work.wait_timeout(state, KEEP_ALIVE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl fmt::Debug for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {}", self.0.most)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn jobs_beyond_the_bound_wait_and_then_run_in_order() {
        let threads = Threads::new(1);
        let (release, released) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        threads.run(move |_| released.recv().unwrap());
        for job in 0..3 {
            let done = done.clone();
            threads.run(move |_| done.send(job).unwrap());
        }
        assert_eq!(threads.last.0.lock().threads, 1);
        assert!(results.try_recv().is_err(), "the only thread is busy");
        release.send(()).unwrap();
        assert_eq!((0..3).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_job_that_blocks_keeps_only_its_own_thread() {
        let threads = Threads::new(2);
        let (release, released) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        threads.run(move |_| released.recv().unwrap());
        for job in 0..100 {
            let done = done.clone();
            threads.run(move |_| done.send(job).unwrap());
        }
        assert_eq!((0..100).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        release.send(()).unwrap();
    }

    #[test]
    fn a_job_that_panics_harms_no_other() {
        let threads = Threads::new(1);
        let (done, results) = mpsc::channel();
        threads.run(|_| panic::resume_unwind(Box::new("a job's own affair")));
        threads.run(move |_| done.send(()).unwrap());
        results.recv().unwrap();
    }

    #[test]
    fn threads_without_work_end_when_nobody_can_give_them_any() {
        let threads = Threads::new(2);
        let shared = Arc::downgrade(&threads.last.0);
        let (done, results) = mpsc::channel();
        threads.clone().run(move |_| done.send(()).unwrap());
        results.recv().unwrap();
        drop(threads);
        // Well before the time that a thread waits for work.
        let began = some_instant();
        while shared.strong_count() > 0 {
            assert!(began.elapsed() < KEEP_ALIVE / 2, "the thread waits");
            thread::yield_now();
        }
    }
}
