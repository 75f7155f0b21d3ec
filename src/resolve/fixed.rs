//! A resolver with a table of names.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Answer, Answers, Name, Resolve};
use crate::oneshot::Oneshot;

/// Resolves names from a table: for tests, for overrides in front of another resolver (like curl's `--resolve`), or for split DNS.
///
/// Names are compared without regard to case or a final dot. The addresses of a name are tried in the given order (see
/// [`Order`](crate::race::Order)). A port other than 0 is used unless the URI names one; 0 means the port of the URI. A name that is not in the table
/// goes to the fallback, and has no addresses without one.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::resolve::{FixedResolver, GaiResolver};
///
/// let resolver = FixedResolver::new()
///     .with("api.example.com", ["[2001:db8::1]:0".parse()?, "192.0.2.1:0".parse()?])
///     .with_fallback(GaiResolver::new());
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedResolver<F = NoFallback> {
    table: Arc<BTreeMap<String, Answer>>,
    fallback: F,
}

impl FixedResolver {
    /// An empty table, and no fallback.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<F> FixedResolver<F> {
    /// Sets the addresses of `name`. An empty list makes it a name without addresses.
    #[doc(alias("resolve", "resolve_to_addrs"))]
    #[must_use]
    pub fn with(mut self, name: &str, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Arc::make_mut(&mut self.table).insert(normal(name), Answer::list(addresses));
        self
    }

    /// Asks `fallback` for the names that are not in the table.
    #[must_use]
    pub fn with_fallback<R: Resolve>(self, fallback: R) -> FixedResolver<R> {
        FixedResolver { table: self.table, fallback }
    }

    fn find(&self, name: &str) -> Option<&Answer> {
        // Most names are written as in the table.
        self.table.get(name).or_else(|| self.table.get(&normal(name)))
    }
}

/// Returns the form in which names are compared.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl<F: Resolve + Clone> Service<Name> for FixedResolver<F> {
    type Response = Answers<F::Stream>;
    type Error = F::Error;
    type Future = FixedFuture<F>;

    /// Always ready: a name in the table does not wait for the fallback, and each look-up drives a clone of the fallback from not-ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = match self.find(name.as_str()) {
            Some(answer) => Lookup::Fixed { answer: Some(answer.clone()) },
            None => Lookup::Fallback { lookup: Oneshot::new(self.fallback.clone(), name) },
        };
        FixedFuture { lookup }
    }
}

pin_project! {
    /// The look-up of a [`FixedResolver`].
    #[must_use = "futures do nothing unless polled"]
    pub struct FixedFuture<F: Resolve> {
        #[pin]
        lookup: Lookup<F>,
    }
}

pin_project! {
    #[project = LookupProj]
    enum Lookup<F: Resolve> {
        Fixed { answer: Option<Answer> },
        Fallback { #[pin] lookup: Oneshot<F, Name> },
    }
}

impl<F: Resolve> Future for FixedFuture<F> {
    type Output = Result<Answers<F::Stream>, F::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().lookup.project() {
            LookupProj::Fixed { answer } => {
                Poll::Ready(Ok(Answers::immediate(answer.take().expect("polled after completion"))))
            }
            LookupProj::Fallback { lookup } => lookup.poll(cx),
        }
    }
}

impl<F: Resolve> fmt::Debug for FixedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.lookup {
            Lookup::Fixed { .. } => "FixedFuture(in the table)",
            Lookup::Fallback { .. } => "FixedFuture(fallback)",
        })
    }
}

/// Knows no name: the fallback of a [`FixedResolver`] without one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoFallback;

impl Service<Name> for NoFallback {
    type Response = Answers;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        std::future::ready(Ok(Answers::list([])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_their_case_and_final_dot() {
        let address: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let resolver = FixedResolver::new().with("Example.COM.", [address]);
        for name in ["example.com", "EXAMPLE.com", "example.com."] {
            assert_eq!(resolver.find(name), Some(&Answer::list([address])), "{name}");
        }
        assert_eq!(resolver.find("www.example.com"), None);
    }
}
