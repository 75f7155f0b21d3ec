use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::resolve::{Answer, QueryErrorKind};

struct FakeSystem<F>(F);

impl<F: Fn(&str, Query) -> Said + Send + Sync> System for FakeSystem<F> {
    /// As for a system without tables and search domains.
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, host: &str, query: Query) -> Said {
        (self.0)(host, query)
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
    let answers = resolver.look_up(&host.into(), Plan::Apart, families);
    answers.into_parts().2.unwrap()
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
    let answers = resolver.look_up(&"www.example".into(), Plan::Apart, Families::V4Only);
    assert_eq!(answers.queries(), Query::A.into());
    let answers: Vec<Said> = answers.into_parts().2.unwrap().collect().await;
    let answers: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [answer(Query::A).unwrap()]);
}

#[tokio::test]
async fn what_is_not_found_as_it_stands_is_looked_up_with_the_search_domains() {
    for families in [Families::Both, Families::V4Only] {
        // A server that cannot answer for one name may for another.
        for missing in [nothing, unknown] {
            let resolver = resolver(move |_, query| if query == Query::List { answer(query) } else { missing(query) });
            let answers: Vec<Said> = ask_in(&resolver, "www.example", families).collect().await;
            let found: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
            let a = Answer::a(["192.0.2.2:0".parse::<SocketAddr>().unwrap()]);
            assert_eq!(found, [Answer::negative(Query::Aaaa), a]);
        }
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_missing_in_every_family_once() {
    for host in ["www.example", "www.example."] {
        let resolver = resolver(|host, query| {
            assert!(query != Query::List || host != "www.example.", "it is complete");
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
    assert!(resolver.look_ups.join(("gone.example".into(), Query::A)).1.is_some());
}

#[tokio::test]
async fn a_look_up_that_panics_is_a_failure() {
    let resolver = resolver(|_, _| std::panic::resume_unwind(Box::new("the resolver's own affair")));
    let answers: Vec<Said> = ask(&resolver).collect().await;
    let text: Vec<String> = answers.into_iter().map(|said| said.unwrap_err().to_string()).collect();
    assert_eq!(text, ["the look-up of AAAA failed", "the look-up of A failed"]);
}
