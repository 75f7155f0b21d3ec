//! A burst of requests to an https origin that is new to the client: how many connections the client makes, and when the last response is complete.

mod clients;
pub(crate) mod server;
mod spent;

use std::time::Duration;

use fastrand::Rng;

use self::clients::{Contestant, Kind, OURS};
use self::server::Server;
use crate::report::{Row, Unit, Value};
use crate::run::Run;
use crate::stats::Figure;

const GROUP: &str = "a burst of 100 requests";

/// How many requests are sent at once.
const REQUESTS: usize = 100;

const FAIRNESS: &str = "\
    it would be unfair to let a client know the server: each run has a new client, so that nothing is remembered of the host, and no TLS session. All \
    offer HTTP/2 and HTTP/1.1, trust the same certificate, and have two threads (Go GOMAXPROCS 2); those in Rust use the same provider of cryptography. The server is another process, with \
    two threads on the same cores; where a handshake takes time, it waits so long before it answers the ClientHello. The time is from the first request to the end of the last \
    response, the processor time is the client's (user and system) until its last connection is closed, and what is counted is what the server saw. Runs take turns, in another order each time, and \
    what counts is the median of the ratios within a round";

/// By what factor hyper-util and reqwest take longer than this crate over HTTP/2, at least.
const TIMES_PEERS: f64 = 2.0;

/// What one run took.
struct Outcome {
    /// To the end of the last response.
    seconds: f64,
    /// The processor time of the client.
    processor: Option<f64>,
    seen: server::Seen,
}

/// The clients, and the result of each in each round, or why it has none.
struct Outcomes(Vec<(Contestant, Result<Vec<Outcome>, String>)>);

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Http2,
    Http1,
}

impl Spoken {
    /// The protocols that it takes, with commas.
    fn alpn(self) -> &'static str {
        match self {
            Self::Http2 => "h2,http/1.1",
            Self::Http1 => "http/1.1",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http2 => "HTTP/2",
            Self::Http1 => "HTTP/1.1 alone",
        }
    }
}

pub(crate) fn measure(run: &mut Run) {
    for spoken in [Spoken::Http2, Spoken::Http1] {
        for delay in [0, 30] {
            let server = format!("server of {}, handshake of {delay} ms", spoken.name());
            let name = |metric: &Metric| format!("{}, {server}", metric.name);
            if !METRICS.iter().any(|metric| run.options.wants(GROUP, &name(metric))) {
                continue;
            }
            run.progress(GROUP, &server);
            let outcomes = Outcomes::measure(spoken, delay, run.options.pick(3, 30));
            for metric in &METRICS {
                let mut row = Row::new(GROUP, name(metric), metric.unit, FAIRNESS);
                outcomes.fill(&mut row, metric);
                claim(&mut row, &outcomes, spoken, metric);
                run.push(row);
            }
        }
    }
}

/// What is known of a run.
struct Metric {
    name: &'static str,
    unit: Unit,
    of: fn(&Outcome) -> Option<f64>,
}

const TO_THE_LAST: &str = "time to the last answer";

const METRICS: [Metric; 5] = [
    Metric { name: "TCP connections", unit: Unit::Count("connections"), of: |of| Some(of.seen.accepted) },
    Metric { name: "TLS handshakes", unit: Unit::Count("handshakes"), of: |of| Some(of.seen.shaken) },
    Metric { name: "connections with a request", unit: Unit::Count("connections"), of: |of| Some(of.seen.used) },
    Metric { name: TO_THE_LAST, unit: Unit::Time, of: |of| Some(of.seconds) },
    Metric { name: "processor time", unit: Unit::Time, of: |of| of.processor },
];

fn claim(row: &mut Row, outcomes: &Outcomes, spoken: Spoken, metric: &Metric) {
    match (metric.unit, spoken) {
        (Unit::Time, Spoken::Http1) if metric.name == TO_THE_LAST => claim_one_handshake_more(row, outcomes),
        (Unit::Time, Spoken::Http2) if metric.name == TO_THE_LAST => claim_times_peers(row),
        (Unit::Time, _) => {}
        (_, Spoken::Http1) => {
            // All need as many as there are requests, but for those whose turn comes when a response is over.
            return outcomes.check(row, metric, &format!("at most {REQUESTS}"), |count| count <= REQUESTS as f64);
        }
        (_, Spoken::Http2) => outcomes.check(row, metric, "1", |count| count == 1.0),
    }
    row.stand_beside_the_best();
}

