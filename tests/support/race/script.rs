//! Parses a scenario of the race: the statements above the line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Config, Families, Order, Outcome, Partition, Patience, Policy, Queries, Query, ServiceRecord, Source,
};

use crate::support::names::{Names, PORT, portless, unmapped};
use crate::support::simulation::{Script, Waking};
use crate::support::words::{milliseconds, number};

/// The outcomes that a script may give for an attempt.
const OUTCOMES: &str =
    "an outcome is ok T, refused T, unsent T, untrusted T, progress T ESTIMATE, choose T, gate T or hang";

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The statements about one race, parsed one by one.
#[derive(Clone, Default)]
pub(crate) struct Scenario {
    policy: Policy,
    order: Order,
    families: Families,
    local_families: Families,
    attempt_delay: Option<Duration>,
    resolution_delay: Option<Duration>,
    fallback_delay: Option<Duration>,
    first_family_count: Option<usize>,
    max_concurrent: Option<usize>,
    patience: Patience,
    deadline: Option<Duration>,
    pub(crate) show_timers: bool,
    pub(crate) show_services: bool,
    pub(crate) show_advice: bool,
    pub(crate) partition: Partition,
    /// The source of each family.
    pub(crate) from_v6: Source,
    pub(crate) from_v4: Source,
    protocols: Option<Vec<String>>,
    cancelled: Option<Duration>,
    waking: Waking,
    pub(crate) names: Names,
    queries: Queries,
    answers: Vec<(Duration, Answer)>,
    /// The answers belong to all races, not to this one alone.
    answers_are_of_all: bool,
    sources: BTreeMap<SocketAddr, Source>,
    attempts: BTreeMap<SocketAddr, Vec<(Duration, Outcome)>>,
    /// The ports of service records.
    service_ports: BTreeSet<u16>,
    /// The statements that may be given only once, with their lines.
    said: BTreeMap<String, usize>,
    /// The lines of the attempts, for checks at the end.
    attempt_lines: Vec<(usize, String, SocketAddr)>,
}

impl Scenario {
    /// Returns a copy for one race, whose own statements replace the common ones.
    pub(crate) fn for_one_race(&self) -> Self {
        Self { said: BTreeMap::new(), answers_are_of_all: true, ..self.clone() }
    }

    /// Checks that each attempt is to an address of an answer of these races.
    pub(crate) fn check_attempts(races: &[&Self]) -> Result<(), Failure> {
        for this in races {
            let is_offered = |address| races.iter().any(|race| race.is_offered(address));
            if let Some((number, line, address)) =
                this.attempt_lines.iter().find(|(_, _, address)| !is_offered(*address))
            {
                let name = this.names.name(unmapped(*address));
                return Err(format!("line {number}, `{line}`: no answer has the address `{name}`").into());
            }
        }
        Ok(())
    }

    pub(crate) fn statement(&mut self, at: usize, line: &str) -> Result<(), Failure> {
        let (keyword, rest) = line.split_once(char::is_whitespace).ok_or("a statement is a keyword and a value")?;
        let rest = rest.trim();
        self.say_once(at, keyword, rest)?;
        match keyword {
            "policy" => {
                self.policy = match rest {
                    "staggered" => Policy::Staggered,
                    "two-families" => Policy::TwoFamilies,
                    "sequential" => Policy::Sequential,
                    _ => return Err("staggered, two-families or sequential".into()),
                };
            }
            "order" => {
                self.order = match rest {
                    "resolver" => Order::Resolver,
                    "prefer-v6" => Order::PreferV6,
                    "prefer-v4" => Order::PreferV4,
                    _ => return Err("resolver, prefer-v6 or prefer-v4".into()),
                };
            }
            "families" => self.families = families(rest)?,
            "local-families" => self.local_families = families(rest)?,
            "attempt-delay" => self.attempt_delay = Some(milliseconds(rest)?),
            "resolution-delay" => self.resolution_delay = Some(milliseconds(rest)?),
            "fallback-delay" => self.fallback_delay = Some(milliseconds(rest)?),
            "first-family-count" => self.first_family_count = Some(number(rest)?),
            "max-concurrent" => self.max_concurrent = Some(number(rest)?),
            "patience" => {
                self.patience = match rest {
                    "off" => Patience::Off,
                    "strict" => Patience::Strict,
                    time => Patience::Bounded(milliseconds(time)?),
                };
            }
            "deadline" => self.deadline = Some(milliseconds(rest)?),
            "show" if rest == "timers" => self.show_timers = true,
            "show" if rest == "services" => self.show_services = true,
            "show" if rest == "advice" => self.show_advice = true,
            "partition" => self.partition = Partition::new(number(rest)?),
            "from" => self.from(rest)?,
            "cancel" => self.cancelled = Some(milliseconds(rest)?),
            "wake" => self.waking = waking(rest)?,
            "address" => {
                let (name, address) = rest.split_once(' ').ok_or("address NAME IP:PORT")?;
                let address = address.trim();
                self.names.declare(name, address.parse().map_err(|_error| format!("`{address}` is not IP:PORT"))?);
            }
            "protocols" => self.protocols = Some(comma_separated(rest)?),
            "source" => self.source(rest)?,
            "answer" => self.answer(rest)?,
            "attempt" => {
                let address = self.attempt(rest)?;
                self.attempt_lines.push((at, line.into(), address));
            }
            _ => return Err("unknown statement".into()),
        }
        // An invalid setting is reported at its line.
        self.config()?;
        Ok(())
    }

