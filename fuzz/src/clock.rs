//! A runtime in virtual time: no code under test waits for the real clock.

use std::future::Future;
use std::time::{Duration, Instant};

/// Runs `future` to its end. Returns `None` if it would wait for ever.
///
/// All I/O is in memory. So a future that is still pending after a day of virtual time waits for an event that never comes. Virtual time advances
/// when no task has anything to do.
pub(crate) async fn ends<F: Future>(future: F) -> Option<F::Output> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    tokio::time::timeout(DAY, future).await.ok()
}

/// Some instant, to begin invented time with.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no other way to have an instant, and which one does not matter"
)]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}

/// Runs `future` in a runtime of its own.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime can be made").block_on(future)
}
