//! Generates scripts for the simulation.

pub(crate) mod cases;
pub(crate) mod parts;
mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Config, Families, Family, Order, Outcome, Patience, Policy, Queries, Query, ServiceRecord, Source,
    UntriedReason,
};

use super::names::{PORT, portless, unmapped};
use super::simulation::{Log, Script, simulate};

/// The port that a service record may name.
const SERVICE_PORT: u16 = 8443;

/// Addresses of both families, of several prefixes of the policy table, loopback addresses, an IPv4-mapped twin of one address of either kind, and
/// addresses that cannot be connected to. The names are those of the scenario files, where names of more than two letters must be declared.
pub(crate) const ADDRESSES: [(&str, &str); 23] = [
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

/// A generated race. `Debug` writes it in the form of a scenario file, above the line.
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

/// The settings, which a built `Config` does not show.
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
    pub(crate) patience: Patience,
    /// `None` is any protocol.
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
    /// An empty list is a negative answer.
    Addresses(Vec<SocketAddr>),
    Services(Vec<ServiceRecord>),
    Failed,
}

/// The outcomes of the attempts to one address.
#[derive(Clone)]
pub(crate) struct Fate {
    /// The progress reports: the time after the one before, and the estimate.
    pub(crate) progress: Vec<(Duration, Duration)>,
    /// The time after that at which its transport decides the race, if it does.
    pub(crate) chooses: Option<Duration>,
    /// The time after that at which it asks for its handshake, if it does.
    pub(crate) gate: Option<Duration>,
    pub(crate) end: End,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    Connected(Duration),
    Refused(Duration),
    /// Failed before anything was sent.
    Unsent(Duration),
    Untrusted(Duration),
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
            ..Script::default()
        }
    }

    /// Returns when the last needed answer to `query` arrives.
    pub(crate) fn last_word(&self, query: Query) -> Option<Duration> {
        let said = self.answers.iter().filter(|answered| answered.query == query && answered.is_final);
        said.map(|answered| answered.at).min()
    }

    /// Whether the script gives the source of this destination.
    fn offers(&self, destination: SocketAddr) -> bool {
        let answers = self.answers.iter().map(Answered::answer);
        answers.flat_map(|answer| answer.destinations().map(portless).collect::<Vec<_>>()).any(|it| it == destination)
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
            .local_families(self.local_families)
            .handshake_patience(self.patience);
        if let Some(protocols) = &self.protocols {
            config = config.protocols(protocols.iter().copied());
        }
        config.build().unwrap()
    }

    /// Returns the attempt delay after the race's clamping.
    pub(crate) fn clamped_attempt_delay(&self) -> Duration {
        self.attempt_delay.clamp(Duration::from_millis(10), Duration::from_secs(2))
    }

    pub(crate) fn allow(&self, address: SocketAddr) -> bool {
        self.excludes(address).is_none()
    }

    /// Returns why the address is never tried: a defect of the address first, then of its family.
    pub(crate) fn excludes(&self, address: SocketAddr) -> Option<UntriedReason> {
        let of_family = || match family(address) {
            family if !contains(self.families, family) => Some(UntriedReason::FamilyDisabled),
            family if !contains(self.local_families, family) => Some(UntriedReason::NoLocalAddress),
            _ => None,
        };
        defect(address).or_else(of_family)
    }

    /// Whether a connection can speak a protocol of the service, or the protocols are unknown.
    pub(crate) fn speak_with(&self, record: &ServiceRecord) -> bool {
        let Some(protocols) = &self.protocols else { return true };
        let spoken = |id: &Vec<u8>| protocols.iter().any(|protocol| protocol.as_bytes() == id);
        record.alpn.is_empty() || record.alpn.iter().any(spoken)
    }

    /// Whether the answer to `query` may have a usable address. The race does not wait for other answers.
    pub(crate) fn may_use(&self, query: Query) -> bool {
        match query {
            Query::Aaaa => self.allow_family(Family::V6),
            Query::A => self.allow_family(Family::V4),
            _ => true,
        }
    }

    fn allow_family(&self, family: Family) -> bool {
        contains(self.families, family) && contains(self.local_families, family)
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
    /// Returns the addresses as the race reports them.
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
    /// Returns how long it takes to connect without a wait.
    pub(crate) fn connects_after(&self) -> Option<Duration> {
        match self.end {
            End::Connected(after) => {
                let before = self.progress.iter().map(|(after, _)| after).chain(&self.chooses).chain(&self.gate);
                Some(before.sum::<Duration>() + after)
            }
            End::Refused(_) | End::Unsent(_) | End::Untrusted(_) | End::Hang => None,
        }
    }

    fn outcomes(&self) -> Vec<(Duration, Outcome)> {
        let progress = self.progress.iter().map(|&(after, remaining)| (after, Outcome::progress(remaining)));
        let end = match self.end {
            End::Connected(after) => Some((after, Outcome::Connected)),
            End::Refused(after) => Some((after, Outcome::failed())),
            End::Unsent(after) => Some((after, Outcome::failed_unsent())),
            End::Untrusted(after) => Some((after, Outcome::Untrusted)),
            End::Hang => None,
        };
        let chooses = self.chooses.map(|after| (after, Outcome::Chosen));
        let gate = self.gate.map(|after| (after, Outcome::AtGate));
        progress.chain(chooses).chain(gate).chain(end).collect()
    }
}

pub(crate) fn hints(record: &ServiceRecord) -> impl Iterator<Item = IpAddr> {
    let v4 = record.ipv4_hints.iter().copied().map(IpAddr::from);
    record.ipv6_hints.iter().copied().map(IpAddr::from).chain(v4)
}

/// Returns the defect of an address that can never be connected to.
fn defect(address: SocketAddr) -> Option<UntriedReason> {
    let name = ADDRESSES.iter().find(|(_, ip)| ip.parse() == Ok(address.ip())).map(|(name, _)| *name);
    match name {
        Some("any6" | "any4") => Some(UntriedReason::Unspecified),
        Some("group6" | "group4" | "everybody") => Some(UntriedReason::Multicast),
        Some("no-scope") => Some(UntriedReason::NoScope),
        _ => None,
    }
}

fn contains(families: Families, family: Family) -> bool {
    match families {
        Families::Both => true,
        Families::V6Only => family == Family::V6,
        Families::V4Only => family == Family::V4,
    }
}

pub(crate) fn family(address: SocketAddr) -> Family {
    if unmapped(address).is_ipv6() { Family::V6 } else { Family::V4 }
}
