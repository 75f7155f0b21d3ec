use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};

use super::plan::Second;
use super::*;
use crate::resolve::{Answer, QueryErrorKind};
use crate::test_support::some_instant;
use crate::timer::read_clock;

struct FakeSystem<F>(F);

impl<F: Fn(&str, Query) -> Said + Send + Sync> System for FakeSystem<F> {
    /// As for a system without tables and search domains.
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, host: &str, query: Query) -> Said {
        (self.0)(host, query)
    }

    fn now(&self) -> Instant {
        read_clock()
    }
}

fn resolver(look_up: impl Fn(&str, Query) -> Said + Send + Sync + 'static) -> GaiResolver {
    GaiResolver::over(FakeSystem(look_up))
}

fn answer(query: Query) -> Said {
    let address = |text: &str| [text.parse::<SocketAddr>().unwrap()];
    Ok(match query {
        Query::Aaaa => Answer::aaaa(address("[2001:db8::1]:0")),
        Query::A => Answer::a(address("192.0.2.1:0")),
        _ => Answer::list(address("192.0.2.2:0")),
    })
}

fn nothing(query: Query) -> Said {
    Err(QueryError::new(query, "no such host").with_kind(QueryErrorKind::NotFound))
}

fn unknown(query: Query) -> Said {
    Err(QueryError::new(query, "it may work later").with_kind(QueryErrorKind::Temporary))
}

/// Looks a name up by families, whatever this machine is connected with.
fn ask(resolver: &GaiResolver) -> GaiAnswers {
    ask_for(resolver, "www.example")
}

fn ask_for(resolver: &GaiResolver, host: &str) -> GaiAnswers {
    ask_in(resolver, host, Families::Both)
}

fn ask_in(resolver: &GaiResolver, host: &str, families: Families) -> GaiAnswers {
    answers_in(resolver, host, families, Second::Nothing)
}

fn answers_in(resolver: &GaiResolver, host: &str, families: Families, second: Second) -> GaiAnswers {
    resolver.look_up(&host.into(), Plan::Apart(second), families).into_parts().2.unwrap()
}

async fn call(resolver: &mut GaiResolver, host: &str) -> Answers<GaiAnswers> {
    let Ok(answers) = resolver.call(host.into()).await;
    answers
}

#[tokio::test]
async fn a_family_does_not_wait_for_the_other() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let resolver = resolver(move |_, query| {
        if query == Query::Aaaa {
            released.lock().unwrap().recv().unwrap();
        }
        answer(query)
    });
    let mut answers = ask(&resolver);
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
    let resolver = resolver(move |_, query| {
        counted.fetch_add(1, Ordering::Relaxed);
        // Until all have asked.
        released.lock().unwrap().recv().unwrap();
        answer(query)
    });
    let all: Vec<GaiAnswers> = (0..1000).map(|_| ask(&resolver)).collect();
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
    let resolver = resolver(move |host, query| {
        if host == "stuck.example" {
            counted.fetch_add(1, Ordering::Relaxed);
            released.lock().unwrap().recv().unwrap_err();
        }
        answer(query)
    })
    .with_max_threads(3);
    for _ in 0..100 {
        // Each race is dropped, and the next one asks again.
        drop(ask_for(&resolver, "stuck.example"));
    }
    for _ in 0..10 {
        assert_eq!(ask(&resolver).count().await, 2);
    }
    assert!(blocked.load(Ordering::Relaxed) <= 2);
    drop(release);
}

#[test]
fn a_runtime_is_shut_down_though_a_look_up_never_ends() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (begun, begins) = mpsc::channel();
    let resolver = resolver(move |_, query| {
        begun.send(()).unwrap();
        released.lock().unwrap().recv().unwrap_err();
        answer(query)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut answers = ask(&resolver);
        begins.recv().unwrap();
        assert!(answers.next().now_or_never().is_none());
    });
    // This would not end.
    drop(runtime);
    drop(release);
}

#[tokio::test]
async fn a_family_that_is_not_connected_is_not_asked_for() {
    let resolver = resolver(|_, query| {
        assert_eq!(query, Query::A);
        answer(query)
    });
    let answers = resolver.look_up(&"www.example".into(), Plan::Apart(Second::Nothing), Families::V4Only);
    assert_eq!(answers.queries(), Query::A.into());
    let answers: Vec<Said> = answers.into_parts().2.unwrap().collect().await;
    let answers: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [answer(Query::A).unwrap()]);
}

