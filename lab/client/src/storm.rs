//! Many connects at the same moment, and what they cost the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::client::legacy::connect::Connection;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use crate::arguments::Arguments;
use crate::report::{GAVE_UP, chain, milliseconds};
use crate::{Failure, OUTER_LIMIT};

/// Starts `n` connects at once and keeps what they make until all have ended; then connects once more.
pub(crate) async fn storm<C>(arguments: &Arguments, make: impl Fn() -> Result<C, Failure>) -> Result<(), Failure>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Connection + Send,
    C::Error: Into<Failure>,
    C::Future: Send,
{
    let connector = make()?;
    let limit = arguments.limit + OUTER_LIMIT;
    let peaks = Arc::new(Peaks::default());
    let watch = tokio::spawn(Arc::clone(&peaks).watch());
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for i in 0..arguments.count {
        let (connector, uri) = (connector.clone(), arguments.uri(i)?);
        tasks.spawn(async move {
            let outcome = timeout(limit, connector.oneshot(uri)).await;
            let outcome = match outcome {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(chain(&*error.into())),
                Err(_) => Err(GAVE_UP.to_owned()),
            };
            (began.elapsed(), outcome)
        });
    }
    let (mut times, mut streams, mut errors) = (Vec::new(), Vec::new(), BTreeMap::<String, u64>::new());
    while let Some(task) = tasks.join_next().await {
        match task? {
            (took, Ok(stream)) => {
                times.push(milliseconds(took));
                streams.push(stream);
            }
            (_, Err(error)) => *errors.entry(without_numbers(&error)).or_default() += 1,
        }
    }
    let ms = milliseconds(began.elapsed());
    watch.abort();
    let connected = streams.len();
    drop(streams);
    let afterwards = match timeout(limit, connector.oneshot(arguments.uri(0)?)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(chain(&*error.into())),
        Err(_) => Some(GAVE_UP.to_owned()),
    };
    times.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "who": arguments.who, "n": arguments.count, "connected": connected, "ms": ms, "errors": errors,
            "p50": times.get(times.len() / 2), "max": times.last(), "afterwards": afterwards,
            "descriptors": peaks.descriptors.load(Relaxed), "threads": peaks.threads.load(Relaxed),
        })
    );
    Ok(())
}

/// The most descriptors and threads that the process had.
#[derive(Default)]
struct Peaks {
    descriptors: AtomicU64,
    threads: AtomicU64,
}

impl Peaks {
    async fn watch(self: Arc<Self>) {
        loop {
            self.descriptors.fetch_max(entries("/proc/self/fd"), Relaxed);
            self.threads.fetch_max(entries("/proc/self/task"), Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn entries(directory: &str) -> u64 {
    std::fs::read_dir(directory).map_or(0, |entries| entries.count() as u64)
}

/// Errors that differ only in their numbers (addresses, ports, times) are counted as one.
fn without_numbers(error: &str) -> String {
    let mut text = String::new();
    for c in error.chars() {
        match c {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            _ => text.push(c),
        }
    }
    text
}
