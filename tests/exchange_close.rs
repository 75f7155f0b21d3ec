//! The end of a connection against a response, a request and silence: counted over thousands of real connections.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::client::{ClientError, RetryPolicy};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use runs::{client, exchange, full, get, median, now, on_both_runtimes, request, say, spin, streamed, times, until};
use server::{Peer, Server};
use tokio::task::JoinSet;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const OK_AND_CLOSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// T01, T02: the response and the close of the connection arrive together.
#[test]
fn t01_a_response_that_comes_with_the_end_of_its_connection_is_returned() {
    // Set once, and for the threads of the runtimes as well.
    tracing::subscriber::set_global_default(SeenTogether).unwrap();
    on_both_runtimes(async || {
        for (count, status, head) in [
            (2_000, StatusCode::OK, OK_AND_CLOSE),
            (400, StatusCode::NO_CONTENT, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"),
            // Neither a length nor an encoding: the end of the connection is the end of the body.
            (400, StatusCode::OK, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
        ] {
            let server = answer_and_close(1, head);
            let client = client();
            let before = SEEN_TOGETHER.load(SeqCst);
            for _ in 0..times(count) {
                let (answered, body) = get(&client, server.uri("")).await.unwrap();
                assert!(answered == status && body.is_empty());
            }
            assert_eq!(server.accepted(), times(count));
            let together = SEEN_TOGETHER.load(SeqCst) - before;
            say(format_args!("{status}: {together} of {} ends came together with the response", times(count)));
            if count == 2_000 {
                assert!(together > 0, "what this test is for never happened");
            }
        }
    });
}

/// T03, T08.
#[test]
fn t08_a_server_that_closes_unannounced_leaves_no_get_pending() {
    on_both_runtimes(async || {
        let server = answer_and_close(4, OK);
        let sent = Arc::new(client());
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (client, uri) = (Arc::clone(&sent), server.uri(""));
            tasks.spawn(async move {
                for _ in 0..times(500) {
                    let (status, body) = get(&client, uri.clone()).await.unwrap();
                    assert!(status == StatusCode::OK && body.is_empty());
                }
            });
        }
        all(tasks).await;
    });
}

/// The case that T07 and T08 look for: hyper-util's client may leave a request pending that is queued just when the task of its connection ends.
#[test]
#[ignore = "for the record: it takes some hundred thousand requests, and asserts nothing of another client"]
fn a_request_of_the_client_of_hyper_util_may_be_left_pending() {
    on_both_runtimes(async || {
        let servers = [("closes", answer_and_close(4, OK)), ("resets at accept", Server::with_threads(4, Peer::reset))];
        for (what, server) in servers {
            let client: legacy::Client<_, Empty<Bytes>> = legacy::Client::builder(TokioExecutor::new()).build_http();
            let counts = Arc::new([const { AtomicUsize::new(0) }; 3]);
            let mut tasks = JoinSet::new();
            for _ in 0..8 {
                let (client, uri, counts) = (client.clone(), server.uri(""), Arc::clone(&counts));
                tasks.spawn(async move {
                    for _ in 0..times(25_000) {
                        let ended = tokio::time::timeout(Duration::from_secs(5), client.get(uri.clone())).await;
                        let outcome = ended.map_or(2, |result| usize::from(result.is_err()));
                        counts[outcome].fetch_add(1, SeqCst);
                    }
                });
            }
            all(tasks).await;
            let [answered, errors, hung] = [0, 1, 2].map(|outcome: usize| counts[outcome].load(SeqCst));
            say(format_args!("a server that {what}: {answered} answered, {errors} errors, {hung} left pending"));
        }
    });
}

/// T07.
#[test]
fn t07_a_server_that_resets_at_accept_leaves_no_get_pending() {
    on_both_runtimes(async || {
        let server = Server::with_threads(4, Peer::reset);
        let sent = Arc::new(client());
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let (client, uri) = (Arc::clone(&sent), server.uri(""));
            tasks.spawn(async move {
                for _ in 0..times(500) {
                    let error = get(&client, uri.clone()).await.unwrap_err();
                    // The reset may come before the connect is known to have succeeded.
                    assert!(error.is_closed_before_response() || error.is_connect(), "{error:?}");
                    assert_eq!((error.retries(), error.was_reused()), (0, false));
                }
            });
        }
        all(tasks).await;
        assert!(server.accepted() > 0);
    });
}

