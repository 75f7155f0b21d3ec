//! The race under any sequence of inputs.
//!
//! The input is a configuration and a list of [`Step`]s: answers, sources, outcomes (also of attempts that do not exist), jumps of the clock. After
//! each step the rules of the race are checked from outside, by its actions alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use hyper_happy_eyeballs::race::{
    Action, Answer, AttemptId, Conclusion, Config, DropReason, Endpoint, Families, Order, Outcome, Patience, Policy,
    Queries, Query, Race, ServiceRecord, Source,
};

use crate::clock::some_instant;

/// Runs the target.
pub fn race(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(setting) = Setting::arbitrary(&mut input) else { return };
    let Some(config) = setting.config() else { return };
    let mut run = Run::new(setting, config);
    run.settle();
    // The race says itself how long it is worth going on: a bound for inputs that are all the same.
    for _ in 0..STEPS {
        let Ok(step) = Step::arbitrary(&mut input) else { break };
        if input.is_empty() {
            break;
        }
        run.take(step);
    }
    run.wind_up();
}

const STEPS: usize = 400;

#[derive(Debug, Arbitrary)]
struct Setting {
    policy: u8,
    order: u8,
    attempt_delay_ms: u16,
    resolution_delay_ms: u8,
    fallback_delay_ms: u16,
    first_address_family_count: u8,
    cap: Option<u8>,
    families: u8,
    local_families: u8,
    protocols: bool,
    queries: u8,
    deadline_ms: Option<u16>,
    patience: Option<u16>,
}

impl Setting {
    fn policy(&self) -> Policy {
        [Policy::Staggered, Policy::Staggered, Policy::TwoFamilies, Policy::Sequential][usize::from(self.policy % 4)]
    }

    fn config(&self) -> Option<Config> {
        let families = |choice: u8| match choice % 6 {
            4 => Families::V6Only,
            5 => Families::V4Only,
            _ => Families::Both,
        };
        let builder = Config::builder()
            .policy(self.policy())
            .order([Order::Resolver, Order::PreferV6, Order::PreferV4][usize::from(self.order % 3)])
            .connection_attempt_delay(Duration::from_millis(self.attempt_delay_ms.into()))
            .resolution_delay(Duration::from_millis(self.resolution_delay_ms.into()))
            .fallback_delay(Duration::from_millis(self.fallback_delay_ms.into()))
            .first_address_family_count(self.first_address_family_count.into())
            .max_concurrent_attempts(self.cap.map(usize::from))
            .handshake_patience(match self.patience {
                None => Patience::Off,
                Some(u16::MAX) => Patience::Strict,
                Some(ms) => Patience::Bounded(Duration::from_millis(ms.into())),
            })
            .families(families(self.families))
            .local_families(families(self.local_families));
        let builder = if self.protocols { builder.protocols(["h2"]) } else { builder };
        builder.build().ok()
    }

    fn queries(&self) -> Queries {
        let all = [Query::A, Query::Aaaa, Query::Https, Query::List];
        all.into_iter().enumerate().filter(|(bit, _)| self.queries >> bit & 1 == 1).map(|(_, query)| query).collect()
    }
}

/// One step of the input.
#[derive(Debug, Arbitrary)]
enum Step {
    Answer {
        query: u8,
        addresses: Vec<Address>,
        is_provisional: bool,
    },
    Services {
        records: Vec<Record>,
        port: u16,
        is_provisional: bool,
    },
    Fails {
        query: u8,
    },
    Source {
        destination: Address,
        source: SourceOf,
    },
    Connected {
        id: Id,
    },
    Failed {
        id: Id,
        failure: Failure,
    },
    Progress {
        id: Id,
        remaining_ms: u16,
    },
    AtGate {
        id: Id,
    },
    Wait {
        ms: u16,
    },
    WaitLong {
        days: u16,
    },
    WaitUntilTimeout,
    Back {
        ms: u8,
    },
    /// A series of answers, each with other addresses.
    Flood {
        query: u8,
        answers: u8,
    },
}