fn in_domains(domains: &[&str]) -> Second {
    Second::Domains(domains.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn what_is_not_found_as_it_stands_is_looked_up_with_the_search_domains() {
    for families in [Families::Both, Families::V4Only] {
        // A server that cannot answer for one name may for another.
        for missing in [nothing, unknown] {
            let resolver = resolver(move |host, query| match (host, query) {
                ("www.example.b.example.", Query::List) => answer(query),
                ("www.example.a.example.", Query::List) | ("www.example", Query::Aaaa | Query::A) => missing(query),
                _ => panic!("{host} {query}"),
            });
            let second = in_domains(&["a.example", "b.example", "c.example"]);
            let answers: Vec<Said> = answers_in(&resolver, "www.example", families, second).collect().await;
            let found: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
            let a = Answer::a(["192.0.2.2:0".parse::<SocketAddr>().unwrap()]);
            assert_eq!(found, [Answer::negative(Query::Aaaa), a]);
        }
    }
}

#[tokio::test]
async fn a_source_after_the_dns_is_asked_in_one_call_for_both_families() {
    let resolver = resolver(|host, query| if query == Query::List { answer(query) } else { nothing_of(host, query) });
    let answers: Vec<Said> = answers_in(&resolver, "www.example", Families::Both, Second::Again).collect().await;
    assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
}

fn nothing_of(host: &str, query: Query) -> Said {
    assert_eq!(host, "www.example");
    nothing(query)
}

/// A system whose every look-up takes so long, in a time of its own, and fails.
struct SilentSystem {
    began: Instant,
    took: Mutex<Duration>,
    each: Duration,
    looked_up: Arc<Mutex<Vec<String>>>,
}

impl System for SilentSystem {
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, host: &str, query: Query) -> Said {
        *self.took.lock().unwrap() += self.each;
        self.looked_up.lock().unwrap().push(format!("{host} {query}"));
        unknown(query)
    }

    fn now(&self) -> Instant {
        self.began + *self.took.lock().unwrap()
    }
}

async fn looked_up_in_silence(each: Duration, second: Second) -> Vec<String> {
    let looked_up = Arc::new(Mutex::new(Vec::new()));
    let system =
        SilentSystem { began: some_instant(), took: Mutex::default(), each, looked_up: Arc::clone(&looked_up) };
    // One thread, so that the order is always the same.
    let resolver = GaiResolver::over(system).with_max_threads(1);
    let answers: Vec<Said> = answers_in(&resolver, "www.example", Families::Both, second).collect().await;
    let mut failed: Vec<Query> = answers.iter().map(|said| said.as_ref().unwrap_err().query()).collect();
    failed.sort_unstable();
    assert_eq!(failed, [Query::A, Query::Aaaa]);
    looked_up.lock().unwrap().clone()
}

#[tokio::test]
async fn where_no_server_answers_nothing_is_looked_up_twice() {
    let by_family = ["www.example AAAA", "www.example A"];
    assert_eq!(looked_up_in_silence(Duration::from_secs(10), Second::Nothing).await, by_family);
    // The search of the system ends with the first domain that nobody answers for.
    let domains = || in_domains(&["a.example", "b.example"]);
    let first = ["www.example AAAA", "www.example A", "www.example.a.example. A and AAAA"];
    assert_eq!(looked_up_in_silence(Duration::from_secs(1), domains()).await, first);
    // A server that says at once that it cannot answer is not silent.
    let all =
        ["www.example AAAA", "www.example A", "www.example.a.example. A and AAAA", "www.example.b.example. A and AAAA"];
    assert_eq!(looked_up_in_silence(Duration::from_millis(5), domains()).await, all);
}

#[tokio::test]
async fn what_was_not_asked_is_asked_before_the_name_is_lost() {
    for missing in [nothing, unknown] {
        for (families, absent, found) in
            [(Families::V4Only, Query::A, Query::Aaaa), (Families::V6Only, Query::Aaaa, Query::A)]
        {
            let resolver = resolver(move |_, query| if query == found { answer(query) } else { missing(query) });
            let answers = resolver.look_up(&"www.example".into(), Plan::Apart(Second::Nothing), families);
            assert_eq!(answers.queries(), absent.into(), "the other one is not waited for");
            let mut answers: Vec<Said> = answers.into_parts().2.unwrap().collect().await;
            assert_eq!(answers.pop().unwrap().unwrap(), answer(found).unwrap());
            assert_eq!(answers.pop().unwrap().unwrap_err().query(), absent);
        }
    }
}

#[tokio::test]
async fn a_family_that_the_caller_can_use_is_asked_for_though_the_machine_is_not_connected_with_it() {
    for (connected, usable, asked) in [
        (Families::V4Only, Families::V6Only, Query::Aaaa),
        (Families::V6Only, Families::V4Only, Query::A),
        (Families::Both, Families::V4Only, Query::A),
    ] {
        let mut resolver = resolver(move |_, query| {
            assert_eq!(query, asked);
            answer(query)
        });
        resolver.connectivity = Connectivity::always(connected);
        let Ok(answers) = resolver.call(Name::from("www.example").with_families(usable)).await;
        assert_eq!(answers.queries(), asked.into());
        assert_eq!(answers.into_parts().2.unwrap().count().await, 1);
    }
}

#[tokio::test]
async fn a_name_that_is_lost_was_asked_for_in_both_families() {
    for families in [Families::V4Only, Families::V6Only, Families::Both] {
        let resolver = resolver(|_, query| nothing(query));
        let answers: Vec<Said> = ask_in(&resolver, "www.example", families).collect().await;
        let mut missing: Vec<Query> = answers.iter().map(|said| said.as_ref().unwrap_err().query()).collect();
        missing.sort_unstable();
        assert_eq!(missing, [Query::A, Query::Aaaa]);
    }
}

/// Resolves `healthy.example`, and lets the look-ups of any other name wait until `release` is dropped.
fn stuck_beside_healthy() -> (GaiResolver, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (release, released) = mpsc::channel::<()>();
    let (released, stuck) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&stuck);
    let resolver = resolver(move |host, query| {
        if host != "healthy.example" {
            counted.fetch_add(1, Ordering::Relaxed);
            released.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv().unwrap_err();
        }
        answer(query)
    });
    (resolver, release, stuck)
}