/// T04: whatever happens to the request, the server never gets it twice.
#[test]
fn a_post_is_sent_once_to_a_server_that_closes_unannounced() {
    on_both_runtimes(async || {
        let tries = times(2_000);
        let seen = Counts::new(tries);
        let server = Server::with_threads(2, {
            let seen = seen.clone();
            move |mut peer| {
                if let Some(head) = peer.request() {
                    seen.count(head.path());
                    peer.send(OK);
                    // While the client makes up its mind.
                    spin(Duration::from_micros((peer.number % 64) as u64));
                }
                // A request that meets the end is read as well.
                peer.stream.shutdown(std::net::Shutdown::Write).ok();
                while let Some(head) = peer.request() {
                    seen.count(head.path());
                }
            }
        });
        let client = client();
        let mut errors = 0;
        for number in 0..tries {
            let post = request(Method::POST, server.uri(number), Full::new(Bytes::from("once")));
            match exchange(&client, post).await {
                Ok((status, _)) => assert_eq!(status, StatusCode::OK),
                Err(error) => {
                    assert!(error.is_closed_before_response() && error.was_reused(), "{error:?}");
                    errors += 1;
                }
            }
        }
        say(format_args!("{errors} of {tries} POSTs met the end of their connection"));
        drop((client, server));
        assert_eq!(seen.most(), 1);
    });
}

/// T43: the next request is sent at about the moment at which its connection ends.
#[test]
fn a_get_that_meets_the_end_of_its_connection_is_answered() {
    on_both_runtimes(async || {
        const GAP: Duration = Duration::from_micros(300);
        let heads = Arc::new(AtomicUsize::new(0));
        let server = Server::with_threads(2, {
            let heads = Arc::clone(&heads);
            move |mut peer| {
                while peer.request().is_some() {
                    heads.fetch_add(1, SeqCst);
                    peer.send(OK);
                    spin(GAP);
                    // What comes now is read, and cannot be answered.
                    peer.stream.shutdown(std::net::Shutdown::Write).ok();
                }
            }
        });
        let client = client();
        let tries = times(2_000);
        for number in 0..tries {
            let (status, _) = get(&client, server.uri("")).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            // From slightly too early to slightly too late.
            spin(GAP * 3 / 4 + GAP * u32::try_from(number % 50).unwrap() / 100);
        }
        let met = heads.load(SeqCst) - tries;
        say(format_args!("{met} of {tries} GETs met the end of their connection"));
    });
}

/// T29: a dead connection is noticed before it is used again.
#[test]
fn not_a_byte_is_sent_on_a_connection_that_the_server_has_closed() {
    on_both_runtimes(async || {
        let (closed, strays) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Server::start_one_for_each({
            let (closed, strays) = (Arc::clone(&closed), Arc::clone(&strays));
            move |mut peer| {
                if peer.request().is_some() {
                    peer.send(OK);
                    peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
                    closed.fetch_add(1, SeqCst);
                    strays.fetch_add(peer.drain(), SeqCst);
                }
            }
        });
        let client = client();
        let tries = times(50);
        for number in 0..tries {
            let method = if number % 2 == 0 { Method::POST } else { Method::GET };
            let (status, _) =
                exchange(&client, request(method, server.uri(""), Full::<Bytes>::default())).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            until(|| closed.load(SeqCst) > number).await;
            // Idle for so long that a look costs nothing.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(server.accepted(), tries);
        drop((client, server));
        assert_eq!(strays.load(SeqCst), 0);
    });
}

/// How a server that has answered one request ends the connection at the next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    Reset,
    /// And the request is not even read, which makes it a reset as well.
    CloseUnread,
}