/// One of a few addresses, so that answers have some in common.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Address {
    V6(u8),
    V4(u8),
    Mapped(u8),
    Loopback6,
    Loopback4(u8),
    LinkLocal { host: u8, scope: u8 },
    Any(bool),
    Multicast(bool),
    Local(u8),
    Raw(u128, u16),
}

impl Address {
    fn socket(self) -> SocketAddr {
        let ip: IpAddr = match self {
            Self::V6(host) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()).into(),
            Self::V4(host) => Ipv4Addr::new(192, 0, 2, host).into(),
            Self::Mapped(host) => Ipv4Addr::new(192, 0, 2, host).to_ipv6_mapped().into(),
            Self::Loopback6 => Ipv6Addr::LOCALHOST.into(),
            Self::Loopback4(host) => Ipv4Addr::new(127, 0, 0, host).into(),
            Self::LinkLocal { host, scope } => {
                let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host.into());
                return std::net::SocketAddrV6::new(ip, 443, 0, scope.into()).into();
            }
            Self::Any(true) => Ipv6Addr::UNSPECIFIED.into(),
            Self::Any(false) => Ipv4Addr::UNSPECIFIED.into(),
            Self::Multicast(true) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
            Self::Multicast(false) => Ipv4Addr::BROADCAST.into(),
            Self::Local(host) => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host.into()).into(),
            Self::Raw(bits, port) => return (Ipv6Addr::from_bits(bits), port).into(),
        };
        (ip, 443).into()
    }
}

#[derive(Debug, Arbitrary)]
struct Record {
    priority: u8,
    has_target: bool,
    port: Option<u16>,
    speaks_h2: Option<bool>,
    v6_hints: Vec<u8>,
    v4_hints: Vec<u8>,
}