#[tokio::test]
async fn hundreds_of_stuck_names_keep_no_healthy_name_waiting() {
    for count in [200, 300] {
        let (mut resolver, release, stuck) = stuck_beside_healthy();
        let names = (0..count).map(|n| resolver.call(format!("{n}.example").as_str().into()));
        let waiting = futures_util::future::join_all(names).await;
        // It would never answer if it had to wait for one of them.
        for _ in 0..10 {
            let answers = call(&mut resolver, "healthy.example").await;
            assert!(answers.into_parts().2.unwrap().all(|said| std::future::ready(said.is_ok())).await);
        }
        assert!(stuck.load(Ordering::Relaxed) <= MAX_THREADS);
        drop((release, waiting));
    }
}

#[tokio::test]
async fn a_name_that_has_answered_does_not_wait_for_any_number_of_stuck_names() {
    let (mut resolver, release, _) = stuck_beside_healthy();
    let answers = call(&mut resolver, "healthy.example").await;
    assert!(answers.into_parts().2.unwrap().count().await > 0);
    let waiting: Vec<_> = (0..2_000).map(|n| resolver.call(format!("{n}.example").as_str().into())).collect();
    let answers = call(&mut resolver, "healthy.example").await;
    assert!(answers.into_parts().2.unwrap().all(|said| std::future::ready(said.is_ok())).await);
    drop(release);
    drop(waiting);
}

#[tokio::test]
async fn a_stuck_call_of_a_name_that_has_answered_is_made_again_and_its_answer_is_for_all() {
    let now = Arc::new(Mutex::new(some_instant()));
    let (release, released) = mpsc::channel::<()>();
    let (released, looked_up) = (Arc::new(Mutex::new(released)), Arc::new(AtomicUsize::new(0)));
    let system = StuckOnce { now: Arc::clone(&now), released, looked_up: Arc::clone(&looked_up) };
    let resolver = GaiResolver::over(system);
    let families = Families::V4Only;
    assert!(ask_in(&resolver, "www.example", families).next().await.unwrap().is_ok());
    // The second call is stuck.
    let mut stuck = ask_in(&resolver, "www.example", families);
    while looked_up.load(Ordering::Relaxed) < 2 {
        std::thread::yield_now();
    }
    *now.lock().unwrap() += Duration::from_millis(99);
    let mut joined = ask_in(&resolver, "www.example", families);
    assert_eq!(looked_up.load(Ordering::Relaxed), 2);
    assert!(joined.next().now_or_never().is_none());
    *now.lock().unwrap() += Duration::from_millis(1);
    let mut fresh = ask_in(&resolver, "www.example", families);
    for answers in [&mut stuck, &mut joined, &mut fresh] {
        assert!(answers.next().await.unwrap().is_ok());
    }
    assert_eq!(looked_up.load(Ordering::Relaxed), 3);
    drop(release);
}

/// Its second look-up does not return before `released` is closed. The time is what a test says.
struct StuckOnce {
    now: Arc<Mutex<Instant>>,
    released: Arc<Mutex<mpsc::Receiver<()>>>,
    looked_up: Arc<AtomicUsize>,
}

