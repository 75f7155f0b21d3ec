//! Makes up scripts for the simulation.

mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Config, Families, Family, Order, Outcome, Policy, Queries, Query, ServiceRecord,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::simulation::{Log, Script, simulate};

/// The port of the URI.
const PORT: u16 = 443;
/// The port that a service record may name.
const SERVICE_PORT: u16 = 8443;

/// Both families; loopback addresses; an IPv4-mapped twin of one address of either kind. The names are those of the
/// scenario files, where `local6` and the names below it have to be declared.
const ADDRESSES: [(&str, &str); 14] = [
    ("A6", "2001:db8::a"),
    ("B6", "2001:db8::b"),
    ("C6", "2001:db8::c"),
    ("D6", "2001:db8::d"),
    ("E6", "2001:db8::e"),
    ("A4", "192.0.2.10"),
    ("B4", "192.0.2.11"),
    ("C4", "192.0.2.12"),
    ("D4", "192.0.2.13"),
    ("E4", "192.0.2.14"),
    ("local6", "::1"),
    ("local4", "127.0.0.1"),
    ("mapped", "::ffff:192.0.2.10"),
    ("local-mapped", "::ffff:127.0.0.1"),
];

/// One made-up race. `Debug` writes it as a scenario file has it, above the line.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) settings: Settings,
    pub(crate) deadline: Option<Duration>,
    pub(crate) queries: Queries,
    /// Earliest first.
    pub(crate) answers: Vec<Answered>,
    pub(crate) fates: BTreeMap<SocketAddr, Fate>,
}

/// What the settings were: a built `Config` does not show them.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) order: Order,
    pub(crate) attempt_delay: Duration,
    pub(crate) resolution_delay: Duration,
    pub(crate) fallback_delay: Duration,
    pub(crate) first_family_count: usize,
    pub(crate) cap: Option<usize>,
    pub(crate) families: Families,
    pub(crate) local_families: Families,
}

/// An answer of the resolver.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) at: Duration,
    pub(crate) query: Query,
    pub(crate) content: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    /// None is a negative answer.
    Addresses(Vec<SocketAddr>),
    Services(Vec<ServiceRecord>),
    Failed,
}

/// What comes of the attempts to one address.
#[derive(Clone)]
pub(crate) struct Fate {
    /// Each so long after the one before it, with its estimate.
    pub(crate) progress: Vec<(Duration, Duration)>,
    pub(crate) end: End,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    Connected(Duration),
    Refused(Duration),
    /// Failed before anything was sent.
    Unsent(Duration),
    Hang,
}

impl Case {
    pub(crate) fn run(&self) -> Log {
        simulate(&self.script())
    }

    pub(crate) fn script(&self) -> Script {
        Script {
            config: self.settings.config(),
            queries: self.queries,
            deadline: self.deadline,
            answers: self.answers.iter().map(|answered| (answered.at, answered.answer())).collect(),
            attempts: self.fates.iter().map(|(address, fate)| (*address, fate.outcomes())).collect(),
        }
    }

    /// The last answer to `query` that says something, of those that are there at `now`.
    pub(crate) fn answer_in_force(&self, query: Query, now: Duration) -> Option<&Content> {
        let says_something = |answered: &&Answered| {
            answered.query == query && answered.at <= now && !matches!(answered.content, Content::Failed)
        };
        self.answers.iter().filter(says_something).map(|answered| &answered.content).next_back()
    }

    fn mentions(&self, ip: IpAddr) -> bool {
        self.answers.iter().flat_map(|answered| answered.content.ips()).any(|mentioned| mentioned == ip)
    }
}

impl Settings {
    pub(crate) fn config(&self) -> Config {
        let config = Config::builder()
            .policy(self.policy)
            .order(self.order)
            .connection_attempt_delay(self.attempt_delay)
            .resolution_delay(self.resolution_delay)
            .fallback_delay(self.fallback_delay)
            .first_address_family_count(self.first_family_count)
            .max_concurrent_attempts(self.cap)
            .families(self.families)
            .local_families(self.local_families);
        config.build().unwrap()
    }

    /// The attempt delay as the race obeys it.
    pub(crate) fn clamped_attempt_delay(&self) -> Duration {
        self.attempt_delay.clamp(Duration::from_millis(10), Duration::from_secs(2))
    }

    pub(crate) fn allow(&self, address: SocketAddr) -> bool {
        self.allow_family(family(address))
    }

