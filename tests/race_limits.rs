//! How much of an answer a race uses: a limit keeps a long answer from occupying the race.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Conclusion, Config, Order, Outcome, Policy, Queries, Query, ServiceRecord, Source, UntriedReason,
};
use support::names::{PORT, portless};
use support::simulation::{Event, Log, Script, simulate};

const MAX_ADDRESSES: usize = 1024;

fn v6(count: u16) -> Vec<SocketAddr> {
    v6_ips(count).into_iter().map(|ip| (ip, PORT).into()).collect()
}

fn v6_ips(count: u16) -> Vec<Ipv6Addr> {
    (1..=count).map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host)).collect()
}

fn v4(count: u16) -> Vec<SocketAddr> {
    let ip = |host: u16| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + u32::from(host));
    (1..=count).map(|host| (ip(host), PORT).into()).collect()
}

/// A race in which every attempt fails before it has sent anything.
fn lose(answers: impl IntoIterator<Item = Answer>) -> Log {
    let answers: Vec<_> = answers.into_iter().map(|answer| (Duration::ZERO, answer)).collect();
    let endpoints = answers.iter().flat_map(|(_, answer)| answer.destinations());
    let ports = [PORT].into_iter().chain(8000..8100);
    let endpoints = endpoints.flat_map(|address| ports.clone().map(move |port| SocketAddr::new(address.ip(), port)));
    let fails = vec![(Duration::ZERO, Outcome::failed_unsent())];
    let log = simulate(&Script {
        // The families one after the other, as the answers have them.
        config: Config::builder().order(Order::PreferV6).first_address_family_count(usize::MAX).build().unwrap(),
        queries: answers.iter().map(|(_, answer)| answer.query()).collect(),
        deadline: None,
        attempts: endpoints.map(|endpoint| (endpoint, fails.clone())).collect(),
        answers,
        sources: [].into(),
        ..Script::default()
    });
    assert!(matches!(log.conclusion(), Some((_, Conclusion::Exhausted { .. }))));
    log
}

fn over_limit(log: &Log) -> Vec<SocketAddr> {
    let of = |(_, event): &(Duration, Event)| match event {
        Event::Untried { reason: UntriedReason::OverLimit, addresses } => addresses.clone(),
        _ => Vec::new(),
    };
    log.events.iter().flat_map(of).collect()
}

#[test]
fn the_first_1024_addresses_of_an_answer_are_tried_and_the_others_are_named() {
    let addresses = v6(1030);
    let (used, left_out) = addresses.split_at(MAX_ADDRESSES);
    for answer in [Answer::aaaa(addresses.clone()), Answer::list(addresses.clone())] {
        let log = lose([answer]);
        assert_eq!(log.started, used);
        assert_eq!(over_limit(&log), left_out);
    }
}

#[test]
fn as_many_as_the_limit_are_not_too_many() {
    let log = lose([Answer::a(v4(1024))]);
    assert_eq!(log.started.len(), MAX_ADDRESSES);
    assert_eq!(over_limit(&log), []);
}

#[test]
fn each_answer_has_the_limit_for_itself() {
    let (v6, v4) = (v6(1025), v4(1026));
    let log = lose([Answer::aaaa(v6.clone()), Answer::a(v4.clone())]);
    assert_eq!(log.started, [&v6[..MAX_ADDRESSES], &v4[..MAX_ADDRESSES]].concat());
    assert_eq!(over_limit(&log), [&v6[MAX_ADDRESSES..], &v4[MAX_ADDRESSES..]].concat());
}

/// What is wrong with an address does not make room for another.
#[test]
fn unusable_addresses_count() {
    let mut addresses = v6(1025);
    addresses[0].set_ip(Ipv6Addr::UNSPECIFIED.into());
    let log = lose([Answer::aaaa(addresses.clone())]);
    assert_eq!(log.started, addresses[1..MAX_ADDRESSES]);
    assert_eq!(over_limit(&log), addresses[MAX_ADDRESSES..]);
}

#[test]
fn the_sixteen_service_records_of_the_highest_priorities_are_used() {
    let record = |priority| {
        let mut record = ServiceRecord::new(priority);
        record.port = Some(8000 + priority);
        record
    };
    let records = (1..=40).rev().map(record);
    let log = lose([Answer::https(records, PORT), Answer::aaaa(v6(1)), Answer::negative(Query::A)]);
    let ports: Vec<u16> = log.started.iter().map(SocketAddr::port).collect();
    assert_eq!(ports, (8001..=8016).chain([PORT]).collect::<Vec<_>>());
}

#[test]
fn the_first_1024_hints_are_used() {
    let mut record = ServiceRecord::new(1);
    record.target = Some("svc.example".into());
    record.ipv6_hints = v6_ips(1030);
    let answer = Answer::https([record], PORT);
    assert_eq!(answer.destinations().count(), MAX_ADDRESSES);
    let answers = [answer, Answer::negative(Query::Aaaa), Answer::negative(Query::A)];
    assert_eq!(lose(answers).started, v6(1030)[..MAX_ADDRESSES]);
}

