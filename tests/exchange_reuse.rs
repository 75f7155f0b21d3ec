//! How many connections requests use: one for requests in sequence, one each for requests at the same time, and never more than allowed.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::Duration;

use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::client::Builder;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{client, get, in_time, on_both_runtimes, poll_once, read, say, spin, times, until};
use server::{Peer, Server};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::{ServiceExt, service_fn};

/// What a keep-alive server answers, by path.
fn answer(peer: &mut Peer, path: &str) {
    match path {
        "5" => drop(peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")),
        "100k" => {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            peer.send([b'x'; 100_000]);
        }
        "late" => {
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
            spin(Duration::from_micros(200));
            peer.send("0\r\n\r\n");
        }
        _ => drop(peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")),
    }
}

/// Answers every request.
fn keep_alive(mut peer: Peer) {
    while let Some(head) = peer.request() {
        answer(&mut peer, head.path());
    }
}

fn build(builder: Builder) -> Client<HappyEyeballsConnector> {
    builder.build(HappyEyeballsConnector::new()).unwrap()
}

fn builder() -> Builder {
    Client::builder()
}

async fn get_all(client: &Client<HappyEyeballsConnector>, uri: Uri, length: usize) {
    let (status, body) = get(client, uri).await.unwrap();
    assert_eq!((status, body.len()), (StatusCode::OK, length));
}

/// T52 to T54.
#[test]
fn requests_in_sequence_use_one_connection() {
    on_both_runtimes(async || {
        for (path, length) in [("empty", 0), ("5", 5), ("100k", 100_000), ("late", 5)] {
            let server = Server::start_one_for_each(keep_alive);
            let client = client();
            for _ in 0..times(2_000) {
                get_all(&client, server.uri(path), length).await;
            }
            assert_eq!(server.accepted(), 1, "{path}");
            drop(client);
        }
    });
}

/// T57: the bytes came with the head.
#[test]
fn a_body_that_is_dropped_when_its_bytes_have_arrived_costs_no_connection() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(keep_alive);
        let client = client();
        for _ in 0..times(2_000) {
            drop(in_time(client.get(server.uri("5"))).await.unwrap());
        }
        assert_eq!(server.accepted(), 1);
        drop(client);
    });
}

/// T58: the client does not wait for the rest of a body that is dropped.
#[test]
fn a_body_that_is_dropped_while_the_server_stalls_closes_its_connection() {
    on_both_runtimes(async || {
        let tries = times(20);
        let server = Server::start_one_for_each(|mut peer| {
            while peer.request().is_some() {
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nnot all of it");
            }
        });
        let client = client();
        for number in 1..=tries {
            drop(in_time(client.get(server.uri(""))).await.unwrap());
            assert_eq!(server.accepted(), number);
            until(|| server.open() == 0).await;
        }
        drop(client);
    });
}

/// T59.
#[test]
fn t59_a_hundred_tasks_use_a_hundred_connections_at_most_and_none_in_vain() {
    on_both_runtimes(async || {
        const TASKS: usize = 100;
        let unused = Arc::new(AtomicUsize::new(0));
        let server = Server::start_one_for_each({
            let unused = Arc::clone(&unused);
            move |mut peer| {
                let mut requests = 0;
                while peer.request().is_some() {
                    requests += 1;
                    answer(&mut peer, "5");
                }
                unused.fetch_add(usize::from(requests == 0), SeqCst);
            }
        });
        let client = client();
        for _ in 0..times(1) {
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                let (client, uri) = (client.clone(), server.uri(""));
                tasks.spawn(async move {
                    for _ in 0..100 {
                        get_all(&client, uri.clone(), 5).await;
                    }
                });
            }
            tasks.join_all().await;
        }
        say(format_args!("{} connections for {TASKS} tasks", server.accepted()));
        assert!(server.accepted() <= TASKS, "{}", server.accepted());
        drop((client, server));
        assert_eq!(unused.load(SeqCst), 0);
    });
}

