//! The simulated network: connections in memory, virtual time, and a queue of events.
//!
//! The network knows bytes and ends of streams, but not HTTP. The server's [script](crate::peer) decides its messages.

mod connection;
mod connector;
mod io;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) use self::connection::{Connection, Ended};
pub(crate) use self::connector::Connector;
use crate::ledger::{Attempt, Ledger, Stamp};
use crate::peer;
use crate::plan::{Pause, Plan, Script, Step};

thread_local! {
    /// The runtime that runs on this thread now.
    static RUNTIME: Cell<usize> = const { Cell::new(0) };
}

/// Sets the runtime that runs on this thread from now on.
pub(crate) fn enter(runtime: usize) {
    RUNTIME.set(runtime);
}

pub(crate) fn current_runtime() -> usize {
    RUNTIME.get()
}

/// The network, and everything that is known of its exchanges.
#[derive(Debug)]
pub(crate) struct World {
    /// Guards everything; wakers are called after it is unlocked.
    state: Mutex<State>,
    /// When time began, by the clock of each runtime.
    starts: Vec<Instant>,
}

#[derive(Debug)]
pub(crate) struct State {
    now: Stamp,
    round: u32,
    queue: BinaryHeap<Reverse<(u64, u32, u64, Event)>>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) ledger: Ledger,
    pub(crate) scripts: Vec<Script>,
    /// The script of connections beyond the plan's.
    pub(crate) fallback: Script,
    /// How many requests [`Step::Gather`](crate::plan::Step::Gather) waits for, and those that are there.
    pub(crate) gathering: (usize, Vec<usize>),
    /// There is only one caller.
    pub(crate) is_sequential: bool,
    pub(crate) plan: Arc<Plan>,
    /// Whether each runtime is driven now, and the wakers that wait for it.
    runtimes: Vec<Reactor>,
    wakes: Vec<Waker>,
    driver: Option<Waker>,
}

#[derive(Debug, Default)]
struct Reactor {
    is_still: bool,
    is_gone: bool,
    held: Vec<Waker>,
}

/// A future event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A connect is over.
    Connected(usize),
    /// A wait of a server is over. The number identifies the wait.
    Timer(usize, u64),
    /// A server notices its input.
    Notice(usize),
}

impl World {
    /// Makes a network for `plan`. Its time begins at `starts`, by the clock of each runtime; the last runtime drives it.
    pub(crate) fn new(plan: Arc<Plan>, starts: Vec<Instant>) -> Self {
        let state = State {
            now: Stamp::default(),
            round: 0,
            queue: BinaryHeap::new(),
            connections: Vec::new(),
            ledger: Ledger::new(&plan),
            scripts: plan.connections.clone(),
            fallback: Script::good(),
            gathering: (0, Vec::new()),
            is_sequential: plan.callers.len() == 1,
            runtimes: (0..plan.client.runtimes).map(|_| Reactor::default()).collect(),
            plan,
            wakes: Vec::new(),
            driver: None,
        };
        Self { state: Mutex::new(state), starts }
    }

    /// Calls `f` with the state, and then the wakers that are due.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // Outside a runtime virtual time stands still.
        let now = if Handle::try_current().is_ok() { self.now() } else { 0 };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.set_time(now);
        let result = f(&mut state);
        let wakes = std::mem::take(&mut state.wakes);
        drop(state);
        wakes.into_iter().for_each(Waker::wake);
        result
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time")]
    fn now(&self) -> u64 {
        u64::try_from(Instant::now().saturating_duration_since(self.starts[current_runtime()]).as_millis())
            .unwrap_or(u64::MAX)
    }
}

