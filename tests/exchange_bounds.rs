//! A server that never stops sending bytes that belong to no frame keeps neither the thread of a reader nor a time-out waiting.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use http_body::Body;
use http_body_util::BodyExt;
use hyper::Method;
use runs::{AnyBody, client, empty, in_time, now, on_both_runtimes, request, say, streamed, until};
use server::Server;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// What the server sends first, and what it repeats after that.
const BODIES: [(&str, &str); 6] = [
    // The size of a chunk.
    (CHUNKED, "0"),
    (CHUNKED, "5 "),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5", " "),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5", ";a"),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "a: b\r\n"),
    // After so much of a body that the buffer has grown.
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n200000\r\n", "0"),
];

/// Bytes that never become the head of a final response.
const HEADS: [(&str, &str); 3] =
    [("", "HTTP/1.1 103 Early Hints\r\n\r\n"), ("HTTP/1.1 200 OK\r\n", "a: b\r\n"), ("", "\r\n")];

/// Much longer than any test of this file takes, and much shorter than the server goes on.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends `first`, and then `again` at full speed: for half a minute, if the client stays.
fn flood(first: &'static str, again: &'static str) -> (Server, Arc<AtomicBool>) {
    let flooding = Arc::new(AtomicBool::new(false));
    let server = Server::start_one_for_each({
        let flooding = Arc::clone(&flooding);
        move |mut peer| {
            if peer.head().is_none() {
                return;
            }
            peer.send(first);
            let flood = again.repeat(64 * 1024 / again.len());
            let begun = now();
            while begun.elapsed() < LIMIT * 6 && peer.send(&flood) {
                flooding.store(true, SeqCst);
            }
        }
    });
    (server, flooding)
}

/// The body of a request, or none.
fn bodies() -> [fn() -> AnyBody; 2] {
    [empty, || streamed(vec![0; 8 * 1024 * 1024].into())]
}

#[test]
fn dropping_a_body_reads_what_one_read_gives_and_closes() {
    on_both_runtimes(async || {
        for (first, again) in BODIES {
            for body in bodies() {
                let (server, flooding) = flood(first, again);
                let client = client();
                let response = client.request(request(Method::POST, server.uri(""), body()));
                let response = in_time(response).await.unwrap();
                until(|| flooding.load(SeqCst)).await;
                let dropped = now();
                drop(response);
                let took = dropped.elapsed();
                say(format_args!("{again:?}: dropped in {took:?}"));
                assert!(took < LIMIT, "{first:?} {again:?}: {took:?}");
                until(|| server.open() == 0).await;
            }
        }
    });
}

#[test]
fn a_time_out_around_a_body_fires_whatever_the_server_sends() {
    on_both_runtimes(async || {
        for (first, again) in BODIES {
            for body in bodies() {
                let (server, _) = flood(first, again);
                let client = client();
                let response = client.request(request(Method::POST, server.uri(""), body()));
                let response = in_time(response).await.unwrap();
                let begun = now();
                let collected = tokio::time::timeout(Duration::from_millis(200), response.into_body().collect());
                // The body refuses some of these by itself.
                let outcome = match collected.await {
                    Ok(collected) => collected.err().map(|error| error.to_string()),
                    Err(elapsed) => Some(elapsed.to_string()),
                };
                let took = begun.elapsed();
                say(format_args!("{again:?}: {outcome:?} after {took:?}"));
                assert!(took < LIMIT && outcome.is_some(), "{first:?} {again:?}: {took:?}");
                until(|| server.open() == 0).await;
            }
        }
    });
}

/// One read brings thousands of small frames. A task that takes all frames that are ready must still poll its timers.
#[test]
fn a_reader_of_small_frames_without_end_gives_others_their_turn() {
    const FRAMES: usize = 20_000;
    /// tokio gives a task 128 units of work at a time.
    const AT_ONCE: usize = 256;
    on_both_runtimes(async || {
        let (server, _) = flood(CHUNKED, "1\r\nx\r\n");
        let client = client();
        let response = in_time(client.request(request(Method::GET, server.uri(""), empty()))).await.unwrap();
        let mut body = response.into_body();
        let (mut frames, mut most) = (0, 0);
        while frames < FRAMES {
            let mut at_once = 0;
            poll_fn(|cx| {
                while let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(cx) {
                    frame.unwrap().unwrap();
                    at_once += 1;
                }
                Poll::Ready(())
            })
            .await;
            frames += at_once;
            most = most.max(at_once);
            tokio::task::yield_now().await;
        }
        assert!(most <= AT_ONCE, "{most} of {frames}");
    });
}

#[test]
fn a_time_out_around_a_request_fires_whatever_the_server_sends() {
    on_both_runtimes(async || {
        for (first, again) in HEADS {
            for body in bodies() {
                let (server, _) = flood(first, again);
                let client = client();
                let response = client.request(request(Method::POST, server.uri(""), body()));
                let begun = now();
                let outcome = tokio::time::timeout(Duration::from_millis(200), response).await;
                let took = begun.elapsed();
                let what = outcome.as_ref().map(|answered| answered.as_ref().err());
                say(format_args!("{again:?}: {what:?} after {took:?}"));
                assert!(took < LIMIT && !matches!(outcome, Ok(Ok(_))), "{first:?} {again:?}: {took:?}");
                drop(outcome);
                until(|| server.open() == 0).await;
            }
        }
    });
}

/// The connection belongs to the pool by then.
#[test]
fn an_idle_connection_that_is_flooded_is_closed() {
    on_both_runtimes(async || {
        for again in ["HTTP/1.1 408 Request Timeout\r\n\r\n", "\r\n", "0"] {
            let (server, flooding) = flood("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", again);
            let client = client();
            let begun = now();
            drop(in_time(client.request(request(Method::GET, server.uri(""), empty()))).await);
            until(|| flooding.load(SeqCst) && server.open() == 0).await;
            assert!(begun.elapsed() < LIMIT, "{again:?}: {:?}", begun.elapsed());
        }
    });
}

/// The bound is on a poll, and not on a response.
#[test]
fn a_body_that_has_arrived_keeps_its_connection_when_it_is_dropped() {
    on_both_runtimes(async || {
        for length in [5, 4000] {
            let sent = Arc::new(AtomicBool::new(false));
            let server = Server::start_one_for_each({
                let sent = Arc::clone(&sent);
                move |mut peer| {
                    while peer.head().is_some() {
                        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
                        peer.send(vec![b'x'; length]);
                        sent.store(true, SeqCst);
                    }
                }
            });
            let client = client();
            for _ in 0..20 {
                sent.store(false, SeqCst);
                let response = in_time(client.request(request(Method::GET, server.uri(""), empty()))).await.unwrap();
                until(|| sent.load(SeqCst)).await;
                // The system has the body. A runtime looks at its sockets before its timers, so it has heard by then.
                tokio::time::sleep(Duration::from_millis(1)).await;
                drop(response);
            }
            assert_eq!(server.accepted(), 1, "{length}");
        }
    });
}
