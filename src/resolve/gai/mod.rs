//! The system's resolver.

mod answers;
mod plan;
mod system;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tower_service::Service;

pub use self::answers::GaiAnswers;
use self::plan::Plan;
use self::system::{Getaddrinfo, Said, System};
use super::connectivity::Connectivity;
use super::flights::{Flights, Landing};
use super::threads::Threads;
use super::{Answers, Name, Queries, Query, QueryError};
use crate::race::{Families, Family};
use crate::timer::read_clock;

/// Resolves with getaddrinfo, AAAA and A by themselves and at the same time wherever that is the same thing as both in one call.
///
/// `/etc/hosts`, search domains and nsswitch work as everywhere on the system:
///
/// - The families are looked up apart if the name has a dot, is taken as it stands before search domains (`ndots` in
///   `/etc/resolv.conf`), is not in `/etc/hosts`, and nobody else is asked before the DNS (`/etc/nsswitch.conf`). What one family comes to does not wait for the other then, and one that this
///   machine is not connected with is not asked for (v3 §4.1). A name that is not found so is looked up once more, for both families in one call,
///   with the search domains.
/// - Any other name, `localhost` say, is looked up for both families in one call: two calls could come to two different hosts, or by-pass
///   `/etc/hosts` for the family that it lacks. Its addresses are one list, in the order of the system. Whoever writes the final dot of
///   a complete name (`api.example.com.`) gets the families apart.
///
/// Separate answers are sorted by RFC 6724, with the table of the RFC; for another order across families, as `/etc/gai.conf` may have
/// it, there is [`Builder::policy_table`](crate::connect::Builder::policy_table). [`Compat`](super::Compat) around the resolver of hyper-util makes one call for any
/// name, and waits for both families.
///
/// # Threads
///
/// getaddrinfo blocks, and cannot be stopped. It has threads of its own, [`with_max_threads`](Self::with_max_threads) at the most
/// for all clones of a resolver; beyond that, look-ups wait in line. Equal look-ups at one time are one, even if those that asked
/// first are gone: a name whose server never answers keeps two threads, however often it is asked for. Neither a race that is
/// dropped nor a runtime that is shut down waits for a thread; one without work ends after 10 s, and with the last clone of the
/// resolver.
///
/// # Cancel safety
///
/// A look-up that is dropped is not waited for. If it has begun it goes on until getaddrinfo returns.
///
/// # Errors
///
/// A name that does not exist, or has no such addresses, is a negative answer: which of the two, getaddrinfo does not always tell.
/// Nor does it tell whether a server could not answer or was not reached ([`QueryErrorKind::Temporary`](super::QueryErrorKind)), or which
/// one it was.
#[derive(Clone)]
pub struct GaiResolver {
    plans: Flights<Arc<str>, Plan>,
    look_ups: Flights<(Arc<str>, Query), Said>,
    threads: Threads,
    connectivity: Connectivity,
    system: Arc<dyn System>,
}

/// Enough for 16 names that do not answer, besides one that does.
const MAX_THREADS: usize = 34;

impl GaiResolver {
    /// The system's resolver.
    pub fn new() -> Self {
        Self::over(Getaddrinfo)
    }

    fn over(system: impl System + 'static) -> Self {
        Self {
            plans: Flights::default(),
            look_ups: Flights::default(),
            threads: Threads::new(MAX_THREADS),
            connectivity: Connectivity::default(),
            system: Arc::new(system),
        }
    }

    /// How many threads may be in getaddrinfo at a time. Call it before the resolver is cloned, and used.
    ///
    /// A look-up takes two, one for each family. More let more names be slow at one time before others have to wait; each takes
    /// the stack of a thread while it is busy, and 10 s longer. 0 counts as 1.
    ///
    /// Defaults to 34.
    #[must_use]
    pub fn with_max_threads(mut self, most: usize) -> Self {
        self.threads = Threads::new(most.max(1));
        self
    }

    /// Reads the system's files, which may block too.
    fn make_plan(&self, host: &Arc<str>) -> Landing<Plan> {
        let (landing, flight) = self.plans.join(Arc::clone(host));
        if let Some(flight) = flight {
            let (host, system) = (Arc::clone(host), Arc::clone(&self.system));
            self.threads.run(move |thread| {
                if let (Ok(()), Some(flight)) = (thread, flight.if_wanted()) {
                    flight.land(system.plan(&host));
                }
            });
        }
        landing
    }

    fn start(&self, host: &Arc<str>, query: Query) -> Landing<Said> {
        let (landing, flight) = self.look_ups.join((Arc::clone(host), query));
        if let Some(flight) = flight {
            let (host, system) = (Arc::clone(host), Arc::clone(&self.system));
            self.threads.run(move |thread| match thread {
                // Those that asked may be gone by the time that a thread is free.
                Ok(()) => {
                    if let Some(flight) = flight.if_wanted() {
                        flight.land(system.look_up(&host, query));
                    }
                }
                Err(error) => flight.land(Err(QueryError::new(query, error))),
            });
        }
        landing
    }

    fn look_up(&self, host: &Arc<str>, plan: Plan, families: Families) -> Answers<GaiAnswers> {
        match plan {
            Plan::Together => Answers::new(Queries::LIST, GaiAnswers::together(self.start(host, Query::List))),
            Plan::Apart => {
                let wanted = [(Family::V6, Query::Aaaa), (Family::V4, Query::A)];
                let wanted = wanted.into_iter().filter(|(family, _)| families.contains(*family));
                let pending: Vec<_> = wanted.map(|(_, query)| (query, self.start(host, query))).collect();
                let queries = pending.iter().map(|(query, _)| *query).collect();
                Answers::new(queries, GaiAnswers::apart(pending, self.clone(), Arc::clone(host)))
            }
        }
    }
}

impl Service<Name> for GaiResolver {
    type Response = Answers<GaiAnswers>;
    type Error = Infallible;
    type Future = GaiFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        GaiFuture { plan: self.make_plan(name.host()), resolver: self.clone(), name }
    }
}

impl Default for GaiResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GaiResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaiResolver").field("look_ups", &self.look_ups).field("threads", &self.threads).finish()
    }
}

/// Finds out how [`GaiResolver`] looks a name up, and starts the look-ups.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct GaiFuture {
    plan: Landing<Plan>,
    resolver: GaiResolver,
    name: Name,
}

impl Future for GaiFuture {
    type Output = Result<Answers<GaiAnswers>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { plan, resolver, name } = &mut *self;
        // Without a plan there is no thread: the look-up will say so.
        let plan = ready!(Pin::new(plan).poll(cx)).unwrap_or(Plan::Together);
        let families = resolver.connectivity.families_for(name, read_clock());
        Poll::Ready(Ok(resolver.look_up(name.host(), plan, families)))
    }
}

#[cfg(test)]
mod tests;
