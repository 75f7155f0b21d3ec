//! The runtimes of a simulation, and how time goes on in them.
//!
//! With one runtime, callers and network are tasks of it, and its paused clock jumps to the next timer when all are idle.
//! With several, each has a clock of its own. All run on one thread, one after the other, for a slice of time each, so that a
//! run depends on its plan alone. The network has a runtime of its own then.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, sleep_until};

use crate::ledger::Rule;
use crate::net::{Drive, World, enter};
use crate::plan::{Plan, Standstill};

pub(crate) struct Stage {
    world: Arc<World>,
    /// The last is that of the network, if there are several.
    runtimes: Vec<Timed>,
    callers: Vec<JoinHandle<()>>,
    standstills: Vec<Standstill>,
    /// The time, in a simulation with several runtimes.
    now: u64,
}

struct Timed {
    /// None once it was dropped.
    runtime: Option<Runtime>,
    start: Instant,
    is_still: bool,
}

impl Stage {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        let count = plan.client.runtimes.max(1) as usize;
        let mut runtimes: Vec<Timed> = (0..if count > 1 { count + 1 } else { 1 }).map(|_| Timed::new()).collect();
        // The clocks differ by less than a millisecond, in the order of the runtimes: so no comparison of two of them depends on
        // when the runtimes were made.
        let last = runtimes[runtimes.len() - 1].start;
        for timed in &mut runtimes {
            timed.catch_up(last);
        }
        let network = runtimes.len() - 1;
        let world = Arc::new(World::new(Arc::clone(plan), runtimes.iter().map(|timed| timed.start).collect()));
        if let Some(runtime) = &runtimes[network].runtime {
            enter(network);
            let _guard = runtime.enter();
            drop(runtime.spawn(Drive::new(Arc::clone(&world))));
        }
        let standstills = plan.client.standstills.clone();
        Self { world, runtimes, callers: Vec::new(), standstills, now: 0 }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// A runtime that can be given tasks.
    pub(crate) fn any_alive(&self) -> usize {
        self.runtimes.iter().position(|timed| timed.runtime.is_some()).unwrap_or(0)
    }

    /// Spawns a caller in a runtime.
    pub(crate) fn spawn(&mut self, runtime: usize, caller: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtimes[runtime].runtime {
            self.callers.push(runtime.spawn(caller));
        }
    }

    /// Runs until all callers are done.
    pub(crate) fn run_callers(&mut self, horizon: u64) {
        let mut callers = std::mem::take(&mut self.callers);
        if self.runtimes.len() == 1 {
            let Some(runtime) = &self.runtimes[0].runtime else { return };
            enter(0);
            runtime.block_on(async {
                let mut timeout = pin!(sleep(Duration::from_millis(horizon)));
                for caller in &mut callers {
                    let mut caller = pin!(caller);
                    let joined = poll_fn(|cx| match caller.as_mut().poll(cx) {
                        Poll::Ready(joined) => Poll::Ready(Some(joined)),
                        Poll::Pending => timeout.as_mut().poll(cx).map(|()| None),
                    });
                    if let Some(Err(error)) = joined.await {
                        self.world.with(|state| state.ledger.violate(Rule::Panic, error.to_string()));
                    }
                }
            });
        } else {
            let end = self.now + horizon;
            while callers.iter().any(|caller| !caller.is_finished()) && self.now < end {
                self.slice();
            }
        }
        // Whoever was in a runtime that has gone is no more.
        let is_several = self.runtimes.len() > 1;
        self.world.with(|state| {
            let pending = |request: &crate::ledger::Request| request.asked.is_some() && !request.is_done;
            let pending: Vec<usize> = (0..state.ledger.requests.len())
                .filter(|&id| pending(&state.ledger.requests[id]) && !(is_several && state.is_caller_gone(id)))
                .collect();
            if !pending.is_empty() {
                state.ledger.violate(Rule::Pending, format!("requests {pending:?} are pending for ever"));
            }
        });
        callers.iter().for_each(JoinHandle::abort);
        self.pass(0);
    }

    /// Lets time pass, in milliseconds.
    pub(crate) fn pass(&mut self, ms: u64) {
        if self.runtimes.len() > 1 {
            let end = self.now + ms.max(2);
            while self.now < end {
                self.slice();
            }
        } else if let Some(runtime) = &self.runtimes[0].runtime {
            enter(0);
            runtime.block_on(async {
                for _ in 0..ROUNDS {
                    tokio::task::yield_now().await;
                }
                sleep(Duration::from_millis(ms)).await;
            });
        }
    }

    /// Lets some time pass in each of several runtimes.
    fn slice(&mut self) {
        let next = self.world.with(|state| state.next_event()).map_or(u64::MAX, |(ms, _)| ms);
        let step = next.saturating_sub(self.now).clamp(1, LONGEST_SLICE);
        self.now += step;
        for at in 0..self.standstills.len() {
            let Standstill { runtime, from, until } = self.standstills[at];
            let timed = &mut self.runtimes[runtime as usize];
            timed.is_still = (u64::from(from)..until.map_or(0, u64::from)).contains(&self.now);
            if until.is_none() && self.now >= u64::from(from) {
                if let Some(gone) = timed.runtime.take() {
                    enter(runtime as usize);
                    drop(gone);
                    self.world.with(|state| state.set_gone(runtime as usize));
                }
            }
        }
        let network = self.runtimes.len() - 1;
        for runtime in std::iter::once(network).chain(0..network) {
            let timed = &self.runtimes[runtime];
            let Some(driven) = timed.runtime.as_ref().filter(|_| !timed.is_still) else {
                self.world.with(|state| state.set_still(runtime, true));
                continue;
            };
            enter(runtime);
            self.world.with(|state| state.set_still(runtime, false));
            driven.block_on(sleep_until(timed.start + Duration::from_millis(self.now)));
        }
    }
}

/// Turns that everybody has before time goes on.
const ROUNDS: usize = 8;

/// As long is a slice if nothing is to happen on the network.
const LONGEST_SLICE: u64 = 50;

impl Timed {
    #[expect(clippy::disallowed_methods, reason = "virtual time")]
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O takes nothing from the system");
        let start = runtime.block_on(async { Instant::now() });
        Self { runtime: Some(runtime), start, is_still: false }
    }

    /// Lets whole milliseconds pass until the clock is less than one behind.
    fn catch_up(&mut self, with: Instant) {
        let behind = Duration::from_millis(with.saturating_duration_since(self.start).as_millis() as u64);
        if let Some(runtime) = self.runtime.as_ref().filter(|_| !behind.is_zero()) {
            runtime.block_on(advance(behind));
            self.start += behind;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for (at, timed) in self.runtimes.iter_mut().enumerate() {
            enter(at);
            timed.runtime = None;
        }
    }
}
