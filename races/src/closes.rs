//! Runs the cases: as many requests as there are to be, against one server and client after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::{ClientError, Connector};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::cases::{Case, body_of};
use crate::figures::Figures;
use crate::ledger::{Claims, Ledger, Outcome, judge};
use crate::leftovers::Census;
use crate::runs::{Random, client, now, read, say};
use crate::server::Server;
use crate::tls::{Tls, VERSIONS, https};

/// Requests at a time.
const CALLERS: usize = 16;

/// More than the client has connections, so that none waits to be accepted.
const SERVER_THREADS: usize = 48;

/// Requests to one server. A new server has a new port: a port with more connections than this in a minute would run out of ports to
/// connect from.
const PORTFUL: usize = 10_000;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so many requests without an end the case is over.
const MOST_PENDING: usize = 4;

/// Violations that are described, of each case.
const MOST_DESCRIBED: usize = 5;

/// Runs a case, in clear text or over TLS, whose versions take turns.
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

/// `false` if it is no use to go on.
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
    // All connections of the client are closed by now, so that the server comes to its end.
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

/// Sends the requests, and says what became of each. Drops the client.
async fn ask<C: Connector>(
    case: Case,
    client: Client<C>,
    base: &Uri,
    requests: usize,
    seed: u64,
) -> Vec<(usize, Outcome)> {
    let (client, next, pending) = (Arc::new(client), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, next, pending) = (Arc::clone(&client), Arc::clone(&next), Arc::clone(&pending));
        let base = base.clone();
        let mut random = Random(seed ^ caller as u64);
        callers.spawn(async move {
            let mut outcomes = Vec::new();
            while pending.load(SeqCst) < MOST_PENDING {
                let number = next.fetch_add(1, SeqCst);
                if number >= requests {
                    break;
                }
                let uri = format!("{base}{number}").parse().expect("it is the URI of the server and a number");
                let outcome = ask_one(case, &client, number, uri).await;
                pending.fetch_add(usize::from(matches!(outcome, Outcome::Pending)), SeqCst);
                outcomes.push((number, outcome));
                // The others have their turns, so that a connection is idle for a while.
                for _ in 0..random.below(8) {
                    tokio::task::yield_now().await;
                }
            }
            outcomes
        });
    }
    drop(client);
    callers.join_all().await.into_iter().flatten().collect()
}

async fn ask_one<C: Connector>(case: Case, client: &Client<C>, number: usize, uri: Uri) -> Outcome {
    let response = client.request(case.request(number, uri));
    let answered = tokio::time::timeout(PATIENCE, async { read(response.await?).await }).await;
    match answered {
        Err(_) => Outcome::Pending,
        Ok(Ok((status, body))) if status == case.status() && *body == *body_of(number).as_bytes() => Outcome::Delivered,
        Ok(Ok((status, body))) => Outcome::Wrong(describe(status, &body)),
        Ok(Err(error)) => Outcome::Failed(claims(&error), format!("{error:?}")),
    }
}

fn describe(status: StatusCode, body: &[u8]) -> String {
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
