//! Runs a scenario file: what is remembered before, one or several races, and what happens between them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{Families, Memory, Observation, Tried, Viewpoint};

use super::log::{described_advice, in_milliseconds};
use super::script::{Failure, Scenario, families};
use crate::support::simulation::{Log, simulate, simulate_advised};
use crate::support::some_instant;
use crate::support::words::{milliseconds, number};

/// The observations that a script may give from earlier races.
const OBSERVATIONS: &str =
    "what was learned is connected T, won T, handshake T, refused or silent; then, if it applies, times N";

/// The statements of a file above the line `---`.
#[derive(Default)]
pub(crate) struct Course {
    of_all: Scenario,
    races: Vec<Races>,
    fixed_delay: bool,
    prefer_used: Option<Families>,
    learned: Vec<Learned>,
    changes: Vec<Duration>,
    show_memory: bool,
}

/// Equal races in sequence.
struct Races {
    begin: Duration,
    count: u32,
    every: Duration,
    scenario: Scenario,
}

struct Learned {
    age: Duration,
    destinations: Vec<IpAddr>,
    observation: Observation,
    times: u32,
}

impl Course {
    /// Parses the lines above the line `---`, without comments. Empty lines are ignored.
    pub(crate) fn read<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, Failure> {
        let mut this = Self::default();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            this.statement(number, line).map_err(|error| format!("line {number}, `{line}`: {error}"))?;
        }
        Scenario::check_attempts(&this.scenarios())?;
        this.changes.sort();
        if this.races.is_empty() && !this.changes.is_empty() {
            return Err("the network changes, but there is no line `race`".into());
        }
        Ok(this)
    }

    fn statement(&mut self, at: usize, line: &str) -> Result<(), Failure> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["race", ..] => {
                let scenario = self.of_all.for_one_race();
                let (begin, count, every) = match words[1..] {
                    [begin] => (milliseconds(begin)?, 1, Duration::ZERO),
                    [begin, "times", count, "every", every] => {
                        (milliseconds(begin)?, number(count)?, milliseconds(every)?)
                    }
                    _ => return Err("race T, or race T times N every T".into()),
                };
                if self.races.last().is_some_and(|before| before.last_begins() >= begin) {
                    return Err("a race begins after the one before it".into());
                }
                self.races.push(Races { begin, count, every, scenario });
            }
            ["learned" | "learned-delay" | "prefer-used" | "network-changed", ..] if !self.races.is_empty() => {
                return Err("this is said of all races, above the first `race`".into());
            }
            ["learned", age, destination, ref what @ ..] => {
                let learned = self.learned(age, destination, what)?;
                self.learned.push(learned);
            }
            ["learned-delay", "off"] => self.fixed_delay = true,
            ["prefer-used", set] => self.prefer_used = Some(families(set)?),
            ["network-changed", at] => self.changes.push(milliseconds(at)?),
            ["show", "memory"] => self.show_memory = true,
            _ => self.races.last_mut().map_or(&mut self.of_all, |races| &mut races.scenario).statement(at, line)?,
        }
        Ok(())
    }

    /// Parses earlier observations: `A6 connected 20 times 3`, `198.18.0.0..198.18.3.255 silent`.
    fn learned(&self, age: &str, destination: &str, what: &[&str]) -> Result<Learned, Failure> {
        let (what, times) = match what {
            [what @ .., "times", times] => (what, number(times)?),
            what => (what, 1),
        };
        let observation = match what {
            ["connected", after] => Observation::Connected { after: milliseconds(after)?, won: false },
            ["won", after] => Observation::Connected { after: milliseconds(after)?, won: true },
            ["handshake", took] => Observation::ShookHands { took: milliseconds(took)? },
            ["refused"] => Observation::Refused,
            ["silent"] => Observation::Silent,
            _ => return Err(OBSERVATIONS.into()),
        };
        let destinations = match destination.split_once("..") {
            Some((first, last)) => {
                let [first, last] = [first.parse::<Ipv4Addr>()?, last.parse()?].map(Ipv4Addr::to_bits);
                (first..=last).map(|bits| Ipv4Addr::from_bits(bits).into()).collect()
            }
            None => vec![self.of_all.names.address(destination)?.ip()],
        };
        Ok(Learned { age: milliseconds(age)?, destinations, observation, times })
    }

    fn scenarios(&self) -> Vec<&Scenario> {
        if self.races.is_empty() {
            vec![&self.of_all]
        } else {
            self.races.iter().map(|races| &races.scenario).collect()
        }
    }

    /// Runs the races, and returns the whole log.
    pub(crate) fn run(&self) -> Result<Vec<String>, Failure> {
        let mut memory = Memory::new();
        if let Some(families) = self.prefer_used {
            memory = memory.prefer_used(families);
        }
        let zero = some_instant() + self.oldest();
        self.learn_before(&mut memory, zero);
        if self.races.is_empty() {
            let (log, lines) = self.race(&self.of_all, &mut memory, zero)?;
            let script = self.of_all.script()?;
            // An empty memory must make no difference.
            assert!(!self.learned.is_empty() || log == simulate(&script), "an empty memory changes a race");
            return Ok(lines);
        }
        let mut out = Vec::new();
        let mut changes = self.changes.iter().copied().peekable();
        for races in &self.races {
            // Consecutive equal races with the same log show it once.
            let mut same: Option<(Duration, Duration, Vec<String>)> = None;
            for place in 0..races.count {
                let begin = races.begin + races.every * place;
                while changes.next_if(|at| *at <= begin).is_some() {
                    memory.network_changed();
                }
                let (_, lines) = self.race(&races.scenario, &mut memory, zero + begin)?;
                match &mut same {
                    Some((_, last, log)) if *log == lines => *last = begin,
                    _ => out.extend(same.replace((begin, begin, lines)).into_iter().flat_map(described)),
                }
            }
            out.extend(same.into_iter().flat_map(described));
        }
        Ok(out)
    }

    /// Runs one race, and has the memory learn from it.
    fn race(&self, scenario: &Scenario, memory: &mut Memory, zero: Instant) -> Result<(Log, Vec<String>), Failure> {
        let from = begin(memory, scenario);
        let from = if self.fixed_delay { from.with_configured_delay() } else { from };
        let script = scenario.script()?;
        let log = simulate_advised(&script, zero, |destination, now| memory.advise(&from, destination.ip(), now));
        let now = zero + log.ended();
        memory.learn(&from, &tried(&log, zero), log.ending(), now);
        let mut lines = scenario.describe(&log);
        if self.show_memory {
            let named: BTreeSet<SocketAddr> =
                script.answers.iter().flat_map(|(_, answer)| answer.destinations()).collect();
            for destination in named {
                let advice = memory.advise(&from, destination.ip(), now);
                let (at, name) = (in_milliseconds(log.ended()), scenario.names.name(destination));
                lines.push(format!("{at} knows {name}{}", described_advice(&advice, now)));
            }
        }
        Ok((log, lines))
    }

    /// Has the memory learn the earlier observations.
    fn learn_before(&self, memory: &mut Memory, zero: Instant) {
        let mut events: Vec<_> = self.learned.iter().flat_map(Learned::events).collect();
        if !events.is_empty() {
            events.sort_by_key(|(age, ..)| Reverse(*age));
            let from = begin(memory, &self.of_all);
            for (age, destination, observation) in events {
                memory.observe(&from, destination, observation, zero - age);
            }
        }
    }

    fn oldest(&self) -> Duration {
        self.learned.iter().flat_map(Learned::events).map(|(age, ..)| age).max().unwrap_or_default()
    }
}

