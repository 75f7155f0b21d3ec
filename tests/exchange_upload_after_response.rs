//! A response with a status below 300 that is complete before its request: the caller gets it at once, and the rest of the request is sent if the
//! server reads on.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::client::Builder;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use runs::{AnyBody, empty, exchange, full, in_time, on_both_runtimes, request, streamed, until};
use server::Server;
use tokio::sync::mpsc;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const LARGE: usize = 32 * 1024 * 1024;

fn client(set: impl FnOnce(Builder) -> Builder) -> Client<HappyEyeballsConnector> {
    set(Client::builder()).build(HappyEyeballsConnector::new()).unwrap()
}

/// A body that is fed while it is sent.
fn fed() -> (mpsc::UnboundedSender<&'static str>, AnyBody) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece: &str = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from(piece))), receiver))
    });
    (sender, BodyExt::boxed(StreamBody::new(pieces)))
}

/// Answers `head` with `response`, and says how many requests it has read to their end.
fn answer_at_the_head(response: &'static str) -> (Server, Arc<AtomicUsize>) {
    let whole = Arc::new(AtomicUsize::new(0));
    let server = Server::start_one_for_each({
        let whole = Arc::clone(&whole);
        move |mut peer| {
            while peer.head().is_some() {
                peer.send(response);
                if peer.skip("5\r\nfirst\r\n6\r\nsecond\r\n5\r\nthird\r\n0\r\n\r\n".len()).is_some() {
                    whole.fetch_add(1, SeqCst);
                }
            }
        }
    });
    (server, whole)
}

#[test]
fn the_server_gets_the_whole_body_after_its_response() {
    on_both_runtimes(async || {
        for response in [
            OK,
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            // It may read on before it closes.
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        ] {
            for reads in [true, false] {
                let (server, whole) = answer_at_the_head(response);
                let client = client(|builder| builder.max_connections_per_host(1));
                let closes = response.contains("close");
                for number in 1..=3 {
                    let (feed, body) = fed();
                    feed.send("first").unwrap();
                    let response = in_time(client.request(request(Method::POST, server.uri(""), body))).await.unwrap();
                    assert!(response.status().is_success());
                    if reads {
                        in_time(response.into_body().collect()).await.unwrap();
                    } else if response.headers().contains_key("transfer-encoding") {
                        // The end of chunks has not been seen, and this is a response that nobody wants.
                        break;
                    } else {
                        drop(response);
                    }
                    // It is here already, while there is more of the request to come.
                    assert_eq!(whole.load(SeqCst), number - 1);
                    feed.send("second").unwrap();
                    feed.send("third").unwrap();
                    drop(feed);
                    until(|| whole.load(SeqCst) == number).await;
                    // The next request in the queue for the only connection that is allowed.
                    let connections = if closes { number } else { 1 };
                    assert_eq!(server.accepted(), connections);
                }
            }
        }
    });
}

/// How much of a body came after a response, to a server that reads on.
async fn sent_after_response(client: &Client<HappyEyeballsConnector>, body: AnyBody) -> usize {
    let sent = Arc::new(AtomicUsize::new(usize::MAX));
    let server = Server::with_threads(1, {
        let sent = Arc::clone(&sent);
        move |mut peer| {
            peer.head();
            peer.send(OK);
            sent.store(peer.drain(), SeqCst);
        }
    });
    let (status, text) = exchange(client, request(Method::POST, server.uri(""), body)).await.unwrap();
    assert_eq!((status, &*text), (StatusCode::OK, &b"ok"[..]));
    until(|| {
        // Where all of it was sent.
        client.close_idle();
        sent.load(SeqCst) != usize::MAX
    })
    .await;
    sent.load(SeqCst)
}

