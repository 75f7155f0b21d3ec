//! A response that arrives while the request is still being sent, with every way in which the server may then end the connection: the response is
//! returned, the rest of the request is not sent, and no connection is left over.
#![cfg(all(feature = "client", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_refused.rs"]
mod refused;
#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::convert::Infallible;
use std::fmt::Debug;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use refused::{LARGEST, MEGABYTE, UPLOADS, assert_refused, exchange_by_hyper_util, refusal, zeros};
use runs::{
    client, descriptors, empty, exchange, full, in_time, median, now, on_both_runtimes, request, say, times, until,
};
use server::{Peer, Server};
use tower::Layer;

const SIZES: [usize; 5] = [1024, 64 * 1024, 256 * 1024, MEGABYTE, LARGEST];

/// What a server does that refuses an upload.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    /// It reads the head, or nothing at all.
    reads_head: bool,
    says_close: bool,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// It closes with unread data, so that a reset follows the response.
    Close,
    /// The same without waiting for the response to be acknowledged.
    Reset,
    /// It goes on reading, as RFC 9112 §9.6 advises.
    HalfCloseAndDrain,
}

impl Refusal {
    fn all() -> impl Iterator<Item = Self> {
        [End::Close, End::Reset, End::HalfCloseAndDrain].into_iter().flat_map(|end| {
            [(false, false), (false, true), (true, false), (true, true)].map(|(reads_head, says_close)| Self {
                reads_head,
                says_close,
                end,
            })
        })
    }

    fn serve(self, mut peer: Peer) {
        let begun = if self.reads_head { peer.head().is_some() } else { peer.peek() };
        assert!(begun && peer.send(refusal(self.says_close)), "the client went without an answer");
        match self.end {
            End::Close => {}
            End::Reset => peer.reset(),
            End::HalfCloseAndDrain => {
                peer.stream.shutdown(Shutdown::Write).ok();
                peer.drain();
            }
        }
    }
}

/// T12 to T15, T27.
#[test]
fn t27_a_refusal_of_an_upload_is_always_returned_and_leaves_no_socket() {
    on_both_runtimes(async || {
        let (before, bytes) = (descriptors(), zeros());
        let (mut sent, mut cells) = (0, 0);
        for refusal in Refusal::all() {
            let server = Server::with_threads(1, move |peer| refusal.serve(peer));
            let client = client();
            for (name, upload) in UPLOADS {
                for size in SIZES {
                    for _ in 0..times(2) {
                        let post = request(Method::POST, server.uri(""), upload(bytes.slice(..size)));
                        assert_refused(exchange(&client, post).await, || format!("{refusal:?}, {name} {size}"));
                        // A connection that was closed without a word is for other tests.
                        client.close_idle();
                        sent += 1;
                    }
                    cells += 1;
                }
            }
            drop((client, server));
        }
        say(format_args!("{sent} uploads in {cells} cells, all of them refused"));
        until(|| descriptors() == before).await;
    });
}

/// T12 to T15 and T27 again, by a client that knows nothing of them.
#[test]
fn a_refusal_is_always_returned_under_the_client_of_hyper_util() {
    on_both_runtimes(async || {
        let (before, bytes) = (descriptors(), zeros());
        let mut sent = 0;
        for refusal in Refusal::all() {
            let server = Server::with_threads(1, move |peer| refusal.serve(peer));
            let connector = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
            let client = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
            for (name, upload) in UPLOADS {
                for size in SIZES {
                    for _ in 0..times(1) {
                        let body = upload(bytes.slice(..size));
                        let answered = exchange_by_hyper_util(&client, Method::POST, server.uri(""), body).await;
                        assert_refused(answered, || format!("{refusal:?}, {name} {size}"));
                        sent += 1;
                    }
                }
            }
            drop(client);
            // A task of that client closes them.
            until(|| server.open() == 0).await;
        }
        say(format_args!("{sent} uploads, all of them refused"));
        until(|| descriptors() == before).await;
    });
}

