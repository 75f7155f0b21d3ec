//! Callers that share a client and make sequential requests under a watchdog.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::runs::Random;

/// After this many requests without an end, the run is given up.
pub(crate) const MOST_PENDING: usize = 4;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the requests with the numbers below `requests`, with `callers` at a time. Returns the outcome of each; `None` if it did not end in time.
pub(crate) async fn ask_all<F>(
    callers: usize,
    requests: usize,
    seed: u64,
    ask: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Vec<(usize, Option<F::Output>)>
where
    F: Future<Output: Send + 'static> + Send,
{
    let (ask, next, pending) = (Arc::new(ask), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (ask, next, pending) = (Arc::clone(&ask), Arc::clone(&next), Arc::clone(&pending));
        let mut random = Random(seed ^ caller as u64);
        tasks.spawn(async move {
            let mut outcomes = Vec::new();
            while pending.load(SeqCst) < MOST_PENDING {
                let number = next.fetch_add(1, SeqCst);
                if number >= requests {
                    break;
                }
                let outcome = tokio::time::timeout(PATIENCE, ask(number)).await.ok();
                pending.fetch_add(usize::from(outcome.is_none()), SeqCst);
                outcomes.push((number, outcome));
                // Lets other tasks run, so that a connection is idle for a while.
                for _ in 0..random.below(8) {
                    tokio::task::yield_now().await;
                }
            }
            outcomes
        });
    }
    drop(ask);
    tasks.join_all().await.into_iter().flatten().collect()
}
