//! A bounded set of threads for blocking calls. Nothing waits for these threads to end.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::timer::read_clock;

/// The name that systems show. Some cut names after 15 bytes.
const THREAD_NAME: &str = "he-resolve";
/// How long a thread without work waits for a job.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// One in this many threads is reserved for favoured jobs.
const KEPT_SHARE: usize = 8;

/// How many jobs may run that began a moment ago. A burst of queries would overflow the buffers of a DNS server, and each lost packet costs seconds.
const MAX_YOUNG: usize = 64;
/// A job that takes longer may be stuck, and does not delay others any more.
const YOUNG: Duration = Duration::from_millis(10);

/// Runs jobs on threads of its own. Jobs of one kind begin in order. Clones share the threads.
///
/// These are not threads of the runtime, which waits for its threads when it shuts down: a job that never returns blocks only its own thread. Stacks
/// have the default size, since unknown modules of the system run on them. The unused part of a stack takes no memory.
#[derive(Clone, Debug)]
pub(super) struct Threads {
    last: Arc<Last>,
}

/// The priority of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The job may wait for any other job. Ordinary jobs leave an eighth of the threads free.
    Ordinary,
    /// The job waits only for other favoured jobs, since it is not expected to take long.
    Favoured,
}

/// Dropped with the last clone: no more jobs come.
struct Last(Arc<Shared>);

/// A job. It is called with the error if there is no thread for it.
type Job = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Shared {
    most: usize,
    /// Guards the queues and the counts. No job runs or is dropped under the lock.
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    favoured: VecDeque<Job>,
    ordinary: VecDeque<Job>,
    threads: usize,
    /// How many threads wait for work, or have not begun yet.
    idle: usize,
    /// When each running job began, by its number, in order.
    running: BTreeMap<u64, Instant>,
    /// How many running jobs are ordinary.
    running_ordinary: usize,
    /// The number of the next job.
    number: u64,
    no_more: bool,
}

/// What a thread does next.
enum Next {
    Run(Job, Turn, u64),
    /// A job is queued, but must not begin before this time has passed.
    Later(Duration),
    Nothing,
}

impl Threads {
    /// Makes a set of at most this many threads.
    pub(super) fn new(most: usize) -> Self {
        Self { last: Arc::new(Last(Arc::new(Shared { most, state: Mutex::default(), work: Condvar::new() }))) }
    }

    /// Runs `job` when a thread is free. If there is no thread and the system cannot start one, calls `job` here with the error.
    pub(super) fn run(&self, turn: Turn, job: impl FnOnce(io::Result<()>) + Send + 'static) {
        let shared = &self.last.0;
        let job: Job = Box::new(job);
        let mut state = shared.lock();
        let queue = match turn {
            Turn::Favoured => &mut state.favoured,
            Turn::Ordinary => &mut state.ordinary,
        };
        queue.push_back(job);
        if let Err(error) = shared.grow(&mut state, read_clock()) {
            // If there are threads, one of them will run the job.
            if state.threads == 0 {
                let jobs = mem::take(&mut state.favoured).into_iter().chain(mem::take(&mut state.ordinary));
                drop(state);
                let kind = error.kind();
                return jobs.for_each(|job| job(Err(kind.into())));
            }
        }
        drop(state);
        shared.work.notify_one();
    }

    /// Returns the limit of threads.
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

    /// Returns how many ordinary jobs may begin.
    fn room_for_ordinary(&self, state: &State) -> usize {
        (self.most - self.most / KEPT_SHARE).saturating_sub(state.running_ordinary)
    }

    /// Starts another thread, if there is a job for it.
    fn grow(self: &Arc<Self>, state: &mut State, now: Instant) -> io::Result<()> {
        let jobs = state.favoured.len() + state.ordinary.len().min(self.room_for_ordinary(state));
        // One more thread waits until the next job may begin.
        let may_begin = MAX_YOUNG.saturating_sub(state.young(now).count()) + 1;
        if state.idle < jobs.min(may_begin) && state.threads < self.most {
            let worker = Arc::clone(self);
            thread::Builder::new().name(THREAD_NAME.into()).spawn(move || worker.work())?;
            state.threads += 1;
            state.idle += 1;
        }
        Ok(())
    }

