//! The system's resolver.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use futures_core::Stream;
use tower_service::Service;

use super::connectivity::Connectivity;
use super::flights::{Flights, Landing};
use super::threads::Threads;
use super::{Answer, Answers, Name, Queries, Query, QueryError, QueryErrorKind};
use crate::race::Family;
use crate::timer::read_clock;

/// Resolves with getaddrinfo: AAAA and A by themselves, at the same time.
///
/// `/etc/hosts`, search domains and nsswitch work as everywhere on the system, and what one family comes to does not wait for the
/// other. A family that this machine is not connected with is asked for only if the other has nothing (v3 §4.1), and for
/// `localhost`.
///
/// Separate answers are sorted by RFC 6724, with the table of the RFC. An order of `/etc/gai.conf` across families is respected by
/// [`Compat`](super::Compat) around the resolver of hyper-util, which takes both families in one call, and waits for both; or by
/// [`Builder::policy_table`](crate::connect::Builder::policy_table).
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
/// Nor does it tell whether a server could not answer or was not reached ([`QueryErrorKind::Temporary`]), or which one it was.
#[derive(Clone)]
pub struct GaiResolver {
    flights: Flights<(Arc<str>, Query), Said>,
    threads: Threads,
    connectivity: Connectivity,
    look_up: Arc<LookUp>,
}

/// What a look-up came to.
type Said = Result<Answer, QueryError>;
type LookUp = dyn Fn(&str, Query) -> Said + Send + Sync;

/// Enough for 16 names that do not answer, besides one that does.
const MAX_THREADS: usize = 34;

impl GaiResolver {
    /// The system's resolver.
    pub fn new() -> Self {
        Self {
            flights: Flights::default(),
            threads: Threads::new(MAX_THREADS),
            connectivity: Connectivity::default(),
            look_up: Arc::new(look_up),
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

    fn start(&self, host: &Arc<str>, query: Query) -> Landing<Said> {
        let (landing, flight) = self.flights.join((Arc::clone(host), query));
        if let Some(flight) = flight {
            let (host, look_up) = (Arc::clone(host), Arc::clone(&self.look_up));
            self.threads.run(move |thread| match thread {
                // Those that asked may be gone by the time that a thread is free.
                Ok(()) => {
                    if let Some(flight) = flight.if_wanted() {
                        flight.land(look_up(&host, query));
                    }
                }
                Err(error) => flight.land(Err(QueryError::new(query, error))),
            });
        }
        landing
    }
}

impl Service<Name> for GaiResolver {
    type Response = Answers<GaiAnswers>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let families = self.connectivity.families_for(&name, read_clock());
        let host = name.host();
        let part = |family, query| match families.contains(family) {
            true => Part::Waiting(self.start(host, query)),
            false => Part::Unasked(self.clone(), Arc::clone(host)),
        };
        let parts = [(Query::Aaaa, part(Family::V6, Query::Aaaa)), (Query::A, part(Family::V4, Query::A))];
        ready(Ok(Answers::new(Queries::ADDRESSES, GaiAnswers { parts })))
    }
}

impl Default for GaiResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GaiResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaiResolver").field("flights", &self.flights).field("threads", &self.threads).finish()
    }
}

/// The answers of [`GaiResolver`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct GaiAnswers {
    parts: [(Query, Part); 2],
}

/// What is known of one family.
#[derive(Debug)]
enum Part {
    Waiting(Landing<Said>),
    /// The machine is not connected with the family. A name may be found there nevertheless, in `/etc/hosts` say.
    Unasked(GaiResolver, Arc<str>),
    /// The other family has been enough.
    Unneeded,
    Said,
}

impl GaiAnswers {
    /// The other family has said something: with addresses, nobody needs the one that was not asked for.
    fn on_said(&mut self, found_nothing: bool) {
        for (query, part) in &mut self.parts {
            if let Part::Unasked(resolver, host) = part {
                *part = if found_nothing { Part::Waiting(resolver.start(host, *query)) } else { Part::Unneeded };
            }
        }
    }
}

