//! Every file in `tests/scenarios/race` is a test: a script, a line `---`, and the whole log that the race must produce.
//! The format is described in `tests/scenarios/README.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Conclusion, Config, DropReason, Families, Order, Outcome, Policy, Queries, Query, ServiceRecord,
    StartReason, UntriedReason,
};
use support::simulation::{Event, Log, Script, simulate};

type Failure = Box<dyn std::error::Error>;

/// The port of the URI in every scenario.
const PORT: u16 = 443;

datatest_stable::harness! {
    { test = scenario, root = "tests/scenarios/race", pattern = r"\.txt$" },
    { test = wrong_scenario, root = "tests/scenarios/wrong", pattern = r"\.txt$" },
}

/// The runner itself is tested with files whose log is wrong: each must fail, and show both logs side by side.
fn wrong_scenario(path: &Path, text: String) -> datatest_stable::Result<()> {
    let Err(report) = scenario(path, text) else { return Err("a wrong log passed".into()) };
    let report = report.to_string();
    let shown = ["expected", "actual", "≠"].iter().all(|word| report.contains(word));
    if shown { Ok(()) } else { Err(format!("the report shows no difference: {report}").into()) }
}

fn scenario(_: &Path, text: String) -> datatest_stable::Result<()> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, without_comment(line)));
    let mut scenario = Scenario::default();
    for (number, line) in lines.by_ref().take_while(|(_, line)| *line != "---") {
        if !line.is_empty() {
            scenario.statement(line).map_err(|error| format!("line {number}, `{line}`: {error}"))?;
        }
    }
    let expected: Vec<&str> = lines.map(|(_, line)| line).filter(|line| !line.is_empty()).collect();
    if expected.is_empty() {
        return Err("there is no log below a line `---`".into());
    }
    let actual = scenario.describe(&simulate(&scenario.script()?));
    if actual == expected { Ok(()) } else { Err(side_by_side(&expected, &actual).into()) }
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(before, _)| before).trim()
}

/// Both logs, a mark between the lines that differ.
fn side_by_side(expected: &[&str], actual: &[String]) -> String {
    let width = expected.iter().map(|line| line.chars().count()).max().unwrap_or(0).max("expected".len());
    let mut out = format!("the log is not the expected one\n\n    {:width$}     actual\n", "expected");
    for i in 0..expected.len().max(actual.len()) {
        let left = expected.get(i).copied().unwrap_or("");
        let right = actual.get(i).map_or("", String::as_str);
        let mark = if left == right { ' ' } else { '≠' };
        writeln!(out, "    {left:width$}  {mark}  {right}").unwrap();
    }
    out
}

/// The statements above the line, read one by one.
#[derive(Default)]
struct Scenario {
    policy: Policy,
    order: Order,
    families: Families,
    local_families: Families,
    attempt_delay: Option<Duration>,
    resolution_delay: Option<Duration>,
    fallback_delay: Option<Duration>,
    first_family_count: Option<usize>,
    max_concurrent: Option<usize>,
    deadline: Option<Duration>,
    show_timers: bool,
    addresses: BTreeMap<String, SocketAddr>,
    queries: Queries,
    answers: Vec<(Duration, Answer)>,
    attempts: BTreeMap<SocketAddr, Vec<(Duration, Outcome)>>,
}

