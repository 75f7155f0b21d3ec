//! A time limit for a look-up, its last answer included.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use hyper_happy_eyeballs::resolve::{Answers, Name, Queries, QueryError, QueryErrorKind, Resolve};
use tokio::time::{Sleep, sleep};
use tower::{BoxError, Layer, Service};

use crate::Said;

/// Limits the time of each look-up. Queries without an answer at the limit have failed. Answers that came before are used.
#[derive(Clone, Copy)]
pub(crate) struct LimitLayer(Duration);

impl LimitLayer {
    pub(crate) fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl<R> Layer<R> for LimitLayer {
    type Service = Limit<R>;

    fn layer(&self, inner: R) -> Self::Service {
        Limit { inner, limit: self.0 }
    }
}

#[derive(Clone)]
pub(crate) struct Limit<R> {
    inner: R,
    limit: Duration,
}

impl<R: Resolve<Future: Send + 'static, Stream: Send + 'static>> Service<Name> for Limit<R> {
    type Response = Answers<BoxStream<'static, Said>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let mut limit = Box::pin(sleep(self.limit));
        let look_up = self.inner.call(name);
        async move {
            let answers = tokio::select! {
                biased;
                answers = look_up => answers.map_err(Into::into)?,
                () = &mut limit => return Err("the resolver does not even ask".into()),
            };
            let queries = answers.queries();
            // An immediate answer has no stream, and needs no limit.
            Ok(answers.map_stream(|stream| until(limit, queries, stream).boxed()))
        }
        .boxed()
    }
}

/// The same answers; after the limit, an error for each query that is open.
fn until(limit: Pin<Box<Sleep>>, queries: Queries, answers: impl Stream<Item = Said>) -> impl Stream<Item = Said> {
    stream::unfold((Box::pin(answers), limit, queries), async |(mut answers, mut limit, open)| {
        let said = tokio::select! {
            biased;
            said = answers.next() => said?,
            () = &mut limit => {
                let query = open.iter().next()?;
                Err(QueryError::new(query, "there is no answer yet").with_kind(QueryErrorKind::TimedOut))
            }
        };
        let still_open = match &said {
            Ok(answer) if !answer.is_final() => open,
            Ok(answer) => open.without(answer.query()),
            Err(error) => open.without(error.query()),
        };
        Some((said, (answers, limit, still_open)))
    })
}