#[test]
fn so_many_bytes_are_sent_after_the_response_and_no_more() {
    on_both_runtimes(async || {
        for upload in [full, streamed] {
            let large = || upload(vec![0; LARGE].into());
            // What the systems hold, and what was sent before the response was seen, comes on top.
            let held = 16 * 1024 * 1024;
            let sent = sent_after_response(&client(|builder| builder), large()).await;
            assert!(sent < held + 1024 * 1024, "{sent}");
            let sent = sent_after_response(&client(|builder| builder.upload_after_response(0, TIME)), large()).await;
            assert!(sent < held, "{sent}");
            let sent =
                sent_after_response(&client(|builder| builder.upload_after_response(u64::MAX, TIME)), large()).await;
            assert!(sent >= LARGE, "{sent}");
        }
    });
}

const TIME: Duration = Duration::from_secs(60);

#[test]
fn an_upload_that_does_not_end_is_reset_when_its_time_is_over() {
    on_both_runtimes(async || {
        for time in [Duration::ZERO, Duration::from_millis(200)] {
            let (server, whole) = answer_at_the_head(OK);
            let client = client(|builder| builder.upload_after_response(1024, time).max_connections_per_host(1));
            let (feed, body) = fed();
            feed.send("first").unwrap();
            let (status, _) = exchange(&client, request(Method::POST, server.uri(""), body)).await.unwrap();
            assert_eq!(status, StatusCode::OK);
            // It has the only connection that there may be, until it is over.
            let next = exchange(&client, request(Method::GET, server.uri(""), empty())).await;
            assert_eq!((next.unwrap().0, server.accepted()), (StatusCode::OK, 2), "{time:?}");
            assert_eq!(whole.load(SeqCst), 0);
            drop(feed);
        }
    });
}

#[test]
fn a_refusal_stops_an_upload_however_complete_the_refusal_is() {
    on_both_runtimes(async || {
        let (server, whole) = answer_at_the_head("HTTP/1.1 303 See Other\r\ncontent-length: 0\r\n\r\n");
        let client = client(|builder| builder);
        let (feed, body) = fed();
        feed.send("first").unwrap();
        let (status, _) = exchange(&client, request(Method::POST, server.uri(""), body)).await.unwrap();
        assert_eq!(status, StatusCode::SEE_OTHER);
        until(|| server.open() == 0).await;
        assert_eq!(whole.load(SeqCst), 0);
        drop(feed);
    });
}

/// The task that finishes the upload ends with its runtime, and the connection ends with the task.
#[test]
fn an_upload_whose_runtime_ends_is_closed() {
    let (server, whole) = answer_at_the_head(OK);
    let client = client(|builder| builder);
    let (feed, body) = fed();
    feed.send("first").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answered = runtime.block_on(exchange_of(&client, &server, body));
    assert_eq!(answered, StatusCode::OK);
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(until(|| server.open() == 0));
    assert_eq!(whole.load(SeqCst), 0);
    drop(feed);
}

async fn exchange_of(client: &Client<HappyEyeballsConnector>, server: &Server, body: AnyBody) -> StatusCode {
    exchange(client, request(Method::POST, server.uri(""), body)).await.unwrap().0
}

#[test]
fn an_upload_ends_in_time_although_its_runtime_is_not_driven() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (server, whole) = answer_at_the_head(OK);
    let other = Server::start_one_for_each(|mut peer| {
        while peer.request().is_some() {
            peer.send(OK);
        }
    });
    let client = client(|builder| builder.upload_after_response(1024 * 1024, Duration::from_millis(200)));
    // The other runtime has connections of its own to look after.
    second.block_on(exchange(&client, request(Method::GET, other.uri(""), empty()))).unwrap();

    let (feed, body) = fed();
    feed.send("first").unwrap();
    let (status, _) = first.block_on(exchange(&client, request(Method::POST, server.uri(""), body))).unwrap();
    assert_eq!((status, server.open()), (StatusCode::OK, 1));

    second.block_on(until(|| server.open() == 0));
    assert_eq!(whole.load(SeqCst), 0);
}