impl Record {
    fn service(&self) -> ServiceRecord {
        let mut record = ServiceRecord::new(self.priority.into());
        record.target = self.has_target.then(|| "other.example".into());
        record.port = self.port;
        record.alpn = match self.speaks_h2 {
            None => Vec::new(),
            Some(true) => vec![b"h2".to_vec()],
            Some(false) => vec![b"h3".to_vec()],
        };
        let ip = |host: &u8, of: fn(u8) -> Address| of(*host).socket().ip();
        let v6 = self.v6_hints.iter().filter_map(|host| match ip(host, Address::V6) {
            IpAddr::V6(ip) => Some(ip),
            IpAddr::V4(_) => None,
        });
        let v4 = self.v4_hints.iter().filter_map(|host| match ip(host, Address::V4) {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        (record.ipv6_hints, record.ipv4_hints) = (v6.collect(), v4.collect());
        record
    }
}

#[derive(Debug, Arbitrary)]
enum SourceOf {
    Unknown,
    Unreachable,
    Address(Address),
}

/// An estimate longer than any real one stands for an attempt that decides the race.
const CHOICE: u16 = 0xC000;

/// How an attempt fails, in one byte.
#[derive(Clone, Copy, Debug, Arbitrary)]
struct Failure(u8);

impl Failure {
    const SENT: Self = Self(1);

    fn is_untrusted(self) -> bool {
        self.0 >= 192
    }

    fn outcome(self) -> Outcome {
        match self.0 & 1 {
            _ if self.is_untrusted() => Outcome::Untrusted,
            0 => Outcome::failed_unsent(),
            _ => Outcome::failed(),
        }
    }
}

/// The attempt that an outcome is told of.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Id {
    /// One that was started, counted from the last.
    Recent(u8),
    /// Any number.
    Any(u32),
}

/// A race, and what the target has derived from its actions.
struct Run {
    race: Race,
    setting: Setting,
    policy: Policy,
    cap: Option<usize>,
    deadline: Option<Instant>,
    now: Instant,
    starts: Vec<Started>,
    addresses: BTreeSet<SocketAddr>,
    in_flight: BTreeMap<AttemptId, SocketAddr>,
    at_gate: BTreeSet<AttemptId>,
    chosen: Option<AttemptId>,
    connected: BTreeSet<AttemptId>,
    failed: BTreeSet<AttemptId>,
    untrusted: BTreeSet<AttemptId>,
    conclusion: Option<Conclusion>,
    /// How many addresses all answers together had.
    offered: usize,
    /// How many addresses and services the valid answers have, by query.
    in_force: BTreeMap<Query, usize>,
    services: usize,
    floods: usize,
    log: Vec<Logged>,
}

/// An entry of the log that the message of a failure shows.
#[derive(Debug)]
#[expect(dead_code, reason = "it is shown by its Debug")]
enum Logged {
    Step(Step),
    Action(Action),
    WindUp,
}

struct Started {
    id: AttemptId,
    at: Instant,
    is_on_wire: bool,
    failed_unsent: bool,
}

impl Run {
    fn new(setting: Setting, config: Config) -> Self {
        // Far from the beginning of the clock, so that it can go back.
        let now = some_instant() + Duration::from_secs(1 << 20);
        let deadline = setting.deadline_ms.map(|ms| now + Duration::from_millis(ms.into()));
        Self {
            race: Race::new(config, setting.queries(), deadline),
            policy: setting.policy(),
            cap: setting.cap.map(usize::from),
            setting,
            deadline,
            now,
            starts: Vec::new(),
            addresses: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            at_gate: BTreeSet::new(),
            chosen: None,
            connected: BTreeSet::new(),
            failed: BTreeSet::new(),
            untrusted: BTreeSet::new(),
            conclusion: None,
            offered: 0,
            in_force: BTreeMap::new(),
            services: 0,
            floods: 0,
            log: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        self.handle(&step);
        self.log.push(Logged::Step(step));
        self.settle();
    }

    fn handle(&mut self, step: &Step) {
        match *step {
            Step::Answer { query, ref addresses, is_provisional } => {
                let addresses: Vec<_> = addresses.iter().copied().map(Address::socket).collect();
                self.answer(query, addresses, is_provisional);
            }
            Step::Services { ref records, port, is_provisional } => {
                let records: Vec<_> = records.iter().map(Record::service).collect();
                let hints = records.iter().map(|record| record.ipv4_hints.len() + record.ipv6_hints.len()).sum();
                if self.takes_answers() {
                    self.services = records.len();
                }
                self.count(Query::Https, hints);
                self.tell(Answer::https(records, port), is_provisional);
            }
            Step::Fails { query } => self.tell(Answer::failed(self::query(query)), false),
            Step::Source { destination, ref source } => {
                let source = match *source {
                    SourceOf::Unknown => Source::Unknown,
                    SourceOf::Unreachable => Source::Unreachable,
                    SourceOf::Address(address) => Source::Address(address.socket().ip()),
                };
                self.race.handle_source(destination.socket(), source);
            }
            Step::Connected { id } => {
                if let Some(id) = self.id(id) {
                    if self.in_flight.contains_key(&id) {
                        self.connected.insert(id);
                    }
                    self.race.handle_outcome(id, Outcome::Connected, self.now);
                }
            }
            Step::Failed { id, failure } => {
                if let Some(id) = self.id(id) {
                    self.fail(id, failure);
                }
            }
            Step::Progress { id, remaining_ms: CHOICE.. } => {
                if let Some(id) = self.id(id) {
                    if self.in_flight.contains_key(&id) {
                        self.chosen.get_or_insert(id);
                    }
                    self.race.handle_outcome(id, Outcome::Chosen, self.now);
                }
            }
            Step::Progress { id, remaining_ms } => {
                if let Some(id) = self.id(id) {
                    let remaining = Duration::from_millis(remaining_ms.into());
                    self.race.handle_outcome(id, Outcome::progress(remaining), self.now);
                }
            }
            Step::AtGate { id } => {
                if let Some(id) = self.id(id) {
                    if self.in_flight.contains_key(&id) {
                        self.at_gate.insert(id);
                    }
                    self.race.handle_outcome(id, Outcome::AtGate, self.now);
                }
            }
            Step::Wait { ms } => self.now += Duration::from_millis(ms.into()),
            Step::WaitLong { days } => self.now += Duration::from_secs(u64::from(days) * 24 * 60 * 60),
            Step::WaitUntilTimeout => self.now = self.race.poll_timeout().unwrap_or(self.now),
            Step::Back { ms } => self.now -= Duration::from_millis(ms.into()),
            Step::Flood { query, answers } => {
                self.floods += 1;
                // One is enough to pass every bound, and takes its time.
                let answers = if self.floods > 1 { 0 } else { u32::from(answers) % 32 };
                for round in 0..answers {
                    let address = |host: u32| {
                        let ip = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(round) << 32 | u128::from(host));
                        SocketAddr::new(ip.into(), 443)
                    };
                    self.answer(query, (0..64).map(address).collect(), true);
                }
            }
        }
    }

