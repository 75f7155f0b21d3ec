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
/// One thread of so many is kept for favoured jobs.
const KEPT_SHARE: usize = 8;

/// Runs jobs on threads of its own, those of a kind in the order in which they come. Clones share the threads.
///
/// They are not those of the runtime, which waits for its threads when it is shut down: a job that never returns keeps
/// its thread, and nothing else. Their stacks have the usual size, since modules of the system run on them that nobody here
/// knows; what a stack does not use takes no memory.
#[derive(Clone, Debug)]
pub(super) struct Threads {
    last: Arc<Last>,
}

/// Whom a job may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Any other job. Jobs of this kind leave an eighth of the threads alone.
    Ordinary,
    /// Other favoured jobs alone: this one is not expected to take long.
    Favoured,
}

/// When the last clone is gone, no more work comes.
struct Last(Arc<Shared>);

/// Called with the reason if there is no thread for it.
type Job = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Shared {
    most: usize,
    /// Guards the queues and the counts. No job runs, and none is dropped, under the lock.
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    favoured: VecDeque<Job>,
    ordinary: VecDeque<Job>,
    threads: usize,
    /// Those that wait for work, or have not begun yet.
    idle: usize,
    /// How many ordinary jobs are running.
    running_ordinary: usize,
    no_more: bool,
}

impl Threads {
    /// At most this many threads.
    pub(super) fn new(most: usize) -> Self {
        Self { last: Arc::new(Last(Arc::new(Shared { most, state: Mutex::default(), work: Condvar::new() }))) }
    }

    /// Runs `job` as soon as a thread is free. If there is none and the system gives none, it is called here, with the error.
    pub(super) fn run(&self, turn: Turn, job: impl FnOnce(io::Result<()>) + Send + 'static) {
        let shared = &self.last.0;
        let job: Job = Box::new(job);
        let mut state = shared.lock();
        if state.idle < shared.due(&state, turn) && state.threads < shared.most {
            let worker = Arc::clone(shared);
            match thread::Builder::new().name(THREAD_NAME.into()).spawn(move || worker.work()) {
                Ok(_) => {
                    state.threads += 1;
                    state.idle += 1;
                }
                Err(error) if state.threads == 0 => {
                    drop(state);
                    return job(Err(error));
                }
                // One of the others gets round to it.
                Err(_) => {}
            }
        }
        match turn {
            Turn::Favoured => state.favoured.push_back(job),
            Turn::Ordinary => state.ordinary.push_back(job),
        }
        drop(state);
        shared.work.notify_one();
    }

    /// How many there may be.
    pub(super) fn most(&self) -> usize {
        self.last.0.most
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

    /// How many ordinary jobs may begin.
    fn room_for_ordinary(&self, state: &State) -> usize {
        (self.most - self.most / KEPT_SHARE).saturating_sub(state.running_ordinary)
    }

    /// How many jobs may begin, with another one of this kind.
    fn due(&self, state: &State, another: Turn) -> usize {
        let more = |turn| usize::from(another == turn);
        let ordinary = (state.ordinary.len() + more(Turn::Ordinary)).min(self.room_for_ordinary(state));
        state.favoured.len() + more(Turn::Favoured) + ordinary
    }

    /// The next job that may begin.
    fn next(&self, state: &mut State) -> Option<(Job, Turn)> {
        if let Some(job) = state.favoured.pop_front() {
            return Some((job, Turn::Favoured));
        }
        if self.room_for_ordinary(state) == 0 {
            return None;
        }
        let job = state.ordinary.pop_front()?;
        state.running_ordinary += 1;
        Some((job, Turn::Ordinary))
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        state.idle -= 1;
        loop {
            if let Some((job, turn)) = self.next(&mut state) {
                drop(state);
                // A job that panics is its own affair: whoever waits for its result learns that there is none.
                drop(panic::catch_unwind(AssertUnwindSafe(|| job(Ok(())))));
                state = self.lock();
                if turn == Turn::Ordinary {
                    state.running_ordinary -= 1;
                }
                continue;
            }
            // A job that may not begin yet is for the threads that are busy.
            if state.no_more {
                break;
            }
            state.idle += 1;
            let (woken, wait) = self.work.wait_timeout(state, KEEP_ALIVE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out()
                && state.favoured.is_empty()
                && self.room_for_ordinary(&state).min(state.ordinary.len()) == 0
            {
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

    fn run(threads: &Threads, job: impl FnOnce(io::Result<()>) + Send + 'static) {
        threads.run(Turn::Ordinary, job);
    }

    #[test]
    fn a_share_of_the_threads_is_kept_for_favoured_jobs() {
        let threads = Threads::new(8);
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let (done, results) = mpsc::channel();
        for _ in 0..20 {
            let released = Arc::clone(&released);
            run(&threads, move |_| assert!(released.lock().unwrap().recv().is_err()));
        }
        assert_eq!(threads.last.0.lock().threads, 7);
        for job in 0..20 {
            let done = done.clone();
            threads.run(Turn::Favoured, move |_| done.send(job).unwrap());
        }
        assert_eq!((0..20).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        drop(release);
    }

    #[test]
    fn an_ordinary_job_that_had_to_wait_runs_when_another_ends() {
        let threads = Threads::new(8);
        let (done, results) = mpsc::channel();
        for job in 0..100 {
            let done = done.clone();
            run(&threads, move |_| done.send(job).unwrap());
        }
        let mut all: Vec<i32> = (0..100).map(|_| results.recv().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn jobs_beyond_the_bound_wait_and_then_run_in_order() {
        let threads = Threads::new(1);
        let (release, released) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        run(&threads, move |_| released.recv().unwrap());
        for job in 0..3 {
            let done = done.clone();
            run(&threads, move |_| done.send(job).unwrap());
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
        run(&threads, move |_| released.recv().unwrap());
        for job in 0..100 {
            let done = done.clone();
            run(&threads, move |_| done.send(job).unwrap());
        }
        assert_eq!((0..100).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        release.send(()).unwrap();
    }

    #[test]
    fn a_job_that_panics_harms_no_other() {
        let threads = Threads::new(1);
        let (done, results) = mpsc::channel();
        run(&threads, |_| panic::resume_unwind(Box::new("a job's own affair")));
        run(&threads, move |_| done.send(()).unwrap());
        results.recv().unwrap();
    }

    #[test]
    fn threads_without_work_end_when_nobody_can_give_them_any() {
        let threads = Threads::new(2);
        let shared = Arc::downgrade(&threads.last.0);
        let (done, results) = mpsc::channel();
        threads.clone().run(Turn::Ordinary, move |_| done.send(()).unwrap());
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
