//! Adapts resolvers of hyper-util's connector.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use hyper_util::client::legacy::connect::dns;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Answer, Answers, Name, Queries, Query, QueryError};
use crate::outcome::BoxError;

/// Adapts a resolver of hyper-util (a `Service<dns::Name>` that returns socket addresses).
///
/// All of its addresses are one answer, in its order.
#[doc(alias = "new_with_resolver")]
#[derive(Clone, Copy, Debug, Default)]
pub struct HyperUtilResolver<R> {
    inner: R,
}

impl<R> HyperUtilResolver<R> {
    /// Wraps `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner }
    }

    /// Starts the look-up. The wrapped resolver must be ready.
    pub(super) fn look_up(&mut self, name: &Name) -> Answers<HyperUtilAnswers<R::Future>>
    where
        R: Service<dns::Name>,
        R::Response: Iterator<Item = SocketAddr>,
        R::Error: Into<BoxError>,
    {
        let answers = match dns::Name::from_str(name.as_str()) {
            Ok(name) => HyperUtilAnswers { lookup: Some(self.inner.call(name)), invalid: None },
            Err(error) => HyperUtilAnswers { lookup: None, invalid: Some(error.into()) },
        };
        Answers::new(Queries::LIST, answers)
    }
}

impl<R> Service<Name> for HyperUtilResolver<R>
where
    R: Service<dns::Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
{
    type Response = Answers<HyperUtilAnswers<R::Future>>;
    type Error = R::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        std::future::ready(Ok(self.look_up(&name)))
    }
}

pin_project! {
    /// The one answer of a [`HyperUtilResolver`] resolver.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct HyperUtilAnswers<F> {
        #[pin]
        lookup: Option<F>,
        // The error of a name that was not looked up.
        invalid: Option<BoxError>,
    }
}

impl<F, I, E> Stream for HyperUtilAnswers<F>
where
    F: Future<Output = Result<I, E>>,
    I: Iterator<Item = SocketAddr>,
    E: Into<BoxError>,
{
    type Item = Result<Answer, QueryError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if let Some(error) = this.invalid.take() {
            return Poll::Ready(Some(Err(QueryError::new(Query::List, error))));
        }
        let mut lookup = this.lookup;
        let Some(running) = lookup.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let found = ready!(running.poll(cx));
        lookup.set(None);
        Poll::Ready(Some(match found {
            Ok(addresses) => Ok(Answer::list(addresses)),
            Err(error) => Err(QueryError::new(Query::List, error)),
        }))
    }
}