    /// Takes the next job that may begin.
    fn next(&self, state: &mut State, now: Instant) -> Next {
        let may_be_ordinary = self.room_for_ordinary(state) > 0 && !state.ordinary.is_empty();
        if state.favoured.is_empty() && !may_be_ordinary {
            return Next::Nothing;
        }
        if let Some(oldest) = state.young(now).nth(MAX_YOUNG - 1) {
            return Next::Later(YOUNG.saturating_sub(now.saturating_duration_since(oldest)));
        }
        let (job, turn) = match state.favoured.pop_front() {
            Some(job) => (job, Turn::Favoured),
            None => match state.ordinary.pop_front() {
                Some(job) => (job, Turn::Ordinary),
                None => return Next::Nothing,
            },
        };
        state.running_ordinary += usize::from(turn == Turn::Ordinary);
        let number = state.number;
        state.number += 1;
        state.running.insert(number, now);
        Next::Run(job, turn, number)
    }

    /// The loop of a thread.
    fn work(self: &Arc<Self>) {
        let mut state = self.lock();
        state.idle -= 1;
        loop {
            let now = read_clock();
            let wait = match self.next(&mut state, now) {
                Next::Run(job, turn, number) => {
                    // If no other thread can be started, this one runs the next job later.
                    let _grown = self.grow(&mut state, now);
                    let has_more = !state.favoured.is_empty() || !state.ordinary.is_empty();
                    drop(state);
                    if has_more {
                        // The thread that was notified of the next job may be the one that took this job.
                        self.work.notify_one();
                    }
                    // A panic ends only its job: the flight is dropped, and its callers learn that there is no result.
                    drop(panic::catch_unwind(AssertUnwindSafe(|| job(Ok(())))));
                    state = self.lock();
                    state.running.remove(&number);
                    state.running_ordinary -= usize::from(turn == Turn::Ordinary);
                    continue;
                }
                Next::Later(wait) => Some(wait),
                // A job that must not begin yet is left to the busy threads.
                Next::Nothing if state.no_more => break,
                Next::Nothing => None,
            };
            state.idle += 1;
            let time = wait.unwrap_or(KEEP_ALIVE);
            let (woken, waited) = self.work.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.is_none() && waited.timed_out() && matches!(state.favoured.len() + state.ordinary.len(), 0) {
                break;
            }
        }
        state.threads -= 1;
    }
}

impl State {
    /// Returns when the young jobs began, the latest first.
    fn young(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let began = self.running.values().rev().copied();
        began.take_while(move |began| now.saturating_duration_since(*began) < YOUNG)
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
        // One of the threads may still be starting.
        while threads.last.0.lock().running.len() < 7 {
            thread::yield_now();
        }
        for job in 0..20 {
            let done = done.clone();
            threads.run(Turn::Favoured, move |_| done.send(job).unwrap());
        }
        assert_eq!((0..20).map(|_| results.recv().unwrap()).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        drop(release);
    }

    #[test]
    fn a_burst_begins_bit_by_bit_unless_its_jobs_are_stuck() {
        let (shared, began) = (Arc::clone(&Threads::new(512).last.0), some_instant());
        let mut state = State::default();
        state.ordinary.extend((0..200).map(|_| -> Job { Box::new(|_| {}) }));
        let mut numbers = Vec::new();
        let mut begin = |state: &mut State, after| {
            let now = began + Duration::from_millis(after);
            let before = numbers.len();
            let wait = loop {
                match shared.next(state, now) {
                    Next::Run(_, _, number) => numbers.push(number),
                    Next::Later(wait) => break Some(wait.as_millis()),
                    Next::Nothing => break None,
                }
            };
            (numbers.len() - before, wait)
        };
        assert_eq!(begin(&mut state, 0), (64, Some(10)));
        assert_eq!(begin(&mut state, 4), (0, Some(6)));
        // Some jobs end, and others begin.
        state.running.retain(|number, _| *number >= 10);
        assert_eq!(begin(&mut state, 4), (10, Some(6)));
        // The other jobs are stuck.
        assert_eq!(begin(&mut state, 10), (54, Some(4)));
        assert_eq!(begin(&mut state, 20), (64, Some(10)));
        assert_eq!(begin(&mut state, 30), (8, None));
    }

    #[test]
    fn any_number_of_stuck_jobs_keeps_no_other_waiting_while_there_are_threads() {
        let threads = Threads::new(512);
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        for _ in 0..300 {
            let released = Arc::clone(&released);
            run(&threads, move |_| assert!(released.lock().unwrap().recv().is_err()));
        }
        let (done, results) = mpsc::channel();
        run(&threads, move |_| done.send(()).unwrap());
        results.recv().unwrap();
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
        // Well within the time that a thread waits for work.
        let began = some_instant();
        while shared.strong_count() > 0 {
            assert!(began.elapsed() < KEEP_ALIVE / 2, "the thread waits");
            thread::yield_now();
        }
    }
}
