//! Makes up scripts for the simulation.

mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Config, Families, Family, Order, Outcome, Policy, Queries, Query, ServiceRecord, Source, UntriedReason,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::names::{PORT, unmapped};
use super::simulation::{Log, Script, simulate};

/// The port that a service record may name.
pub(crate) const SERVICE_PORT: u16 = 8443;

/// Both families; other prefixes of the policy table; loopback addresses; an IPv4-mapped twin of one address of either kind; and
/// the kinds that nothing can be connected to. The names are those of the scenario files, where those of more than two letters
/// have to be declared.
const ADDRESSES: [(&str, &str); 23] = [
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
    ("unique-local", "fd00::a"),
    ("six-to-four", "2002:c000:20a::1"),
    ("link-local", "169.254.0.10"),
    ("local6", "::1"),
    ("local4", "127.0.0.1"),
    ("mapped", "::ffff:192.0.2.10"),
    ("local-mapped", "::ffff:127.0.0.1"),
    ("any6", "::"),
    ("any4", "0.0.0.0"),
    ("group6", "ff02::1"),
    ("group4", "224.0.0.1"),
    ("everybody", "255.255.255.255"),
    ("no-scope", "fe80::1"),
];

/// Whom a destination may be reached from: the like of it, another scope, another label, itself.
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

/// The TargetName of services at another name.
const TARGET: &str = "svc.example";
/// The protocols of services.
const ALPN_IDS: [&str; 3] = ["http/1.1", "h2", "h3"];

/// One made-up race. `Debug` writes it as a scenario file has it, above the line.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) settings: Settings,
    pub(crate) deadline: Option<Duration>,
    pub(crate) queries: Queries,
    /// Earliest first.
    pub(crate) answers: Vec<Answered>,
    /// Without their ports.
    pub(crate) sources: BTreeMap<SocketAddr, Source>,
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
    /// `None` is any.
    pub(crate) protocols: Option<Vec<&'static str>>,
}

