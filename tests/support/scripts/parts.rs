//! Strategies for the parts of races.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{Families, Order, Patience, Policy, Queries, Query, ServiceRecord, Source};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{ADDRESSES, Answered, Content, End, Fate, PORT, SERVICE_PORT, Settings};

/// Sources of destinations: of the same kind, of another scope, of another label, or the destination itself.
const SOURCES: [&str; 10] = [
    "2001:db8::99",
    "192.0.2.99",
    "2001:db8:0:0:8000::99",
    "2001:db8:8000::99",
    "fd00::99",
    "2002:c000:263::1",
    "fe80::99",
    "169.254.0.99",
    "::1",
    "127.0.0.1",
];

/// The TargetName of services under another name.
pub(super) const TARGET: &str = "svc.example";
/// The protocols of services.
const ALPN_IDS: [&str; 3] = ["http/1.1", "h2", "h3"];

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let delays = (time().prop_map(|delay| delay.max(ms(1))), prop_oneof![Just(ms(50)), time()], time());
    let families = prop_oneof![
        6 => Just((Families::Both, Families::Both)),
        1 => Just((Families::V6Only, Families::Both)),
        1 => Just((Families::V4Only, Families::V4Only)),
        1 => Just((Families::Both, Families::V6Only)),
        1 => Just((Families::Both, Families::V4Only)),
    ];
    let patience = prop_oneof![Just(Patience::Off), Just(Patience::Strict), time().prop_map(Patience::Bounded)];
    let protocols = option::weighted(0.3, subsequence(&ALPN_IDS[..], 1..=2));
    (
        select(vec![Policy::Staggered, Policy::TwoFamilies, Policy::Sequential]),
        select(vec![Order::Resolver, Order::PreferV6, Order::PreferV4]),
        prop_oneof![Just((250, 50, 300)).prop_map(|(a, b, c)| (ms(a), ms(b), ms(c))), delays],
        1..4_usize,
        option::weighted(0.3, 1..5_usize),
        families,
        patience,
        protocols,
    )
        .prop_map(
            |(policy, order, delays, first_family_count, cap, (families, local_families), patience, protocols)| {
                let (attempt_delay, resolution_delay, fallback_delay) = delays;
                Settings {
                    policy,
                    order,
                    attempt_delay,
                    resolution_delay,
                    fallback_delay,
                    first_family_count,
                    cap,
                    families,
                    local_families,
                    patience,
                    protocols,
                }
            },
        )
}

/// Answers to the query for a list: none (it stays open), one, or one that another replaces.
pub(super) fn list_answers() -> impl Strategy<Value = (Queries, Vec<Answered>)> {
    answers_to(Query::List, addresses_or_failure()).prop_map(|answers| (Queries::LIST, answers))
}

/// Answers to AAAA and A, and to HTTPS if that is queried too.
pub(super) fn separate_answers() -> impl Strategy<Value = (Queries, Vec<Answered>)> {
    let https = option::of(answers_to(Query::Https, services_or_failure()));
    (answers_to(Query::Aaaa, addresses_or_failure()), answers_to(Query::A, addresses_or_failure()), https).prop_map(
        |(aaaa, a, https)| {
            let mut queries = Queries::ADDRESSES;
            if https.is_some() {
                queries = queries.with(Query::Https);
            }
            // An AAAA answer has only IPv6 addresses, possibly IPv4-mapped, and an A answer only IPv4 addresses.
            let aaaa = only(aaaa, SocketAddr::is_ipv6);
            let a = only(a, SocketAddr::is_ipv4);
            let mut answers: Vec<_> = aaaa.into_iter().chain(a).chain(https.into_iter().flatten()).collect();
            answers.sort_by_key(|answered| answered.at);
            (queries, answers)
        },
    )
}

fn only(mut answers: Vec<Answered>, of_family: fn(&SocketAddr) -> bool) -> Vec<Answered> {
    for answered in &mut answers {
        if let Content::Addresses(addresses) = &mut answered.content {
            addresses.retain(of_family);
        }
    }
    answers
}

fn answers_to(query: Query, content: impl Strategy<Value = Content>) -> impl Strategy<Value = Vec<Answered>> {
    // Most answers arrive soon: otherwise most races would not have begun by then.
    let soon = prop_oneof![3 => milliseconds(0..120), 1 => time()];
    let is_final = prop_oneof![3 => Just(true), 1 => Just(false)];
    let answer = (soon, content, is_final);
    let answer = answer.prop_map(move |(at, content, is_final)| Answered { at, query, content, is_final });
    prop_oneof![
        1 => Just(Vec::new()),
        6 => vec(answer, 1..=3).prop_map(|mut answers| {
            answers.sort_by_key(|answered| answered.at);
            answers
        }),
    ]
}

