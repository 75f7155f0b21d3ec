//! Which queries are sent once, and which are sent again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use hyper_happy_eyeballs::race::Families;
use hyper_happy_eyeballs::resolve::hickory_resolver::TokioResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::net::runtime::TokioRuntimeProvider;
use hyper_happy_eyeballs::resolve::{HickoryResolver, Name};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_test::task;
use tower::Service;

use crate::server::{A, AAAA, Dns, SERVICES, a, aaaa, https, silence};
use crate::{ask, config, connect, connecting, options, resolve, resolver, resolver_over_tcp, said, until};

const URI: &str = "http://race.example/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connects_at_one_time_are_one_query_for_each_type() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 ."]).after(500)),
        ("race.example", AAAA, aaaa("2001:db8::1").after(500)),
        ("race.example", A, a("192.0.2.1").after(500)),
    ]);
    let resolver = resolver_over_tcp(&dns);
    let mut all = JoinSet::new();
    for _ in 0..1000 {
        let builder = connecting(resolver.clone());
        all.spawn(async { connect(builder, "https://race.example/").await.map(drop) });
    }
    while let Some(connected) = all.join_next().await {
        connected.unwrap().unwrap();
    }
    let mut asked = dns.asked();
    asked.sort();
    assert_eq!(asked, ["race.example A", "race.example AAAA", "race.example HTTPS"]);
}

#[tokio::test]
async fn a_reply_that_comes_after_the_race_fills_the_cache() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1").after(300)),
        ("other.example", A, a("192.0.2.2")),
    ]);
    let resolver = resolver(&dns);
    connect(connecting(resolver.clone()), URI).await.unwrap();
    dns.answers("race.example A").await;
    // After this round trip, the server has received all earlier queries.
    resolve(&resolver, "other.example").await;
    let before = dns.asked();
    let mut answers = task::spawn(ask(&resolver, "race.example").await);
    assert_eq!(at_once(&mut answers), ["AAAA 2001:db8::1", "A 192.0.2.1"]);
    assert_eq!(dns.asked(), before);
}

#[tokio::test]
async fn a_look_up_that_nobody_waits_for_ends() {
    let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1")), ("race.example", A, silence())]);
    let mut options = options();
    // The look-up must not end by its own time-out.
    options.timeout = Duration::from_secs(3600);
    // One of hickory's own, which sends nothing beside it.
    let builder = TokioResolver::builder_with_config(config(dns.address()), TokioRuntimeProvider::default());
    let resolver = HickoryResolver::from(builder.with_options(options).build().unwrap()).families(Families::Both);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    connect(connecting(resolver.clone()), URI).await.unwrap();
    let with_the_look_up = tasks();
    until(|| tasks() < with_the_look_up).await;
    // The next look-up sends the query again.
    let before = dns.asked().len();
    connect(connecting(resolver), URI).await.unwrap();
    until(|| dns.asked().len() > before).await;
    assert_eq!(dns.asked().last().unwrap(), "race.example A");
}

#[tokio::test]
async fn a_look_up_is_not_given_up_while_somebody_waits() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1").after(2_500)),
        ("other.example", A, a("192.0.2.2")),
    ]);
    let resolver = resolver(&dns);
    connect(connecting(resolver.clone()), URI).await.unwrap();
    // During this look-up, the resolver learns that nobody waits for the first one.
    resolve(&resolver, "other.example").await;
    // This call waits for the first look-up, for longer than a look-up goes on when nobody waits.
    assert_eq!(said(&resolve(&resolver, "race.example").await), ["AAAA 2001:db8::1", "A 192.0.2.1"]);
}

#[tokio::test]
async fn an_answer_is_asked_for_again_when_its_time_is_over() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1").ttl(60)),
        ("race.example", A, a("192.0.2.1").ttl(1)),
        // A clock that the test can wait for.
        ("clock.example", A, a("192.0.2.2").after(2_200)),
    ]);
    let resolver = resolver(&dns);
    resolve(&resolver, "race.example").await;
    resolve(&resolver, "race.example").await;
    assert_eq!(dns.asked(), ["race.example AAAA", "race.example A"]);
    resolve(&resolver, "clock.example").await;
    let before = dns.asked().len();
    resolve(&resolver, "race.example").await;
    assert_eq!(dns.asked()[before..], ["race.example A"]);
}

#[test]
fn what_is_cached_comes_at_the_first_poll_without_timer_and_task() {
    let dns = Dns::start([
        ("race.example", SERVICES, https(&["1 svc.example"])),
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1")),
        ("svc.example", AAAA, aaaa("2001:db8::2")),
        ("svc.example", A, a("192.0.2.2")),
    ]);
    let resolver = resolver(&dns);
    let name = || Name::from("race.example").with_https_port(443);
    let first = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    first.block_on(resolve(&resolver, name()));
    let asked = dns.asked();
    // This runtime has no drivers: making a timer or a socket panics.
    let second = tokio::runtime::Builder::new_current_thread().build().unwrap();
    second.block_on(async {
        let mut answers = task::spawn(ask(&resolver, name()).await);
        let expected = ["HTTPS 2001:db8::2 192.0.2.2", "AAAA 2001:db8::1", "A 192.0.2.1"];
        assert_eq!(at_once(&mut answers), expected);
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
    assert_eq!(dns.asked(), asked);
}

#[test]
fn a_call_outside_a_runtime_panics_and_leaves_the_resolver_as_it_is() {
    let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1")), ("race.example", A, a("192.0.2.1"))]);
    let mut resolver = resolver(&dns);
    let outside = catch_unwind(AssertUnwindSafe(|| drop(resolver.call("race.example".into()))));
    assert!(outside.is_err(), "the queries go out with the call");
    for literal in ["192.0.2.1", "2001:db8::1"] {
        assert!(resolver.call(literal.into()).now_or_never().unwrap().is_ok());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(resolve(&resolver, "race.example")).len(), 2);
}

/// All answers, none of which has to be waited for.
fn at_once(answers: &mut task::Spawn<hyper_happy_eyeballs::resolve::HickoryAnswers>) -> Vec<String> {
    let mut all = Vec::new();
    while let Poll::Ready(answer) = answers.poll_next() {
        match answer {
            Some(answer) => all.push(answer),
            None => return said(&all),
        }
    }
    panic!("something is waited for after {:?}", said(&all));
}

#[tokio::test]
async fn clones_share_the_cache() {
    let dns = Dns::start([("race.example", A, a("192.0.2.1"))]);
    let resolver = resolver(&dns);
    assert_eq!(ask(&resolver, "race.example").await.count().await, 2);
    assert_eq!(ask(&resolver.clone(), "race.example").await.count().await, 2);
    assert_eq!(dns.asked().len(), 2);
}