impl Stream for GaiAnswers {
    type Item = Said;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut waiting = false;
        for i in 0..self.parts.len() {
            let (query, part) = &mut self.parts[i];
            let said = match part {
                Part::Waiting(landing) => match Pin::new(landing).poll(cx) {
                    Poll::Ready(Some(said)) => said,
                    Poll::Ready(None) => Err(QueryError::new(*query, "the look-up was given up")),
                    Poll::Pending => {
                        waiting = true;
                        continue;
                    }
                },
                Part::Unneeded => Ok(Answer::negative(*query)),
                Part::Unasked(..) | Part::Said => continue,
            };
            *part = Part::Said;
            self.on_said(said.as_ref().is_err_and(QueryError::is_negative));
            return Poll::Ready(Some(said));
        }
        if waiting { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// Blocks.
fn look_up(host: &str, query: Query) -> Said {
    let family = if query == Query::Aaaa { AddrFamily::Inet6 } else { AddrFamily::Inet };
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), address: family.into(), ..AddrInfoHints::default() };
    let found = match getaddrinfo(Some(host), None, Some(hints)) {
        Ok(found) => found,
        Err(error) => return Err(query_error(query, error)),
    };
    // An address of a kind that the wrapper does not know is none that can be connected to.
    let addresses: Vec<SocketAddr> = found.filter_map(Result::ok).map(|found| found.sockaddr).collect();
    Ok(if query == Query::Aaaa { Answer::aaaa(addresses) } else { Answer::a(addresses) })
}

/// The host has no address of the family, as glibc has it. Other systems have no error with this number.
const EAI_ADDRFAMILY: i32 = -9;