impl Scenario {
    fn statement(&mut self, line: &str) -> Result<(), Failure> {
        let (keyword, rest) = line.split_once(char::is_whitespace).ok_or("a statement is a keyword and a value")?;
        let rest = rest.trim();
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
            "first-family-count" => self.first_family_count = Some(rest.parse()?),
            "max-concurrent" => self.max_concurrent = Some(rest.parse()?),
            "deadline" => self.deadline = Some(milliseconds(rest)?),
            "show" if rest == "timers" => self.show_timers = true,
            "address" => {
                let (name, address) = rest.split_once(' ').ok_or("address NAME IP:PORT")?;
                self.addresses.insert(name.into(), address.trim().parse()?);
            }
            "answer" => self.answer(rest)?,
            "attempt" => self.attempt(rest)?,
            _ => return Err("unknown statement".into()),
        }
        Ok(())
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
        self.queries = self.queries.with(query);
        if rest.trim() == "never" {
            return Ok(());
        }
        let (time, content) = rest.trim().split_once(' ').ok_or("an answer is a time and its content, or `never`")?;
        let answer = match (query, content.trim()) {
            (_, "negative") => Answer::negative(query),
            (_, "failed") => Answer::failed(query),
            (Query::Https, records) => {
                let records = records.split(';').map(|record| self.service(record)).collect::<Result<Vec<_>, _>>()?;
                Answer::https(records, PORT)
            }
            (_, names) => {
                let names = names.split_whitespace();
                let addresses = names.map(|name| self.address(name)).collect::<Result<Vec<_>, _>>()?;
                match query {
                    Query::A => Answer::a(addresses),
                    Query::Aaaa => Answer::aaaa(addresses),
                    _ => Answer::list(addresses),
                }
            }
        };
        self.answers.push((milliseconds(time)?, answer));
        Ok(())
    }

    fn service(&self, text: &str) -> Result<ServiceRecord, Failure> {
        let mut words = text.split_whitespace();
        let priority = words.next().ok_or("a record begins with its priority")?;
        let mut record = ServiceRecord::new(priority.parse()?);
        for word in words {
            match word.split_once('=').ok_or("a parameter is KEY=VALUE")? {
                ("port", port) => record.port = Some(port.parse()?),
                ("alpn", ids) => record.alpn = ids.split(',').map(|id| id.as_bytes().to_vec()).collect(),
                ("hints", names) => {
                    for name in names.split(',') {
                        match self.address(name)?.ip() {
                            IpAddr::V6(ip) => record.ipv6_hints.push(ip),
                            IpAddr::V4(ip) => record.ipv4_hints.push(ip),
                        }
                    }
                }
                _ => return Err("a parameter is port, alpn or hints".into()),
            }
        }
        Ok(record)
    }

    fn attempt(&mut self, rest: &str) -> Result<(), Failure> {
        let (name, steps) = rest.split_once(' ').ok_or("attempt NAME OUTCOME")?;
        let address = self.address(name)?;
        let mut outcomes = Vec::new();
        for step in steps.split(',') {
            let words: Vec<&str> = step.split_whitespace().collect();
            outcomes.push(match words[..] {
                ["ok", after] => (milliseconds(after)?, Outcome::Connected),
                ["refused", after] => (milliseconds(after)?, Outcome::Failed { sent: true }),
                ["unsent", after] => (milliseconds(after)?, Outcome::Failed { sent: false }),
                ["progress", after, remaining] => {
                    (milliseconds(after)?, Outcome::Progress { remaining: milliseconds(remaining)? })
                }
                ["hang"] => break,
                _ => return Err("an outcome is ok T, refused T, unsent T, progress T ESTIMATE or hang".into()),
            });
        }
        self.attempts.insert(address, outcomes);
        Ok(())
    }

    /// `A6` is 2001:db8::a, `B4` is 192.0.2.11, at port 443; `A6:8443` is the same at another port.
    fn address(&self, name: &str) -> Result<SocketAddr, Failure> {
        if let Some(address) = self.addresses.get(name) {
            return Ok(*address);
        }
        let (name, port) = match name.split_once(':') {
            Some((name, port)) => (name, Some(port.parse()?)),
            None => (name, None),
        };
        let mut address = match self.addresses.get(name) {
            Some(address) => *address,
            None => default_address(name)?,
        };
        if let Some(port) = port {
            address.set_port(port);
        }
        Ok(address)
    }

    fn name(&self, address: SocketAddr) -> String {
        let declared = |wanted: SocketAddr| self.addresses.iter().find(|(_, declared)| unmapped(**declared) == wanted);
        if let Some((name, _)) = declared(address) {
            return name.clone();
        }
        let mut at_default_port = address;
        at_default_port.set_port(PORT);
        let name = match declared(at_default_port) {
            Some((name, _)) => name.clone(),
            None => default_name(address.ip()),
        };
        if address.port() == PORT { name } else { format!("{name}:{}", address.port()) }
    }

    fn script(&self) -> Result<Script, Failure> {
        let mut config = Config::builder()
            .policy(self.policy)
            .order(self.order)
            .families(self.families)
            .local_families(self.local_families)
            .max_concurrent_attempts(self.max_concurrent);
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
        let mut answers = self.answers.clone();
        answers.sort_by_key(|(at, _)| *at);
        let attempts = self.attempts.iter().map(|(address, outcomes)| (unmapped(*address), outcomes.clone()));
        Ok(Script {
            config: config.build()?,
            queries: self.queries,
            deadline: self.deadline,
            answers,
            attempts: attempts.collect(),
        })
    }

    fn describe(&self, log: &Log) -> Vec<String> {
        let shown = |event: &Event| self.show_timers || !matches!(event, Event::Timer(_));
        let events = log.events.iter().filter(|(_, event)| shown(event));
        events.map(|(at, event)| format!("{} {}", in_milliseconds(*at), self.describe_event(event, log))).collect()
    }

    fn describe_event(&self, event: &Event, log: &Log) -> String {
        let name = |address: &SocketAddr| self.name(*address);
        match event {
            Event::Start { address, reason, .. } => format!("start {} {}", name(address), start_reason(*reason)),
            Event::Progress { address } => format!("progress {}", name(address)),
            Event::Failed { address, sent: true, .. } => format!("fail {}", name(address)),
            Event::Failed { address, sent: false, .. } => format!("fail {} unsent", name(address)),
            Event::Drop { address, reason, .. } => format!("drop {} {}", name(address), drop_reason(*reason)),
            Event::Timer(Some(at)) => format!("timer {}", in_milliseconds(*at)),
            Event::Timer(None) => "timer none".into(),
            Event::Idle => "idle".into(),
            Event::Untried { reason, addresses } => {
                let names: Vec<String> = addresses.iter().map(name).collect();
                format!("untried {} {}", untried_reason(*reason), names.join(" "))
            }
            Event::Finish { conclusion, waiting_for } => match conclusion {
                Conclusion::Connected(id) => format!("connected {}", name(&log.started[id.index()])),
                Conclusion::NoAddresses => "no-addresses".into(),
                Conclusion::NoUsableAddress => "no-usable-address".into(),
                Conclusion::Exhausted { error, .. } => format!("exhausted error {}", name(&log.started[error.index()])),
                Conclusion::TimedOut { error, .. } => {
                    let mut line = String::from("timed-out");
                    if let Some(error) = error {
                        write!(line, " error {}", name(&log.started[error.index()])).unwrap();
                    }
                    if !waiting_for.is_empty() {
                        let queries = waiting_for.iter().map(|query| match query {
                            Query::List => "LIST".into(),
                            other => other.to_string(),
                        });
                        write!(line, " waiting {}", queries.collect::<Vec<_>>().join(" ")).unwrap();
                    }
                    line
                }
                other => panic!("an unknown conclusion: {other:?}"),
            },
        }
    }
}

