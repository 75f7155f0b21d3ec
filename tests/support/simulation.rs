//! Drives a `Race` through a script in invented time, and logs everything that happens.
//!
//! The driver is as unfriendly as it may be: it still reports the outcomes of dropped attempts, and of a race that is over. So every simulation also
//! checks that late results change nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{
    Action, Advice, Answer, AttemptDelay, AttemptId, Conclusion, Config, DeadBy, DropReason, End, Ending, Endpoint,
    Outcome, Queries, Race, ServiceRecord, Source, StartReason, UntriedReason,
};

use super::names::portless;
use super::some_instant;

/// The inputs of a race.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) config: Config,
    pub(crate) queries: Queries,
    pub(crate) deadline: Option<Duration>,
    /// Answers with their times of arrival, earliest first.
    pub(crate) answers: Vec<(Duration, Answer)>,
    /// The source for a destination, [without its port](portless). The race gets it before each answer that has the address.
    pub(crate) sources: BTreeMap<SocketAddr, Source>,
    /// The outcomes of an attempt to an address, each with the time since the one before, or since the start. An address that is missing here never
    /// answers.
    pub(crate) attempts: BTreeMap<SocketAddr, Vec<(Duration, Outcome)>>,
    /// When the race is dropped, if it is still running.
    pub(crate) cancelled: Option<Duration>,
    pub(crate) waking: Waking,
}

/// How precisely timers are served.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Waking {
    #[default]
    OnTime,
    /// This long before the timer is due, and again when it is: the early poll must change nothing.
    Early(Duration),
    /// This long after the timer is due.
    Late(Duration),
}

impl Waking {
    /// Returns when a driver at `now` wakes for a timer that is due at `at`.
    fn for_timer(self, at: Duration, now: Duration) -> Duration {
        match self {
            Self::OnTime => at,
            Self::Early(by) => Some(at.saturating_sub(by)).filter(|early| *early > now).unwrap_or(at),
            Self::Late(by) => at + by,
        }
    }
}

/// The service record of an endpoint, as far as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) priority: u16,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) ech: Option<Vec<u8>>,
}

impl Service {
    fn of(record: &ServiceRecord) -> Self {
        Self { priority: record.priority, alpn: record.alpn.clone(), ech: record.ech.clone() }
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Start {
        id: AttemptId,
        address: SocketAddr,
        reason: StartReason,
        service: Option<Service>,
        delay: AttemptDelay,
        /// It was put behind others, and is believed to be dead for this time.
        demoted: Option<(Duration, DeadBy)>,
    },
    Progress {
        address: SocketAddr,
    },
    Gate {
        address: SocketAddr,
    },
    Chosen {
        id: AttemptId,
        address: SocketAddr,
    },
    Proceed {
        address: SocketAddr,
        service: Option<Service>,
    },
    Failed {
        id: AttemptId,
        address: SocketAddr,
        sent: bool,
    },
    Untrusted {
        id: AttemptId,
        address: SocketAddr,
    },
    Drop {
        id: AttemptId,
        address: SocketAddr,
        reason: DropReason,
    },
    Timer(Option<Duration>),
    Finish {
        conclusion: Conclusion,
        waiting_for: Queries,
    },
    Untried {
        reason: UntriedReason,
        addresses: Vec<SocketAddr>,
    },
    Cancelled,
    Idle,
}

/// The log of a simulated race.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) events: Vec<(Duration, Event)>,
    /// The addresses of the attempts, in start order.
    pub(crate) started: Vec<SocketAddr>,
    /// Their records.
    pub(crate) tried: Vec<Attempt>,
    /// How many times the race was polled for an action.
    pub(crate) polls: usize,
}

/// An attempt of a race that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) address: SocketAddr,
    pub(crate) started: Duration,
    pub(crate) delay: Duration,
    /// When its transport stood, if it reported that.
    pub(crate) transport: Option<Duration>,
    /// How long it waited at the gate.
    pub(crate) waited: Duration,
    pub(crate) ended: Duration,
    pub(crate) end: End,
}

impl Log {
    pub(crate) fn starts(&self) -> Vec<(Duration, SocketAddr)> {
        let start = |(at, event): &(Duration, Event)| match event {
            Event::Start { address, .. } => Some((*at, *address)),
            _ => None,
        };
        self.events.iter().filter_map(start).collect()
    }

    pub(crate) fn conclusion(&self) -> Option<(Duration, Conclusion)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Finish { conclusion, .. } => Some((*at, *conclusion)),
            _ => None,
        })
    }

    /// Returns how the race ended. A race that stalls counts as cancelled.
    pub(crate) fn ending(&self) -> Ending {
        match self.conclusion() {
            Some((_, Conclusion::Connected(_))) => Ending::Won,
            Some(_) => Ending::Lost,
            None => Ending::Cancelled,
        }
    }

    /// Returns the time of the last event.
    pub(crate) fn ended(&self) -> Duration {
        self.events.last().map_or(Duration::ZERO, |(at, _)| *at)
    }
}

