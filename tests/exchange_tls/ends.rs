//! The closing alert tells an end from a cut (RFC 9112 §9.8, RFC 8446 §6.1).

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::Client;
use tokio::sync::Semaphore;

use crate::clients::Origin;
use crate::runs::{empty, full, get, in_time, on_both_runtimes, request, until};
use crate::server::Peer;
use crate::tls::VERSIONS;

#[test]
fn a_body_that_ends_with_the_connection_is_complete_with_a_closing_alert_alone() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (head, body, alert, complete) in [
                ("", "hello", true, true),
                ("", "hello", false, false),
                ("", "", true, true),
                ("", "", false, false),
                // Their ends are known without it.
                ("content-length: 5\r\n", "hello", false, true),
                ("transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", false, true),
                // They are cut, whatever the alert says.
                ("content-length: 6\r\n", "hello", true, false),
                ("content-length: 6\r\n", "hello", false, false),
                ("transfer-encoding: chunked\r\n", "5\r\nhello\r\n", true, false),
            ] {
                let cell = format!("{version:?}, {head:?}, {body:?}, an alert: {alert}");
                let origin = Origin::start_one_for_each(version, move |mut peer| {
                    assert!(peer.request().is_some());
                    peer.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}"));
                    if alert {
                        peer.send_closing_alert();
                    }
                });
                let response = in_time(origin.client().get(origin.uri(""))).await.unwrap();
                let collected = in_time(response.into_body().collect()).await;
                assert_eq!(collected.is_ok(), complete, "{cell}: {collected:?}");
                match collected {
                    Ok(collected) => assert_eq!(collected.to_bytes().is_empty(), body.is_empty(), "{cell}"),
                    Err(error) => assert!(error.is_body(), "{cell}: {error:?}"),
                }
            }
        }
    });
}

/// What a server reads after its last response.
type Ends = Arc<Mutex<Vec<Result<usize, ErrorKind>>>>;

/// Answers each request with `head`, and notes how the connection ends.
fn note_the_end(head: &'static str, ends: &Ends) -> impl Fn(Peer) + Send + Sync + 'static {
    let ends = Arc::clone(ends);
    move |mut peer| {
        while peer.request().is_some() {
            peer.send(head);
        }
        ends.lock().unwrap().push(peer.last_read().map_err(|error| error.kind()));
    }
}

#[test]
fn whatever_closes_a_connection_at_rest_sends_the_closing_alert_first() {
    on_both_runtimes(async || {
        const KEPT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        const CLOSED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        for version in VERSIONS {
            for (what, head) in [
                ("the server says close", CLOSED),
                ("the client is dropped", KEPT),
                ("idle connections are closed", KEPT),
                ("none is kept", KEPT),
                ("it has expired", KEPT),
            ] {
                let ends = Ends::default();
                let origin = Origin::start_one_for_each(version, note_the_end(head, &ends));
                let client = origin.client_with(match what {
                    "none is kept" => Client::builder().max_idle_per_host(0),
                    "it has expired" => Client::builder().idle_timeout(Duration::from_millis(20)),
                    _ => Client::builder(),
                });
                let (status, _) = get(&client, origin.uri("")).await.unwrap();
                assert_eq!(status, StatusCode::OK);
                match what {
                    "the client is dropped" => drop(client),
                    "idle connections are closed" => client.close_idle(),
                    _ => {}
                }
                until(|| !ends.lock().unwrap().is_empty()).await;
                assert_eq!(*ends.lock().unwrap(), [Ok(0)], "{version:?}: {what}");
            }
        }
    });
}

/// A caller that goes away leaves a request without an answer, or a response that is cut off.
#[test]
fn a_request_that_is_given_up_closes_its_connection_with_an_alert() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nnot all of it"] {
                let (ends, asked) = (Ends::default(), Arc::new(Semaphore::new(0)));
                let origin = Origin::start_one_for_each(version, {
                    let (ends, asked) = (Arc::clone(&ends), Arc::clone(&asked));
                    move |mut peer| {
                        assert!(peer.request().is_some() && peer.send(answer));
                        asked.add_permits(1);
                        ends.lock().unwrap().push(peer.last_read().map_err(|error| error.kind()));
                    }
                });
                let client = origin.client();
                let mut request = client.get(origin.uri(""));
                if answer.is_empty() {
                    tokio::select! {
                        answered = &mut request => panic!("{answered:?}"),
                        permit = asked.acquire() => permit.unwrap().forget(),
                    }
                    drop(request);
                } else {
                    drop(in_time(request).await.unwrap());
                }
                until(|| !ends.lock().unwrap().is_empty()).await;
                assert_eq!(*ends.lock().unwrap(), [Ok(0)], "{version:?}: {answer:?}");
            }
        }
    });
}

/// The server's system sends them in one segment.
#[test]
fn a_response_is_returned_though_something_wrong_follows_it_at_once() {
    on_both_runtimes(async || {
        for version in VERSIONS {
            for (what, wrong) in [
                ("no TLS", &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]),
                // An alert without encryption is none.
                ("a fatal alert that nobody can have sent", &[21, 3, 3, 0, 2, 2, 80]),
                (
                    "a record that has been changed",
                    &[
                        23, 3, 3, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                        0, 0, 0, 0, 0, 0,
                    ],
                ),
            ] {
                for (head, complete) in [("content-length: 5\r\n", true), ("", false)] {
                    let origin = Origin::start_one_for_each(version, move |mut peer| {
                        assert!(peer.request().is_some());
                        peer.send_with(format!("HTTP/1.1 200 OK\r\n{head}\r\nhello"), wrong);
                        peer.drain_wire();
                    });
                    let client = origin.client();
                    for body in [empty(), full(vec![0; 1024].into())] {
                        let cell = format!("{version:?}: {what}, {head:?}");
                        let post = request(Method::POST, origin.uri(""), body);
                        let response =
                            in_time(client.request(post)).await.unwrap_or_else(|error| panic!("{cell}: {error:?}"));
                        let body = in_time(response.into_body().collect()).await;
                        assert_eq!(body.is_ok(), complete, "{cell}: {body:?}");
                    }
                    // None of them is used again.
                    assert_eq!(origin.server.accepted(), 2, "{what}");
                }
            }
        }
    });
}