fn addresses_or_failure() -> impl Strategy<Value = Content> {
    prop_oneof![8 => addresses(0..=12).prop_map(Content::Addresses), 1 => Just(Content::Failed)]
}

fn services_or_failure() -> impl Strategy<Value = Content> {
    let target = option::weighted(0.3, Just(TARGET.to_string()));
    let alpn = subsequence(&ALPN_IDS[..], 0..=2);
    let record = (0..4_u16, target, option::of(Just(SERVICE_PORT)), alpn, addresses(0..=3));
    let record = record.prop_map(|(priority, target, port, alpn, hints)| {
        let mut record = ServiceRecord::new(priority);
        record.target = target;
        record.port = port;
        record.alpn = alpn.into_iter().map(Vec::from).collect();
        for hint in hints {
            match hint {
                SocketAddr::V6(hint) => record.ipv6_hints.push(*hint.ip()),
                SocketAddr::V4(hint) => record.ipv4_hints.push(*hint.ip()),
            }
        }
        record
    });
    prop_oneof![4 => vec(record, 0..=3).prop_map(Content::Services), 1 => Just(Content::Failed)]
}

pub(super) fn addresses(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<SocketAddr>> {
    let address = select(&ADDRESSES[..]).prop_map(|(_, ip)| SocketAddr::new(ip.parse().unwrap(), PORT));
    vec(address, length)
}

/// The sources of some destinations, or that there is none.
pub(super) fn sources() -> impl Strategy<Value = BTreeMap<SocketAddr, Source>> {
    let source = |destination: SocketAddr| {
        let of_family = SOURCES.iter().map(|ip| ip.parse::<IpAddr>().unwrap());
        let mut sources: Vec<_> =
            of_family.filter(|source| source.is_ipv4() == destination.is_ipv4()).map(Source::Address).collect();
        sources.extend([Source::Unreachable; 2]);
        option::of(select(sources)).prop_map(move |source| source.map(|source| (destination, source)))
    };
    let canonical = ADDRESSES.iter().filter(|(_, ip)| !ip.starts_with("::ffff:"));
    let destinations = canonical.map(|(_, ip)| SocketAddr::new(ip.parse().unwrap(), 0));
    let each = destinations.map(source).collect::<Vec<_>>();
    // In some races no source is known at all.
    option::weighted(0.7, each).prop_map(|sources| sources.into_iter().flatten().flatten().collect())
}

/// The fate of each possible endpoint. Without progress, attempts report only their ends.
pub(super) fn fates(with_progress: bool) -> impl Strategy<Value = BTreeMap<SocketAddr, Fate>> {
    let endpoints = || {
        let at_port = |port| {
            let canonical = ADDRESSES.iter().filter(|(_, ip)| !ip.starts_with("::ffff:"));
            canonical.map(move |(_, ip)| SocketAddr::new(ip.parse().unwrap(), port))
        };
        at_port(PORT).chain(at_port(SERVICE_PORT))
    };
    let (steps, choices, gates) = if with_progress { (1, 5, 2) } else { (0, 4, 1) };
    // Choosing by number is several times as fast as choosing between strategies.
    let fate = (time(), 0..15_u8, vec((time(), time()), 0..=steps), (0..choices, time()), (0..gates, time())).prop_map(
        |(after, choice, progress, chooses, gate)| Fate {
            progress,
            chooses: Some(chooses.1).filter(|_| chooses.0 > 3),
            gate: Some(gate.1).filter(|_| gate.0 > 0),
            end: match choice {
                0 | 1 => End::Connected(after),
                2..=5 => End::Refused(after),
                6..=9 => End::Unsent(after),
                10 => End::Untrusted(after),
                _ => End::Hang,
            },
        },
    );
    vec(fate, endpoints().count()).prop_map(move |fates| endpoints().zip(fates).collect())
}

/// Times that are likely to coincide with other events.
pub(super) fn time() -> impl Strategy<Value = Duration> {
    const BOUNDARIES: [u64; 15] = [0, 1, 9, 10, 11, 49, 50, 51, 100, 249, 250, 251, 300, 500, 2000];
    (0..6000_usize).prop_map(|choice| match choice {
        3000.. => ms(BOUNDARIES[choice % BOUNDARIES.len()]),
        2000.. => ms(choice as u64 % 30),
        _ => ms(choice as u64 * 3 / 2),
    })
}

pub(super) fn milliseconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(ms)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
