//! Threads for calls that block, a bounded number of them, that nobody waits for.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a thread without work waits for some.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Runs jobs on threads of its own, in the order in which they come. Clones share the threads.
///
/// They are not those of the runtime, which waits for its threads when it is shut down: a job that never returns keeps
/// its thread, and nothing else.
#[derive(Clone)]
pub(super) struct Threads {
    shared: Arc<Shared>,
}

type Job = Box<dyn FnOnce() + Send>;

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
}

impl Threads {
    /// At most this many threads.
    pub(super) fn new(most: usize) -> Self {
        Self { shared: Arc::new(Shared { most, state: Mutex::default(), work: Condvar::new() }) }
    }

    /// Runs `job` as soon as a thread is free.
    ///
    /// # Errors
    ///
    /// If there is no thread, and the system gives none. The job is dropped then.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.idle < state.queue.len() + 1 && state.threads < self.shared.most {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new().name("happy-eyeballs-resolve".into()).spawn(move || shared.work()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                // One of the others gets round to it.
                Err(_) => {}
            }
        }
        state.queue.push_back(Box::new(job));
        drop(state);
        self.shared.work.notify_one();
        Ok(())
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
                drop(panic::catch_unwind(AssertUnwindSafe(job)));
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (woken, wait) = self.work.wait_timeout(state, KEEP_ALIVE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("most", &self.shared.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_beyond_the_bound_wait_and_then_run_in_order() {
        let threads = Threads::new(1);
        let (release, released) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        threads.run(move || released.recv().unwrap()).unwrap();
        for job in 0..3 {
            let done = done.clone();
            threads.run(move || done.send(job).unwrap()).unwrap();
        }
        assert_eq!(threads.shared.lock().threads, 1);
        assert!(results.try_recv().is_err(), "the only thread is busy");
        release.send(()).unwrap();
        assert_eq!((0..3).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_job_that_blocks_keeps_only_its_own_thread() {
        let threads = Threads::new(2);
        let (release, released) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        threads.run(move || released.recv().unwrap()).unwrap();
        for job in 0..100 {
            let done = done.clone();
            threads.run(move || done.send(job).unwrap()).unwrap();
        }
        assert_eq!((0..100).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        release.send(()).unwrap();
    }

    #[test]
    fn a_job_that_panics_harms_no_other() {
        let threads = Threads::new(1);
        let (done, results) = mpsc::channel();
        threads.run(|| panic::resume_unwind(Box::new("a job's own affair"))).unwrap();
        threads.run(move || done.send(()).unwrap()).unwrap();
        results.recv().unwrap();
    }
}