    /// Whether the answer to `query` may hold an address that may be used: the others are not waited for.
    pub(crate) fn may_use(&self, query: Query) -> bool {
        match query {
            Query::Aaaa => self.allow_family(Family::V6),
            Query::A => self.allow_family(Family::V4),
            _ => true,
        }
    }

    fn allow_family(&self, family: Family) -> bool {
        [self.families, self.local_families].into_iter().all(|families| match families {
            Families::Both => true,
            Families::V6Only => family == Family::V6,
            Families::V4Only => family == Family::V4,
        })
    }
}

impl Answered {
    pub(crate) fn answer(&self) -> Answer {
        match (&self.content, self.query) {
            (Content::Addresses(addresses), Query::List) => Answer::list(addresses.iter().copied()),
            (Content::Addresses(addresses), Query::Aaaa) => Answer::aaaa(addresses.iter().copied()),
            (Content::Addresses(addresses), Query::A) => Answer::a(addresses.iter().copied()),
            (Content::Services(records), Query::Https) => Answer::https(records.iter().cloned(), PORT),
            (Content::Failed, query) => Answer::failed(query),
            (content, query) => panic!("{content:?} is no answer to {query}"),
        }
    }
}

impl Content {
    /// The addresses, as the race names them.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Addresses(addresses) => addresses.iter().copied().map(unmapped).collect(),
            Self::Services(_) | Self::Failed => Vec::new(),
        }
    }

    fn ips(&self) -> Vec<IpAddr> {
        match self {
            Self::Addresses(addresses) => addresses.iter().map(|address| address.ip().to_canonical()).collect(),
            Self::Services(records) => records.iter().flat_map(hints).map(|hint| hint.to_canonical()).collect(),
            Self::Failed => Vec::new(),
        }
    }
}

impl Fate {
    pub(crate) fn connects_after(&self) -> Option<Duration> {
        match self.end {
            End::Connected(after) => Some(self.progress.iter().map(|(after, _)| after).sum::<Duration>() + after),
            End::Refused(_) | End::Unsent(_) | End::Hang => None,
        }
    }

    fn outcomes(&self) -> Vec<(Duration, Outcome)> {
        let progress = self.progress.iter().map(|&(after, remaining)| (after, Outcome::Progress { remaining }));
        let end = match self.end {
            End::Connected(after) => Some((after, Outcome::Connected)),
            End::Refused(after) => Some((after, Outcome::Failed { sent: true })),
            End::Unsent(after) => Some((after, Outcome::Failed { sent: false })),
            End::Hang => None,
        };
        progress.chain(end).collect()
    }
}

fn hints(record: &ServiceRecord) -> impl Iterator<Item = IpAddr> {
    let v4 = record.ipv4_hints.iter().copied().map(IpAddr::from);
    record.ipv6_hints.iter().copied().map(IpAddr::from).chain(v4)
}

/// The address, as the race names it.
pub(crate) fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

pub(crate) fn family(address: SocketAddr) -> Family {
    if unmapped(address).is_ipv6() { Family::V6 } else { Family::V4 }
}

/// Everything at random.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let resolution = prop_oneof![list_answers(), separate_answers()];
    (settings(), option::weighted(0.4, milliseconds(0..12_000)), resolution, fates(true)).prop_map(
        |(settings, deadline, (queries, answers), fates)| Case { settings, deadline, queries, answers, fates },
    )
}

/// Everything at random, but for the policy.
pub(crate) fn case_of(policy: Policy) -> impl Strategy<Value = Case> {
    any_case().prop_map(move |mut case| {
        case.settings.policy = policy;
        case
    })
}

/// `Staggered`, with attempts that end about when the next may start.
pub(crate) fn hurried_case() -> impl Strategy<Value = Case> {
    case_of(Policy::Staggered).prop_map(|mut case| {
        let soon = |after: Duration| ms(u64::try_from(after.as_millis() % 25).unwrap());
        case.settings.attempt_delay = soon(case.settings.attempt_delay).max(ms(1));
        for fate in case.fates.values_mut() {
            fate.progress.clear();
            fate.end = match fate.end {
                End::Connected(after) => End::Connected(soon(after)),
                End::Refused(after) => End::Refused(soon(after)),
                End::Unsent(after) => End::Unsent(soon(after)),
                End::Hang => End::Hang,
            };
        }
        case
    })
}

