//! One client in several runtimes: each has its own connections, and closing them or going on with them does not depend on another runtime.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::client::Builder;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{client, exchange, in_time, poll_once, read, request, times, until};
use server::{Peer, Server};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

type Body = Full<Bytes>;
type TestClient = Client<HappyEyeballsConnector>;

/// Answers every request.
fn keep_alive(mut peer: Peer) {
    while peer.request().is_some() {
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    }
}

/// Answers as many requests together as `together` waits for.
fn keep_alive_together(together: usize) -> impl Fn(Peer) + Send + Sync + 'static {
    let barrier = Arc::new(Barrier::new(together));
    move |mut peer| {
        while let Some(head) = peer.request() {
            if head.path() == "together" {
                barrier.wait();
            }
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    }
}

fn build(set: impl FnOnce(Builder) -> Builder) -> TestClient {
    set(TestClient::builder()).build(HappyEyeballsConnector::new()).unwrap()
}

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn send(client: &TestClient, method: Method, server: &Server, path: &str) {
    let body = if method == Method::POST { Body::from("an order") } else { Body::default() };
    let (status, _) = exchange(client, request(method, server.uri(path), body)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
}

/// So many requests at the same time.
async fn send_together(client: &TestClient, server: &Arc<Server>, requests: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..requests {
        let (client, server) = (client.clone(), Arc::clone(server));
        tasks.spawn(async move { send(&client, Method::GET, &server, "together").await });
    }
    tasks.join_all().await;
}

#[test]
fn connections_expire_although_the_runtime_that_came_first_is_not_driven() {
    for second in [current_thread(), multi_thread()] {
        let server = Arc::new(Server::start_one_for_each(keep_alive_together(20)));
        let client = build(|builder| builder.idle_timeout(Duration::from_millis(300)));
        let first = current_thread();
        first.block_on(send(&client, Method::GET, &server, ""));
        second.block_on(async {
            send_together(&client, &server, 20).await;
            assert_eq!(server.accepted(), 21, "no connection of the other runtime is used");
            // That of the first runtime too.
            until(|| server.open() == 0).await;
        });
        drop(first);
    }
}

#[test]
fn a_connection_expires_whose_runtime_is_not_driven_any_more_when_another_one_is() {
    let server = Server::start_one_for_each(keep_alive);
    let client = build(|builder| builder.idle_timeout(Duration::from_millis(50)));
    let (first, second) = (current_thread(), current_thread());
    second.block_on(async {
        send(&client, Method::GET, &server, "").await;
        // From now on the second has nothing to look after.
        until(|| server.open() == 0).await;
    });
    first.block_on(send(&client, Method::GET, &server, ""));
    second.block_on(until(|| server.open() == 0));
}

#[test]
fn what_the_server_closes_is_closed_although_the_runtime_that_came_first_is_not_driven() {
    for second in [current_thread(), multi_thread()] {
        let close = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicUsize::new(0));
        let server = Arc::new(Server::start_one_for_each({
            let (close, seen) = (Arc::clone(&close), Arc::clone(&seen));
            let together = Arc::new(Barrier::new(20));
            move |mut peer| {
                if peer.request().is_some_and(|head| head.path() == "together") {
                    together.wait();
                }
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                while !close.load(SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
                // Until the client has closed as well.
                peer.drain();
                seen.fetch_add(1, SeqCst);
            }
        }));
        let client = client();
        let first = current_thread();
        first.block_on(send(&client, Method::GET, &server, ""));
        second.block_on(async {
            send_together(&client, &server, 20).await;
            close.store(true, SeqCst);
            // That of the first runtime too, which hears of nothing.
            until(|| seen.load(SeqCst) == 21).await;
        });
        drop(first);
    }
}

#[test]
fn the_connections_of_a_runtime_that_is_driven_are_left_alone() {
    let server = Arc::new(Server::start_one_for_each(|mut peer| {
        while let Some(head) = peer.request() {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
            if head.path() == "once" {
                return;
            }
        }
    }));
    let client = client();
    let (first, second) = (multi_thread(), current_thread());
    first.block_on(send(&client, Method::GET, &server, ""));
    for _ in 0..3 {
        second.block_on(async {
            let open = server.open();
            send(&client, Method::GET, &server, "once").await;
            until(|| server.open() == open).await;
            // Longer than a sweeper waits for the other sweepers to run.
            tokio::time::sleep(Duration::from_millis(700)).await;
        });
    }
    let accepted = server.accepted();
    first.block_on(send(&client, Method::GET, &server, ""));
    assert_eq!(server.accepted(), accepted, "the connection of the first runtime lives");
}

#[test]
fn a_request_does_not_get_a_connection_of_a_runtime_that_is_not_driven() {
    for limit in [None, Some(1), Some(2)] {
        for late in [false, true] {
            for method in [Method::GET, Method::POST] {
                let server = Server::start_one_for_each(keep_alive);
                let client = build(|builder| builder.max_connections_per_host(limit).late_binding(late));
                let (first, second) = (current_thread(), current_thread());
                first.block_on(send(&client, Method::GET, &server, ""));
                for number in 2..5 {
                    second.block_on(send(&client, method.clone(), &server, ""));
                    assert_eq!(server.accepted(), 2, "the {number}th request");
                }
                // And back.
                first.block_on(send(&client, method.clone(), &server, ""));
                assert_eq!(server.accepted(), if limit == Some(1) { 3 } else { 2 });
                if let Some(limit) = limit {
                    second.block_on(until(|| server.open() <= limit));
                }
            }
        }
    }
}

#[test]
fn a_request_that_waits_does_not_get_a_connection_of_another_runtime() {
    let (gate, passes) = std::sync::mpsc::channel();
    let passes = Mutex::new(passes);
    let server = Server::start_one_for_each(move |mut peer| {
        while let Some(head) = peer.request() {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel");
            if head.path() == "late" {
                passes.lock().unwrap().recv().unwrap();
            }
            peer.send("lo");
        }
    });
    let client = build(|builder| builder.max_connections_per_host(1));
    let (first, second) = (current_thread(), current_thread());
    for number in 0..times(5) {
        let response = first.block_on(in_time(client.get(server.uri("late")))).unwrap();
        let mut waiting = client.get(server.uri(""));
        assert!(second.block_on(poll_once(&mut waiting)).is_none(), "the first has the only connection");
        gate.send(()).unwrap();
        assert_eq!(first.block_on(read(response)).unwrap().1, "hello");
        let response = second.block_on(in_time(waiting)).unwrap();
        assert_eq!(second.block_on(read(response)).unwrap().1, "hello");
        assert_eq!(server.accepted(), 2 * (number + 1));
    }
}

#[test]
fn at_most_so_many_are_idle_over_all_runtimes() {
    let server = Server::start_one_for_each(keep_alive);
    let client = build(|builder| builder.max_idle_per_host(2));
    let runtimes: Vec<_> = (0..5).map(|_| current_thread()).collect();
    for runtime in &runtimes {
        runtime.block_on(send(&client, Method::GET, &server, ""));
    }
    runtimes[4].block_on(until(|| server.open() == 2));
    // Those that were used last.
    for runtime in &runtimes[3..] {
        runtime.block_on(send(&client, Method::GET, &server, ""));
    }
    assert_eq!(server.accepted(), 5);
}

#[test]
fn the_idle_connections_of_a_runtime_end_with_it() {
    let server = Server::start_one_for_each(keep_alive);
    let client = client();
    let lasting = current_thread();
    lasting.block_on(send(&client, Method::GET, &server, ""));
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(send(&client, Method::GET, &server, ""));
        drop(runtime);
        lasting.block_on(until(|| server.open() == 1));
    }
    lasting.block_on(send(&client, Method::POST, &server, ""));
    assert_eq!(server.accepted(), 3);
}