    /// Checks that a setting, an address, its source and its attempt are given only once.
    fn say_once(&mut self, at: usize, keyword: &str, rest: &str) -> Result<(), Failure> {
        let what = match keyword {
            "answer" => return Ok(()),
            "from" => format!("from IPv{}", if rest.contains(':') { '6' } else { '4' }),
            "address" | "source" | "attempt" | "show" => {
                format!("{keyword} {}", rest.split_whitespace().next().unwrap_or_default())
            }
            setting => setting.to_owned(),
        };
        match self.said.insert(what.clone(), at) {
            Some(before) => Err(format!("line {before} has said `{what}` already").into()),
            None => Ok(()),
        }
    }

    fn from(&mut self, ip: &str) -> Result<(), Failure> {
        let ip: IpAddr = ip.parse().map_err(|_error| format!("`{ip}` is not an IP address"))?;
        let of_family = if ip.is_ipv6() { &mut self.from_v6 } else { &mut self.from_v4 };
        *of_family = Source::Address(ip);
        Ok(())
    }

    /// Whether an answer has the address, also as a hint, at its own port or that of a service.
    fn is_offered(&self, address: SocketAddr) -> bool {
        let destinations = || self.answers.iter().flat_map(|(_, answer)| answer.destinations()).map(unmapped);
        let ports = destinations().map(|address| address.port()).chain(self.service_ports.iter().copied());
        destinations().any(|offered| portless(offered) == portless(address))
            && ports.chain([PORT]).any(|port| port == address.port())
    }

    fn answer(&mut self, rest: &str) -> Result<(), Failure> {
        let (query, rest) = rest.split_once(' ').ok_or("answer QUERY TIME CONTENT")?;
        let query = match query {
            "A" => Query::A,
            "AAAA" => Query::Aaaa,
            "HTTPS" => Query::Https,
            "LIST" => Query::List,
            _ => return Err("the query is A, AAAA, HTTPS or LIST".into()),
        };
        if self.answers_are_of_all {
            self.answers_are_of_all = false;
            (self.queries, self.answers) = (Queries::NONE, Vec::new());
        }
        self.queries = self.queries.with(query);
        if rest.trim() == "never" {
            return Ok(());
        }
        let (time, content) = rest.trim().split_once(' ').ok_or("an answer is a time and its content, or `never`")?;
        let (is_final, content) = match content.trim().split_once(' ') {
            Some(("provisional", content)) => (false, content.trim()),
            _ => (true, content.trim()),
        };
        let answer = match (query, content) {
            (_, "provisional") => return Err("what does the provisional answer say?".into()),
            (_, "negative") => Answer::negative(query),
            (_, "failed") => Answer::failed(query),
            (Query::Https, records) => {
                let records = records.split(';').map(|record| self.service(record)).collect::<Result<Vec<_>, _>>()?;
                self.service_ports.extend(records.iter().filter_map(|record| record.port));
                Answer::https(records, PORT)
            }
            (_, names) => {
                let names = names.split_whitespace();
                let of_query = |name| {
                    let address = self.names.address(name)?;
                    // An AAAA record can have an IPv4-mapped address.
                    match (query, address) {
                        (Query::Aaaa, SocketAddr::V4(_)) => Err(format!("`{name}` is no IPv6 address").into()),
                        (Query::A, SocketAddr::V6(_)) => Err(format!("`{name}` is no IPv4 address").into()),
                        _ => Ok::<_, Failure>(address),
                    }
                };
                let addresses = names.map(of_query).collect::<Result<Vec<_>, _>>()?;
                match query {
                    Query::A => Answer::a(addresses),
                    Query::Aaaa => Answer::aaaa(addresses),
                    _ => Answer::list(addresses),
                }
            }
        };
        self.answers.push((milliseconds(time)?, if is_final { answer } else { answer.provisional() }));
        Ok(())
    }

    fn source(&mut self, rest: &str) -> Result<(), Failure> {
        let (name, source) = rest.split_once(' ').ok_or("source ADDRESS IP, or source ADDRESS unreachable")?;
        let destination = portless(self.names.address(name)?);
        let source = match source.trim() {
            "unreachable" => Source::Unreachable,
            ip => Source::Address(
                ip.parse().map_err(|_error| format!("`{ip}` is neither an IP address nor `unreachable`"))?,
            ),
        };
        if matches!(source, Source::Address(ip) if ip.is_ipv4() != destination.is_ipv4()) {
            return Err("the source is of another family than the destination".into());
        }
        self.sources.insert(destination, source);
        Ok(())
    }

