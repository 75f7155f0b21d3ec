//! A model of the hand-over of connections: the real client over a network in memory, run in every order of steps that threads could bring about.
//! `.ci/long model` runs it for long.
//!
//! A connection passes from the exchange to the body of its response, to a task while an upload goes on, to the pool, to a waiting request, and to
//! the sweeper if the server touches it. Each hand-over is a few steps with a lock, an atomic or a waker, and another thread may run any of its own
//! steps in between. The simulation has one thread, and a test over sockets meets only the orders that the machine happens to produce. Here
//! [shuttle](https://docs.rs/shuttle) runs one step of one thread at a time, and chooses the next thread.
//!
//! 1. What the client uses is the real code: `relay.rs`, `duplex.rs`, `body.rs`, `pool/`, `exchange.rs` and hyper below them. Locks,
//!    atomics, wakers and tasks are the model's, by way of `lock.rs` and `sync.rs`.
//! 2. What hyper and tokio's channels do inside counts as one step: they have models of their own.
//! 3. All of these atomics are sequentially consistent, in the model and in the code. That is why it is shuttle and not loom, which takes
//!    `SeqCst` for acquire and release, and would report orders that do not exist.
//! 4. Time stands still. A task that is not woken never goes on, so that a missed wake-up is a deadlock, which shuttle reports.
//!
//! The smallest parts are run in *every* order ([`relay`], [`pool`]); the others in as many random orders as `MODEL_RUNS` says, half of them with few
//! switches at the worst places (PCT). A failure prints its schedule, which [`shuttle::replay`] takes.

mod caller;
pub mod duplex;
pub mod exchange;
mod network;
pub mod pool;
pub(super) mod primitives;
pub mod relay;

use std::env;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use self::primitives::Tasks;

/// Runs `scenario` in every order, outside a runtime, so that there are no sweepers. Returns the number of orders.
fn in_every_order(scenario: impl Fn() + Send + Sync + 'static) -> usize {
    run(DfsScheduler::new(None, false), scenario)
}

/// Runs `scenario` in random orders, to the end of every task that it starts.
fn in_random_orders<F: Future<Output = ()> + 'static>(scenario: impl Fn() -> F + Send + Sync + 'static) {
    in_many_random_orders(1, scenario);
}

/// As [`in_random_orders`], with `times` as many orders.
fn in_many_random_orders<F: Future<Output = ()> + 'static>(
    times: usize,
    scenario: impl Fn() -> F + Send + Sync + 'static,
) {
    let runs = env::var("MODEL_RUNS").map_or(1000, |runs| runs.parse::<usize>().expect("a whole number")) * times;
    let scenario = Arc::new(scenario);
    let whole = move || {
        Tasks::begin();
        shuttle::future::block_on(async {
            scenario().await;
            Tasks::all_ended().await;
        });
    };
    in_a_runtime(|| {
        run(RandomScheduler::new(runs.div_ceil(2)), whole.clone());
        run(PctScheduler::new(SWITCHES, runs / 2), whole);
    });
}

/// The number of places at which a PCT run switches threads on purpose.
const SWITCHES: usize = 3;

/// Runs in a runtime, since connections belong to one. The runtime is never driven, and its clock stands still: the model runs the tasks.
fn in_a_runtime(run: impl FnOnce()) {
    // After a failed run, the runtime's timers must not be touched.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let runtime = ManuallyDrop::new(runtime);
    let inside = runtime.enter();
    run();
    drop(inside);
    drop(ManuallyDrop::into_inner(runtime));
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    // hyper's frames are large without optimisation.
    config.stack_size = 1024 * 1024;
    // All atomics are sequentially consistent.
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::Print;
    // A run that does not end runs in circles.
    config.max_steps = MaxSteps::FailAfter(100_000);
    Runner::new(scheduler, config).run(scenario)
}
