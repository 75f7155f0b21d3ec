//! A server that closes idle connections without notice: requests that cannot be sent again are not sent on such connections.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::client::{ClientError, RetryPolicy};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{Random, client, exchange, on_both_runtimes, request, say, spin, times, until};
use server::{Peer, Server};

type Body = Full<Bytes>;
type TestClient = Client<HappyEyeballsConnector>;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn post(client: &TestClient, server: &Server) -> Result<(), ClientError> {
    let post = request(Method::POST, server.uri(""), Body::from("an order"));
    let (status, _) = exchange(client, post).await?;
    assert_eq!(status, StatusCode::OK);
    Ok(())
}

/// Closes after every second answer or so, up to so many microseconds after it.
fn close_at_random(up_to: u64) -> impl Fn(Peer) + Send + Sync + 'static {
    move |mut peer| {
        let mut random = Random(peer.number as u64 + up_to);
        while peer.request().is_some() {
            peer.send(OK);
            if random.below(2) == 0 {
                spin(Duration::from_micros(random.below(up_to)));
                return;
            }
        }
    }
}

#[test]
fn hardly_any_post_fails_that_is_sent_to_a_server_that_closes_at_random_moments() {
    on_both_runtimes(async || {
        for up_to in [1, 60, 150] {
            let requests = times(2_000);
            let server = Server::with_threads(2, close_at_random(up_to));
            let client = client();
            let mut errors = 0;
            for _ in 0..requests {
                if let Err(error) = post(&client, &server).await {
                    assert!(error.is_closed_before_response() && error.was_reused(), "{error:?}");
                    errors += 1;
                }
            }
            say(format_args!("{errors} of {requests} POSTs failed, {} connections", server.accepted()));
            // Each error multiplies the number of POSTs that have fresh connections.
            assert!(errors <= 8, "{errors} of {requests} POSTs failed");
            drop(client);
        }
    });
}

#[test]
fn posts_to_a_server_that_keeps_its_connections_use_one() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(|mut peer| while peer.request().is_some_and(|_| peer.send(OK)) {});
        let client = client();
        for _ in 0..times(2_000) {
            post(&client, &server).await.unwrap();
        }
        assert_eq!(server.accepted(), 1);
        drop(client);
    });
}

#[test]
fn a_restart_of_the_server_costs_a_few_connections() {
    on_both_runtimes(async || {
        let peers = Arc::new(Mutex::new(Vec::new()));
        let server = Server::start_one_for_each({
            let peers = Arc::clone(&peers);
            move |mut peer| {
                peers.lock().unwrap().push(peer.stream.try_clone().unwrap());
                while peer.request().is_some_and(|_| peer.send(OK)) {}
            }
        });
        let client = client();
        post(&client, &server).await.unwrap();
        assert_eq!(server.accepted(), 1);
        for peer in peers.lock().unwrap().drain(..) {
            peer.shutdown(Shutdown::Both).unwrap();
        }
        until(|| server.open() == 0).await;
        for _ in 0..times(500) {
            post(&client, &server).await.unwrap();
        }
        assert!(server.accepted() <= 10, "{} connections", server.accepted());
        drop(client);
    });
}

/// A GET that must not be sent again is lost as often as a POST. A GET that may be sent again is never lost.
#[test]
fn only_what_cannot_be_sent_again_has_fresh_connections() {
    on_both_runtimes(async || {
        for policy in [RetryPolicy::Never, RetryPolicy::Idempotent] {
            let (server, served) = server_that_closes_the_third(Arc::default());
            let client = TestClient::builder().retry_policy(policy).build(HappyEyeballsConnector::new()).unwrap();
            let requests = times(500);
            let mut errors = 0;
            for _ in 0..requests {
                errors += usize::from(
                    exchange(&client, request(Method::GET, server.uri(""), Body::default())).await.is_err(),
                );
            }
            let (accepted, served) = (server.accepted(), served.load(SeqCst));
            if policy == RetryPolicy::Never {
                assert!(
                    errors <= 6 && accepted > served * 3 / 4,
                    "{errors} errors, {accepted} connections for {served}"
                );
            } else {
                assert_eq!(errors, 0);
                assert!(accepted <= served / 2 + 2, "{accepted} connections for {served}");
            }
            drop(client);
        }
    });
}

/// Answers two requests on each connection, reads the third, and closes. Counts the answers.
fn server_that_closes_the_third(served: Arc<AtomicUsize>) -> (Server, Arc<AtomicUsize>) {
    let counted = Arc::clone(&served);
    let server = Server::start_one_for_each(move |mut peer| {
        for _ in 0..2 {
            if peer.request().is_none() {
                return;
            }
            counted.fetch_add(1, SeqCst);
            peer.send(OK);
        }
        peer.request();
    });
    (server, served)
}
