//! Counts look-ups: how many there were, how they ended, and how long they took.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, StreamExt};
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Query, QueryError, Resolve};
use tower::layer::layer_fn;
use tower::{BoxError, Layer, Service};

use crate::Said;

/// The counts by query. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Figures(Arc<Mutex<BTreeMap<Query, OfQuery>>>);

#[derive(Default)]
struct OfQuery {
    asked: usize,
    /// How often a query ended this way, and the longest time that it took.
    outcomes: BTreeMap<String, (usize, Duration)>,
}

impl Figures {
    /// A layer that adds to these counts.
    pub(crate) fn layer<R>(&self) -> impl Layer<R, Service = Counted<R>> + Clone + use<R> {
        let figures = self.clone();
        layer_fn(move |inner| Counted { inner, figures: figures.clone() })
    }

    fn asked(&self, query: Query) {
        self.lock().entry(query).or_default().asked += 1;
    }

    fn answered(&self, answer: &Answer, after: Duration) {
        let outcome = match answer.destinations().next() {
            Some(_) => "addresses",
            None if answer.is_failed() => "failed",
            None => "no addresses",
        };
        self.came_to(answer.query(), outcome, after);
    }

    fn failed(&self, error: &QueryError, after: Duration) {
        self.came_to(error.query(), &error.kind().to_string(), after);
    }

    fn came_to(&self, query: Query, outcome: &str, after: Duration) {
        let mut figures = self.lock();
        let outcomes = &mut figures.entry(query).or_default().outcomes;
        let (count, slowest) = outcomes.entry(outcome.to_owned()).or_default();
        *count += 1;
        *slowest = after.max(*slowest);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Query, OfQuery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (query, OfQuery { asked, outcomes }) in &*self.lock() {
            writeln!(f, "  {query:<4} asked {asked} times")?;
            for (outcome, (count, slowest)) in outcomes {
                writeln!(f, "       {outcome:<12} {count}, after {} ms at most", slowest.as_millis())?;
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct Counted<R> {
    inner: R,
    figures: Figures,
}

impl<R: Resolve<Future: Send + 'static, Stream: Send + 'static>> Service<Name> for Counted<R> {
    type Response = Answers<BoxStream<'static, Said>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (began, figures) = (read_clock(), self.figures.clone());
        let look_up = self.inner.call(name);
        async move {
            let (queries, first, stream) = look_up.await.map_err(Into::into)?.into_parts();
            queries.iter().for_each(|query| figures.asked(query));
            if let Some(answer) = &first {
                figures.answered(answer, began.elapsed());
            }
            // A query that the race does not wait for has no outcome: the stream is dropped before.
            let note = move |said: &Said| match said {
                Ok(answer) => figures.answered(answer, began.elapsed()),
                Err(error) => figures.failed(error, began.elapsed()),
            };
            Ok(Answers::from_parts(queries, first, stream.map(|stream| stream.inspect(note).boxed())))
        }
        .boxed()
    }
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn read_clock() -> Instant {
    Instant::now()
}