/// The runtime has ended by the time that the body of its response is read.
#[test]
fn a_connection_that_outlives_its_runtime_is_not_used_again() {
    let server = Server::start_one_for_each(keep_alive);
    let client = client();
    let lasting = current_thread();
    for number in 1..=3 {
        let runtime = current_thread();
        let response = runtime.block_on(in_time(client.get(server.uri("")))).unwrap();
        drop(runtime);
        // All of it has arrived.
        let read = lasting.block_on(read(response));
        assert!(read.is_err() || read.is_ok_and(|(_, body)| body == "hello"));
        lasting.block_on(send(&client, Method::POST, &server, ""));
        assert_eq!(server.accepted(), number + 1, "the lasting runtime has one connection");
        lasting.block_on(until(|| server.open() == 1));
    }
}

#[test]
fn no_post_fails_because_a_connection_died_with_its_runtime() {
    let server = Arc::new(Server::start_one_for_each(keep_alive));
    let client = client();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (client, server) = (client.clone(), Arc::clone(&server));
            std::thread::spawn(move || {
                for _ in 0..times(40) {
                    current_thread().block_on(async {
                        for _ in 0..3 {
                            send(&client, Method::POST, &server, "").await;
                        }
                    });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(server.accepted(), 8 * times(40), "each runtime has one connection");
}