/// T15.
#[test]
fn most_of_an_upload_is_not_sent_to_a_server_that_refuses_it_and_drains() {
    on_both_runtimes(async || {
        let bytes = zeros();
        for (name, upload) in UPLOADS {
            let drained = Arc::new(AtomicUsize::new(0));
            let server = Server::with_threads(1, {
                let drained = Arc::clone(&drained);
                move |mut peer| {
                    assert!(peer.head().is_some() && peer.send(refusal(true)));
                    peer.stream.shutdown(Shutdown::Write).ok();
                    drained.fetch_add(peer.drain(), SeqCst);
                }
            });
            let client = client();
            for _ in 0..times(20) {
                let post = request(Method::POST, server.uri(""), upload(bytes.clone()));
                assert_refused(exchange(&client, post).await, || name.to_owned());
            }
            drop((client, server));
            let mean = drained.load(SeqCst) / times(20);
            say(format_args!("{name}: {} KiB of {} drained, on average", mean / 1024, LARGEST / 1024));
            assert!(mean < LARGEST / 8 * 7, "{name}: {mean}");
        }
    });
}

/// T16: the client must not wait until the server gives up.
#[test]
fn a_server_that_refuses_and_then_does_nothing_sees_the_client_go() {
    on_both_runtimes(async || {
        let (before, bytes) = (descriptors(), zeros());
        // What the server's system takes, what the client's takes, and what none takes. If the first is refused without a
        // word of closing, the connection may be used again.
        for (says_close, size) in
            [(true, 16 * 1024), (true, MEGABYTE), (true, LARGEST), (false, MEGABYTE), (false, LARGEST)]
        {
            for (name, upload) in UPLOADS {
                let cell = format!("close: {says_close}, {name} {size}");
                let went = Arc::new(Mutex::new(Vec::<Option<Instant>>::new()));
                let server = Server::with_threads(1, {
                    let went = Arc::clone(&went);
                    move |mut peer| {
                        assert!(peer.head().is_some() && peer.send(refusal(says_close)));
                        let saw = peer.sees_the_client_go();
                        went.lock().unwrap().push(saw.then(now));
                    }
                });
                let client = client();
                let mut took = Vec::new();
                for tries in 1..=times(5) {
                    let post = request(Method::POST, server.uri(""), upload(bytes.slice(..size)));
                    assert_refused(exchange(&client, post).await, || cell.clone());
                    let ended = now();
                    until(|| went.lock().unwrap().len() == tries).await;
                    let went = went.lock().unwrap()[tries - 1];
                    took.push(went.unwrap_or_else(|| panic!("{cell}: still there")).saturating_duration_since(ended));
                }
                say(format_args!("{cell}: gone after {:?} at the median", median(took)));
                drop((client, server));
            }
        }
        until(|| descriptors() == before).await;
    });
}

/// T18: the source of the body has nothing more to give, and never ends.
#[test]
fn an_early_response_to_an_upload_that_has_come_to_rest_leaves_the_next_request_alone() {
    on_both_runtimes(async || {
        for status in ["200 OK", "413 Content Too Large"] {
            let before = descriptors();
            let server = Server::start_one_for_each(move |mut peer| {
                while peer.head().is_some() {
                    peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nearly"));
                }
            });
            // The body that never ends is not waited for long.
            let builder = Client::builder();
            let builder = builder.upload_after_response(1024, Duration::from_millis(100));
            let client = builder.build(HappyEyeballsConnector::new()).unwrap();
            for _ in 0..times(20) {
                let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from("some")))]);
                let never = futures_util::StreamExt::chain(first, futures_util::stream::pending());
                let post = request(Method::POST, server.uri(""), StreamBody::new(never).boxed());
                for request in [post, request(Method::GET, server.uri(""), empty())] {
                    let (answered, body) = exchange(&client, request).await.unwrap();
                    assert!(status.starts_with(answered.as_str()) && *body == b"early"[..]);
                }
                client.close_idle();
            }
            assert_eq!(server.accepted(), 2 * times(20), "{status}");
            // A task closes the last of them.
            until(|| server.open() == 0).await;
            drop((client, server));
            until(|| descriptors() == before).await;
        }
    });
}