/// Runs `script` to its end.
pub(crate) fn simulate(script: &Script) -> Log {
    simulate_advised(script, some_instant(), |_, _| Advice::default())
}

/// Runs `script`, which begins at `zero`, to its end. The race gets the result of `advise` for each address just before each answer that has it.
pub(crate) fn simulate_advised(
    script: &Script,
    zero: Instant,
    mut advise: impl FnMut(SocketAddr, Instant) -> Advice,
) -> Log {
    let mut driver = Driver::new(script, zero, &mut advise);
    driver.run();
    driver.log.tried = driver.attempts.into_iter().map(|attempt| attempt.into_tried(driver.now)).collect();
    driver.log
}

struct Driver<'a> {
    script: &'a Script,
    advise: &'a mut dyn FnMut(SocketAddr, Instant) -> Advice,
    zero: Instant,
    now: Duration,
    race: Race,
    answers: std::iter::Peekable<std::slice::Iter<'a, (Duration, Answer)>>,
    attempts: Vec<Running<'a>>,
    timer: Option<Duration>,
    finished: bool,
    log: Log,
}

struct Running<'a> {
    id: AttemptId,
    address: SocketAddr,
    started: Duration,
    delay: Duration,
    transport: Option<Duration>,
    waited: Duration,
    ended: Option<(Duration, End)>,
    since: Duration,
    outcomes: &'a [(Duration, Outcome)],
    /// At the gate: the time of the next outcome counts from the permission to proceed.
    waits: bool,
    dropped: bool,
}

impl Running<'_> {
    fn next_outcome(&self) -> Option<Duration> {
        self.outcomes.first().filter(|_| !self.waits).map(|(after, _)| self.since + *after)
    }

    /// Handles an outcome of an attempt in flight.
    fn keep(&mut self, outcome: Outcome, now: Duration) {
        match outcome {
            Outcome::Failed { sent: true, .. } => self.ended = Some((now, End::Refused)),
            Outcome::Failed { sent: false, .. } | Outcome::Untrusted => self.ended = Some((now, End::Failed)),
            Outcome::Connected => {}
            _ => drop(self.transport.get_or_insert(now)),
        }
    }

    fn into_tried(self, now: Duration) -> Attempt {
        let Self { address, started, delay, transport, waited, ended, .. } = self;
        let (ended, end) = ended.unwrap_or((now, End::Silent));
        Attempt { address, started, delay, transport, waited, ended, end }
    }
}

impl<'a> Driver<'a> {
    fn new(script: &'a Script, zero: Instant, advise: &'a mut dyn FnMut(SocketAddr, Instant) -> Advice) -> Self {
        let deadline = script.deadline.map(|deadline| zero + deadline);
        Driver {
            script,
            advise,
            zero,
            now: Duration::ZERO,
            race: Race::new(script.config.clone(), script.queries, deadline),
            answers: script.answers.iter().peekable(),
            attempts: Vec::new(),
            timer: None,
            finished: false,
            log: Log { events: Vec::new(), started: Vec::new(), tried: Vec::new(), polls: 0 },
        }
    }

    fn run(&mut self) {
        loop {
            self.report_outcomes();
            self.report_answers();
            self.carry_out_actions();
            if self.input_due().is_some_and(|at| at <= self.now) {
                continue;
            }
            let timer = self.race.poll_timeout().map(|at| at - self.zero);
            assert!(
                timer.is_none_or(|at| at > self.now),
                "a timer in the past would spin: {timer:?} at {:?}",
                self.now
            );
            if timer != self.timer && !self.finished {
                self.timer = timer;
                self.note(Event::Timer(timer));
            }
            let wake = timer.map(|at| self.script.waking.for_timer(at, self.now));
            let next = self.input_due().into_iter().chain(wake).min();
            if let Some(at) = self.script.cancelled.filter(|at| !self.finished && next.is_none_or(|next| *at < next)) {
                self.now = at;
                return self.note(Event::Cancelled);
            }
            match next {
                Some(next) => self.now = next,
                None => break,
            }
        }
        if !self.finished {
            self.note(Event::Idle);
        }
    }

    fn instant(&self) -> Instant {
        self.zero + self.now
    }

    fn note(&mut self, event: Event) {
        self.log.events.push((self.now, event));
    }

    fn input_due(&mut self) -> Option<Duration> {
        let answer = self.answers.peek().map(|(at, _)| *at);
        self.attempts.iter().filter_map(Running::next_outcome).chain(answer).min()
    }

