//! Requests over HTTP/2 to servers that end streams and connections at random instants.

mod connection;
#[allow(dead_code, reason = "the tests use the rest")]
#[allow(clippy::unwrap_used, reason = "it is for tests, which fail by panicking")]
#[path = "../../../tests/support/http2/frame.rs"]
mod frame;
#[allow(dead_code, reason = "the tests use the rest")]
#[allow(clippy::unwrap_used, reason = "it is for tests, which fail by panicking")]
#[path = "../../../tests/support/http2/heard.rs"]
mod heard;
mod ledger;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::client::{ClientError, Connector, Processing};
use hyper_happy_eyeballs::tls::TlsOptions;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use tokio::runtime::Runtime;

use self::connection::Connection;
use self::ledger::{Claims, Event, Ledger, Outcome, Verdict, judge};
use crate::callers::{self, MOST_PENDING};
use crate::cases::body_of;
use crate::closes::{MOST_DESCRIBED, PORTFUL, SERVER_THREADS, describe};
use crate::figures::seconds;
use crate::leftovers::{Census, Leftovers};
use crate::runs::{Random, now, read, say};
use crate::server::Server;
use crate::tls::{Tls, VERSIONS, https, provider};

/// The results with this many requests at a time.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    callers: usize,
    verdicts: [usize; Verdict::ALL.len()],
    /// Requests that servers read more than once.
    again: usize,
    /// Errors, by their processing.
    errors: [usize; PROCESSING.len()],
    /// Exchanges that the client still had when no request was under way.
    streams: usize,
    left: Leftovers,
    took: Duration,
}

impl Figures {
    pub(crate) fn headings() -> Vec<String> {
        let headings = ["at a time", "requests", "read again"].into_iter();
        let headings = headings.chain(Verdict::ALL.map(Verdict::name)).chain(PROCESSING.map(|(_, name)| name));
        headings.chain(["streams left"]).chain(Leftovers::NAMES).chain(["took"]).map(str::to_owned).collect()
    }

    pub(crate) fn row(&self) -> Vec<String> {
        let counts = [self.callers, self.verdicts.iter().sum(), self.again].into_iter();
        let counts = counts.chain(self.verdicts).chain(self.errors).chain([self.streams]).chain(self.left.counts());
        counts.map(|count| count.to_string()).chain([seconds(self.took)]).collect()
    }

    /// Returns the number of violations.
    pub(crate) fn violations(&self) -> usize {
        let verdicts = Verdict::ALL.into_iter().filter(|verdict| verdict.is_violation());
        let judged = verdicts.map(|verdict| self.verdicts[verdict as usize]).sum::<usize>();
        judged + self.streams + self.left.count()
    }

    fn add(&mut self, verdict: Verdict, outcome: &Outcome) {
        self.verdicts[verdict as usize] += 1;
        if let Outcome::Failed(claims, _) = outcome {
            let at = PROCESSING.iter().position(|(processing, _)| *processing == claims.processing);
            self.errors[at.expect("there are four")] += 1;
        }
    }
}

/// Sends the requests, `callers` at a time, in clear text or over TLS with alternating versions.
pub(crate) fn run(runtime: &Runtime, callers: usize, requests: usize, seed: u64, over_tls: bool) -> Figures {
    let (start, census) = (now(), Census::take(runtime));
    let mut figures = Figures { callers, ..Figures::default() };
    for (portful, begin) in (0..requests).step_by(PORTFUL).enumerate() {
        let seed = seed ^ ((portful as u64) << 32);
        let tls = over_tls.then(|| Tls::with_version(VERSIONS[portful % VERSIONS.len()]).alpn(&["h2"]));
        if !run_portful(runtime, PORTFUL.min(requests - begin), seed, tls.as_ref(), &mut figures) {
            break;
        }
    }
    figures.left = census.compare(runtime);
    figures.took = start.elapsed();
    figures
}