/// T19: requests in direct sequence do not mix.
#[test]
fn uploads_that_are_answered_early_and_read_late_do_not_mix() {
    on_both_runtimes(async || {
        const SIZE: usize = 64 * 1024;
        let server = Server::start_one_for_each(|mut peer| {
            while let Some(head) = peer.head() {
                let path = head.path().to_owned();
                peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len()));
                if peer.skip(SIZE).is_none() {
                    return;
                }
            }
        });
        let (client, bytes) = (client(), zeros());
        for number in 0..times(200) {
            let post = request(Method::POST, server.uri(number), full(bytes.slice(..SIZE)));
            let (status, body) = exchange(&client, post).await.unwrap();
            assert_eq!((status, &*body), (StatusCode::OK, number.to_string().as_bytes()));
        }
        say(format_args!("{} connections for {} requests", server.accepted(), times(200)));
    });
}

/// T21, T23: what comes after the head is read as well, although the upload was stopped.
#[test]
fn the_whole_of_an_early_response_is_read_however_slowly() {
    on_both_runtimes(async || {
        const PIECES: usize = 25;
        let piece = "p".repeat(4096);
        let server = Server::with_threads(1, {
            let piece = piece.clone();
            move |mut peer| {
                assert!(peer.head().is_some());
                peer.send("HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n");
                for _ in 0..PIECES {
                    peer.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
                }
                peer.send("0\r\nx-end: yes\r\n\r\n");
                assert!(peer.sees_the_client_go());
            }
        });
        let (client, bytes) = (client(), zeros());
        for (_, upload) in UPLOADS {
            for _ in 0..times(2) {
                let post = request(Method::POST, server.uri(""), upload(bytes.clone()));
                let mut body = in_time(client.request(post)).await.unwrap().into_body();
                let (mut length, mut end) = (0, None);
                while let Some(frame) = in_time(body.frame()).await {
                    match frame.unwrap().into_data() {
                        Ok(data) => length += data.len(),
                        Err(frame) => end = frame.into_trailers().ok(),
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!((length, &end.unwrap()["x-end"]), (PIECES * piece.len(), &"yes".parse().unwrap()));
            }
        }
        drop(client);
    });
}

/// T24, T25: without a response, the error is the one that tells the cause.
#[test]
fn an_upload_that_fails_without_a_response_says_why() {
    on_both_runtimes(async || {
        let server = Server::with_threads(1, |mut peer| {
            if let Some(head) = peer.head() {
                match head.path() {
                    "reset" => peer.reset(),
                    _ => assert!(peer.skip(LARGEST).is_none(), "half a body is a whole one"),
                }
            }
        });
        let client = client();
        for _ in 0..times(10) {
            let pieces = [Ok(Frame::data(Bytes::from("half"))), Err(std::io::Error::other("boom"))];
            let boom = StreamBody::new(futures_util::stream::iter(pieces));
            let post = request(Method::POST, server.uri("boom"), boom);
            let error = exchange(&client, post).await.unwrap_err();
            assert!(error.is_request_body() && !error.is_closed_before_response(), "{error:?}");
            assert!(format!("{error:?}").contains("boom"), "{error:?}");

            let pieces = std::iter::repeat_n(Bytes::from(vec![0; 64 * 1024]), 256)
                .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            let large = StreamBody::new(futures_util::stream::iter(pieces));
            let error = exchange(&client, request(Method::POST, server.uri("reset"), large)).await.unwrap_err();
            assert!(error.is_closed_before_response() && !error.is_body(), "{error:?}");
            assert!(error.bytes_written() > 0 && error.bytes_read() == 0, "{error:?}");
            let source = io_error(&error).unwrap_or_else(|| panic!("{error:?}"));
            use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
            assert!(matches!(source, BrokenPipe | ConnectionReset), "{error:?}");
        }
        drop(client);
    });
}

fn io_error(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let of_cause = || error.source().and_then(io_error);
    error.downcast_ref().map(std::io::Error::kind).or_else(of_cause)
}
