//! Runs the cases: the requests go to one server and client after the other.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::{ClientError, Connector};
use tokio::runtime::Runtime;

use crate::callers::{self, MOST_PENDING};
use crate::cases::{Case, body_of};
use crate::figures::Figures;
use crate::ledger::{Claims, Ledger, Outcome, judge};
use crate::leftovers::Census;
use crate::runs::{Random, client, now, read, say};
use crate::server::Server;
use crate::tls::{Tls, VERSIONS, https};

/// Requests at a time.
const CALLERS: usize = 16;

/// More than the client has connections, so that none waits for accept.
pub(crate) const SERVER_THREADS: usize = 48;

/// How many requests one server gets. A new server has a new port: with more connections a minute, local ports would run out.
pub(crate) const PORTFUL: usize = 10_000;

/// How many violations of each case are described.
pub(crate) const MOST_DESCRIBED: usize = 5;

/// Runs a case, in clear text or over TLS with alternating versions.
pub(crate) fn run(runtime: &Runtime, case: Case, requests: usize, seed: u64, over_tls: bool) -> Figures {
    let (start, census) = (now(), Census::take(runtime));
    let mut figures = Figures::new(case.name());
    for (portful, begin) in (0..requests).step_by(PORTFUL).enumerate() {
        let seed = seed ^ ((portful as u64) << 32);
        let tls = over_tls.then(|| Tls::with_version(VERSIONS[portful % VERSIONS.len()]));
        let requests = PORTFUL.min(requests - begin);
        if !run_portful(runtime, case, requests, seed, tls.as_ref(), &mut figures) {
            break;
        }
    }
    figures.left = census.compare(runtime);
    figures.took = start.elapsed();
    figures
}

/// Returns `false` if the run is given up.
fn run_portful(
    runtime: &Runtime,
    case: Case,
    requests: usize,
    seed: u64,
    tls: Option<&Tls>,
    figures: &mut Figures,
) -> bool {
    let ledger = Arc::new(Ledger::new(requests));
    let server = Server::with_threads(SERVER_THREADS, {
        let (ledger, config) = (Arc::clone(&ledger), tls.map(|tls| Arc::clone(&tls.server)));
        move |peer| {
            let mut random = Random(seed ^ (peer.number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let peer = match &config {
                Some(config) => peer.over_tls(config),
                None => Some(peer),
            };
            if let Some(peer) = peer {
                case.serve(peer, &ledger, &mut random);
            }
        }
    });
    let uri = server.uri("");
    let outcomes = match tls {
        None => runtime.block_on(ask(case, client(), &uri, requests, seed)),
        Some(tls) => runtime.block_on(ask(case, Client::new(tls.connector()), &https(&uri), requests, seed)),
    };
    // All connections of the client are closed by now, so that the server can end.
    drop(server);
    let mut pending = 0;
    figures.late += ledger.late();
    for (number, outcome) in outcomes {
        let seen = ledger.seen(number);
        let verdict = judge(case.method(number) == Method::GET, seen, &outcome);
        pending += usize::from(matches!(outcome, Outcome::Pending));
        figures.add(verdict);
        if verdict.is_violation() && figures.violations() <= MOST_DESCRIBED {
            let (case, method) = (case.name(), case.method(number));
            say(format_args!("{case}: {method} {number}, seed {seed}: {}: {seen:?}, {outcome}", verdict.name()));
        }
    }
    pending < MOST_PENDING
}

/// Sends the requests, and returns the outcome of each. Drops the client.
async fn ask<C: Connector>(
    case: Case,
    client: Client<C>,
    base: &Uri,
    requests: usize,
    seed: u64,
) -> Vec<(usize, Outcome)> {
    let base = base.clone();
    let outcomes = callers::ask_all(CALLERS, requests, seed, move |number| {
        let uri = format!("{base}{number}").parse().expect("it is the URI of the server and a number");
        let response = client.request(case.request(number, uri));
        async move { outcome(case, number, async { read(response.await?).await }.await) }
    });
    outcomes.await.into_iter().map(|(number, outcome)| (number, outcome.unwrap_or(Outcome::Pending))).collect()
}

fn outcome(case: Case, number: usize, answered: Result<(StatusCode, Bytes), ClientError>) -> Outcome {
    match answered {
        Ok((status, body)) if status == case.status() && *body == *body_of(number).as_bytes() => Outcome::Delivered,
        Ok((status, body)) => Outcome::Wrong(describe(status, &body)),
        Err(error) => Outcome::Failed(claims(&error), format!("{error:?}")),
    }
}

pub(crate) fn describe(status: StatusCode, body: &[u8]) -> String {
    let begin = String::from_utf8_lossy(&body[..body.len().min(20)]);
    format!("{status}, {} bytes, {begin:?}…", body.len())
}

fn claims(error: &ClientError) -> Claims {
    Claims {
        is_closed_before_response: error.is_closed_before_response(),
        was_reused: error.was_reused(),
        is_unsent: error.is_canceled() || (error.bytes_written() == 0 && error.retries() == 0),
        retries: error.retries(),
    }
}