    fn answer(&mut self, choice: u8, addresses: Vec<SocketAddr>, is_provisional: bool) {
        self.count(query(choice), addresses.len());
        self.tell(answer(choice, addresses), is_provisional);
    }

    fn count(&mut self, query: Query, addresses: usize) {
        if self.takes_answers() {
            self.in_force.insert(query, addresses);
        }
        self.offered += addresses * (1 + self.services);
    }

    /// A race that is over takes no more answers. With a policy other than `Staggered`, nor does a race that has begun.
    fn takes_answers(&self) -> bool {
        let has_begun = self.policy != Policy::Staggered && !self.starts.is_empty();
        !has_begun && self.conclusion.is_none()
    }

    fn tell(&mut self, answer: Answer, is_provisional: bool) {
        let answer = if is_provisional { answer.provisional() } else { answer };
        self.race.handle_answer(answer, self.now);
    }

    fn fail(&mut self, id: AttemptId, failure: Failure) {
        let outcome = failure.outcome();
        if self.in_flight.remove(&id).is_some() {
            self.failed.insert(id);
            self.chosen.take_if(|chosen| *chosen == id);
            if failure.is_untrusted() {
                self.untrusted.insert(id);
            }
            self.at_gate.remove(&id);
            self.connected.remove(&id);
            self.starts[id.index()].failed_unsent = outcome == Outcome::failed_unsent();
        }
        self.race.handle_outcome(id, outcome, self.now);
    }

    /// Only a race can make an id, so an id that this race has not given comes from another race.
    fn id(&self, id: Id) -> Option<AttemptId> {
        match id {
            Id::Recent(back) => {
                let place = self.starts.len().checked_sub(usize::from(back) + 1)?;
                Some(self.starts[place].id)
            }
            Id::Any(number) => Some(foreign(usize::try_from(number % 64).unwrap_or_default())),
        }
    }

    /// Carries out the actions of the race until there are none, and checks them.
    fn settle(&mut self) {
        let most = 8 + 4 * (self.offered * (1 + self.services) + self.starts.len());
        let mut count = 0;
        while let Some(action) = self.race.poll_action(self.now) {
            count += 1;
            assert!(count <= most, "no end of actions: {}", self.story());
            self.log.push(Logged::Action(action.clone()));
            self.carry_out(action);
        }
        assert!(self.race.poll_action(self.now).is_none(), "an extra call is not free: {}", self.story());
        self.check();
    }

