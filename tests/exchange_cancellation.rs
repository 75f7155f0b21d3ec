//! Requests that are cancelled at any moment, and servers that send bytes that nobody asked for: no connection or task is left over, and no request
//! gets the response to another.
#![cfg(all(feature = "client", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{
    Random, client, descriptors, empty, exchange, full, get, in_time, on_both_runtimes, poll_once, read_frames,
    request, say, streamed, times, until,
};
use server::{Peer, Server};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

type AnyClient = Client<HappyEyeballsConnector>;

/// How long the bodies are that take more than one packet.
const LONG: usize = 300_000;

/// Every response consists of the number of its request, repeated.
fn echo(mut peer: Peer) {
    while let Some(head) = peer.request() {
        let (kind, number) = head.path().split_once('/').unwrap();
        let line = format!("{number}\n");
        let body = line.repeat(if kind == "long" { LONG / line.len() } else { 1 });
        let sent = if number.ends_with('3') {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            peer.send(format!("{head}{:x}\r\n{body}\r\n", body.len())) && peer.send("0\r\n\r\n")
        } else {
            peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())) && peer.send(body)
        };
        if !sent {
            return;
        }
    }
}

/// What became of a request.
#[derive(Default)]
struct Outcomes {
    without_response: usize,
    without_body: usize,
    complete: usize,
}

/// Sends one request, which is cancelled at a random moment or not at all. The part of the response that was read must be its own.
async fn ask(client: AnyClient, server: Arc<Server>, number: usize, seed: u64, bytes: Bytes, outcomes: &mut Outcomes) {
    let mut random = Random(seed);
    let kind = ["short", "long"][usize::from(random.below(2) == 0)];
    let uri = server.uri(format_args!("{kind}/{number}"));
    let request = match random.below(4) {
        0 | 1 => request(Method::GET, uri, empty()),
        2 => request(Method::POST, uri, full(bytes)),
        _ => request(Method::PUT, uri, streamed(bytes)),
    };
    let mut response = client.request(request);
    // After so many polls, or after so much time, or never.
    let response = match random.below(4) {
        0 => {
            for _ in 0..random.below(4) {
                if poll_once(&mut response).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            None
        }
        1 => tokio::time::timeout(Duration::from_millis(random.below(4)), response).await.ok(),
        _ => Some(in_time(response).await),
    };
    let Some(response) = response else {
        outcomes.without_response += 1;
        return;
    };
    let response = response.unwrap_or_else(|error| panic!("{number}: {error:?}"));
    let frames = [0, 1, random.below(10), u64::MAX][usize::try_from(random.below(4)).unwrap()];
    match read_frames(response, number, frames).await {
        true => outcomes.complete += 1,
        false => outcomes.without_body += 1,
    }
}

/// T73, T74.
#[test]
fn what_is_given_up_at_random_moments_leaves_nothing_behind_and_nothing_to_others() {
    on_both_runtimes(async || {
        const TASKS: usize = 8;
        let runtime = Handle::current();
        let (descriptors_before, tasks_before) = (descriptors(), runtime.metrics().num_alive_tasks());
        for max_connections in [Some(3), None] {
            let server = Arc::new(Server::start_one_for_each(echo));
            let builder = AnyClient::builder().max_connections_per_host(max_connections);
            let client: AnyClient = builder.build(HappyEyeballsConnector::new()).unwrap();
            let bytes = Bytes::from(vec![b'x'; 1024 * 1024]);
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let (client, server, bytes) = (client.clone(), Arc::clone(&server), bytes.clone());
                tasks.spawn(async move {
                    let (mut outcomes, mut random) = (Outcomes::default(), Random(task as u64));
                    for number in 0..times(125) {
                        let number = TASKS * number + task;
                        let bytes = bytes.slice(..usize::try_from(random.below(bytes.len() as u64)).unwrap());
                        let seed = random.below(1 << 31);
                        ask(client.clone(), Arc::clone(&server), number, seed, bytes, &mut outcomes).await;
                    }
                    outcomes
                });
            }
            let outcomes = tasks.join_all().await.into_iter().reduce(|one, other| Outcomes {
                without_response: one.without_response + other.without_response,
                without_body: one.without_body + other.without_body,
                complete: one.complete + other.complete,
            });
            let Outcomes { without_response, without_body, complete } = outcomes.unwrap();
            say(format_args!(
                "{without_response} given up before the response, {without_body} before its end, {complete} not; {} connections",
                server.accepted()
            ));
            assert!(without_response > times(100) && without_body > times(100) && complete > times(100));
            assert_eq!(without_response + without_body + complete, times(125) * TASKS);

            // A cancelled request keeps neither a place in the queue nor a connection.
            let mut tasks = JoinSet::new();
            for number in 0..50 {
                let get = request(Method::GET, server.uri(format_args!("short/{number}")), empty());
                let get = exchange(&client, get);
                tasks.spawn(async move { assert_eq!(get.await.unwrap().1, format!("{number}\n")) });
            }
            tasks.join_all().await;
            drop((client, server));
            until(|| descriptors() == descriptors_before).await;
            until(|| runtime.metrics().num_alive_tasks() == tasks_before).await;
        }
    });
}