impl System for StuckOnce {
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, _: &str, query: Query) -> Said {
        if self.looked_up.fetch_add(1, Ordering::Relaxed) == 1 {
            self.released.lock().unwrap().recv().unwrap_err();
        }
        answer(query)
    }

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_missing_in_every_family_once() {
    for host in ["www.example", "www.example."] {
        let resolver = resolver(|_, query| {
            assert_ne!(query, Query::List, "there are no search domains");
            nothing(query)
        });
        let answers: Vec<Said> = ask_for(&resolver, host).collect().await;
        let mut missing: Vec<Query> = answers.iter().map(|said| said.as_ref().unwrap_err().query()).collect();
        missing.sort_unstable();
        assert_eq!(missing, [Query::A, Query::Aaaa]);
        assert!(answers.iter().all(|said| said.as_ref().is_err_and(QueryError::is_negative)));
    }
}

#[tokio::test]
async fn nothing_is_said_of_a_name_before_it_is_clear_which_one_it_is() {
    let (release, released) = mpsc::channel::<()>();
    let (released, (done, is_done)) = (Mutex::new(released), mpsc::channel());
    let resolver = resolver(move |_, query| match query {
        Query::Aaaa => nothing(query),
        _ => {
            done.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            answer(query)
        }
    })
    // AAAA goes first, and is over before A begins.
    .with_max_threads(1);
    let mut answers = ask(&resolver);
    is_done.recv().unwrap();
    assert!(answers.next().now_or_never().is_none());
    release.send(()).unwrap();
    let said = [answers.next().await.unwrap(), answers.next().await.unwrap()];
    assert!(said[0].as_ref().unwrap_err().is_negative());
    assert_eq!(said[1].as_ref().unwrap(), &answer(Query::A).unwrap());
}

#[tokio::test]
async fn a_name_for_which_two_calls_may_not_agree_is_looked_up_in_one() {
    let mut resolver = resolver(|_, query| {
        assert_eq!(query, Query::List);
        answer(query)
    });
    let answers = call(&mut resolver, "localhost").await;
    assert_eq!(answers.queries(), Queries::LIST);
    let answers: Vec<Said> = answers.into_parts().2.unwrap().collect().await;
    assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [answer(Query::List).unwrap()]);
}

#[tokio::test]
async fn a_look_up_whose_race_is_gone_is_not_made() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let resolver = resolver(move |host, query| {
        assert_ne!(host, "gone.example");
        if host == "first.example" {
            released.lock().unwrap().recv().unwrap();
        }
        answer(query)
    })
    .with_max_threads(1);
    let first = ask_for(&resolver, "first.example");
    drop(ask_for(&resolver, "gone.example"));
    let last = ask_for(&resolver, "last.example");
    release.send(()).unwrap();
    release.send(()).unwrap();
    assert_eq!(first.count().await, 2);
    assert_eq!(last.filter(|said| std::future::ready(said.is_ok())).count().await, 2);
    // It would have been the only thread's turn before.
    assert!(!resolver.look_ups.is_under_way(&("gone.example".into(), Epoch::default(), Wanted::Name(Query::A))));
}

#[tokio::test]
async fn a_look_up_that_panics_is_a_failure() {
    let resolver = resolver(|_, _| std::panic::resume_unwind(Box::new("the resolver's own affair")));
    let answers: Vec<Said> = ask(&resolver).collect().await;
    let mut text: Vec<String> = answers.into_iter().map(|said| said.unwrap_err().to_string()).collect();
    text.sort();
    assert_eq!(text, ["the look-up of A failed", "the look-up of AAAA failed"]);
}

#[tokio::test]
async fn a_look_up_from_before_a_change_of_the_network_is_joined_by_nobody_who_has_heard_of_it() {
    let (release, released) = mpsc::channel::<()>();
    let (released, calls) = (Mutex::new(released), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&calls);
    let resolver = resolver(move |_, query| {
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            released.lock().unwrap().recv().unwrap();
        }
        answer(query)
    });
    let landing = |epoch| resolver.start(&Name::from("db").with_epoch(epoch), Query::List);
    let [first, second] = [Epoch::begin(), Epoch::begin()];
    let (stuck, joined) = (landing(first), landing(first));
    // It does not wait for the one that is stuck.
    assert!(landing(second).await.is_some_and(|said| said.is_ok()));
    release.send(()).unwrap();
    assert!(stuck.await.is_some_and(|said| said.is_ok()) && joined.await.is_some_and(|said| said.is_ok()));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}