const ENDS: [End; 3] = [End::Close, End::Reset, End::CloseUnread];

/// Answers the first request of each connection and hangs up at the second; counts how often it sees which path.
fn hang_up_at_the_second(end: End, seen: Counts) -> Server {
    Server::with_threads(1, move |mut peer| {
        let Some(head) = peer.request() else { return };
        seen.count(head.path());
        peer.send(OK);
        if end == End::CloseUnread {
            peer.peek();
        } else if let Some(head) = peer.request() {
            seen.count(head.path());
        }
        if end == End::Reset {
            peer.reset();
        }
    })
}

/// T30, T31, T33, T35, T41: each request of a row costs one repeat.
#[test]
fn what_may_be_repeated_is_repeated_once_when_the_server_reads_it_and_hangs_up() {
    on_both_runtimes(async || {
        for end in ENDS {
            for (method, key) in [(Method::GET, None), (Method::PUT, None), (Method::POST, Some("1"))] {
                let count = times(20);
                let seen = Counts::new(count);
                let server = hang_up_at_the_second(end, seen.clone());
                let client = client();
                for number in 0..count {
                    let body = if method == Method::GET { "" } else { "again and again" };
                    let mut request = request(method.clone(), server.uri(number), Full::<Bytes>::from(body));
                    if let Some(key) = key {
                        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
                    }
                    let (status, _) = exchange(&client, request).await.unwrap();
                    assert_eq!(status, StatusCode::OK, "{method} {end:?}");
                }
                // A connection each, since none of them has two answers.
                assert_eq!(server.accepted(), count, "{method} {end:?}");
                drop((client, server));
                let repeated = if end == End::CloseUnread { 1 } else { 2 };
                assert_eq!(seen.of(0), 1, "{method} {end:?}: on a fresh connection");
                assert!((1..count).all(|number| seen.of(number) == repeated), "{method} {end:?}");
            }
        }
    });
}

/// T32, T34, T42.
#[test]
fn what_must_not_be_repeated_is_an_error_that_says_so() {
    on_both_runtimes(async || {
        for end in ENDS {
            for (method, body, policy) in [
                (Method::POST, "once", RetryPolicy::Idempotent),
                (Method::POST, "", RetryPolicy::Idempotent),
                // A body of several frames is gone when some of it was sent, unless it says how to copy it.
                (Method::PUT, "gone", RetryPolicy::Idempotent),
                (Method::PUT, "", RetryPolicy::Safe),
                (Method::GET, "", RetryPolicy::Never),
            ] {
                for _ in 0..times(10) {
                    let seen = Counts::new(2);
                    let server = hang_up_at_the_second(end, seen.clone());
                    let client = Client::builder().retry_policy(policy);
                    let client = client.build(HappyEyeballsConnector::new()).unwrap();
                    exchange(&client, request(Method::GET, server.uri(0), Full::<Bytes>::default())).await.unwrap();
                    let body = match body {
                        "gone" => streamed(Bytes::from(vec![b'x'; 100_000])),
                        body => full(Bytes::from(body)),
                    };
                    let sent = request(method.clone(), server.uri(1), body);
                    let error = exchange(&client, sent).await.unwrap_err();
                    assert!(error.is_closed_before_response() && error.was_reused(), "{method} {end:?}: {error:?}");
                    assert!(!error.is_canceled() && !error.is_connect() && !error.is_body(), "{error:?}");
                    assert!(error.bytes_written() > 0 && error.bytes_read() == 0, "{method} {end:?}: {error:?}");
                    assert_eq!((error.retries(), server.accepted()), (0, 1), "{method} {end:?}");
                    drop((client, server));
                    assert!(seen.most() <= 1);
                }
            }
        }
    });
}

