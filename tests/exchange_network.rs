//! The effect of `network_changed` on the connections of a client.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::sync::{Arc, Mutex, mpsc};

use hyper::{StatusCode, Uri};
use hyper_happy_eyeballs::connect::ConnectRequest;
use hyper_happy_eyeballs::resolve::Epoch;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{get, in_time, on_both_runtimes, poll_once, read, until};
use server::{Peer, Server};
use tokio::sync::Semaphore;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// Answers every request.
fn keep_alive(mut peer: Peer) {
    while peer.request().is_some() {
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    }
}

#[test]
fn connections_of_the_old_network_are_not_used_again_and_those_of_the_new_one_are() {
    on_both_runtimes(async || {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let server = Server::start_one_for_each(move |mut peer| {
            while let Some(head) = peer.request() {
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe");
                if head.path() == "slow" {
                    released.lock().unwrap().recv().unwrap();
                }
                peer.send("llo");
            }
        });
        let client = Client::new(HappyEyeballsConnector::new());
        let clone = client.clone();
        // One is in use, and one idle.
        let held = in_time(client.get(server.uri("slow"))).await.unwrap();
        get(&client, server.uri("")).await.unwrap();
        assert_eq!(server.accepted(), 2);
        let connections = || client.pool_statistics().total;
        assert_eq!((connections().idle, connections().in_use), (1, 1));
        clone.network_changed();
        assert_eq!((connections().idle, connections().in_use), (0, 1));
        // An exchange that is under way goes on, and its connection is closed afterwards.
        release.send(()).unwrap();
        assert_eq!(read(held).await.unwrap(), (StatusCode::OK, "hello".into()));
        until(|| connections().in_use == 0).await;
        assert_eq!(connections().idle, 0);
        for _ in 0..3 {
            get(&client, server.uri("")).await.unwrap();
        }
        assert_eq!(server.accepted(), 3);
    });
}

#[test]
fn a_connector_hears_of_the_change_through_the_layers_around_it() {
    on_both_runtimes(async || {
        let server = Server::start_one_for_each(keep_alive);
        let heard: Arc<Mutex<Vec<Epoch>>> = Arc::default();
        let log = Arc::clone(&heard);
        let connector = service_fn(move |uri: Uri| {
            log.lock().unwrap().push(ConnectRequest::of(uri.clone()).epoch());
            HappyEyeballsConnector::new().oneshot(uri)
        });
        let client = Client::new(ServiceBuilder::new().boxed_clone().service(connector));
        for changes in [0, 1, 2] {
            (0..changes).for_each(|_| client.network_changed());
            get(&client, server.uri("")).await.unwrap();
            client.close_idle();
        }
        let heard = heard.lock().unwrap().clone();
        assert!(heard.len() == 3 && heard.is_sorted_by(|earlier, later| earlier < later), "{heard:?}");
    });
}

#[test]
fn a_connect_that_is_under_way_at_the_change_serves_its_own_request_alone() {
    on_both_runtimes(async || {
        for late_binding in [false, true] {
            let server = Server::start_one_for_each(keep_alive);
            let gate = Arc::new(Semaphore::new(0));
            let passed = Arc::clone(&gate);
            let connector = service_fn(move |uri: Uri| {
                let passed = Arc::clone(&passed);
                async move {
                    passed.acquire().await.unwrap().forget();
                    HappyEyeballsConnector::new().oneshot(uri).await
                }
            });
            let client = Client::builder().late_binding(late_binding).build(connector).unwrap();
            let mut first = Box::pin(client.get(server.uri("")));
            assert!(poll_once(&mut first).await.is_none());
            until(|| client.pool_statistics().total.dialing == 1).await;
            client.network_changed();
            gate.add_permits(1);
            assert_eq!(read(in_time(first).await.unwrap()).await.unwrap(), (StatusCode::OK, "hello".into()));
            until(|| client.pool_statistics().total.in_use == 0).await;
            gate.add_permits(1);
            for _ in 0..2 {
                get(&client, server.uri("")).await.unwrap();
            }
            assert_eq!(server.accepted(), 2);
        }
    });
}