    fn carry_out(&mut self, action: Action) {
        assert!(self.conclusion.is_none(), "an action after the end: {}", self.story());
        match action {
            Action::Start { id, endpoint, .. } => self.start(id, &endpoint),
            Action::Proceed { id, endpoint, .. } => {
                let is_there = self.in_flight.get(&id) == Some(&endpoint.address());
                assert!(is_there && self.at_gate.remove(&id), "{id:?} did not ask: {}", self.story());
            }
            Action::Drop { id, reason, .. } => {
                let Some(address) = self.in_flight.remove(&id) else {
                    panic!("{id:?} is not in flight: {}", self.story())
                };
                let waited = self.at_gate.remove(&id);
                assert!(waited || reason != DropReason::Superseded, "{id:?} did not ask: {}", self.story());
                let was_chosen = self.chosen.take_if(|chosen| *chosen == id).is_some();
                if reason == DropReason::Overtaken {
                    assert!(!was_chosen && self.chosen.is_some(), "nothing overtook {id:?}: {}", self.story());
                }
                if matches!(reason, DropReason::Superseded | DropReason::Overtaken) {
                    // It may have another turn.
                    self.addresses.remove(&address);
                }
                if matches!(reason, DropReason::SliceElapsed | DropReason::Superseded) {
                    self.failed.insert(id);
                }
            }
            Action::Finish(conclusion) => self.finish(conclusion),
            other => panic!("an action that nobody knows: {other:?}"),
        }
    }

    fn start(&mut self, id: AttemptId, endpoint: &Endpoint) {
        let address = endpoint.address();
        assert_eq!(id.index(), self.starts.len(), "ids go up by one: {}", self.story());
        assert_eq!(self.chosen, None, "{id:?} starts though the race is decided: {}", self.story());
        assert!(self.addresses.insert(address), "{address} is started for the second time: {}", self.story());
        let is_on_wire = !address.ip().is_loopback();
        if self.policy == Policy::Staggered && is_on_wire {
            let before = self.starts.iter().rev().find(|start| start.is_on_wire && !start.failed_unsent);
            let gap = before.map(|before| self.now.saturating_duration_since(before.at));
            let floor = Duration::from_millis(10);
            assert!(gap.is_none_or(|gap| gap >= floor), "{gap:?} between two starts: {}", self.story());
        }
        assert!(self.deadline.is_none_or(|deadline| deadline >= self.now), "too late: {}", self.story());
        self.starts.push(Started { id, at: self.now, is_on_wire, failed_unsent: false });
        self.in_flight.insert(id, address);
        if self.policy == Policy::Staggered {
            let is_within = self.cap.is_none_or(|cap| self.in_flight.len() <= cap);
            assert!(is_within, "{} attempts at a time: {}", self.in_flight.len(), self.story());
        }
    }

    fn finish(&mut self, conclusion: Conclusion) {
        self.conclusion = Some(conclusion);
        let winner = match conclusion {
            Conclusion::Connected(id) => {
                assert!(self.connected.contains(&id), "{id:?} never connected: {}", self.story());
                Some(id)
            }
            Conclusion::Exhausted { error, .. } => {
                self.check_error(error);
                assert!(self.race.waiting_for().is_empty(), "there was hope: {}", self.story());
                None
            }
            Conclusion::TimedOut { error, .. } => {
                assert!(self.deadline.is_some_and(|deadline| deadline <= self.now), "too early: {}", self.story());
                if let Some(error) = error {
                    self.check_error(error);
                }
                None
            }
            Conclusion::NoAddresses | Conclusion::NoUsableAddress => {
                assert!(self.starts.is_empty(), "there was an address: {}", self.story());
                None
            }
            other => panic!("a conclusion that nobody knows: {other:?}"),
        };
        let left: Vec<_> = self.in_flight.keys().copied().filter(|id| Some(*id) != winner).collect();
        assert!(left.is_empty(), "{left:?} are forgotten: {}", self.story());
    }

