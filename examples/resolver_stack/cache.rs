//! A cache of answers with a lifetime of its own, since a resolver does not say how long an answer holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use hyper_happy_eyeballs::resolve::{Answer, Answers, Name, Queries, Query, QueryError, Resolve};
use tokio::sync::mpsc;
use tower::{BoxError, Layer, Service};

use crate::Said;

/// How many names are kept. Names often come from others, who could fill the memory.
const MOST_NAMES: usize = 10_000;

/// Keeps the answer to every query of a name, negative answers included, but no failures.
#[derive(Clone)]
pub(crate) struct CacheLayer {
    lifetime: Duration,
    known: Arc<Mutex<HashMap<Name, Known>>>,
}

struct Known {
    queries: Queries,
    answers: BTreeMap<Query, Said>,
    until: Instant,
}

impl CacheLayer {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, known: Arc::default() }
    }

    /// A clone of an answer shares its addresses: no address is copied.
    fn find(&self, name: &Name, now: Instant) -> Option<Answers<BoxStream<'static, Said>>> {
        let known = self.lock();
        let known = known.get(name).filter(|known| now < known.until)?;
        let answers: Vec<Said> = known.answers.values().cloned().collect();
        Some(Answers::new(known.queries, stream::iter(answers).boxed()))
    }

    fn keep(&self, name: Name, queries: Queries, answers: BTreeMap<Query, Said>, now: Instant) {
        let is_known = |said: &Said| match said {
            Ok(answer) => answer.is_final() && !answer.is_failed(),
            Err(error) => error.is_negative(),
        };
        let is_complete = queries.iter().all(|query| answers.get(&query).is_some_and(is_known));
        let mut known = self.lock();
        if known.len() >= MOST_NAMES {
            known.retain(|_, known| now < known.until);
        }
        if is_complete && known.len() < MOST_NAMES {
            known.insert(name, Known { queries, answers, until: now + self.lifetime });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Layer<R> for CacheLayer {
    type Service = Cache<R>;

    fn layer(&self, inner: R) -> Self::Service {
        Cache { inner, cache: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Cache<R> {
    inner: R,
    cache: CacheLayer,
}

impl<R: Resolve<Future: Send + 'static, Stream: Send + 'static>> Service<Name> for Cache<R> {
    type Response = Answers<BoxStream<'static, Said>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Some(answers) = self.cache.find(&name, read_clock()) {
            return ready(Ok(answers)).boxed();
        }
        let (look_up, cache) = (self.inner.call(name.clone()), self.cache.clone());
        async move {
            let (queries, first, stream) = look_up.await.map_err(Into::into)?.into_parts();
            Ok(match stream {
                Some(stream) => {
                    let all = stream::iter(first).map(Ok).chain(stream);
                    Answers::new(queries, fill(cache, name, queries, all))
                }
                // An immediate answer is not worth keeping.
                None => Answers::from_parts(queries, first, None),
            })
        }
        .boxed()
    }
}

/// The same answers, kept when they are complete.
///
/// A race drops the stream when it has a connection, often before the second family has answered. So the look-up goes on in a task of its own. A time
/// limit below the cache should end it.
#[expect(clippy::disallowed_methods, reason = "what is kept is for others than the one that asked")]
fn fill(
    cache: CacheLayer,
    name: Name,
    queries: Queries,
    stream: impl Stream<Item = Said> + Send + 'static,
) -> BoxStream<'static, Said> {
    let (say, mut said_to) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut stream = Box::pin(stream);
        let mut answers = BTreeMap::new();
        while let Some(said) = stream.next().await {
            // A second answer to a query replaces the first.
            answers.insert(said.as_ref().map_or_else(QueryError::query, Answer::query), said.clone());
            // The race may have dropped the stream: the answers are still kept in the cache.
            drop(say.send(said));
        }
        cache.keep(name, queries, answers, read_clock());
    });
    stream::poll_fn(move |cx| said_to.poll_recv(cx)).boxed()
}

#[expect(clippy::disallowed_methods, reason = "an example may look at the clock")]
fn read_clock() -> Instant {
    Instant::now()
}