fn start_reason(reason: StartReason) -> &'static str {
    match reason {
        StartReason::First => "first",
        StartReason::DelayElapsed => "delay",
        StartReason::PreviousFailed => "failed",
        StartReason::AnswerArrived => "answer",
        other => panic!("an unknown reason: {other:?}"),
    }
}

fn drop_reason(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Lost => "lost",
        DropReason::Pruned => "pruned",
        DropReason::SliceElapsed => "slice",
        DropReason::DeadlineElapsed => "deadline",
        other => panic!("an unknown reason: {other:?}"),
    }
}

fn untried_reason(reason: UntriedReason) -> &'static str {
    match reason {
        UntriedReason::NotReached => "not-reached",
        UntriedReason::Withdrawn => "withdrawn",
        UntriedReason::FamilyDisabled => "family-disabled",
        UntriedReason::NoLocalAddress => "no-local-address",
        other => panic!("an unknown reason: {other:?}"),
    }
}

fn families(word: &str) -> Result<Families, Failure> {
    match word {
        "both" => Ok(Families::Both),
        "v6-only" => Ok(Families::V6Only),
        "v4-only" => Ok(Families::V4Only),
        _ => Err("both, v6-only or v4-only".into()),
    }
}

/// Milliseconds, with up to six decimals: 0.000001 is a nanosecond.
fn milliseconds(text: &str) -> Result<Duration, Failure> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 6 {
        return Err("a time has at most six decimals".into());
    }
    let nanoseconds: u64 = format!("{decimals:0<6}").parse()?;
    Ok(Duration::from_millis(whole.parse()?) + Duration::from_nanos(nanoseconds))
}

fn in_milliseconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_millis(), time.as_nanos() % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

fn default_address(name: &str) -> Result<SocketAddr, Failure> {
    let [letter @ b'A'..=b'Z', family @ (b'4' | b'6')] = *name.as_bytes() else {
        return Err(format!("`{name}` is neither declared nor a letter and a family (A4, B6)").into());
    };
    let host = letter - b'A' + 10;
    Ok(match family {
        b'6' => format!("[2001:db8::{host:x}]:{PORT}").parse()?,
        _ => format!("192.0.2.{host}:{PORT}").parse()?,
    })
}

fn default_name(ip: IpAddr) -> String {
    let (host, family) = match ip {
        IpAddr::V6(ip) => (ip.octets()[15], '6'),
        IpAddr::V4(ip) => (ip.octets()[3], '4'),
    };
    format!("{}{family}", char::from(b'A' + host.wrapping_sub(10)))
}

/// An address as the race reports it: an IPv4-mapped one as the IPv4 address it stands for.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