/// The race itself, and the driver, which asks for the source of each, have no more to do for an answer that is longer.
#[test]
fn sources_are_asked_for_no_more_addresses_than_are_used() {
    let answer = Answer::aaaa(v6(2000));
    assert_eq!(answer.destinations().collect::<Vec<_>>(), v6(2000)[..MAX_ADDRESSES]);
    assert_eq!(answer.addresses().len(), 2000);
}

#[test]
fn an_address_that_is_used_is_not_beyond_the_limit_too() {
    let log = lose([Answer::aaaa(vec![v6(1)[0]; 1026])]);
    assert_eq!(log.started, v6(1));
    assert_eq!(over_limit(&log), []);
}

/// Answers to one query, each a second after the one before it, with addresses that no other has.
fn ever_new_answers(count: u16) -> Vec<(Duration, Answer)> {
    let addresses = v4(count * 1024);
    let answers = addresses.chunks(1024).map(|chunk| Answer::a(chunk.to_vec()).provisional());
    (0..).map(Duration::from_secs).zip(answers).collect()
}

fn withdrawn(log: &Log) -> usize {
    let of = |(_, event): &(Duration, Event)| match event {
        Event::Untried { reason: UntriedReason::Withdrawn, addresses } => addresses.len(),
        _ => 0,
    };
    log.events.iter().map(of).sum()
}

fn run(answers: Vec<(Duration, Answer)>, outcome: Outcome, deadline: Duration) -> Log {
    let addresses = answers.iter().flat_map(|(_, answer)| answer.destinations()).collect::<Vec<_>>();
    simulate(&Script {
        config: Config::default(),
        queries: Query::A.into(),
        deadline: Some(deadline),
        attempts: addresses.iter().map(|address| (*address, vec![(Duration::ZERO, outcome)])).collect(),
        sources: addresses.iter().map(|address| (portless(*address), Source::Unreachable)).collect(),
        answers,
        ..Script::default()
    })
}

#[test]
fn a_race_makes_no_more_than_4096_attempts_however_many_answers_come() {
    let log = run(ever_new_answers(12), Outcome::failed_unsent(), Duration::from_secs(60));
    assert_eq!(log.started.len(), 4 * MAX_ADDRESSES);
    assert_eq!(log.starts().last().unwrap().0, Duration::from_secs(3));
}

/// What is overtaken has no other turn once there are so many attempts and addresses, and then a later attempt has the error.
#[test]
fn a_race_makes_no_more_than_4096_attempts_however_many_are_overtaken() {
    let (v6, v4) = (v6(1), v4(1024));
    let mut record = ServiceRecord::new(1);
    let records = (1..=3).map(|priority| {
        (record.priority, record.port) = (priority, Some(8000 + priority));
        record.clone()
    });
    let answers = [Answer::https(records, PORT), Answer::aaaa(v6.clone()), Answer::a(v4.clone())];
    let decides_and_fails = vec![(Duration::ZERO, Outcome::Chosen), (Duration::ZERO, Outcome::failed_unsent())];
    let ports = [8001, 8002, 8003, PORT];
    let endpoints = v4.iter().flat_map(|address| ports.map(|port| SocketAddr::new(address.ip(), port)));
    let attempts: BTreeMap<_, _> = endpoints.map(|endpoint| (endpoint, decides_and_fails.clone())).collect();
    for policy in [Policy::Staggered, Policy::TwoFamilies] {
        let log = simulate(&Script {
            config: Config::builder().policy(policy).order(Order::PreferV6).build().unwrap(),
            queries: Queries::ADDRESSES.with(Query::Https),
            answers: answers.iter().map(|answer| (Duration::ZERO, answer.clone())).collect(),
            attempts: attempts.clone(),
            ..Script::default()
        });
        assert_eq!(log.started.len(), 4 * MAX_ADDRESSES, "{policy:?}");
        let Some((_, Conclusion::Exhausted { error, .. })) = log.conclusion() else { panic!("{policy:?}") };
        assert_eq!(log.started[error.index()], SocketAddr::new(v4[0].ip(), 8001), "{policy:?}");
    }
}

#[test]
fn no_more_than_1024_addresses_that_left_an_answer_are_remembered() {
    let still_going = Outcome::progress(Duration::ZERO);
    let log = run(ever_new_answers(12), still_going, Duration::from_secs(60));
    assert_eq!(withdrawn(&log), MAX_ADDRESSES);
}

#[test]
fn addresses_beyond_the_last_attempt_are_named_once() {
    let mut answers = ever_new_answers(4);
    answers.push((Duration::from_secs(4), Answer::a(v4(5000)[4090..].to_vec())));
    let log = run(answers, Outcome::failed_unsent(), Duration::from_secs(60));
    assert_eq!(log.started, v4(4096));
    assert_eq!(over_limit(&log), v4(5000)[4096..]);
    assert!(matches!(log.conclusion(), Some((_, Conclusion::Exhausted { .. }))));
}