/// T60, and the numbers between none and all.
#[test]
fn no_more_connections_are_kept_than_may_be_idle() {
    on_both_runtimes(async || {
        const REQUESTS: usize = 5;
        for max_idle in [0, 1, 3] {
            for _ in 0..times(5) {
                let together = Arc::new(Barrier::new(REQUESTS));
                let server = Server::start_one_for_each(move |mut peer| {
                    while let Some(head) = peer.request() {
                        if head.path() == "together" {
                            together.wait();
                        }
                        answer(&mut peer, "5");
                    }
                });
                let client = build(builder().max_idle_per_host(max_idle));
                let mut tasks = JoinSet::new();
                for _ in 0..REQUESTS {
                    let (client, uri) = (client.clone(), server.uri("together"));
                    tasks.spawn(async move { get_all(&client, uri, 5).await });
                }
                tasks.join_all().await;
                assert_eq!(server.accepted(), REQUESTS);
                until(|| server.open() == max_idle).await;
                for _ in 0..3 {
                    get_all(&client, server.uri("alone"), 5).await;
                }
                let more = if max_idle == 0 { 3 } else { 0 };
                assert_eq!(server.accepted(), REQUESTS + more, "{max_idle}");
                drop(client);
            }
        }
    });
}

#[test]
fn a_connection_that_may_not_be_idle_is_closed_though_another_request_waits_for_it() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(keep_alive);
        let client = build(builder().max_idle_per_host(0).max_connections_per_host(1));
        for number in 0..times(10) {
            let first = in_time(client.get(server.uri("late"))).await.unwrap();
            let mut second = client.get(server.uri("5"));
            assert!(poll_once(&mut second).await.is_none(), "there is one connection");
            read(first).await.unwrap();
            read(in_time(second).await.unwrap()).await.unwrap();
            assert_eq!(server.accepted(), 2 * (number + 1));
        }
        drop(client);
    });
}

#[test]
fn no_more_connections_are_made_than_there_may_be() {
    on_both_runtimes(async || {
        const MAX: usize = 3;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Server::start_one_for_each({
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            move |mut peer| {
                while peer.request().is_some() {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    now.fetch_sub(1, SeqCst);
                    answer(&mut peer, "5");
                }
            }
        });
        let client = build(builder().max_connections_per_host(MAX));
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let (client, uri) = (client.clone(), server.uri(""));
            tasks.spawn(async move {
                for number in 0..times(50) {
                    if number % 3 == 0 {
                        drop(in_time(client.get(uri.clone())).await.unwrap());
                    } else {
                        get_all(&client, uri.clone(), 5).await;
                    }
                }
            });
        }
        tasks.join_all().await;
        assert!(most.load(SeqCst) <= MAX && server.accepted() <= MAX, "{most:?}, {} in all", server.accepted());
        drop(client);
    });
}

/// The request that has waited longest goes first, however the connection before it ends.
#[test]
fn those_that_wait_for_a_connection_have_it_in_the_order_they_came() {
    on_both_runtimes(async || {
        for closes in [false, true] {
            for _ in 0..times(10) {
                let (gate, seen) = (Arc::new(Gate::default()), Arc::new(Mutex::new(Vec::new())));
                let server = Server::start_one_for_each({
                    let (gate, seen) = (Arc::clone(&gate), Arc::clone(&seen));
                    move |mut peer| {
                        while let Some(head) = peer.request() {
                            gate.wait();
                            seen.lock().unwrap().push(head.path().to_owned());
                            answer(&mut peer, "5");
                            if closes {
                                return;
                            }
                        }
                    }
                });
                let client = build(builder().max_connections_per_host(1));
                let mut requests: Vec<_> = (0..10).map(|number| client.get(server.uri(number))).collect();
                // This puts each into the queue.
                for request in &mut requests {
                    assert!(poll_once(request).await.is_none());
                }
                gate.open();
                // They need somebody to read, each of them: the last is asked first.
                let mut tasks = JoinSet::new();
                for request in requests.into_iter().rev() {
                    tasks.spawn(in_time(async { read(request.await.unwrap()).await.unwrap() }));
                }
                tasks.join_all().await;
                assert_eq!(*seen.lock().unwrap(), (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
                assert_eq!(server.accepted(), if closes { 10 } else { 1 });
                drop(client);
            }
        }
    });
}

#[test]
fn a_connection_that_is_too_old_has_no_other_request() {
    on_both_runtimes(async || {
        const AGE: Duration = Duration::from_millis(50);
        let server = Server::start_one_for_each(keep_alive);
        let client = build(builder().max_age(AGE));
        for number in 1..=times(5) {
            // It was young at the beginning, and old at the end.
            let response = in_time(client.get(server.uri("100k"))).await.unwrap();
            tokio::time::sleep(AGE).await;
            read(response).await.unwrap();
            assert_eq!(server.accepted(), number);
            until(|| server.open() == 0).await;
        }
        drop(client);
    });
}

#[test]
fn a_connection_that_is_idle_for_too_long_is_closed() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(keep_alive);
        let client = build(builder().idle_timeout(Duration::from_millis(20)));
        for number in 1..=times(5) {
            get_all(&client, server.uri("5"), 5).await;
            assert_eq!(server.accepted(), number);
            until(|| server.open() == 0).await;
        }
        drop(client);
    });
}