impl Learned {
    /// Returns the earlier observations: how long before the first race, of which address, and which. Repeated ones are a second apart.
    fn events(&self) -> impl Iterator<Item = (Duration, IpAddr, Observation)> {
        let ages = (0..self.times).map(|time| self.age + Duration::from_secs(1) * time);
        ages.flat_map(move |age| self.destinations.iter().map(move |destination| (age, *destination, self.observation)))
    }
}

impl Races {
    fn last_begins(&self) -> Duration {
        self.begin + self.every * self.count.saturating_sub(1)
    }
}

fn begin(memory: &mut Memory, Scenario { partition, from_v6, from_v4, .. }: &Scenario) -> Viewpoint {
    let place = memory.place(*partition, *from_v6, *from_v4);
    memory.begin_race(place)
}

/// Returns the log of a race, or of several with the same log, with the line above it.
fn described((first, last, log): (Duration, Duration, Vec<String>)) -> impl Iterator<Item = String> {
    let (first, last) = (in_milliseconds(first), in_milliseconds(last));
    let title = if first == last { format!("race {first}") } else { format!("races {first} to {last}") };
    std::iter::once(title).chain(log)
}

/// Returns the attempts of a race that began at `zero`, as the memory's input.
fn tried(log: &Log, zero: Instant) -> Vec<Tried> {
    let of_attempt = |attempt: &crate::support::simulation::Attempt| {
        let (started, ended) = (zero + attempt.started, zero + attempt.ended);
        let mut tried = Tried::new(attempt.address.ip(), started, attempt.delay, ended, attempt.end);
        tried.transport = attempt.transport.map(|stood| zero + stood);
        tried.waited = attempt.waited;
        tried
    };
    log.tried.iter().map(of_attempt).collect()
}
