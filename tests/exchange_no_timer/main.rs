//! No timer is needed to learn that the server has closed the connection, or to decide what that means for the request.
//!
//! The connections are mocks, since a paused clock does not work with a real socket. The clock advances only when nothing else can happen, so a timer
//! that somebody waits for would advance it.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test reads the clock that it has stopped")]

mod fake;

use std::error::Error as StdError;
use std::io;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use fake::client;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::EXPECT;
use hyper::{Method, Request};
use hyper_happy_eyeballs::client::ResponseFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_test::task::spawn;
use tokio_test::{assert_pending, assert_ready};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{self, Layer, SubscriberExt};

type Body = UnsyncBoxBody<Bytes, io::Error>;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CLOSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[test]
fn t10_a_server_that_hangs_up_is_an_error_in_the_very_poll_that_it_causes() {
    without_timers(async {
        let (client, servers) = client(1, |builder| builder);
        let mut request = spawn(client.request(get()));
        assert_pending!(request.poll());
        servers.read_head(0).await;
        assert!(!request.is_woken());
        servers.hang_up(0);
        assert!(request.is_woken());
        let error = assert_ready!(request.poll()).unwrap_err();
        assert!(error.is_closed_before_response(), "{error:?}");
        assert!(error.bytes_written() > 0 && error.bytes_read() == 0);
    });
}

#[test]
fn a_server_that_hangs_up_at_once_is_an_error_in_the_first_poll() {
    without_timers(async {
        let (client, servers) = client(1, |builder| builder);
        servers.hang_up(0);
        let error = assert_ready!(spawn(client.request(get())).poll()).unwrap_err();
        assert!(error.is_closed_before_response(), "{error:?}");
    });
}

/// If the transport is not a socket, it is not known whether its read side will report the error.
#[test]
fn a_write_that_fails_while_the_read_side_stays_silent_is_an_error() {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    for kind in [BrokenPipe, ConnectionReset, ConnectionAborted, NotConnected] {
        for (written, part) in [(0, ""), (10, ""), (1_000, ""), (1_000, "HTTP/1.1 200 OK\r\ncontent-")] {
            without_timers(async {
                let (client, servers) = client(1, |builder| builder);
                servers.fail_silently_after(0, written, kind);
                servers.send(0, part).await;
                let request = get().map(|_| full("hello".repeat(1_000)));
                let error = client.request(request).await.unwrap_err();
                assert!(error.is_closed_before_response(), "{kind:?} {written}: {error:?}");
                assert_eq!(io_error(&error), Some(kind), "{kind:?} {written}: {error:?}");
            });
        }
    }
}

#[test]
fn a_response_that_has_arrived_is_returned_although_a_write_fails_and_the_read_side_stays_silent() {
    without_timers(async {
        for response in [OK, CLOSE] {
            let (client, servers) = client(1, |builder| builder);
            servers.fail_silently_after(0, 1_000, io::ErrorKind::BrokenPipe);
            servers.send(0, response).await;
            let request = get().map(|_| full("hello".repeat(1_000)));
            let body = client.request(request).await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), "ok");
        }
    });
}

#[test]
fn garbage_after_a_write_that_failed_is_an_invalid_response_with_both_causes() {
    for silent in [false, true] {
        without_timers(async {
            let (client, servers) = client(1, |builder| builder);
            servers.send(0, "SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
            if silent {
                servers.fail_silently_after(0, 1_000, io::ErrorKind::ConnectionReset);
            } else {
                servers.fail_after(0, 1_000);
            }
            let request = get().map(|_| full("hello".repeat(1_000)));
            let error = client.request(request).await.unwrap_err();
            assert!(error.is_invalid_response() && !error.is_closed_before_response(), "{error:?}");
            let expected = if silent { io::ErrorKind::ConnectionReset } else { io::ErrorKind::BrokenPipe };
            assert_eq!(io_error(&error), Some(expected), "{error:?}");
            // First what the server said, then why the request was not sent.
            let parse = error.source().unwrap();
            assert!(parse.to_string().contains("invalid HTTP version"), "{error:?}");
            assert!(parse.source().is_some_and(|write| write.is::<io::Error>()), "{error:?}");
        });
    }
}

fn io_error(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let of_cause = || error.source().and_then(io_error);
    error.downcast_ref().map(io::Error::kind).or_else(of_cause)
}

#[test]
fn t09_a_response_that_comes_together_with_the_end_is_the_response() {
    for (response, expected) in [
        (CLOSE, "ok"),
        (OK, "ok"),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
    ] {
        without_timers(async {
            let (client, servers) = client(1, |builder| builder);
            let mut request = spawn(client.request(get().map(|_| full("hello"))));
            assert_pending!(request.poll());
            servers.read_head(0).await;
            servers.send(0, response).await;
            servers.hang_up(0);
            let response = assert_ready!(request.poll()).unwrap();
            // Nor does its body wait for anything.
            let body = assert_ready!(spawn(response.into_body().collect()).poll()).unwrap().to_bytes();
            assert_eq!(body, expected);
        });
    }
}

#[test]
fn t09_the_end_is_seen_together_with_the_response_and_not_instead_of_it() {
    /// Counts how often both were seen in one poll.
    #[derive(Clone, Default)]
    struct Together(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Together {
        fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
            struct Message(bool);

            impl tracing::field::Visit for Message {
                fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                    self.0 |= format!("{value:?}") == "a connection ended in the poll that brought its response";
                }
            }

            let mut message = Message(false);
            event.record(&mut message);
            self.0.fetch_add(usize::from(message.0), Ordering::Relaxed);
        }
    }

    let together = Together::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(together.clone()));
    let close_with_the_response = || {
        without_timers(async {
            let (client, servers) = client(1, |builder| builder);
            let mut request = spawn(client.request(get()));
            assert_pending!(request.poll());
            servers.read_head(0).await;
            servers.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            servers.hang_up(0);
            assert!(assert_ready!(request.poll()).unwrap().status().is_success());
        });
    };
    // The event is registered by the first thread that gets there. If that is another test's, it finds nobody who listens.
    close_with_the_response();
    tracing::callsite::rebuild_interest_cache();
    together.0.store(0, Ordering::Relaxed);
    for _ in 0..1000 {
        close_with_the_response();
    }
    assert_eq!(together.0.load(Ordering::Relaxed), 1000);
}

