//! Unusual cases of request and response at the same time: an upload that never ends, and an upload that is made of its own response.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::repeat_with;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::client::{ClientError, ResponseBody};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use runs::{AnyBody, client, exchange, in_time, on_both_runtimes, read, request, times, until};
use server::Server;
use tokio::sync::oneshot;
use tower::Layer;

const REFUSED: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large";

/// A body that always has another frame.
fn endless() -> AnyBody {
    let zeros = Bytes::from(vec![0; 64 * 1024]);
    BodyExt::boxed(StreamBody::new(repeat_with(move || Ok(Frame::data(zeros.clone())))))
}

/// Answers once there is a head, and closes, without having read the body.
fn refuse() -> Server {
    Server::with_threads(1, |mut peer| {
        peer.head();
        peer.send(REFUSED);
    })
}

#[test]
fn an_upload_without_an_end_is_refused_like_any_other() {
    on_both_runtimes(async || {
        let server = refuse();
        for _ in 0..times(20) {
            let post = request(Method::POST, server.uri(""), endless());
            let (status, body) = exchange(&client(), post).await.unwrap();
            assert_eq!((status, &*body), (StatusCode::PAYLOAD_TOO_LARGE, &b"too large"[..]));
        }
    });
}

#[test]
fn under_another_client_an_upload_without_an_end_is_refused_like_any_other() {
    on_both_runtimes(async || {
        let server = refuse();
        let connector = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
        let client: legacy::Client<_, AnyBody> = legacy::Client::builder(TokioExecutor::new()).build(connector);
        for _ in 0..times(20) {
            let post = request(Method::POST, server.uri(""), endless());
            let (status, body) = in_time(async { read(client.request(post).await.unwrap()).await }).await.unwrap();
            assert_eq!((status, &*body), (StatusCode::PAYLOAD_TOO_LARGE, &b"too large"[..]));
        }
        // The client lets go of the connections as well.
        until(|| server.open() == 0).await;
    });
}

/// A body that gives a greeting first, and then the frames of the response.
struct Mirror {
    greeting: Option<Bytes>,
    response: Result<ResponseBody, oneshot::Receiver<ResponseBody>>,
}

impl Body for Mirror {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(Ok(Frame::data(greeting))));
        }
        if let Err(receiver) = &mut self.response {
            self.response = Ok(ready!(Pin::new(receiver).poll(cx)).unwrap());
        }
        Pin::new(self.response.as_mut().ok().unwrap()).poll_frame(cx)
    }
}

#[test]
fn a_request_may_be_made_of_its_response() {
    on_both_runtimes(async || {
        for _ in 0..times(20) {
            let (ended, has_ended) = oneshot::channel();
            let ended = Mutex::new(Some(ended));
            let server = Server::with_threads(1, move |mut peer| {
                peer.head();
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
                // The greeting, as a chunk.
                peer.skip("2\r\nhi\r\n".len());
                peer.send("hello");
                let mirrored = peer.skip("5\r\nhello\r\n0\r\n\r\n".len());
                mirrored.unwrap();
                ended.lock().unwrap().take().unwrap().send(()).unwrap();
            });
            let (give, take) = oneshot::channel();
            let mirror = Mirror { greeting: Some(Bytes::from("hi")), response: Err(take) };
            let client = client();
            let response = in_time(client.request(request(Method::POST, server.uri(""), mirror))).await.unwrap();
            give.send(response.into_body()).unwrap();
            in_time(has_ended).await.unwrap();
        }
    });
}

/// A body that takes a lock when it is asked for its second frame.
struct Locking {
    first: Option<Bytes>,
    go: oneshot::Receiver<()>,
    asked: Option<mpsc::Sender<()>>,
    lock: Arc<Mutex<()>>,
}

impl Body for Locking {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.asked.is_some() {
            ready!(Pin::new(&mut self.go).poll(cx)).unwrap();
            self.asked.take().unwrap().send(()).unwrap();
            drop(self.lock.lock().unwrap());
        }
        Poll::Ready(None)
    }
}

#[test]
fn a_response_may_be_dropped_under_a_lock_that_the_request_body_takes() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        for reads in [false, true] {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let server = Server::start_one_for_each(|mut peer| {
                peer.head();
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
                peer.drain();
            });
            let lock = Arc::new(Mutex::new(()));
            let ((go, goes), (asked, is_asked)) = (oneshot::channel(), mpsc::channel());
            let first = Some(Bytes::from("first"));
            let body = Locking { first, go: goes, asked: Some(asked), lock: Arc::clone(&lock) };
            let client = client();
            let post = request(Method::POST, server.uri(""), body);
            let mut response = runtime.block_on(async { in_time(client.request(post)).await.unwrap() });
            let held = lock.lock().unwrap();
            go.send(()).unwrap();
            // From here on the task of the connection waits for the lock, in the middle of a poll.
            is_asked.recv().unwrap();
            if reads {
                let frame = runtime.block_on(async { in_time(response.body_mut().frame()).await.unwrap().unwrap() });
                assert_eq!(frame.into_data().unwrap(), "hello");
            }
            drop(response);
            drop(held);
            // It was not complete.
            runtime.block_on(until(|| server.open() == 0));
        }
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("the reader and the body wait for each other");
}

/// Drops its response when hyper polls it for a frame.
struct Dropping(Option<oneshot::Receiver<ResponseBody>>);

impl Body for Dropping {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        if let Some(response) = &mut self.0 {
            drop(ready!(Pin::new(response).poll(cx)).unwrap());
        }
        Poll::Ready(None)
    }
}

#[test]
fn a_request_body_may_drop_its_response() {
    on_both_runtimes(async || {
        for (length, connections) in [(5, 1), (9, 2)] {
            let server = Server::start_one_for_each(move |mut peer| {
                if peer.number == 0 {
                    peer.head();
                    peer.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello"));
                    if peer.skip("0\r\n\r\n".len()).is_none() {
                        return;
                    }
                }
                while peer.request().is_some() {
                    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            });
            let client = Client::builder().max_connections_per_host(1);
            let client = client.build(HappyEyeballsConnector::new()).unwrap();
            let (give, take) = oneshot::channel();
            let post = request(Method::POST, server.uri(""), Dropping(Some(take)));
            let response = in_time(client.request(post)).await.unwrap();
            give.send(response.into_body()).unwrap();
            // The next one waits for the connection, or for its end. A complete response leaves it usable.
            let (status, _) = exchange(&client, request(Method::POST, server.uri(""), Dropping(None))).await.unwrap();
            assert_eq!((status, server.accepted()), (StatusCode::OK, connections), "{length}");
        }
    });
}