impl State {
    /// Returns the present moment. No two are equal.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.now.seq += 1;
        self.now
    }

    pub(crate) fn ms(&self) -> u64 {
        self.now.ms
    }

    fn set_time(&mut self, ms: u64) {
        if ms > self.now.ms {
            self.now.ms = ms;
            self.round = 0;
        }
    }

    /// Schedules `event` after `pause`.
    pub(crate) fn schedule(&mut self, pause: Pause, event: Event) {
        let seq = self.stamp().seq;
        let (ms, round) = match pause {
            Pause { ms: 0, rounds } => (self.now.ms, self.round + rounds),
            Pause { ms, rounds } => (self.now.ms + u64::from(ms), rounds),
        };
        self.queue.push(Reverse((ms, round, seq, event)));
        self.wakes.extend(self.driver.take());
    }

    /// Wakes a task of `runtime`, when that is driven.
    pub(crate) fn wake(&mut self, runtime: usize, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        match self.runtimes.get_mut(runtime) {
            Some(reactor) if reactor.is_still || reactor.is_gone => reactor.held.push(waker),
            _ => self.wakes.push(waker),
        }
    }

    pub(crate) fn is_gone(&self, runtime: usize) -> bool {
        self.runtimes.get(runtime).is_some_and(|reactor| reactor.is_gone)
    }

    /// Returns the requests whose callers wait.
    pub(crate) fn pending(&self) -> impl Iterator<Item = usize> + '_ {
        let requests = self.ledger.requests.iter().enumerate();
        requests.filter(|(_, request)| request.asked.is_some() && !request.is_done).map(|(id, _)| id)
    }

    /// Whether a request may be pending for ever. This is so if its server is silent, and the client cannot have noticed that; if it waits for the
    /// connection of such a request, or of one whose caller is in a runtime that is `over`; or if its server waits for a request that waits for such
    /// a connection.
    pub(crate) fn may_be_pending(&self, id: usize, over: &[usize]) -> bool {
        if self.plan.client.http2 {
            // Its server answers, or ends the connection.
            return false;
        }
        let host = self.ledger.requests[id].ask.host;
        let mut others = self.pending().filter(|&other| self.ledger.requests[other].ask.host == host);
        let waits = self.plan.client.max_connections.is_some() && self.ledger.requests[id].attempts.is_empty();
        let is_over = |id| self.runtime_of(id).is_some_and(|runtime| over.contains(&runtime));
        if self.is_gathered(id) {
            return others.any(is_over);
        }
        self.has_silent_server(id) || (waits && others.any(|other| self.has_silent_server(other) || is_over(other)))
    }

    /// Returns the last attempt of a request, and its connection.
    fn last_attempt(&self, id: usize) -> Option<(&Attempt, &Connection)> {
        let attempt = &self.ledger.attempts[*self.ledger.requests[id].attempts.last()?];
        Some((attempt, &self.connections[attempt.connection]))
    }

    /// Whether the server waits for other requests that the client has yet to send.
    fn is_gathered(&self, id: usize) -> bool {
        self.last_attempt(id).is_some_and(|(_, connection)| {
            matches!(connection.script.steps.get(connection.at), Some(Step::Gather)) && !connection.is_served
        })
    }

    /// Whether the server has not sent what the caller waits for, and the client cannot know that it never will.
    fn has_silent_server(&self, id: usize) -> bool {
        self.last_attempt(id).is_some_and(|(attempt, connection)| {
            let is_owed = attempt.answer.is_none_or(|answer| {
                let answer = &self.ledger.answers[answer];
                let awaited = if self.ledger.requests[id].has_head { answer.all_arrived } else { answer.head_arrived };
                awaited.is_none()
            });
            is_owed && connection.ended.is_none() && connection.write_failed.is_none() && !self.is_gathered(id)
        })
    }

    /// Returns the runtime of a caller of the plan.
    pub(crate) fn runtime_of(&self, id: usize) -> Option<usize> {
        let mut first = 0;
        let caller = self.plan.callers.iter().find(|caller| {
            first += caller.asks.len();
            id < first
        });
        caller.map(|caller| caller.runtime as usize)
    }

    /// Sets whether a runtime is driven.
    pub(crate) fn set_still(&mut self, runtime: usize, is_still: bool) {
        let Some(reactor) = self.runtimes.get_mut(runtime) else { return };
        reactor.is_still = is_still;
        if !is_still {
            self.wakes.append(&mut reactor.held);
        }
    }

    /// A runtime has been dropped.
    pub(crate) fn set_gone(&mut self, runtime: usize) {
        if let Some(reactor) = self.runtimes.get_mut(runtime) {
            reactor.is_gone = true;
            // Tasks of other runtimes that wait for a socket of this one learn that it is gone.
            self.wakes.append(&mut reactor.held);
        }
        for connection in &mut self.connections {
            if connection.runtime == runtime {
                self.wakes.extend(connection.reader.take().into_iter().chain(connection.writer.take()));
            }
        }
    }

    /// Returns the time of the next event.
    pub(crate) fn next_event(&self) -> Option<(u64, u32)> {
        self.queue.peek().map(|Reverse((ms, round, ..))| (*ms, *round))
    }

    fn fire(&mut self) {
        while let Some(&Reverse((ms, round, _, event))) = self.queue.peek() {
            if (ms, round) > (self.now.ms, self.round) {
                return;
            }
            self.queue.pop();
            match event {
                Event::Connected(id) => {
                    let connection = &mut self.connections[id];
                    connection.is_connected = true;
                    let (runtime, waker) = (connection.runtime, connection.reader.take());
                    self.wake(runtime, waker);
                }
                Event::Timer(id, epoch) => peer::on_timer(self, id, epoch),
                Event::Notice(id) => peer::on_notice(self, id),
            }
        }
    }
}

/// The task that runs events when they are due.
pub(crate) struct Drive {
    world: Arc<World>,
    start: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Drive {
    pub(crate) fn new(world: Arc<World>) -> Self {
        let start = world.starts[world.starts.len() - 1];
        let sleep = Box::pin(sleep_until(start));
        Self { world, start, sleep }
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let world = Arc::clone(&self.world);
            let next = world.with(|state| {
                state.fire();
                let next = state.next_event();
                if next.is_some_and(|(ms, _)| ms <= state.now.ms) {
                    // All other tasks have run.
                    state.round += 1;
                } else {
                    state.driver = Some(cx.waker().clone());
                }
                next.map(|(ms, _)| (ms, ms <= state.now.ms))
            });
            match next {
                None => return Poll::Pending,
                Some((_, true)) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some((ms, false)) => {
                    let at = self.start + Duration::from_millis(ms);
                    if self.sleep.deadline() != at {
                        self.sleep.as_mut().reset(at);
                    }
                    ready!(self.sleep.as_mut().poll(cx));
                }
            }
        }
    }
}