/// T39, T62.
#[test]
fn t62_a_server_that_hangs_up_without_an_answer_is_an_error_at_once() {
    type HangUp = fn(Peer);
    const BODY: usize = 1024 * 1024;
    fn at_accept(_: Peer) {}
    fn after_the_head(mut peer: Peer) {
        peer.head();
    }
    fn after_the_head_by_reset(mut peer: Peer) {
        peer.head();
        peer.reset();
    }
    fn after_the_body(mut peer: Peer) {
        assert!(peer.request().is_some());
    }
    fn after_the_body_by_reset(mut peer: Peer) {
        assert!(peer.request().is_some());
        peer.reset();
    }
    let cells: [(&str, HangUp, usize); 5] = [
        ("at accept", at_accept, 0),
        ("after the head", after_the_head, 0),
        ("after the head, by a reset", after_the_head_by_reset, 0),
        ("after a body of 1 MiB", after_the_body, BODY),
        ("after a body of 1 MiB, by a reset", after_the_body_by_reset, BODY),
    ];
    on_both_runtimes(move || async move {
        let megabyte = Bytes::from(vec![b'x'; BODY]);
        for (name, hang_up, length) in cells {
            let server = Server::with_threads(1, hang_up);
            let client = client();
            let mut took = Vec::new();
            for _ in 0..times(100) {
                let body = Full::new(megabyte.slice(..length));
                let begin = now();
                let error = exchange(&client, request(Method::PUT, server.uri(""), body)).await.unwrap_err();
                took.push(begin.elapsed());
                assert_is_hang_up(&error, name, length);
            }
            assert_eq!(server.accepted(), times(100), "a fresh connection is never tried again");
            let median = median(took);
            say(format_args!("{name}: error after {median:?} at the median"));
            assert!(median < Duration::from_millis(50), "{name}: {median:?}");
        }
    });
}

fn assert_is_hang_up(error: &ClientError, name: &str, length: usize) {
    assert!(error.is_closed_before_response() && !error.is_timeout(), "{name}: {error:?}");
    assert_eq!((error.retries(), error.was_reused(), error.bytes_read()), (0, false, 0), "{name}: {error:?}");
    if error.is_canceled() {
        // The end was there before the request.
        assert_eq!((name, error.bytes_written()), ("at accept", 0));
    } else if name != "at accept" {
        // The server has read as much.
        assert!(error.bytes_written() > length as u64, "{name}: {error:?}");
    }
    assert!(error.connect_info().is_some(), "{name}: {error:?}");
}

fn answer_and_close(threads: usize, answer: &'static str) -> Server {
    Server::with_threads(threads, move |mut peer| {
        if peer.request().is_some() {
            peer.send(answer);
        }
    })
}

async fn all(mut tasks: JoinSet<()>) {
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// How often the server has seen the request of each number.
#[derive(Clone)]
struct Counts(Arc<Mutex<Vec<usize>>>);

impl Counts {
    fn new(numbers: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![0; numbers])))
    }

    fn count(&self, path: &str) {
        self.0.lock().unwrap()[path.parse::<usize>().unwrap()] += 1;
    }

    fn of(&self, number: usize) -> usize {
        self.0.lock().unwrap()[number]
    }

    fn most(&self) -> usize {
        self.0.lock().unwrap().iter().copied().max().unwrap()
    }
}

static SEEN_TOGETHER: AtomicUsize = AtomicUsize::new(0);

/// Counts how often a connection was over at the very poll that gave the response.
struct SeenTogether;

impl Subscriber for SeenTogether {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "hyper_happy_eyeballs::client::http1::exchange"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Message;

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message"
            && format!("{value:?}") == "a connection ended in the poll that brought its response"
        {
            SEEN_TOGETHER.fetch_add(1, SeqCst);
        }
    }
}
