//! Every file in `tests/scenarios/race` is a test: a script, a line `---`, and the whole log that the race must produce.
//! The format is described in `tests/scenarios/README.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    Answer, Conclusion, Config, DropReason, Families, Order, Outcome, Policy, Queries, Query, ServiceRecord, Source,
    StartReason, UntriedReason,
};
use support::names::{Names, PORT, portless, unmapped};
use support::simulation::{Event, Log, Script, simulate};

type Failure = Box<dyn std::error::Error>;

datatest_stable::harness! {
    { test = scenario, root = "tests/scenarios/race", pattern = r"\.txt$" },
    { test = wrong_scenario, root = "tests/scenarios/wrong", pattern = r"\.txt$" },
}

/// The runner itself is tested with wrong files: each must fail, and the report must have the words of its `# report:` lines, or
/// show both logs side by side if there is no such line.
fn wrong_scenario(path: &Path, text: String) -> datatest_stable::Result<()> {
    let mut words: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("# report: ")).map(String::from).collect();
    if words.is_empty() {
        words = ["expected", "actual", "≠"].map(String::from).to_vec();
    }
    let Err(report) = scenario(path, text) else { return Err("a wrong scenario passed".into()) };
    let report = report.to_string();
    match words.iter().find(|word| !report.contains(*word)) {
        None => Ok(()),
        Some(missing) => Err(format!("the report does not say `{missing}`: {report}").into()),
    }
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
    protocols: Option<Vec<String>>,
    names: Names,
    queries: Queries,
    answers: Vec<(Duration, Answer)>,
    sources: BTreeMap<SocketAddr, Source>,
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
                self.names.declare(name, address.trim().parse()?);
            }
            "protocols" => self.protocols = Some(comma_separated(rest)?),
            "source" => self.source(rest)?,
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
                Answer::https(records, PORT)
            }
            (_, names) => {
                let names = names.split_whitespace();
                let addresses = names.map(|name| self.names.address(name)).collect::<Result<Vec<_>, _>>()?;
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
            ip => Source::Address(ip.parse()?),
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
        let mut record = ServiceRecord::new(priority.parse()?);
        for word in words {
            match word.split_once('=').ok_or("a parameter is KEY=VALUE")? {
                ("port", port) => record.port = Some(port.parse()?),
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
                _ => return Err("a parameter is target, port, alpn or hints".into()),
            }
        }
        Ok(record)
    }

    fn attempt(&mut self, rest: &str) -> Result<(), Failure> {
        let (name, steps) = rest.split_once(' ').ok_or("attempt NAME OUTCOME")?;
        let address = self.names.address(name)?;
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
        if let Some(protocols) = &self.protocols {
            config = config.protocols(protocols.iter().cloned());
        }
        let mut answers = self.answers.clone();
        answers.sort_by_key(|(at, _)| *at);
        let offered: BTreeSet<_> = answers.iter().flat_map(|(_, answer)| answer.destinations()).map(portless).collect();
        if let Some(unknown) = self.sources.keys().find(|destination| !offered.contains(destination)) {
            return Err(format!("there is a source for {unknown}, but no answer has that address").into());
        }
        let attempts = self.attempts.iter().map(|(address, outcomes)| (unmapped(*address), outcomes.clone()));
        Ok(Script {
            config: config.build()?,
            queries: self.queries,
            deadline: self.deadline,
            answers,
            sources: self.sources.clone(),
            attempts: attempts.collect(),
        })
    }

    fn describe(&self, log: &Log) -> Vec<String> {
        let shown = |event: &Event| self.show_timers || !matches!(event, Event::Timer(_));
        let events = log.events.iter().filter(|(_, event)| shown(event));
        events.map(|(at, event)| format!("{} {}", in_milliseconds(*at), self.describe_event(event, log))).collect()
    }

    fn describe_event(&self, event: &Event, log: &Log) -> String {
        let name = |address: &SocketAddr| self.names.name(*address);
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
        UntriedReason::Unspecified => "unspecified",
        UntriedReason::Multicast => "multicast",
        UntriedReason::NoScope => "no-scope",
        UntriedReason::OverLimit => "over-limit",
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

/// `h2,http/1.1`
fn comma_separated(text: &str) -> Result<Vec<String>, Failure> {
    let separate = text.split(',').map(String::from).collect::<Vec<_>>();
    if separate.iter().any(|word| word.is_empty() || word.contains(char::is_whitespace)) {
        return Err("several are separated by a comma, and nothing else".into());
    }
    Ok(separate)
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