/// T77.
#[test]
fn idle_connections_are_closed_with_the_last_client_or_when_it_is_told_to() {
    on_both_runtimes(async || {
        for _ in 0..times(20) {
            let server = Server::start_one_for_each(keep_alive);
            let client = client();
            get_all(&client, server.uri("5"), 5).await;
            client.close_idle();
            until(|| server.open() == 0).await;

            let clone = client.clone();
            get_all(&client, server.uri("5"), 5).await;
            drop(client);
            get_all(&clone, server.uri("5"), 5).await;
            assert_eq!(server.accepted(), 2);
            drop(clone);
            until(|| server.open() == 0).await;
        }
    });
}

#[test]
fn a_response_outlives_its_client_and_its_connection_does_not() {
    on_both_runtimes(async || {
        for _ in 0..times(20) {
            let server = Server::start_one_for_each(keep_alive);
            let client = client();
            let response = in_time(client.get(server.uri("100k"))).await.unwrap();
            drop(client);
            assert_eq!(in_time(read(response)).await.unwrap().1.len(), 100_000);
            until(|| server.open() == 0).await;
        }
    });
}

/// A connect that takes longer than a response.
#[test]
fn a_request_that_waits_for_its_connect_takes_a_connection_that_is_free_before() {
    on_both_runtimes(async || {
        for _ in 0..times(20) {
            let server = Server::start_one_for_each(keep_alive);
            let (permits, dials) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
            let slow = service_fn({
                let (permits, dials) = (Arc::clone(&permits), Arc::clone(&dials));
                move |uri: Uri| {
                    let (permits, dials) = (Arc::clone(&permits), Arc::clone(&dials));
                    async move {
                        dials.fetch_add(1, SeqCst);
                        permits.acquire().await.unwrap().forget();
                        HappyEyeballsConnector::new().oneshot(uri).await
                    }
                }
            });
            let client = builder().late_binding(true).build(slow).unwrap();
            // Longer than what comes with the head: it is the end of the body that sets a connection free.
            let uri = server.uri("100k");
            let first = in_time(client.get(uri.clone())).await.unwrap();
            let mut second = client.get(uri.clone());
            assert!(poll_once(&mut second).await.is_none(), "there is no connection");
            assert_eq!(dials.load(SeqCst), 2);
            in_time(read(first)).await.unwrap();
            let second = in_time(second).await.unwrap();
            assert_eq!(server.accepted(), 1);

            // What was dialed is kept: for the third, while the second is being read.
            permits.add_permits(1);
            until(|| server.accepted() == 2).await;
            let third = in_time(client.get(uri.clone())).await.unwrap();
            for response in [second, third] {
                assert_eq!(in_time(read(response)).await.unwrap().1.len(), 100_000);
            }
            assert_eq!((server.accepted(), server.open()), (2, 2));
            drop(client);
            until(|| server.open() == 0).await;
        }
    });
}

/// Connections of one host are no use to another.
#[test]
fn each_host_has_its_own_connection() {
    on_both_runtimes(async || {
        let servers = [(); 3].map(|()| Server::start_one_for_each(keep_alive));
        let client = client();
        for number in 0..times(200) {
            get_all(&client, servers[number % servers.len()].uri("5"), 5).await;
        }
        let accepted: BTreeMap<_, _> = servers.iter().map(|server| (server.address(), server.accepted())).collect();
        assert!(accepted.values().all(|&accepted| accepted == 1), "{accepted:?}");
        drop(client);
    });
}

/// Blocks threads until it is opened.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
    }
}