fn query_error(query: Query, error: LookupError) -> QueryError {
    let kind = match error.kind() {
        LookupErrorKind::NoName => QueryErrorKind::NotFound,
        LookupErrorKind::NoData => QueryErrorKind::NoData,
        LookupErrorKind::Again => QueryErrorKind::Temporary,
        _ if error.error_num() == EAI_ADDRFAMILY => QueryErrorKind::NoData,
        _ => QueryErrorKind::Other,
    };
    QueryError::new(query, io::Error::from(error)).with_kind(kind)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::StreamExt;

    use super::*;

    fn resolver(look_up: impl Fn(&str, Query) -> Said + Send + Sync + 'static) -> GaiResolver {
        GaiResolver { look_up: Arc::new(look_up), ..GaiResolver::new() }
    }

    fn answer(query: Query) -> Said {
        match query {
            Query::Aaaa => Ok(Answer::aaaa(["[2001:db8::1]:0".parse::<SocketAddr>().unwrap()])),
            _ => Ok(Answer::a(["192.0.2.1:0".parse::<SocketAddr>().unwrap()])),
        }
    }

    /// `localhost`, which is looked up in both families on any machine.
    fn ask(resolver: &mut GaiResolver) -> GaiAnswers {
        ask_for(resolver, "localhost")
    }

    fn ask_for(resolver: &mut GaiResolver, name: &str) -> GaiAnswers {
        let Ok(answers) = resolver.call(name.into()).into_inner();
        assert_eq!(answers.queries(), Queries::ADDRESSES);
        answers.into_parts().2.unwrap()
    }

    #[tokio::test]
    async fn a_family_does_not_wait_for_the_other() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let mut resolver = resolver(move |_, query| {
            if query == Query::Aaaa {
                released.lock().unwrap().recv().unwrap();
            }
            answer(query)
        });
        let mut answers = ask(&mut resolver);
        assert_eq!(answers.next().await.unwrap().unwrap().query(), Query::A);
        release.send(()).unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().query(), Query::Aaaa);
        assert!(answers.next().await.is_none());
    }

    #[tokio::test]
    async fn a_thousand_at_one_time_are_one_look_up_for_each_family() {
        let (release, released) = mpsc::channel::<()>();
        let (released, looked_up) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&looked_up);
        let mut resolver = resolver(move |_, query| {
            counted.fetch_add(1, Ordering::Relaxed);
            // Until all have asked.
            released.lock().unwrap().recv().unwrap();
            answer(query)
        });
        let all: Vec<GaiAnswers> = (0..1000).map(|_| ask(&mut resolver)).collect();
        release.send(()).unwrap();
        release.send(()).unwrap();
        for answers in all {
            let answers: Vec<Said> = answers.collect().await;
            assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
        }
        assert_eq!(looked_up.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_name_that_never_answers_keeps_two_threads_and_no_other_name_waiting() {
        let (release, released) = mpsc::channel::<()>();
        let (released, blocked) = (Arc::new(Mutex::new(released)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&blocked);
        let mut resolver = resolver(move |host, query| {
            if host == "stuck.localhost" {
                counted.fetch_add(1, Ordering::Relaxed);
                released.lock().unwrap().recv().unwrap_err();
            }
            answer(query)
        })
        .with_max_threads(3);
        for _ in 0..100 {
            // Each race is dropped, and the next one asks again.
            drop(ask_for(&mut resolver, "stuck.localhost"));
        }
        for _ in 0..10 {
            assert_eq!(ask(&mut resolver).count().await, 2);
        }
        assert!(blocked.load(Ordering::Relaxed) <= 2);
        drop(release);
    }

    #[test]
    fn a_runtime_is_shut_down_though_a_look_up_never_ends() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (begun, begins) = mpsc::channel();
        let mut resolver = resolver(move |_, query| {
            begun.send(()).unwrap();
            released.lock().unwrap().recv().unwrap_err();
            answer(query)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut answers = ask(&mut resolver);
            let waiting = tokio::time::timeout(Duration::from_millis(1), answers.next());
            assert!(waiting.await.is_err());
        });
        begins.recv().unwrap();
        // This would not end.
        drop(runtime);
        drop(release);
    }

    fn ask_in_family(resolver: &GaiResolver, asked: Query) -> GaiAnswers {
        let host: Arc<str> = "example.com".into();
        let part = |query| match query == asked {
            true => Part::Waiting(resolver.start(&host, query)),
            false => Part::Unasked(resolver.clone(), Arc::clone(&host)),
        };
        GaiAnswers { parts: [Query::Aaaa, Query::A].map(|query| (query, part(query))) }
    }

    #[tokio::test]
    async fn the_other_family_is_not_asked_for_if_one_has_an_address() {
        let resolver = resolver(|_, query| {
            assert_eq!(query, Query::A);
            answer(query)
        });
        let answers: Vec<Said> = ask_in_family(&resolver, Query::A).collect().await;
        let answers: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [answer(Query::A).unwrap(), Answer::negative(Query::Aaaa)]);
    }

    #[tokio::test]
    async fn the_other_family_is_asked_for_if_one_has_nothing() {
        let resolver = resolver(|_, query| match query {
            Query::A => Err(QueryError::new(query, "no such host").with_kind(QueryErrorKind::NotFound)),
            _ => answer(query),
        });
        let answers: Vec<Said> = ask_in_family(&resolver, Query::A).collect().await;
        assert!(answers[0].as_ref().unwrap_err().is_negative());
        assert_eq!(answers[1].as_ref().unwrap(), &answer(Query::Aaaa).unwrap());
        assert_eq!(answers.len(), 2);
    }

    #[tokio::test]
    async fn a_look_up_whose_race_is_gone_is_not_made() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let mut resolver = resolver(move |host, query| {
            assert_ne!(host, "gone.localhost");
            if host == "first.localhost" {
                released.lock().unwrap().recv().unwrap();
            }
            answer(query)
        })
        .with_max_threads(1);
        let first = ask_for(&mut resolver, "first.localhost");
        drop(ask_for(&mut resolver, "gone.localhost"));
        let last = ask_for(&mut resolver, "last.localhost");
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert_eq!(first.count().await, 2);
        assert_eq!(last.filter(|said| ready(said.is_ok())).count().await, 2);
        // It would have been the only thread's turn before.
        assert!(resolver.flights.join(("gone.localhost".into(), Query::A)).1.is_some());
    }

    #[tokio::test]
    async fn a_look_up_that_panics_is_a_failure() {
        let mut resolver = resolver(|_, _| std::panic::resume_unwind(Box::new("the resolver's own affair")));
        let answers: Vec<Said> = ask(&mut resolver).collect().await;
        let text: Vec<String> = answers.into_iter().map(|said| said.unwrap_err().to_string()).collect();
        assert_eq!(text, ["the look-up of AAAA failed", "the look-up of A failed"]);
    }

    #[test]
    fn a_name_that_cannot_be_looked_up_is_a_failure_and_no_panic() {
        assert!(look_up("a\0b", Query::A).is_err());
        assert!(look_up("", Query::A).is_err());
    }
}
