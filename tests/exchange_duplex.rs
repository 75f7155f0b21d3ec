//! Request and response at the same time, at their strangest: an upload that never ends, and one that is made of its response.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::repeat_with;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Method, StatusCode};
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::client::{Error, ResponseBody};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use runs::{AnyBody, client, exchange, in_time, on_both_runtimes, read, request, times, until};
use server::Server;
use tokio::sync::oneshot;
use tower::Layer;

const REFUSED: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large";

/// Whoever polls it always gets more.
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
            let (status, body) = exchange(&client::<AnyBody>(), post).await.unwrap();
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

/// First a greeting, then whatever the response is.
struct Mirror {
    greeting: Option<Bytes>,
    response: Result<ResponseBody, oneshot::Receiver<ResponseBody>>,
}

impl Body for Mirror {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
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
            let ended = std::sync::Mutex::new(Some(ended));
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
            let client = client::<Mirror>();
            let response = in_time(client.request(request(Method::POST, server.uri(""), mirror))).await.unwrap();
            give.send(response.into_body()).unwrap();
            in_time(has_ended).await.unwrap();
        }
    });
}
