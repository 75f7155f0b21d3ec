//! The end of a connection against a response, a request and silence.

use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::clients::Origin;
use crate::runs::{exchange, get, on_both_runtimes, request, say, spin, times, until};
use crate::server::Peer;
use crate::tls::VERSIONS;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const OK_AND_CLOSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers one request, and closes, with an alert or without.
fn answer_and_close(head: &'static str, alerts: bool) -> impl Fn(Peer) + Send + Sync + 'static {
    move |mut peer| {
        if peer.request().is_some() {
            peer.send(head);
            if alerts {
                peer.send_closing_alert();
            }
        }
    }
}

/// T01, T02.
#[test]
fn a_response_that_comes_with_the_end_of_its_connection_is_returned() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (count, status, head, alerts) in [
                (200, StatusCode::OK, OK_AND_CLOSE, true),
                (200, StatusCode::OK, OK_AND_CLOSE, false),
                (100, StatusCode::NO_CONTENT, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", false),
                // The end of the connection is the end of the body, if an alert says so.
                (100, StatusCode::OK, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", true),
            ] {
                let origin = Origin::with_threads(2, version, answer_and_close(head, alerts));
                let client = origin.client();
                for _ in 0..times(count) {
                    let (answered, body) = get(&client, origin.uri("")).await.unwrap();
                    assert!(answered == status && body.is_empty());
                }
                assert_eq!(origin.server.accepted(), times(count));
            }
        }
    });
}

/// T03, T08.
#[test]
fn a_server_that_closes_unannounced_leaves_no_get_pending() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for alerts in [true, false] {
                let origin = Arc::new(Origin::with_threads(4, version, answer_and_close(OK, alerts)));
                let client = Arc::new(origin.client());
                let mut tasks = JoinSet::new();
                for _ in 0..8 {
                    let (client, origin) = (Arc::clone(&client), Arc::clone(&origin));
                    tasks.spawn(async move {
                        for _ in 0..times(50) {
                            let (status, body) = get(&client, origin.uri("")).await.unwrap();
                            assert!(status == StatusCode::OK && body.is_empty());
                        }
                    });
                }
                tasks.join_all().await;
            }
        }
    });
}

/// T04: whatever becomes of it, the server never sees it twice.
#[test]
fn a_post_is_sent_once_to_a_server_that_closes_unannounced() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            let tries = times(200);
            let seen: Arc<Vec<_>> = Arc::new((0..tries).map(|_| AtomicUsize::new(0)).collect());
            let origin = Origin::with_threads(4, version, {
                let seen = Arc::clone(&seen);
                let count = move |path: &str| seen[path.parse::<usize>().unwrap()].fetch_add(1, SeqCst);
                move |mut peer| {
                    if let Some(head) = peer.request() {
                        count(head.path());
                        peer.send(OK);
                        // While the client makes up its mind.
                        spin(Duration::from_micros((peer.number % 64) as u64));
                    }
                    // A request that meets the end is read as well.
                    peer.stream.shutdown(Shutdown::Write).ok();
                    while let Some(head) = peer.request() {
                        count(head.path());
                    }
                }
            });
            let (client, mut errors) = (origin.client(), 0);
            for number in 0..tries {
                let post = request(Method::POST, origin.uri(number), Full::new(Bytes::from("once")));
                match exchange(&client, post).await {
                    Ok((status, _)) => assert_eq!(status, StatusCode::OK),
                    Err(error) => {
                        assert!(error.is_closed_before_response() && error.was_reused(), "{error:?}");
                        errors += 1;
                    }
                }
            }
            say(format_args!("{:?}: {errors} of {tries} POSTs met the end of their connection", version.version));
            drop((client, origin));
            assert!(seen.iter().all(|seen| seen.load(SeqCst) <= 1));
        }
    });
}

/// T07, T62: at each moment that a server can choose.
#[test]
fn a_server_that_hangs_up_without_an_answer_is_an_error_at_once() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (name, hang_up) in [
                ("after the handshake", (|_| {}) as fn(Peer)),
                ("after the handshake, by reset", Peer::reset),
                ("after the head", |mut peer| drop(peer.head())),
                ("after the head, by reset", |mut peer| {
                    peer.head();
                    peer.reset();
                }),
                ("after the request, with an alert", |mut peer| {
                    peer.request();
                    peer.end_writing();
                }),
            ] {
                let origin = Origin::with_threads(2, version, hang_up);
                let client = origin.client();
                for number in 0..times(20) {
                    let body = Full::new(Bytes::from(vec![0; number % 2 * 100_000]));
                    let error = exchange(&client, request(Method::POST, origin.uri(""), body)).await.unwrap_err();
                    // In TLS 1.2 the server's word is the last of the handshake: a reset may come before the client has read it.
                    assert!(error.is_closed_before_response() || error.is_connect(), "{version:?}, {name}: {error:?}");
                    assert_eq!((error.retries(), error.was_reused()), (0, false), "{version:?}, {name}: {error:?}");
                }
                until(|| origin.server.open() == 0).await;
            }
        }
    });
}

/// T30 to T32: a server that reads the second request of a connection, and hangs up.
#[test]
fn a_get_that_meets_the_end_of_its_connection_is_retried_and_a_post_is_an_error() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for reset in [false, true] {
                let origin = Origin::with_threads(2, version, move |mut peer| {
                    if peer.request().is_some() && peer.send(OK) && peer.request().is_some() && reset {
                        peer.reset();
                    }
                });
                let (client, count) = (origin.client(), times(10));
                for _ in 0..count {
                    let (status, _) = get(&client, origin.uri("")).await.unwrap();
                    assert_eq!(status, StatusCode::OK);
                }
                // A connection each, since none of them has two answers.
                assert_eq!(origin.server.accepted(), count);
                // A client that knows nothing of such a server.
                let client = origin.client();
                let (status, _) = get(&client, origin.uri("")).await.unwrap();
                assert_eq!(status, StatusCode::OK);
                let post = request(Method::POST, origin.uri(""), Full::new(Bytes::from("once")));
                let error = exchange(&client, post).await.unwrap_err();
                assert!(error.is_closed_before_response() && error.was_reused(), "{error:?}");
                assert!(error.bytes_written() > 0 && !error.may_retry(), "{error:?}");
                assert_eq!((error.retries(), origin.server.accepted()), (0, count + 1), "{error:?}");
            }
        }
    });
}

/// It is too late to send anything then.
#[test]
fn the_end_of_a_runtime_closes_its_idle_connections() {
    for version in VERSIONS {
        let origin = Origin::start_one_for_each(version, |mut peer| while peer.request().is_some() && peer.send(OK) {});
        let client = origin.client();
        for mut runtime in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let runtime = runtime.enable_all().build().unwrap();
            let (status, _) = runtime.block_on(get(&client, origin.uri(""))).unwrap();
            assert_eq!((status, origin.server.open()), (StatusCode::OK, 1));
            drop(runtime);
            while origin.server.open() > 0 {
                std::thread::yield_now();
            }
        }
    }
}