/// An answer of the resolver.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) at: Duration,
    pub(crate) query: Query,
    pub(crate) content: Content,
    pub(crate) is_final: bool,
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
            sources: self.sources.clone(),
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
        let mut config = Config::builder()
            .policy(self.policy)
            .order(self.order)
            .connection_attempt_delay(self.attempt_delay)
            .resolution_delay(self.resolution_delay)
            .fallback_delay(self.fallback_delay)
            .first_address_family_count(self.first_family_count)
            .max_concurrent_attempts(self.cap)
            .families(self.families)
            .local_families(self.local_families);
        if let Some(protocols) = &self.protocols {
            config = config.protocols(protocols.iter().copied());
        }
        config.build().unwrap()
    }

    /// The attempt delay as the race obeys it.
    pub(crate) fn clamped_attempt_delay(&self) -> Duration {
        self.attempt_delay.clamp(Duration::from_millis(10), Duration::from_secs(2))
    }

    pub(crate) fn allow(&self, address: SocketAddr) -> bool {
        self.excludes(address).is_none()
    }

    /// Why the address is never tried: first what is wrong with it, then what is wrong with its family.
    pub(crate) fn excludes(&self, address: SocketAddr) -> Option<UntriedReason> {
        let without = |families| match families {
            Families::Both => false,
            Families::V6Only => family(address) == Family::V4,
            Families::V4Only => family(address) == Family::V6,
        };
        let of_family = || match () {
            () if without(self.families) => Some(UntriedReason::FamilyDisabled),
            () if without(self.local_families) => Some(UntriedReason::NoLocalAddress),
            () => None,
        };
        defect(address).or_else(of_family)
    }

    /// Whether a connection can speak a protocol of the service, or nobody knows.
    pub(crate) fn speak_with(&self, record: &ServiceRecord) -> bool {
        let Some(protocols) = &self.protocols else { return true };
        let spoken = |id: &Vec<u8>| protocols.iter().any(|protocol| protocol.as_bytes() == id);
        record.alpn.is_empty() || record.alpn.iter().any(spoken)
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
        let answer = match (&self.content, self.query) {
            (Content::Addresses(addresses), Query::List) => Answer::list(addresses.iter().copied()),
            (Content::Addresses(addresses), Query::Aaaa) => Answer::aaaa(addresses.iter().copied()),
            (Content::Addresses(addresses), Query::A) => Answer::a(addresses.iter().copied()),
            (Content::Services(records), Query::Https) => Answer::https(records.iter().cloned(), PORT),
            (Content::Failed, query) => Answer::failed(query),
            (content, query) => panic!("{content:?} is no answer to {query}"),
        };
        if self.is_final { answer } else { answer.provisional() }
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

pub(crate) fn hints(record: &ServiceRecord) -> impl Iterator<Item = IpAddr> {
    let v4 = record.ipv4_hints.iter().copied().map(IpAddr::from);
    record.ipv6_hints.iter().copied().map(IpAddr::from).chain(v4)
}

/// What is wrong with an address to which there is no connection, wherever the race happens.
pub(crate) fn defect(address: SocketAddr) -> Option<UntriedReason> {
    let name = ADDRESSES.iter().find(|(_, ip)| ip.parse() == Ok(address.ip())).map(|(name, _)| *name);
    match name {
        Some("any6" | "any4") => Some(UntriedReason::Unspecified),
        Some("group6" | "group4" | "everybody") => Some(UntriedReason::Multicast),
        Some("no-scope") => Some(UntriedReason::NoScope),
        _ => None,
    }
}

pub(crate) fn family(address: SocketAddr) -> Family {
    if unmapped(address).is_ipv6() { Family::V6 } else { Family::V4 }
}

/// Everything at random.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let resolution = prop_oneof![list_answers(), separate_answers()];
    (settings(), option::weighted(0.4, milliseconds(0..12_000)), resolution, sources(), fates(true)).prop_map(
        |(settings, deadline, (queries, answers), sources, fates)| Case {
            settings,
            deadline,
            queries,
            answers,
            sources,
            fates,
        },
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
    (settings(), time(), addresses(0..=12), sources(), fates(false)).prop_map(|(settings, at, list, sources, fates)| {
        Case {
            settings: Settings { policy: Policy::Staggered, cap: None, ..settings },
            deadline: None,
            queries: Queries::LIST,
            answers: vec![Answered { at, query: Query::List, content: Content::Addresses(list), is_final: true }],
            sources,
            fates,
        }
    })
}

/// Both families answered at one instant, `Staggered`, and nothing that cuts the race short.
pub(crate) fn undisturbed_answers() -> impl Strategy<Value = Case> {
    (undisturbed_list(), addresses(0..=12)).prop_map(|(mut case, other)| {
        let Content::Addresses(list) = case.answers.remove(0).content else { unreachable!() };
        let mut answer = |query, mut addresses: Vec<SocketAddr>, of_family: fn(&SocketAddr) -> bool| {
            addresses.retain(of_family);
            let content = Content::Addresses(addresses);
            case.answers.push(Answered { at: ms(0), query, content, is_final: true });
        };
        answer(Query::A, list, SocketAddr::is_ipv4);
        answer(Query::Aaaa, other, SocketAddr::is_ipv6);
        case.queries = Queries::ADDRESSES;
        case
    })
}

/// Every attempt fails, every query is answered once for good, and nothing leaves an answer: hints are those of other names.
pub(crate) fn lost_case() -> impl Strategy<Value = Case> {
    any_case().prop_map(|mut case| {
        case.deadline = None;
        let mut answered = Queries::NONE;
        case.answers.retain_mut(|answer| {
            let is_first = !answered.contains(answer.query);
            answered = answered.with(answer.query);
            answer.is_final = true;
            if let Content::Services(records) = &mut answer.content {
                records.iter_mut().for_each(|record| record.target = Some(TARGET.into()));
            }
            is_first
        });
        case.queries = answered;
        for fate in case.fates.values_mut() {
            fate.end = match fate.end {
                End::Connected(after) => End::Refused(after),
                End::Hang => End::Unsent(ms(1)),
                failure => failure,
            };
        }
        case
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
    let protocols = option::weighted(0.3, subsequence(&ALPN_IDS[..], 1..=2));
    (
        select(vec![Policy::Staggered, Policy::TwoFamilies, Policy::Sequential]),
        select(vec![Order::Resolver, Order::PreferV6, Order::PreferV4]),
        prop_oneof![Just((250, 50, 300)).prop_map(|(a, b, c)| (ms(a), ms(b), ms(c))), delays],
        1..4_usize,
        option::weighted(0.3, 1..5_usize),
        families,
        protocols,
    )
        .prop_map(|(policy, order, delays, first_family_count, cap, (families, local_families), protocols)| {
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
                protocols,
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

fn addresses(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<SocketAddr>> {
    let address = select(&ADDRESSES[..]).prop_map(|(_, ip)| SocketAddr::new(ip.parse().unwrap(), PORT));
    vec(address, length)
}

/// The source of some destinations, or that there is none.
fn sources() -> impl Strategy<Value = BTreeMap<SocketAddr, Source>> {
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
    // Where nobody has asked for sources there are none at all.
    option::weighted(0.7, each).prop_map(|sources| sources.into_iter().flatten().flatten().collect())
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