#[tokio::test(start_paused = true)]
async fn t63_a_thousand_hang_ups_take_no_time() {
    let before = Instant::now();
    for n in 0..1000 {
        let (client, servers) = client(1, |builder| builder);
        let server = async {
            match n % 4 {
                0 => {}
                1 => servers.read_head(0).await,
                2 => {
                    servers.read_head(0).await;
                    servers.send(0, "HTTP/1.1 200 OK\r\n").await;
                }
                _ => {
                    servers.read_head(0).await;
                    servers.read(0, 100).await;
                }
            }
            servers.hang_up(0);
        };
        let request = if n % 4 == 3 { post(full(vec![b'x'; 100_000])) } else { get() };
        both(server, async {
            assert!(client.request(request).await.unwrap_err().is_closed_before_response());
        })
        .await;
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_get_that_meets_a_dead_connection_takes_no_time() {
    let before = Instant::now();
    let (client, servers) = client(100, |builder| builder);
    let server = async {
        // Each connection answers one request, reads a second, and is gone.
        for n in 0..100 {
            servers.read_head(n).await;
            servers.send(n, OK).await;
            if n < 99 {
                servers.read_head(n).await;
                servers.hang_up(n);
            }
        }
    };
    both(server, async {
        for _ in 0..100 {
            exchange(client.request(get())).await;
        }
    })
    .await;
    assert_eq!(servers.connected(), 100);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn t36_a_request_of_which_nothing_was_written_goes_out_again_whatever_it_is() {
    type Make = fn() -> Body;
    let bodies: [(_, Make); 3] = [
        ("empty", || full("")),
        // It ends with its first frame, and so it is kept.
        ("whole", || full("hello")),
        // It waits to be asked for, and so it is untouched by the time that the head cannot be written.
        ("untouched", || StreamBody::new(futures_util::stream::iter([Ok(Frame::data("hello".into()))])).boxed_unsync()),
    ];
    for (name, body) in bodies {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH] {
            let (client, servers) = client(2, |builder| builder);
            let mut request = Request::builder().method(method.clone()).uri(URI).body(body()).unwrap();
            if name == "untouched" {
                request.headers_mut().insert(EXPECT, "100-continue".parse().unwrap());
            }
            let server = async {
                servers.read_head(0).await;
                servers.send(0, OK).await;
                servers.read_head(1).await;
                servers.send(1, OK).await;
            };
            both(server, async {
                exchange(client.request(get())).await;
                servers.fail_after(0, 0);
                exchange(client.request(request)).await;
            })
            .await;
            assert_eq!(servers.connected(), 2, "{method} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn t37_a_request_of_which_something_was_written_goes_out_again_only_if_that_does_no_harm() {
    for (method, key, expected) in [
        (Method::GET, false, true),
        (Method::PUT, false, true),
        (Method::DELETE, false, true),
        (Method::POST, false, false),
        (Method::PATCH, false, false),
        (Method::POST, true, true),
    ] {
        let (client, servers) = client(2, |builder| builder);
        let mut request = Request::builder().method(method.clone()).uri(URI).body(full("hello")).unwrap();
        if key {
            request.headers_mut().insert("idempotency-key", "1".parse().unwrap());
        }
        let server = async {
            servers.read_head(0).await;
            servers.send(0, OK).await;
            if expected {
                servers.read_head(1).await;
                servers.send(1, OK).await;
            }
        };
        both(server, async {
            exchange(client.request(get())).await;
            servers.fail_after(0, 1);
            if expected {
                exchange(client.request(request)).await;
                return;
            }
            let error = client.request(request).await.unwrap_err();
            assert!(error.is_closed_before_response(), "{method}: {error:?}");
            assert_eq!((error.bytes_written(), error.bytes_read(), error.retries()), (1, 0, 0), "{method}");
            assert!(error.was_reused());
        })
        .await;
        assert_eq!(servers.connected(), if expected { 2 } else { 1 }, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_that_takes_nothing_is_an_error_whose_cause_is_the_write() {
    for written in [0, 1] {
        let before = Instant::now();
        let (client, servers) = client(2, |builder| builder);
        servers.fail_after(0, written);
        let result = tokio::time::timeout(A_LONG_TIME, client.request(get())).await.expect("waited in vain");
        let error = result.unwrap_err();
        assert!(error.is_closed_before_response() && !error.was_reused(), "{error:?}");
        assert_eq!((error.bytes_written(), error.retries(), servers.connected()), (written as u64, 0, 1));
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        let found = causes.find_map(|cause| cause.downcast_ref::<io::Error>()).expect("the error of the write");
        assert_eq!(found.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_came_before_a_write_failed_is_the_response() {
    for reused in [false, true] {
        let before = Instant::now();
        let (client, servers) = client(1, |builder| builder);
        let server = async {
            if reused {
                servers.read_head(0).await;
                servers.send(0, OK).await;
            }
            servers.read_head(0).await;
            servers.fail_after(0, 0);
            servers.send(0, "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig").await;
        };
        both(server, async {
            if reused {
                exchange(client.request(get())).await;
            }
            let response = client.request(post(full(vec![b'x'; 1_000_000]))).await.unwrap();
            assert_eq!(response.status().as_u16(), 413);
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "big");
        })
        .await;
        assert_eq!((servers.connected(), before.elapsed()), (1, Duration::ZERO));
    }
}

#[test]
fn t11_a_runtime_that_ends_leaves_no_reader_waiting() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (client, servers) = client(1, |builder| builder);
    // Request and response go on at the same time: a task of the first runtime drives the connection.
    let mut body = first.block_on(async {
        let server = async {
            servers.read_head(0).await;
            servers.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
        };
        let mut body = None;
        both(server, async { body = Some(client.request(post(pending())).await.unwrap().into_body()) }).await;
        body.unwrap()
    });
    drop(first);
    runtime().block_on(async {
        let end = async {
            loop {
                match body.frame().await {
                    Some(Ok(frame)) => assert_eq!(frame.into_data().unwrap(), "hello"),
                    end => break end,
                }
            }
        };
        let end = tokio::time::timeout(A_LONG_TIME, end).await.expect("a reader that nobody wakes");
        assert!(end.expect("incomplete").unwrap_err().is_body());
    });
}

/// A body that is dropped brings its connection home, for which the pool wants a task, which that runtime no longer takes.
#[test]
fn a_runtime_ends_although_its_tasks_hold_responses() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, servers) = client(1, |builder| builder);
    runtime.block_on(async {
        let server = async {
            servers.read_head(0).await;
            servers.send(0, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
        };
        let mut response = None;
        both(server, async { response = Some(client.request(get()).await.unwrap()) }).await;
        tokio::spawn(async move {
            let _held = response;
            std::future::pending::<()>().await;
        });
        // The rest comes when nobody reads.
        servers.send(0, "hello").await;
    });
    let (ended, wait) = mpsc::channel();
    thread::spawn(move || {
        drop(runtime);
        ended.send(()).unwrap();
    });
    let ended = wait.recv_timeout(A_LONG_TIME);
    // If it has not, to drop the client would take as long.
    std::mem::forget(client);
    ended.expect("the runtime waits for itself");
}

const URI: &str = "http://origin.example/";

fn get() -> Request<Body> {
    Request::get(URI).body(full("")).unwrap()
}

fn post(body: Body) -> Request<Body> {
    Request::post(URI).body(body).unwrap()
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that never gives anything.
fn pending() -> Body {
    StreamBody::new(futures_util::stream::pending::<io::Result<Frame<Bytes>>>()).boxed_unsync()
}

/// A request to its end.
async fn exchange(response: ResponseFuture) {
    let response = response.await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
}

/// Runs `test` in a runtime in which making a timer panics.
#[track_caller]
fn without_timers(test: impl Future<Output = ()>) {
    let (finished, is_finished) = mpsc::channel::<()>();
    let (give_up, too_late) = oneshot::channel();
    // Only another thread can tell the time.
    thread::spawn(move || match is_finished.recv_timeout(A_LONG_TIME) {
        Err(mpsc::RecvTimeoutError::Timeout) => drop(give_up.send(())),
        Err(mpsc::RecvTimeoutError::Disconnected) | Ok(()) => {}
    });
    let in_time = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        tokio::select! {
            biased;
            () = test => true,
            Ok(()) = too_late => false,
        }
    });
    drop(finished);
    assert!(in_time, "waited in vain");
}

/// Runs both sides at the same time. If both wait for each other there is nothing left but the timer, and it goes off at once.
#[track_caller]
fn both(server: impl Future<Output = ()>, client: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let sides = Box::pin(async { tokio::join!(server, client) });
        let Ok(((), ())) = tokio::time::timeout(A_LONG_TIME, sides).await else {
            panic!("waited in vain at {caller}");
        };
    }
}

const A_LONG_TIME: Duration = Duration::from_secs(60);
