//! A server that sends before it has the request: its bytes are the response to the request, or they are not HTTP.
#![cfg(all(feature = "client", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_busy.rs"]
mod busy;
#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use busy::{BUSY, ENDS, assert_busy};
use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::Client;
use hyper_util::rt::TokioIo;
use runs::{client, empty, exchange, full, on_both_runtimes, poll_once, request, times, until};
use server::Server;
use tokio::sync::Notify;

#[test]
fn an_answer_that_comes_before_the_request_is_its_answer() {
    on_both_runtimes(async || {
        for end in ENDS {
            let server = Server::with_threads(1, move |mut peer| {
                peer.send(BUSY);
                end.end(peer);
            });
            assert_busy(&client(), &server.uri(""), end, 150).await;
        }
    });
}

/// It has been read before the request was written, and not by hyper.
#[test]
fn a_banner_is_an_invalid_response() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(|mut peer| {
            peer.send("SSH-2.0-OpenSSH_9.9\r\n\r\n");
            peer.drain();
        });
        let client = client();
        for _ in 0..times(50) {
            for body in [empty(), full("hello".into())] {
                let error = exchange(&client, request(Method::POST, server.uri(""), body)).await.unwrap_err();
                assert!(error.is_invalid_response() && error.bytes_written() > 0, "{error:?}");
            }
        }
    });
}

/// A connection that was made before there is a request for it waits in the pool like any other: bytes from the server end it.
#[test]
fn what_is_said_on_a_connection_that_waits_for_its_first_request_is_nobodys_answer() {
    const GOOD_BYE: &str = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    on_both_runtimes(async || {
        for _ in 0..times(20) {
            let (answer, spoken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let server = Server::start_one_for_each({
                let (answer, spoken) = (Arc::clone(&answer), Arc::clone(&spoken));
                move |mut peer| {
                    if peer.number == 1 {
                        peer.send(GOOD_BYE);
                        // The client may have gone already.
                        peer.stream.shutdown(Shutdown::Write).ok();
                        spoken.store(true, SeqCst);
                        peer.drain();
                        return;
                    }
                    while peer.head().is_some() {
                        while !answer.load(SeqCst) {
                            std::thread::yield_now();
                        }
                        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                    }
                }
            });
            // The second connect takes until the second request has the first connection.
            let (connects, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
            let address = server.address();
            let connector = tower::service_fn({
                let gate = Arc::clone(&gate);
                move |_: Uri| {
                    let (number, gate) = (connects.fetch_add(1, SeqCst), Arc::clone(&gate));
                    async move {
                        if number == 1 {
                            gate.notified().await;
                        }
                        tokio::net::TcpStream::connect(address).await.map(TokioIo::new)
                    }
                }
            });
            let builder = Client::builder().late_binding(true);
            let client = builder.build(connector).unwrap();
            let get = || exchange(&client, request(Method::GET, server.uri(""), empty()));
            let (first, second) = tokio::join!(get(), async {
                let second = pin!(get());
                let mut second = second;
                assert!(poll_once(&mut second).await.is_none());
                answer.store(true, SeqCst);
                second.await
            });
            assert_eq!((first.unwrap().0, second.unwrap().0), (StatusCode::OK, StatusCode::OK));
            gate.notify_one();
            until(|| spoken.load(SeqCst)).await;
            for _ in 0..3 {
                assert_eq!(get().await.unwrap().0, StatusCode::OK);
            }
            drop(client);
            // A task may still have the second connection.
            until(|| server.open() == 0).await;
        }
    });
}
