//! The system's resolver.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use hyper_util::client::legacy::connect::dns;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Answer, Answers, Compat, CompatAnswers, Name, QueryError};

/// Resolves with getaddrinfo, on tokio's pool of blocking threads.
///
/// `/etc/hosts`, search domains and nsswitch work as everywhere on the system. Both families come in one answer, sorted by
/// the system (RFC 6724).
///
/// # Cancel safety
///
/// A look-up that is dropped is not waited for, but getaddrinfo cannot be stopped: its thread stays busy until it returns,
/// and a runtime that is shut down waits for it unless told otherwise.
#[derive(Clone)]
pub struct GaiResolver {
    inner: Compat<dns::GaiResolver>,
}

impl GaiResolver {
    /// The system's resolver.
    pub fn new() -> Self {
        Self { inner: Compat::new(dns::GaiResolver::new()) }
    }
}

impl Service<Name> for GaiResolver {
    type Response = Answers<GaiAnswers>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        std::future::ready(Ok(self.inner.look_up(&name).map_stream(|inner| GaiAnswers { inner })))
    }
}

impl Default for GaiResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GaiResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GaiResolver")
    }
}

pin_project! {
    /// The answer of [`GaiResolver`].
    #[must_use = "streams do nothing unless polled"]
    pub struct GaiAnswers {
        #[pin]
        inner: CompatAnswers<dns::GaiFuture>,
    }
}

impl Stream for GaiAnswers {
    type Item = Result<Answer, QueryError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().inner.poll_next(cx)
    }
}

impl fmt::Debug for GaiAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GaiAnswers")
    }
}
