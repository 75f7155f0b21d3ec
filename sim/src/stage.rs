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
use tokio::time::{Instant, sleep, sleep_until};

use crate::ledger::Rule;
use crate::net::{Drive, World, enter};
use crate::plan::{Plan, Standstill};

pub(crate) struct Stage {
    world: Arc<World>,
    /// The runtimes. If there are several, the last is the network's.
    runtimes: Vec<Timed>,
    callers: Vec<(usize, JoinHandle<()>)>,
    standstills: Vec<Standstill>,
    /// A caller is in a runtime that is never driven again and not dropped.
    holds_caller: bool,
    /// The time, in a simulation with several runtimes.
    now: u64,
}

struct Timed {
    /// `None` once it was dropped.
    runtime: Option<Runtime>,
    start: Instant,
    is_still: bool,
}

impl Stage {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        let count = plan.client.runtimes.max(1) as usize;
        let runtimes = Timed::together(if count > 1 { count + 1 } else { 1 });
        let network = runtimes.len() - 1;
        let world = Arc::new(World::new(Arc::clone(plan), runtimes.iter().map(|timed| timed.start).collect()));
        if let Some(runtime) = &runtimes[network].runtime {
            enter(network);
            let _guard = runtime.enter();
            drop(runtime.spawn(Drive::new(Arc::clone(&world))));
        }
        let standstills = plan.client.standstills.clone();
        Self { world, runtimes, callers: Vec::new(), standstills, holds_caller: false, now: 0 }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Returns the runtimes of callers that are driven.
    pub(crate) fn driven(&self) -> Vec<usize> {
        let callers = if self.runtimes.len() > 1 { self.runtimes.len() - 1 } else { 1 };
        (0..callers).filter(|&runtime| !self.is_over(runtime)).collect()
    }

    /// Whether a caller that is never driven again has a client.
    pub(crate) fn holds_caller(&self) -> bool {
        self.holds_caller
    }

    /// Whether a runtime is gone, or is never driven again.
    fn is_over(&self, runtime: usize) -> bool {
        let timed = &self.runtimes[runtime];
        let is_still = |standstill: &Standstill| {
            standstill.runtime as usize == runtime && standstill.until == Some(Standstill::FOR_EVER)
        };
        timed.runtime.is_none() || (timed.is_still && self.standstills.iter().any(is_still))
    }

    /// Spawns a caller in a runtime.
    pub(crate) fn spawn(&mut self, runtime: usize, caller: impl Future<Output = ()> + Send + 'static) {
        if let Some(driven) = &self.runtimes[runtime].runtime {
            self.callers.push((runtime, driven.spawn(caller)));
        }
    }

    /// Runs until all callers have finished.
    pub(crate) fn run_callers(&mut self, horizon: u64) {
        let mut callers = std::mem::take(&mut self.callers);
        if self.runtimes.len() == 1 {
            let Some(runtime) = &self.runtimes[0].runtime else { return };
            enter(0);
            runtime.block_on(async {
                let mut timeout = pin!(sleep(Duration::from_millis(horizon)));
                for (_, caller) in &mut callers {
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
            let is_awaited = |stage: &Self| {
                callers.iter().any(|(runtime, caller)| !caller.is_finished() && !stage.is_over(*runtime))
            };
            while self.now < end && is_awaited(self) {
                self.slice();
            }
        }
        let over: Vec<usize> = (0..self.runtimes.len()).filter(|&runtime| self.is_over(runtime)).collect();
        self.world.with(|state| {
            let is_driven = |id: &usize| state.runtime_of(*id).is_none_or(|runtime| !over.contains(&runtime));
            let unfinished: Vec<usize> = state.pending().filter(is_driven).collect();
            let mut pending = unfinished.clone();
            pending.retain(|&id| !state.may_be_pending(id, &over));
            if !pending.is_empty() {
                state.ledger.violate(Rule::Pending, format!("requests {pending:?} are pending for ever"));
            }
            // Their callers are aborted below.
            unfinished.into_iter().for_each(|id| state.ledger.requests[id].is_done = true);
        });
        let is_held = |(runtime, caller): &(usize, JoinHandle<()>)| {
            !caller.is_finished() && over.contains(runtime) && self.runtimes[*runtime].runtime.is_some()
        };
        self.holds_caller |= callers.iter().any(is_held);
        // Pending callers are aborted. Those in runtimes that are not driven keep what they have.
        callers.iter().filter(|(runtime, _)| !over.contains(runtime)).for_each(|(_, caller)| caller.abort());
        self.pass(0);
    }

    /// Returns how many tasks there are beside the network's, if there is one runtime.
    pub(crate) fn tasks(&self) -> usize {
        let sole =
            Some(&self.runtimes[0]).filter(|_| self.runtimes.len() == 1).and_then(|timed| timed.runtime.as_ref());
        sole.map_or(0, |runtime| runtime.metrics().num_alive_tasks().saturating_sub(1))
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
        let until_next = next.saturating_sub(self.now);
        let longest = if self.now > BUSY { LONGEST_SLICE * 20 } else { LONGEST_SLICE };
        let step = until_next.clamp(1, longest);
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
            let until = timed.start + Duration::from_millis(self.now);
            driven.block_on(async { sleep_until(until).await });
        }
    }
}

/// Rounds of all tasks before time goes on.
const ROUNDS: usize = 8;

/// The length of a slice if the network has no event.
const LONGEST_SLICE: u64 = 50;

/// After this time callers only wait, and slices are longer.
const BUSY: u64 = 60_000;

impl Timed {
    #[expect(clippy::disallowed_methods, reason = "virtual time")]
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O takes nothing from the system");
        let start = runtime.block_on(async { Instant::now() });
        Self { runtime: Some(runtime), start, is_still: false }
    }

    /// Runtimes whose clocks differ by less than a millisecond, in their order: so no comparison of two clocks, which go on by
    /// milliseconds, depends on when exactly the runtimes were made.
    fn together(count: usize) -> Vec<Self> {
        loop {
            let runtimes: Vec<Self> = (0..count).map(|_| Self::new()).collect();
            let spread = runtimes[count - 1].start.saturating_duration_since(runtimes[0].start);
            if spread < Duration::from_millis(1) {
                return runtimes;
            }
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
