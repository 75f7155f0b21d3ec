//! The system's resolver.

mod answered;
mod answers;
mod plan;
mod system;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tower_service::Service;

use self::answered::Answered;
pub use self::answers::GaiAnswers;
use self::plan::Plan;
use self::system::{Getaddrinfo, Said, System};
use super::connectivity::Connectivity;
use super::flights::{Flights, Landing};
use super::threads::{Threads, Turn};
use super::{Answers, Epoch, Name, Queries, Query, QueryError};
use crate::race::{Families, Family};

/// Resolves with getaddrinfo: AAAA and A in parallel, wherever that comes to the same as both in one call.
///
/// `/etc/hosts`, search domains and nsswitch work as everywhere on the system:
///
/// - The families are looked up apart if the name has a dot, is taken as it stands before search domains (`ndots` in
///   `/etc/resolv.conf`), is not in `/etc/hosts`, and nobody else is asked before the DNS (`/etc/nsswitch.conf`). The answer of one
///   family does not wait for the other then. A family that this machine is not connected with is not asked for at first (v3 §4.1);
///   it is asked for before the name is given up.
/// - A name that has no address as it stands is looked up in the search domains, in their order, both families in one call: those of
///   the last `search` or `domain` line, or of `$LOCALDOMAIN`, or the domain of this machine's name. Where a source after the DNS
///   may know the name, it is looked up once more as a whole instead. Where there is neither, the look-up is over, so that
///   a failure takes no longer than one of getaddrinfo alone.
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
/// first are gone: a name whose server never answers keeps two threads (one more while its search domains are asked),
/// however often it is asked for. Where more than half of the threads would be busy, both families are looked up in one call, which takes
/// one thread; an eighth of the threads is kept for names that have answered lately. A burst
/// of look-ups begins bit by bit, lest it overflow the buffers of a DNS server: no call begins while 64 are running that began within
/// the last 10 ms.
///
/// A packet that is lost keeps getaddrinfo waiting for seconds. So whoever asks for a name that has answered in the last minutes,
/// and finds that its look-up has been running for 100 ms, makes another call, and the first answer is that of all who wait.
/// Each further call doubles that time; at most 6 calls run at a time for each family of a name, and none is added where
/// more than half of the threads would be busy.
///
/// Whoever asks after a change of the network ([`Name::epoch`]) joins no look-up that began before it.
///
/// Neither a race that is dropped nor a runtime that is shut down waits for a thread; one without work ends after 10 s, and with
/// the last clone of the resolver.
///
/// # Cancel safety
///
/// A look-up that is dropped is not waited for. If it has begun it goes on until getaddrinfo returns.
///
/// # Errors
///
/// A name that does not exist, or has no such addresses, is a negative answer: which of the two, getaddrinfo does not always tell.
/// Nor does it tell whether a server could not answer or was not reached ([`QueryErrorKind::Temporary`](super::QueryErrorKind)), or which
/// one it was. A query that is not in the error was not sent.
#[derive(Clone)]
pub struct GaiResolver {
    plans: Flights<(Arc<str>, Epoch), Planned>,
    look_ups: Flights<(Arc<str>, Epoch, Wanted), Said>,
    answered: Answered,
    calls: Calls,
    threads: Threads,
    connectivity: Connectivity,
    system: Arc<dyn System>,
}

/// Counts the calls of getaddrinfo that are running, or wait for a thread. Clones count together.
#[derive(Clone, Debug, Default)]
struct Calls(Arc<AtomicUsize>);

/// A call that counts until it is dropped.
struct Call(Calls);