/// Returns `false` if the run is given up.
fn run_portful(runtime: &Runtime, requests: usize, seed: u64, tls: Option<&Tls>, figures: &mut Figures) -> bool {
    let ledger = Arc::new(Ledger::new(requests));
    let server = Server::with_threads(SERVER_THREADS, {
        let (ledger, config) = (Arc::clone(&ledger), tls.map(|tls| Arc::clone(&tls.server)));
        move |peer| {
            let random = Random(seed ^ (peer.number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let peer = match &config {
                Some(config) => peer.over_tls(config),
                None => Some(peer),
            };
            if let Some(peer) = peer {
                Connection::new(peer, &ledger, random).serve();
            }
        }
    });
    let (uri, builder) = (server.uri(""), HappyEyeballsConnector::builder());
    let (outcomes, streams) = match tls {
        None => runtime.block_on(ask(figures.callers, client(HappyEyeballsConnector::new()), &uri, requests, seed)),
        Some(tls) => {
            let options = TlsOptions::new().provider(provider()).root_certificates([tls.trusted.clone()]);
            let connector = builder.tls(options).build().expect("the options do not contradict each other");
            runtime.block_on(ask(figures.callers, client(connector), &https(&uri), requests, seed))
        }
    };
    // All connections of the client are closed by now, so that the server can end.
    drop(server);
    figures.streams += streams;
    let mut pending = 0;
    for (number, outcome) in outcomes {
        let seen = ledger.seen(number);
        let verdict = judge(requests::asked(number), seen, &outcome);
        pending += usize::from(matches!(outcome, Outcome::Pending));
        figures.again += usize::from(seen.times(Event::Read) > 1);
        figures.add(verdict, &outcome);
        if verdict.is_violation() && figures.violations() <= MOST_DESCRIBED {
            let (callers, method) = (figures.callers, requests::method(number));
            say(format_args!("{callers}: {method} {number}, seed {seed}: {}: {seen:?}, {outcome}", verdict.name()));
        }
    }
    pending < MOST_PENDING
}

fn client<C: Connector>(connector: C) -> Client<C> {
    Client::builder().http2_prior_knowledge(true).build(connector).expect("the settings do not contradict each other")
}

/// Sends the requests. Returns the outcome of each, and how many exchanges the client has afterwards. Drops the client.
async fn ask<C: Connector>(
    callers: usize,
    client: Client<C>,
    base: &Uri,
    requests: usize,
    seed: u64,
) -> (Vec<(usize, Outcome)>, usize) {
    let (asking, base) = (client.clone(), base.clone());
    let outcomes = callers::ask_all(callers, requests, seed, move |number| {
        let uri = format!("{base}{number}").parse().expect("it is the URI of the server and a number");
        let response = asking.request(requests::new(number, uri));
        async move { outcome(number, async { read(response.await?).await }.await) }
    });
    let outcomes = outcomes.await.into_iter();
    let outcomes = outcomes.map(|(number, outcome)| (number, outcome.unwrap_or(Outcome::Pending))).collect();
    (outcomes, exchanges_left(&client).await)
}

/// Returns the exchanges, dials and waiting requests of a client without requests. Uploads have ten seconds to end.
async fn exchanges_left<C: Connector>(client: &Client<C>) -> usize {
    let start = now();
    loop {
        let total = client.pool_statistics().total;
        let left = total.streams + total.dialing + total.waiting;
        if left == 0 || start.elapsed() > Duration::from_secs(10) {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn outcome(number: usize, answered: Result<(StatusCode, Bytes), ClientError>) -> Outcome {
    match answered {
        Ok((StatusCode::OK | StatusCode::PAYLOAD_TOO_LARGE, body)) if *body == *body_of(number).as_bytes() => {
            Outcome::Delivered
        }
        Ok((status, body)) => Outcome::Wrong(describe(status, &body)),
        Err(error) => {
            let (processing, may_retry, retries) = (error.processing(), error.may_retry(), error.retries());
            Outcome::Failed(Claims { processing, may_retry, retries }, format!("{error:?}"))
        }
    }
}

/// The word for each processing.
const PROCESSING: [(Processing, &str); 4] = [
    (Processing::Unsent, "unsent"),
    (Processing::Unprocessed, "unprocessed"),
    (Processing::Unknown, "unknown"),
    (Processing::Answered, "answered"),
];