/// A server that counts the requests that have begun, and how many of their clients it has seen closing after that.
struct Observed {
    server: Server,
    begun: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
}

impl Observed {
    fn start(serve: impl Fn(&mut Peer) -> bool + Send + Sync + 'static) -> Self {
        let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Server::start_one_for_each({
            let (begun, gone) = (Arc::clone(&begun), Arc::clone(&gone));
            move |mut peer| {
                if serve(&mut peer) {
                    begun.fetch_add(1, SeqCst);
                    assert!(peer.sees_the_client_go());
                    gone.fetch_add(1, SeqCst);
                }
            }
        });
        Self { server, begun, gone }
    }

    async fn begins(&self, number: usize) {
        until(|| self.begun.load(SeqCst) == number).await;
    }

    async fn sees_gone(&self, number: usize) {
        until(|| self.gone.load(SeqCst) == number).await;
    }
}

/// T73, T74: the server learns of the close without waiting for the next request.
#[test]
fn giving_up_closes_the_connection_at_once() {
    on_both_runtimes(async || {
        let before = descriptors();
        let bytes = Bytes::from(vec![0; 16 * 1024 * 1024]);
        for (answers, uploads) in [(false, false), (false, true), (true, false), (true, true)] {
            let observed = Observed::start(move |peer| {
                let begun = peer.head().is_some();
                let half = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nnot all of it";
                begun && (!answers || peer.send(half))
            });
            let client = client();
            for number in 1..=times(5) {
                let body = if uploads { full(bytes.clone()) } else { empty() };
                let response = client.request(request(Method::PUT, observed.server.uri(""), body));
                if answers {
                    let response = in_time(response).await.unwrap();
                    observed.begins(number).await;
                    drop(response);
                } else {
                    tokio::select! {
                        _ = response => unreachable!("nobody answers"),
                        () = observed.begins(number) => {}
                    }
                }
                observed.sees_gone(number).await;
            }
            drop((client, observed));
        }
        until(|| descriptors() == before).await;
    });
}

/// T76.
#[test]
fn a_request_that_nobody_waits_for_connects_to_nothing() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(echo);
        let client = client();
        for number in 0..100 {
            drop(client.get(server.uri(format_args!("short/{number}"))));
        }
        get(&client, server.uri("short/1")).await.unwrap();
        assert_eq!(server.accepted(), 1);
        drop(client);
    });
}

/// A body that never ends is dropped with its request.
#[test]
fn the_body_of_a_request_is_dropped_with_it() {
    on_both_runtimes(async || {
        let observed = Observed::start(|peer| peer.head().is_some());
        let client = client();
        for number in 1..=times(20) {
            let alive = Arc::new(());
            let held = Arc::clone(&alive);
            let never = futures_util::stream::poll_fn(move |_| {
                let _held = &held;
                std::task::Poll::<Option<Result<Frame<Bytes>, Infallible>>>::Pending
            });
            let put = request(Method::PUT, observed.server.uri(""), BodyExt::boxed(StreamBody::new(never)));
            let response = client.request(put);
            tokio::select! {
                _ = response => unreachable!("nobody answers"),
                () = observed.begins(number) => {}
            }
            assert_eq!(Arc::strong_count(&alive), 1);
            observed.sees_gone(number).await;
        }
        drop(client);
    });
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const STRAY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray";

/// T44, T45, T48.
#[test]
fn what_a_server_says_on_an_idle_connection_is_nobodys_answer() {
    on_both_runtimes(async || {
        for (name, glued, stray, closes) in [
            ("408 with the response", true, TIMEOUT, false),
            ("408 after it", false, TIMEOUT, false),
            ("408 after it, and the end", false, TIMEOUT, true),
            ("200 after it", false, STRAY, false),
        ] {
            // Each request has a server of its own, so that none uses the connection of another.
            let mut tasks = JoinSet::new();
            for _ in 0..25 {
                tasks.spawn(async move {
                    let spoken = Arc::new(AtomicUsize::new(0));
                    let server = Server::start_one_for_each({
                        let spoken = Arc::clone(&spoken);
                        move |peer| speak_out_of_turn(peer, glued, stray, closes, &spoken)
                    });
                    let client = client();
                    for number in 1..=times(20) {
                        let (status, body) = get(&client, server.uri("")).await.unwrap();
                        assert!(status == StatusCode::OK && body.is_empty(), "{name}: {status}");
                        until(|| spoken.load(SeqCst) == number).await;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    assert_eq!(server.accepted(), times(20), "{name}");
                    drop(client);
                });
            }
            tasks.join_all().await;
        }
    });
}

fn speak_out_of_turn(mut peer: Peer, glued: bool, stray: &str, closes: bool, spoken: &AtomicUsize) {
    if peer.request().is_some() {
        if glued {
            peer.send(format!("{OK}{stray}"));
        } else {
            peer.send(OK);
            peer.send(stray);
        }
        if closes {
            peer.stream.shutdown(std::net::Shutdown::Write).ok();
        }
        spoken.fetch_add(1, SeqCst);
        assert_eq!(peer.drain(), 0, "a request after all");
    }
}
