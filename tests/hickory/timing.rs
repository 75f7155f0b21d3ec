//! When the first attempt starts, and where it goes.

use std::time::Duration;

use hyper_happy_eyeballs::race::Query;

use crate::server::{A, AAAA, Dns, SERVICES, a, aaaa, https, servfail, silence};
use crate::{connect, connecting, resolver, said, tried};

const V6: &str = "[2001:db8::1]:80";
const V4: &str = "192.0.2.1:80";
const URI: &str = "http://race.example/";

/// A resolution delay so long that an attempt that starts at once is not mistaken for one that starts at its end.
const RESOLUTION_DELAY: Duration = Duration::from_millis(400);
/// Much longer than the wait.
const MUCH_LATER: u64 = 5_000;

#[tokio::test]
async fn ipv6_starts_while_a_is_pending() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1").after(MUCH_LATER)),
    ]);
    assert_ipv6_at_once(&dns).await;
}

#[tokio::test]
async fn ipv6_starts_though_a_is_never_answered() {
    let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1")), ("race.example", A, silence())]);
    assert_ipv6_at_once(&dns).await;
}

async fn assert_ipv6_at_once(dns: &Dns) {
    let connection = connect(connecting(resolver(dns)).resolution_delay(RESOLUTION_DELAY), URI).await.unwrap();
    let attempts = connection.info().attempts();
    assert_eq!(tried(attempts), [V6]);
    assert!(attempts[0].offset() < Duration::from_secs(3), "{:?}", attempts[0]);
}

#[tokio::test]
async fn ipv6_that_comes_within_the_resolution_delay_starts_first() {
    let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1").after(200)), ("race.example", A, a("192.0.2.1"))]);
    let builder = connecting(resolver(&dns)).resolution_delay(Duration::from_secs(10));
    let connection = connect(builder, URI).await.unwrap();
    let attempts = connection.info().attempts();
    assert_eq!(tried(attempts), [V6]);
    let offset = attempts[0].offset();
    assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&offset), "{offset:?}");
}

#[tokio::test]
async fn ipv4_starts_when_the_resolution_delay_is_over() {
    let dns = Dns::start([
        ("race.example", AAAA, aaaa("2001:db8::1").after(MUCH_LATER)),
        ("race.example", A, a("192.0.2.1")),
    ]);
    let connection = connect(connecting(resolver(&dns)).resolution_delay(RESOLUTION_DELAY), URI).await.unwrap();
    let attempts = connection.info().attempts();
    assert_eq!(tried(attempts), [V4]);
    let offset = attempts[0].offset();
    assert!((RESOLUTION_DELAY..Duration::from_secs(4)).contains(&offset), "{offset:?}");
}

#[tokio::test]
async fn a_family_that_fails_does_not_delay_the_other() {
    for (aaaa, a, expected, failed) in [
        (servfail(), a("192.0.2.1"), V4, Some(Query::Aaaa)),
        // The race is over when that of A comes.
        (aaaa("2001:db8::1"), servfail().after(MUCH_LATER), V6, None),
    ] {
        let dns = Dns::start([("race.example", AAAA, aaaa), ("race.example", A, a)]);
        // A wait for the failed family would take the whole delay.
        let builder = connecting(resolver(&dns)).resolution_delay(Duration::from_secs(20));
        let connection = connect(builder, URI).await.unwrap();
        assert_eq!(tried(connection.info().attempts()), [expected]);
        assert!(connection.info().elapsed() < Duration::from_secs(10));
        let errors = connection.info().query_errors();
        assert_eq!(errors.iter().map(|error| error.query()).collect::<Vec<_>>(), Vec::from_iter(failed));
    }
}

#[tokio::test]
async fn https_records_that_never_come_cost_the_resolution_delay() {
    let dns = Dns::start([
        ("race.example", SERVICES, silence()),
        ("race.example", AAAA, aaaa("2001:db8::1")),
        ("race.example", A, a("192.0.2.1")),
    ]);
    let builder = connecting(resolver(&dns)).resolution_delay(RESOLUTION_DELAY);
    let connection = connect(builder, "https://race.example/").await.unwrap();
    let attempts = connection.info().attempts();
    assert_eq!(tried(attempts), ["[2001:db8::1]:443"]);
    let offset = attempts[0].offset();
    assert!((RESOLUTION_DELAY..Duration::from_secs(4)).contains(&offset), "{offset:?}");
}

#[tokio::test]
async fn queries_go_out_together_and_in_order() {
    for _ in 0..20 {
        // None of them is answered before all have been asked.
        let dns = Dns::start([
            ("race.example", SERVICES, https(&["1 ."]).after(50)),
            ("race.example", AAAA, aaaa("2001:db8::1").after(50)),
            ("race.example", A, a("192.0.2.1").after(50)),
        ]);
        connect(connecting(resolver(&dns)), "https://race.example/").await.unwrap();
        assert_eq!(dns.asked(), ["race.example HTTPS", "race.example AAAA", "race.example A"]);
    }
}

#[tokio::test]
async fn https_records_are_asked_for_where_they_have_a_meaning() {
    let asked = async |https_records, uri| {
        let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1")), ("race.example", A, a("192.0.2.1"))]);
        connect(connecting(resolver(&dns).https_records(https_records)), uri).await.unwrap();
        dns.is_asked("race.example A").await;
        dns.asked()
    };
    let addresses = ["race.example AAAA", "race.example A"];
    assert_eq!(asked(true, "http://race.example/").await, addresses);
    assert_eq!(asked(false, "https://race.example/").await, addresses);
    assert_eq!(asked(true, "wss://race.example/").await[0], "race.example HTTPS");
    assert_eq!(asked(true, "https://race.example:8443/").await[0], "_8443._https.race.example HTTPS");
}

#[tokio::test]
async fn answers_come_one_by_one() {
    let dns = Dns::start([("race.example", AAAA, aaaa("2001:db8::1").after(100)), ("race.example", A, a("192.0.2.1"))]);
    let answers = crate::resolve(&resolver(&dns), "race.example").await;
    assert_eq!(said(&answers), ["A 192.0.2.1", "AAAA 2001:db8::1"]);
}