/// Fails if less than a quarter of the rounds are as claimed.
fn claim_times_peers(row: &mut Row) {
    for peer in [Kind::HyperUtil, Kind::Reqwest] {
        let entry = row.entries.iter().find(|entry| entry.who == peer.name());
        if let Some(Figure { median, low, high, .. }) = entry.and_then(|entry| entry.paired) {
            let (who, at_least) = (peer.name(), TIMES_PEERS);
            let claim = format!("{who} takes {median:.2} times as long ({low:.2} .. {high:.2}), at least {at_least}");
            row.check(high >= TIMES_PEERS, claim);
        }
    }
}

/// Fails if three quarters of the rounds are not as claimed.
fn claim_one_handshake_more(row: &mut Row, outcomes: &Outcomes) {
    let seconds = |kind| outcomes.of(kind).iter().map(|outcome| outcome.seconds);
    let expected = seconds(Kind::OursDirect).zip(seconds(Kind::OursConnect)).map(|(direct, first)| direct + first);
    let ratios = seconds(Kind::Ours).zip(expected).map(|(ours, expected)| ours / expected);
    if let Some(Figure { median, low, high, .. }) = Figure::of(ratios.collect()) {
        let claim = format!(
            "{median:.2} times what one connect and dialling directly take together ({low:.2} .. {high:.2}), at most 1"
        );
        row.check(low <= 1.0, claim);
    }
}

impl Outcomes {
    fn measure(spoken: Spoken, delay: u64, rounds: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut server = runtime.block_on(Server::start(spoken.alpn(), delay));
        let kinds = if spoken == Spoken::Http1 { Kind::HTTP1 } else { Kind::HTTP2 };
        let contestants = kinds.iter().map(|kind| (Contestant::new(*kind, &runtime), Ok(Vec::new())));
        let mut all: Vec<(Contestant, Result<Vec<Outcome>, String>)> = contestants.collect();
        let mut random = Rng::with_seed(0);
        let mut order: Vec<usize> = (0..all.len()).collect();
        // In the first round, each of them meets the machine.
        for round in 0..=rounds {
            random.shuffle(&mut order);
            for &index in &order {
                let (contestant, outcomes) = &mut all[index];
                let Ok(so_far) = outcomes else { continue };
                match runtime.block_on(contestant.run(&mut server, REQUESTS)) {
                    Ok(outcome) if round > 0 => so_far.push(outcome),
                    Ok(_) => {}
                    Err(why) => *outcomes = Err(why),
                }
            }
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
        Self(all)
    }

    /// What it did in each round, or nothing if it could not.
    fn of(&self, kind: Kind) -> &[Outcome] {
        let found = self.0.iter().find(|(contestant, _)| contestant.kind == kind);
        found.and_then(|(_, outcomes)| outcomes.as_deref().ok()).unwrap_or_default()
    }

    /// Adds an entry for each, with what it was beside ours in the same round.
    fn fill(&self, row: &mut Row, metric: &Metric) {
        let Metric { unit, of, .. } = metric;
        let ours = self.of(Kind::Ours);
        for (contestant, outcomes) in &self.0 {
            let kind = contestant.kind;
            // It has no request to count a connection of.
            if kind == Kind::OursConnect && *unit != Unit::Time {
                continue;
            }
            let value = match outcomes {
                Ok(outcomes) => Figure::of(outcomes.iter().filter_map(of).collect()).into(),
                Err(why) => Value::Missing(why.clone()),
            };
            row.add(kind.standing(), kind.name(), value);
            let pairs = self.of(kind).iter().zip(ours).filter_map(|(theirs, ours)| Some(of(theirs)? / of(ours)?));
            if let Some(entry) = row.entries.last_mut() {
                entry.paired = Figure::of(pairs.collect());
            }
        }
        row.peer("curl", Value::Missing("not asked".to_owned()));
    }

    /// Claims a count of ours in every run.
    fn check(&self, row: &mut Row, metric: &Metric, expected: &str, is_expected: fn(f64) -> bool) {
        let ours = self.of(Kind::Ours);
        let as_claimed = ours.iter().filter(|outcome| (metric.of)(outcome).is_some_and(is_expected)).count();
        let claim = format!("{OURS}: {expected} in {as_claimed} of {} runs", ours.len());
        row.check(as_claimed == ours.len() && !ours.is_empty(), claim);
    }
}
