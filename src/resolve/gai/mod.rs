//! The system's resolver.

mod answered;
mod answers;
mod look_ups;
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
use self::look_ups::LookUps;
use self::plan::Plan;
use self::system::{Getaddrinfo, System};
use super::connectivity::Connectivity;
use super::flights::{Flights, Landing};
use super::{Answers, Name, Queries, Query};
use crate::network::Heard;
use crate::race::Families;

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
/// - Every name is looked up for both families in one call where `/etc/gai.conf` has an order of its own (`precedence`, `label`, `scopev4`), where there
///   is no `/etc/resolv.conf` (the system keeps its tables elsewhere), and where one of these files cannot be read now.
///
/// Separate answers are sorted by RFC 6724, with the table of the RFC, or with that of
/// [`Builder::policy_table`](crate::connect::Builder::policy_table). [`HyperUtilResolver`](super::HyperUtilResolver) around the resolver of hyper-util makes one call for any
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
/// one it was. A query that is not in the error was not sent. While there is no free descriptor, getaddrinfo says that names do not exist; that is a failure here,
/// and no negative answer.
#[derive(Clone)]
pub struct GaiResolver {
    plans: Flights<(Arc<str>, Heard), Planned>,
    look_ups: LookUps,
    connectivity: Connectivity,
}

/// How a name is to be looked up, and the families that are asked for at first if they are looked up apart.
type Planned = (Plan, Families);

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
            look_ups: LookUps::new(system, MAX_THREADS),
            connectivity: Connectivity::default(),
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
        self.look_ups.set_max_threads(most.max(1));
        self
    }

    /// Reads the system's files, and asks for its network, which may block too.
    fn make_plan(&self, name: &Name) -> Landing<Planned> {
        let (host, heard) = (Arc::clone(name.host()), name.heard());
        let (landing, flight) = self.plans.join((Arc::clone(&host), heard), None);
        if let Some(flight) = flight {
            let connectivity = self.connectivity.clone();
            self.look_ups.run(name.as_str(), move |thread, system| {
                if let (Ok(()), Some(flight)) = (thread, flight.if_wanted()) {
                    let plan = system.plan(&host);
                    let families = match plan {
                        Plan::Together => Families::Both,
                        Plan::Apart(_) => connectivity.families_for(&host, heard, system.now()),
                    };
                    flight.land((plan, families));
                }
            });
        }
        landing
    }

    fn look_up(&self, name: &Name, plan: Plan, families: Families) -> Answers<GaiAnswers> {
        match plan {
            Plan::Together => Answers::new(Queries::LIST, GaiAnswers::together(self.look_ups.start(name, Query::List))),
            Plan::Apart(second) => {
                let both = Query::OF_FAMILIES.into_iter();
                let (first, others): (Vec<_>, Vec<_>) = both.partition(|(family, _)| families.contains(*family));
                let pending: Vec<_> =
                    first.into_iter().map(|(_, query)| (query, self.look_ups.start(name, query))).collect();
                let queries = pending.iter().map(|(query, _)| *query).collect();
                let unasked = others.first().map(|(_, query)| *query);
                Answers::new(queries, GaiAnswers::apart(pending, self.look_ups.clone(), name.clone(), unasked, second))
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
        f.debug_struct("GaiResolver").field("look_ups", &self.look_ups).finish()
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
            families == Families::Both && matches!(plan, Plan::Apart(_)) && resolver.look_ups.saves_threads(name);
        let plan = if saves_threads { Plan::Together } else { plan };
        Poll::Ready(Ok(resolver.look_up(name, plan, families)))
    }
}

#[cfg(test)]
mod tests;
