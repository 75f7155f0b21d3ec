//! Tests: which queries are made, and what their answers become.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::test_support::some_instant;

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
        // A server that cannot answer for one name may answer for another.
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

/// A mock system on which every look-up fails after this time, on its own clock.
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
    // One thread makes the order of the calls deterministic.
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
    // The system's search ends with the first domain for which no server answers.
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
    // AAAA is looked up first, and ends before A begins.
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