/// One list, `Staggered`, and nothing that cuts the race short: no cap, no deadline, no progress.
pub(crate) fn undisturbed_list() -> impl Strategy<Value = Case> {
    (settings(), time(), addresses(0..=12), fates(false)).prop_map(|(settings, at, list, fates)| Case {
        settings: Settings { policy: Policy::Staggered, cap: None, ..settings },
        deadline: None,
        queries: Queries::LIST,
        answers: vec![Answered { at, query: Query::List, content: Content::Addresses(list) }],
        fates,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let delays = (time().prop_map(|delay| delay.max(ms(1))), prop_oneof![Just(ms(50)), time()], time());
    let families = prop_oneof![
        6 => Just((Families::Both, Families::Both)),
        1 => Just((Families::V6Only, Families::Both)),
        1 => Just((Families::V4Only, Families::V4Only)),
        1 => Just((Families::Both, Families::V6Only)),
        1 => Just((Families::Both, Families::V4Only)),
    ];
    (
        select(vec![Policy::Staggered, Policy::TwoFamilies, Policy::Sequential]),
        select(vec![Order::Resolver, Order::PreferV6, Order::PreferV4]),
        prop_oneof![Just((250, 50, 300)).prop_map(|(a, b, c)| (ms(a), ms(b), ms(c))), delays],
        1..4_usize,
        option::weighted(0.3, 1..5_usize),
        families,
    )
        .prop_map(|(policy, order, delays, first_family_count, cap, (families, local_families))| {
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
            }
        })
}

/// Answers to the query for a list: none (it stays open), one, or one that another replaces.
fn list_answers() -> impl Strategy<Value = (Queries, Vec<Answered>)> {
    answers_to(Query::List, addresses_or_failure()).prop_map(|answers| (Queries::LIST, answers))
}

/// Answers to AAAA and A, and to HTTPS if that is asked too.
fn separate_answers() -> impl Strategy<Value = (Queries, Vec<Answered>)> {
    let https = option::of(answers_to(Query::Https, services_or_failure()));
    (answers_to(Query::Aaaa, addresses_or_failure()), answers_to(Query::A, addresses_or_failure()), https).prop_map(
        |(aaaa, a, https)| {
            let mut queries = Queries::ADDRESSES;
            if https.is_some() {
                queries = queries.with(Query::Https);
            }
            // An AAAA answer has no IPv4 address, unless it is mapped, and an A answer no IPv6 address.
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
    // Most answers come soon, or no race would ever have begun when they do.
    let soon = prop_oneof![3 => milliseconds(0..120), 1 => time()];
    let answer = (soon, content).prop_map(move |(at, content)| Answered { at, query, content });
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
    let record = (0..4_u16, option::of(Just(SERVICE_PORT)), addresses(0..=3)).prop_map(|(priority, port, hints)| {
        let mut record = ServiceRecord::new(priority);
        record.port = port;
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

fn addresses(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<SocketAddr>> {
    let address = select(&ADDRESSES[..]).prop_map(|(_, ip)| SocketAddr::new(ip.parse().unwrap(), PORT));
    vec(address, length)
}

/// What comes of an attempt to each endpoint there can be.
fn fates(with_progress: bool) -> impl Strategy<Value = BTreeMap<SocketAddr, Fate>> {
    let endpoints = || {
        let at_port = |port| {
            let canonical = ADDRESSES.iter().filter(|(_, ip)| !ip.starts_with("::ffff:"));
            canonical.map(move |(_, ip)| SocketAddr::new(ip.parse().unwrap(), port))
        };
        at_port(PORT).chain(at_port(SERVICE_PORT))
    };
    let steps = if with_progress { 1 } else { 0 };
    // A choice by number is several times as fast as one between strategies.
    let fate = (time(), 0..7_u8, vec((time(), time()), 0..=steps)).prop_map(|(after, choice, progress)| Fate {
        progress,
        end: match choice {
            0 => End::Connected(after),
            1 | 2 => End::Refused(after),
            3 | 4 => End::Unsent(after),
            _ => End::Hang,
        },
    });
    vec(fate, endpoints().count()).prop_map(move |fates| endpoints().zip(fates).collect())
}

/// Times at which something else is likely to happen too are likely.
fn time() -> impl Strategy<Value = Duration> {
    const BOUNDARIES: [u64; 15] = [0, 1, 9, 10, 11, 49, 50, 51, 100, 249, 250, 251, 300, 500, 2000];
    (0..6000_usize).prop_map(|choice| match choice {
        3000.. => ms(BOUNDARIES[choice % BOUNDARIES.len()]),
        2000.. => ms(choice as u64 % 30),
        _ => ms(choice as u64 * 3 / 2),
    })
}

fn milliseconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(ms)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
