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

/// Resolves with getaddrinfo. AAAA and A are looked up in parallel where that cannot change which host is meant.
///
/// `/etc/hosts`, search domains and nsswitch work as everywhere on the system:
///
/// - The families are looked up by one call each if the name has a dot, is tried without search domains first (`ndots` in `/etc/resolv.conf`), is not
///   in `/etc/hosts`, and no other source is asked before the DNS (`/etc/nsswitch.conf`). Then the answer of one family does not wait for the other.
///   A family that this machine is not connected with is not asked for at first (v3 §4.1). It is asked for before the look-up fails.
/// - If such a name has no address, it is looked up in the search domains, in their order, with one call for both families. The search domains are
///   those of the last `search` or `domain` line, or of `$LOCALDOMAIN`, or the domain of this machine's name. If a source after the DNS may know the
///   name, one call for both families without a final dot is made instead. If there is neither, the look-up is over, so that a failure takes no
///   longer than with getaddrinfo alone.
/// - Any other name, such as `localhost`, is looked up with one call for both families: two calls could find two different hosts, or ask the DNS for
///   a family that `/etc/hosts` does not have. The addresses are one list, in the order of the system. A name with a final dot (`api.example.com.`)
///   is complete, and gets a call for each family.
/// - Every name is looked up with one call for both families if `/etc/gai.conf` sets an order (`precedence`, `label`, `scopev4`), if there is no
///   `/etc/resolv.conf` (the system keeps its tables elsewhere), or if one of these files cannot be read at the moment.
///
/// Separate answers are sorted by RFC 6724, with the table of the RFC, or with that of
/// [`Builder::policy_table`](crate::connect::Builder::policy_table). [`HyperUtilResolver`](super::HyperUtilResolver) around the resolver of hyper-util makes one call for any
/// name, and waits for both families.
///
/// # Threads
///
/// getaddrinfo blocks and cannot be stopped. It runs in threads of its own. All clones of a resolver have at most
/// [`with_max_threads`](Self::with_max_threads) of them; further look-ups wait in a queue. Equal look-ups share one call (single flight), also with
/// callers that are gone already. So a name whose server never answers occupies two threads (one more while its search domains are asked), however
/// often it is asked for. If more than half of the threads would be busy, one call for both families is made, which takes one thread. An eighth of
/// the threads is reserved for names that have answered lately. A burst of look-ups is spread over time, since it might overflow the buffers of a
/// DNS server: no call begins while 64 are running that began within the last 10 ms.
///
/// A lost packet blocks getaddrinfo for seconds. So if a name has answered in the last minutes, and its look-up has been running for 100 ms, the next
/// caller makes another call, and all callers get the first answer. Each further call doubles that time. At most 6 calls run at a time for each
/// family of a name, and none is added if more than half of the threads would be busy.
///
/// A look-up after a change of the network ([`Name::epoch`]) does not share one that began before.
///
/// Neither dropping a race nor shutting down a runtime waits for a thread. A thread without work ends after 10 s, and with the last clone of the
/// resolver.
///
/// # Cancel safety
///
/// Dropping a look-up does not wait for it. A call that has begun goes on until getaddrinfo returns.
///
/// # Errors
///
/// If a name does not exist, or has no addresses of the family, the answer is negative: getaddrinfo does not always tell which of the two it is. It
/// does not tell whether a server could not answer or was not reached ([`QueryErrorKind::Temporary`](super::QueryErrorKind)), nor which server it
/// was. A query that is not in the error was not sent. When the process has no free descriptor, getaddrinfo says that names do not exist; here that
/// is a failure, and not a negative answer.
#[derive(Clone)]
pub struct GaiResolver {
    plans: Flights<(Arc<str>, Heard), Planned>,
    look_ups: LookUps,
    connectivity: Connectivity,
}

/// How a name is looked up, and the families that are asked for at first if there is a call for each.
type Planned = (Plan, Families);

/// The default of tokio's blocking threads.
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

    /// Sets how many threads may be in getaddrinfo at a time. Call it before the resolver is cloned or used.
    ///
    /// A look-up takes two threads, one for each family. They are started when they are needed. With more threads, more names can be slow at a time
    /// before others have to wait. A thread has a stack while it is busy, and for 10 s afterwards. 0 counts as 1.
    ///
    /// Defaults to 512.
    #[must_use]
    pub fn with_max_threads(mut self, most: usize) -> Self {
        self.look_ups.set_max_threads(most.max(1));
        self
    }

    /// Reads the system's files and the connected families, in a thread, since that may block too.
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
        // There is no plan if no thread could be started. The look-up fails with that error too.
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