    /// The first peer that was untrusted comes before all others.
    fn check_error(&self, error: AttemptId) {
        assert!(self.failed.contains(&error), "{error:?} has not failed: {}", self.story());
        let untrusted = self.untrusted.first();
        assert!(
            untrusted.is_none_or(|first| *first == error),
            "it is not {error:?} but {untrusted:?}: {}",
            self.story()
        );
    }

    /// Checks what holds whenever the race has no action.
    fn check(&self) {
        if let Some(chosen) = self.chosen.filter(|_| self.conclusion.is_none()) {
            assert!(self.in_flight.keys().eq([&chosen]), "{chosen:?} is not alone: {}", self.story());
        }
        let timeout = self.race.poll_timeout();
        assert!(timeout.is_none_or(|timeout| timeout > self.now), "it is woken for nothing: {}", self.story());
        if self.conclusion.is_some() {
            assert_eq!(timeout, None, "a timer after the end: {}", self.story());
        } else if timeout.is_none() {
            let has_hope = !self.in_flight.is_empty() || !self.race.waiting_for().is_empty();
            assert!(has_hope, "it waits for nothing: {}", self.story());
        }
        // The race keeps the addresses of the valid answers, and a limited number of those that have left their answer.
        let in_force = self.in_force.values().sum::<usize>() * (1 + self.services);
        let untried = self.race.untried().count();
        assert!(untried <= in_force + MAX_WITHDRAWN, "{untried} untried addresses: {}", self.story());
    }

    /// Ends the race as a driver would: every query and every attempt fails. The race must end.
    fn wind_up(&mut self) {
        self.log.push(Logged::WindUp);
        for query in self.race.waiting_for().iter().collect::<Vec<_>>() {
            self.race.handle_answer(Answer::failed(query), self.now);
        }
        self.settle();
        let most = 8 + 4 * (self.offered * (1 + self.services) + self.starts.len());
        for _ in 0..most {
            if self.conclusion.is_some() {
                return;
            }
            let before = (self.now, self.starts.len(), self.in_flight.len());
            if let Some(id) = self.in_flight.keys().next().copied() {
                self.fail(id, Failure::SENT);
            } else if let Some(timeout) = self.race.poll_timeout() {
                self.now = timeout;
            }
            self.settle();
            let after = (self.now, self.starts.len(), self.in_flight.len());
            assert!(before != after || self.conclusion.is_some(), "it stands still: {}", self.story());
        }
        panic!("no end: {}", self.story());
    }

    fn story(&self) -> String {
        let start = self.log.len().saturating_sub(60);
        let lines: Vec<_> = self.log[start..].iter().map(|logged| format!("{logged:?}")).collect();
        format!("{:?}\n{}", self.setting, lines.join("\n"))
    }
}

/// How many addresses of earlier answers a race remembers.
const MAX_WITHDRAWN: usize = 1024;

fn query(choice: u8) -> Query {
    [Query::A, Query::Aaaa, Query::List, Query::Https][usize::from(choice % 4)]
}

fn answer(choice: u8, addresses: Vec<SocketAddr>) -> Answer {
    match query(choice) {
        Query::A => Answer::a(addresses),
        Query::Aaaa => Answer::aaaa(addresses),
        Query::List => Answer::list(addresses),
        query => Answer::negative(query),
    }
}

/// The id with this number, up to 63, as another race gives it.
fn foreign(number: usize) -> AttemptId {
    static IDS: OnceLock<Vec<AttemptId>> = OnceLock::new();
    IDS.get_or_init(ids)[number % 64]
}

fn ids() -> Vec<AttemptId> {
    let now = some_instant();
    let mut race = Race::new(Config::default(), Queries::LIST, None);
    race.handle_answer(Answer::list((1..=64).map(|host| SocketAddr::from(([127, 0, 0, host], 80)))), now);
    let mut ids = Vec::new();
    while let Some(action) = race.poll_action(now) {
        if let Action::Start { id, .. } = action {
            ids.push(id);
            race.handle_outcome(id, Outcome::failed_unsent(), now);
        }
    }
    ids
}