    fn service(&self, text: &str) -> Result<ServiceRecord, Failure> {
        let mut words = text.split_whitespace();
        let priority = words.next().ok_or("a record begins with its priority")?;
        let mut record = ServiceRecord::new(number(priority)?);
        for word in words {
            match word.split_once('=').ok_or("a parameter is KEY=VALUE")? {
                ("port", port) => record.port = Some(number(port)?),
                ("ech", config) => record.ech = Some(config.into()),
                ("alpn", ids) => record.alpn = comma_separated(ids)?.into_iter().map(String::into_bytes).collect(),
                ("target", "") => return Err("a target is a name".into()),
                ("target", name) => record.target = Some(name.into()),
                ("hints", names) => {
                    for name in names.split(',') {
                        match self.names.address(name)?.ip() {
                            IpAddr::V6(ip) => record.ipv6_hints.push(ip),
                            IpAddr::V4(ip) => record.ipv4_hints.push(ip),
                        }
                    }
                }
                _ => return Err("a parameter is target, port, alpn, ech or hints".into()),
            }
        }
        Ok(record)
    }

    fn attempt(&mut self, rest: &str) -> Result<SocketAddr, Failure> {
        let (name, steps) = rest.split_once(' ').ok_or("attempt NAME OUTCOME")?;
        let address = self.names.address(name)?;
        let mut outcomes = Vec::new();
        for step in steps.split(',') {
            let words: Vec<&str> = step.split_whitespace().collect();
            outcomes.push(match words[..] {
                ["ok", after] => (milliseconds(after)?, Outcome::Connected),
                ["refused", after] => (milliseconds(after)?, Outcome::failed()),
                ["unsent", after] => (milliseconds(after)?, Outcome::failed_unsent()),
                ["untrusted", after] => (milliseconds(after)?, Outcome::Untrusted),
                ["progress", after, remaining] => (milliseconds(after)?, Outcome::progress(milliseconds(remaining)?)),
                ["choose", after] => (milliseconds(after)?, Outcome::Chosen),
                ["gate", after] => (milliseconds(after)?, Outcome::AtGate),
                ["hang"] => break,
                _ => return Err(OUTCOMES.into()),
            });
        }
        self.attempts.insert(address, outcomes);
        Ok(address)
    }

    fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::builder()
            .policy(self.policy)
            .order(self.order)
            .families(self.families)
            .local_families(self.local_families)
            .max_concurrent_attempts(self.max_concurrent)
            .handshake_patience(self.patience);
        if let Some(delay) = self.attempt_delay {
            config = config.connection_attempt_delay(delay);
        }
        if let Some(delay) = self.resolution_delay {
            config = config.resolution_delay(delay);
        }
        if let Some(delay) = self.fallback_delay {
            config = config.fallback_delay(delay);
        }
        if let Some(count) = self.first_family_count {
            config = config.first_address_family_count(count);
        }
        if let Some(protocols) = &self.protocols {
            config = config.protocols(protocols.iter().cloned());
        }
        Ok(config.build()?)
    }

    pub(crate) fn script(&self) -> Result<Script, Failure> {
        let mut answers = self.answers.clone();
        answers.sort_by_key(|(at, _)| *at);
        let offered: BTreeSet<_> = answers.iter().flat_map(|(_, answer)| answer.destinations()).map(portless).collect();
        if let Some(unknown) = self.sources.keys().find(|destination| !offered.contains(destination)) {
            return Err(format!("there is a source for {unknown}, but no answer has that address").into());
        }
        let attempts = self.attempts.iter().map(|(address, outcomes)| (unmapped(*address), outcomes.clone()));
        Ok(Script {
            config: self.config()?,
            queries: self.queries,
            deadline: self.deadline,
            answers,
            sources: self.sources.clone(),
            attempts: attempts.collect(),
            cancelled: self.cancelled,
            waking: self.waking,
        })
    }
}

pub(super) fn families(word: &str) -> Result<Families, Failure> {
    match word {
        "both" => Ok(Families::Both),
        "v6-only" => Ok(Families::V6Only),
        "v4-only" => Ok(Families::V4Only),
        _ => Err("both, v6-only or v4-only".into()),
    }
}

/// Parses a list: `h2,http/1.1`.
fn comma_separated(text: &str) -> Result<Vec<String>, Failure> {
    let separate = text.split(',').map(String::from).collect::<Vec<_>>();
    if separate.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        return Err("several are separated by a comma, and nothing else".into());
    }
    Ok(separate)
}

/// Parses how timers are served: `early 5`, `late 5`.
fn waking(rest: &str) -> Result<Waking, Failure> {
    match rest.split_whitespace().collect::<Vec<_>>()[..] {
        ["early", time] => Ok(Waking::Early(milliseconds(time)?)),
        ["late", time] => Ok(Waking::Late(milliseconds(time)?)),
        _ => Err("early T or late T".into()),
    }
}
