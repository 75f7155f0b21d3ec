//! The calls of getaddrinfo: each in a thread, with single flight for equal ones.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::answered::Answered;
use super::system::{self, Said, System};
use crate::resolve::flights::{Flights, Landing};
use crate::resolve::threads::{Threads, Turn};
use crate::resolve::{Epoch, Name, Query, QueryError};

/// Makes look-ups. Clones share the threads and the flights.
#[derive(Clone)]
pub(super) struct LookUps {
    flights: Flights<(Arc<str>, Epoch, Wanted), Said>,
    answered: Answered,
    calls: Calls,
    threads: Threads,
    system: Arc<dyn System>,
}

/// What is looked up of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// The name as it stands, for one family. For both families, the name as getaddrinfo understands it, with its search domains.
    Name(Query),
    /// The name in the search domains.
    Domains,
}

/// Counts the calls of getaddrinfo that are running or wait for a thread. Clones share the count.
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

impl LookUps {
    pub(super) fn new(system: impl System + 'static, max_threads: usize) -> Self {
        Self {
            flights: Flights::default(),
            answered: Answered::default(),
            calls: Calls::default(),
            threads: Threads::new(max_threads),
            system: Arc::new(system),
        }
    }

    pub(super) fn set_max_threads(&mut self, most: usize) {
        self.threads = Threads::new(most);
    }

    /// Runs `work` in a thread. It may block, and asks the system about `host`.
    pub(super) fn run(&self, host: &str, work: impl FnOnce(io::Result<()>, &dyn System) + Send + 'static) {
        let system = Arc::clone(&self.system);
        let turn = self.turn(host, system.now());
        self.threads.run(turn, move |thread| work(thread, &*system));
    }

    /// Favours names that have answered lately, since they are not expected to block a thread for long.
    fn turn(&self, host: &str, now: Instant) -> Turn {
        if self.answered.has(host, now) { Turn::Favoured } else { Turn::Ordinary }
    }

    /// Looks up one family of the name as it stands or, for both families, the name as getaddrinfo understands it.
    pub(super) fn start(&self, name: &Name, query: Query) -> Landing<Said> {
        self.start_with(name, Wanted::Name(query), query, move |system, host| system.look_up(host, query))
    }

    /// Looks a name up in the search domains.
    pub(super) fn start_in(&self, name: &Name, domains: Arc<[String]>) -> Landing<Said> {
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
        let (landing, flight) = self.flights.join((Arc::clone(host), name.epoch(), wanted), again);
        if let Some(flight) = flight {
            let (host, system, answered) = (Arc::clone(host), Arc::clone(&self.system), self.answered.clone());
            let call = self.calls.begin();
            self.threads.run(turn, move |thread| match thread {
                // The callers may be gone when a thread becomes free.
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

    /// Whether the calls that are running or queued would keep more than half of the threads busy.
    fn are_threads_scarce(&self) -> bool {
        self.calls.count() > self.threads.most() / 2
    }

    /// Whether to look up both families of a name in one call, to save a thread. A look-up that is under way is joined as it is.
    pub(super) fn saves_threads(&self, name: &Name) -> bool {
        let is_apart = || self.is_under_way(name, Query::Aaaa) || self.is_under_way(name, Query::A);
        self.is_under_way(name, Query::List) || self.are_threads_scarce() && !is_apart()
    }

    /// Whether a look-up for this query is under way.
    pub(super) fn is_under_way(&self, name: &Name, query: Query) -> bool {
        self.flights.is_under_way(&(Arc::clone(name.host()), name.epoch(), Wanted::Name(query)))
    }
}

impl fmt::Debug for LookUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookUps").field("under_way", &self.flights).field("threads", &self.threads).finish()
    }
}
