//! The figures of a run: requests, connections, errors, retries and time.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::said::Said;

#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    pub(crate) connections: HashSet<u64>,
    pub(crate) errors: Vec<String>,
    pub(crate) took: Duration,
    pub(crate) retries: usize,
}

impl Figures {
    pub(crate) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.connections.extend(other.connections);
        self.errors.extend(other.errors);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, connections, errors, took, retries } = self;
        let (connections, errors) = (connections.len(), errors.len());
        write!(f, "{requests} requests, {connections} connections, {retries} retries, {errors} errors, {took:.1?}")
    }
}

/// How often requests to this host and port were sent again so far.
pub(crate) fn retries(host: &str) -> usize {
    RETRIES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|hosts| hosts.get(host))
        .copied()
        .unwrap_or(0)
}

/// Counts them from now on.
pub(crate) fn count_retries() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Counter)).unwrap());
}

static RETRIES: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

/// Counts the events that say that a request is sent again.
struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("hyper_happy_eyeballs")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let said = Said::by(event);
        if said.message == "a request is sent again" {
            let mut retries = RETRIES.lock().unwrap_or_else(PoisonError::into_inner);
            *retries.get_or_insert_default().entry(said.host).or_default() += 1;
        }
    }
}