impl Calls {
    fn begin(&self) -> Call {
        self.0.fetch_add(1, Ordering::Relaxed);
        Call(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a name is to be looked up, and the families that are asked for at first if they are looked up apart.
type Planned = (Plan, Families);

/// What is looked up of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// The name as it stands, or, for both families, as getaddrinfo understands it.
    Name(Query),
    /// The name in the search domains.
    Domains,
}

/// As many as a runtime of Tokio has for calls that block.
const MAX_THREADS: usize = 512;

impl GaiResolver {
    /// The system's resolver.
    pub fn new() -> Self {
        Self::over(Getaddrinfo)
    }

    fn over(system: impl System + 'static) -> Self {
        Self {
            plans: Flights::default(),
            look_ups: Flights::default(),
            answered: Answered::default(),
            calls: Calls::default(),
            threads: Threads::new(MAX_THREADS),
            connectivity: Connectivity::default(),
            system: Arc::new(system),
        }
    }

    /// How many threads may be in getaddrinfo at a time. Call it before the resolver is cloned, and used.
    ///
    /// A look-up takes two, one for each family; they are made when they are needed. More let more names be slow at one time before
    /// others have to wait; each takes the stack of a thread while it is busy, and 10 s longer. 0 counts as 1.
    ///
    /// Defaults to 512.
    #[must_use]
    pub fn with_max_threads(mut self, most: usize) -> Self {
        self.threads = Threads::new(most.max(1));
        self
    }

    /// Reads the system's files, and asks for its network, which may block too.
    fn make_plan(&self, name: &Name) -> Landing<Planned> {
        if name.is_in_doubt() {
            self.connectivity.doubt();
        }
        let (host, epoch) = (Arc::clone(name.host()), name.epoch());
        let (landing, flight) = self.plans.join((Arc::clone(&host), epoch), None);
        if let Some(flight) = flight {
            let (system, connectivity) = (Arc::clone(&self.system), self.connectivity.clone());
            let turn = self.turn(&host, system.now());
            self.threads.run(turn, move |thread| {
                if let (Ok(()), Some(flight)) = (thread, flight.if_wanted()) {
                    let plan = system.plan(&host);
                    let families = match plan {
                        Plan::Together => Families::Both,
                        Plan::Apart(_) => connectivity.families_for(&host, epoch, system.now()),
                    };
                    flight.land((plan, families));
                }
            });
        }
        landing
    }

    /// Names that have answered lately are not expected to keep a thread for long.
    fn turn(&self, host: &str, now: Instant) -> Turn {
        if self.answered.has(host, now) { Turn::Favoured } else { Turn::Ordinary }
    }

    fn start(&self, name: &Name, query: Query) -> Landing<Said> {
        self.start_with(name, Wanted::Name(query), query, move |system, host| system.look_up(host, query))
    }

    fn start_in(&self, name: &Name, domains: Arc<[String]>) -> Landing<Said> {
        self.start_with(name, Wanted::Domains, Query::List, move |system, host| system::search(system, host, &domains))
    }

    fn start_with(
        &self,
        name: &Name,
        wanted: Wanted,
        query: Query,
        look_up: impl FnOnce(&dyn System, &str) -> Said + Send + 'static,
    ) -> Landing<Said> {
        let (now, host) = (self.system.now(), name.host());
        let turn = self.turn(host, now);
        let again = (turn == Turn::Favoured && !self.are_threads_scarce()).then_some(now);
        let (landing, flight) = self.look_ups.join((Arc::clone(host), name.epoch(), wanted), again);
        if let Some(flight) = flight {
            let (host, system, answered) = (Arc::clone(host), Arc::clone(&self.system), self.answered.clone());
            let call = self.calls.begin();
            self.threads.run(turn, move |thread| match thread {
                // Those that asked may be gone by the time that a thread is free.
                Ok(()) => {
                    let Some(flight) = flight.if_wanted() else { return };
                    let said = look_up(&*system, &host);
                    drop(call);
                    if said.as_ref().err().is_none_or(QueryError::is_negative) {
                        answered.note(&host, system.now());
                        flight.land(said);
                    } else {
                        flight.fail(said);
                    }
                }
                Err(error) => flight.fail(Err(QueryError::new(query, error))),
            });
        }
        landing
    }

    /// Whether the calls that are running or wait in line would keep more than half of the threads busy.
    fn are_threads_scarce(&self) -> bool {
        self.calls.count() > self.threads.most() / 2
    }

    /// Whether both families of a name are to be looked up in one call, to save a thread. A look-up that is under way is joined
    /// as it is.
    fn saves_threads(&self, name: &Name) -> bool {
        let key = |query| (Arc::clone(name.host()), name.epoch(), Wanted::Name(query));
        let is_under_way = |query| self.look_ups.is_under_way(&key(query));
        let is_apart = || is_under_way(Query::Aaaa) || is_under_way(Query::A);
        is_under_way(Query::List) || self.are_threads_scarce() && !is_apart()
    }

    fn look_up(&self, name: &Name, plan: Plan, families: Families) -> Answers<GaiAnswers> {
        match plan {
            Plan::Together => Answers::new(Queries::LIST, GaiAnswers::together(self.start(name, Query::List))),
            Plan::Apart(second) => {
                let both = [(Family::V6, Query::Aaaa), (Family::V4, Query::A)].into_iter();
                let (first, others): (Vec<_>, Vec<_>) = both.partition(|(family, _)| families.contains(*family));
                let pending: Vec<_> = first.into_iter().map(|(_, query)| (query, self.start(name, query))).collect();
                let queries = pending.iter().map(|(query, _)| *query).collect();
                let unasked = others.first().map(|(_, query)| *query);
                Answers::new(queries, GaiAnswers::apart(pending, self.clone(), name.clone(), unasked, second))
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
        GaiFuture { plan: self.make_plan(&name), resolver: self.clone(), name }
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
    plan: Landing<Planned>,
    resolver: GaiResolver,
    name: Name,
}

impl Future for GaiFuture {
    type Output = Result<Answers<GaiAnswers>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { plan, resolver, name } = &mut *self;
        // Without a plan there is no thread: the look-up will say so.
        let (plan, families) = ready!(Pin::new(plan).poll(cx)).unwrap_or((Plan::Together, Families::Both));
        let families = name.families().among(families);
        let saves_threads =
            families == Families::Both && matches!(plan, Plan::Apart(_)) && resolver.saves_threads(name);
        let plan = if saves_threads { Plan::Together } else { plan };
        Poll::Ready(Ok(resolver.look_up(name, plan, families)))
    }
}

#[cfg(test)]
mod tests;
