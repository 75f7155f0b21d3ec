//! A runtime whose time is invented: nothing here waits for the real clock.

use std::future::Future;
use std::time::{Duration, Instant};

/// Runs `future` to its end, or says `None` if it would wait for ever.
///
/// All input and output is in memory. So a future that is still pending after a day of invented time, which passes as soon as nobody has
/// anything to do, waits for something that does not come.
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
