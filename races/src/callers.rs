//! Callers that share a client, each with one request at a time, under a watchdog.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::runs::Random;

/// After so many requests without an end it is no use to go on.
pub(crate) const MOST_PENDING: usize = 4;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the requests with the numbers below `requests`, as many at a time as there are `callers`, and returns what came of each: `None`, if it had no
/// end in time.
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
                // The others have their turns, so that a connection is idle for a while.
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