    fn report_outcomes(&mut self) {
        let now = self.instant();
        for place in 0..self.attempts.len() {
            let attempt = &mut self.attempts[place];
            if attempt.next_outcome().is_none_or(|at| at > self.now) {
                continue;
            }
            let (_, outcome) = attempt.outcomes[0];
            attempt.outcomes = &attempt.outcomes[1..];
            attempt.since = self.now;
            let (id, address) = (attempt.id, attempt.address);
            if !attempt.dropped && !self.finished {
                attempt.keep(outcome, self.now);
                match outcome {
                    Outcome::Progress { .. } => self.note(Event::Progress { address }),
                    Outcome::AtGate => {
                        attempt.waits = true;
                        self.note(Event::Gate { address });
                    }
                    Outcome::Chosen => self.note(Event::Chosen { id, address }),
                    Outcome::Failed { sent, .. } => self.note(Event::Failed { id, address, sent }),
                    Outcome::Untrusted => self.note(Event::Untrusted { id, address }),
                    _ => {}
                }
            }
            self.race.handle_outcome(id, outcome, now);
        }
    }

    fn report_answers(&mut self) {
        while self.answers.peek().is_some_and(|(at, _)| *at <= self.now) {
            let (_, answer) = self.answers.next().unwrap();
            for destination in answer.destinations() {
                if let Some(source) = self.script.sources.get(&portless(destination)) {
                    self.race.handle_source(destination, *source);
                }
                let now = self.instant();
                let advice = (self.advise)(destination, now);
                self.race.handle_advice(destination, advice);
            }
            self.race.handle_answer(answer.clone(), self.instant());
        }
    }

    fn carry_out_actions(&mut self) {
        loop {
            self.log.polls += 1;
            let Some(action) = self.race.poll_action(self.instant()) else {
                return;
            };
            assert!(!self.finished, "an action after the end: {action:?}");
            match action {
                Action::Start { id, endpoint, reason, delay, demoted, .. } => {
                    let demoted = demoted.map(|dead| (dead.until - self.instant(), dead.by));
                    self.start(id, &endpoint, reason, delay, demoted);
                }
                Action::Proceed { id, endpoint, .. } => {
                    let attempt = &mut self.attempts[id.index()];
                    assert!(attempt.waits, "it did not ask: {id:?}");
                    assert_eq!(attempt.address, endpoint.address(), "an attempt stays where it is");
                    attempt.waited += self.now - attempt.since;
                    (attempt.waits, attempt.since) = (false, self.now);
                    let address = attempt.address;
                    self.note(Event::Proceed { address, service: endpoint.service().map(Service::of) });
                }
                Action::Drop { id, reason, .. } => {
                    let attempt = &mut self.attempts[id.index()];
                    assert!(!attempt.dropped, "dropped twice: {id:?}");
                    (attempt.dropped, attempt.waits) = (true, false);
                    attempt.ended = Some((self.now, End::Silent));
                    let address = attempt.address;
                    self.note(Event::Drop { id, address, reason });
                }
                Action::Finish(conclusion) => self.finish(conclusion),
                other => panic!("an unknown action: {other:?}"),
            }
        }
    }

    fn start(
        &mut self,
        id: AttemptId,
        endpoint: &Endpoint,
        reason: StartReason,
        delay: AttemptDelay,
        demoted: Option<(Duration, DeadBy)>,
    ) {
        let address = endpoint.address();
        assert_eq!(id.index(), self.attempts.len(), "attempts are numbered in start order");
        let outcomes = self.script.attempts.get(&address).map_or(&[][..], |outcomes| &outcomes[..]);
        self.attempts.push(Running {
            id,
            address,
            started: self.now,
            delay: delay.length(),
            transport: None,
            waited: Duration::ZERO,
            ended: None,
            since: self.now,
            outcomes,
            waits: false,
            dropped: false,
        });
        self.log.started.push(address);
        let service = endpoint.service().map(Service::of);
        self.note(Event::Start { id, address, reason, service, delay, demoted });
    }

    fn finish(&mut self, conclusion: Conclusion) {
        let waiting_for = self.race.waiting_for();
        self.note(Event::Finish { conclusion, waiting_for });
        self.finished = true;
        if let Conclusion::Connected(id) = conclusion {
            self.attempts[id.index()].ended = Some((self.now, End::Connected));
        }
        let mut untried: Vec<(UntriedReason, Vec<SocketAddr>)> = Vec::new();
        for (endpoint, reason) in self.race.untried() {
            match untried.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, addresses)) => addresses.push(endpoint.address()),
                None => untried.push((reason, vec![endpoint.address()])),
            }
        }
        for (reason, addresses) in untried {
            self.note(Event::Untried { reason, addresses });
        }
    }
}
