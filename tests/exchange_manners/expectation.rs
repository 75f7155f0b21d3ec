//! `Expect: 100-continue` (RFC 9110 §10.1.1): the body is not sent until the server asks for it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, SizeHint};
use hyper::header::EXPECT;
use hyper::{Request, StatusCode, Uri};
use hyper_happy_eyeballs::{BoxError, Client, HappyEyeballsConnector};

use crate::peer::{Body, Conn, OK, Peer, both, empty, field, post, read};

/// The events of both sides, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn note(&self, event: &'static str) {
        self.0.lock().unwrap().push(event);
    }

    fn events(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    /// A body that records each poll.
    fn body(&self) -> Body {
        struct Noted(Log, Full<Bytes>);

        impl hyper::body::Body for Noted {
            type Data = Bytes;
            type Error = BoxError;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
                self.0.note("the body is taken");
                Pin::new(&mut self.1).poll_frame(cx).map_err(|never| match never {})
            }

            fn is_end_stream(&self) -> bool {
                self.1.is_end_stream()
            }

            fn size_hint(&self) -> SizeHint {
                self.1.size_hint()
            }
        }

        Noted(self.clone(), Full::from("hello")).boxed_unsync()
    }

    fn request(&self, uri: Uri) -> Request<Body> {
        let mut request = post(uri, self.body());
        request.headers_mut().insert(EXPECT, "100-Continue".parse().unwrap());
        request
    }

    async fn head(&self, conn: &mut Conn) {
        let head = conn.head().await;
        assert!(field(&head, "expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")), "{head}");
        assert_eq!(field(&head, "content-length"), Some("5"));
        self.note("the head is read");
    }
}

/// A client with this time limit for the 100 response.
fn waiting(time: Duration) -> Client<HappyEyeballsConnector> {
    Client::builder().continue_timeout(time).build(HappyEyeballsConnector::new()).unwrap()
}

/// Longer than any test takes.
const FOR_EVER: Duration = Duration::MAX;

#[tokio::test]
async fn a_body_waits_until_the_server_asks_for_it() {
    let (peer, client, log) = (Peer::listen().await, waiting(FOR_EVER), Log::default());
    let server = async {
        let mut conn = peer.accept().await;
        log.head(&mut conn).await;
        log.note("the server says 100");
        conn.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(conn.body("hello").await, "hello");
        conn.send(OK).await;
        // The connection is reused.
        conn.answer(OK).await
    };
    let (next, ()) = both(server, async {
        assert_eq!(read(client.request(log.request(peer.uri("/"))).await.unwrap()).await.0, "ok");
        assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert_eq!(log.events()[..3], ["the head is read", "the server says 100", "the body is taken"]);
    assert!(next.starts_with("GET /next "), "{next}");
}

#[tokio::test]
async fn a_body_that_is_declined_is_not_sent() {
    for response in [
        "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        "HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno",
    ] {
        let (peer, client, log) = (Peer::listen().await, waiting(FOR_EVER), Log::default());
        let server = async {
            let mut conn = peer.accept().await;
            log.head(&mut conn).await;
            conn.send(response).await;
            // The body was not sent, so the connection cannot be reused.
            let rest = conn.rest().await;
            (rest, peer.accept().await.answer(OK).await)
        };
        let ((rest, next), ()) = both(server, async {
            let declined = client.request(log.request(peer.uri("/"))).await.unwrap();
            assert!(declined.status().is_client_error());
            assert!(["", "no"].contains(&read(declined).await.0.as_str()));
            assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
        })
        .await;
        assert_eq!((rest.as_str(), log.events()), ("", vec!["the head is read"]), "{response}");
        assert!(next.starts_with("GET /next "), "{next}");
    }
}

#[tokio::test]
async fn a_body_goes_if_the_server_accepts_it_by_answering_first() {
    let (peer, client, log) = (Peer::listen().await, waiting(FOR_EVER), Log::default());
    let server = async {
        let mut conn = peer.accept().await;
        log.head(&mut conn).await;
        log.note("the server says 200");
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
        let body = conn.body("hello").await;
        conn.send(body).await;
    };
    let ((), ()) = both(server, async {
        let response = client.request(log.request(peer.uri("/"))).await.unwrap();
        assert_eq!(read(response).await.0, "hello");
    })
    .await;
    assert_eq!(log.events()[..3], ["the head is read", "the server says 200", "the body is taken"]);
}

#[tokio::test]
async fn a_body_waits_no_longer_than_it_may_for_a_server_that_does_not_know_of_it() {
    for time in [Duration::ZERO, Duration::from_millis(50)] {
        let (peer, client, log) = (Peer::listen().await, waiting(time), Log::default());
        let server = async {
            let mut conn = peer.accept().await;
            let head = conn.head().await;
            assert!(field(&head, "expect").is_some());
            assert_eq!(conn.body("hello").await, "hello");
            log.note("the body is read");
            // A 100 response after the time limit is allowed.
            conn.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            conn.send(OK).await;
        };
        let ((), response) = both(server, client.request(log.request(peer.uri("/")))).await;
        let response = response.unwrap();
        assert_eq!((response.status(), read(response).await.0.as_str()), (StatusCode::OK, "ok"));
        assert_eq!(log.events().last(), Some(&"the body is read"));
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_while_the_body_waits_is_an_error() {
    let (peer, client, log) = (Peer::listen().await, waiting(FOR_EVER), Log::default());
    let server = async {
        let mut conn = peer.accept().await;
        log.head(&mut conn).await;
    };
    let ((), result) = both(server, client.request(log.request(peer.uri("/")))).await;
    let error = result.unwrap_err();
    assert!(error.is_closed_before_response() && error.bytes_written() > 0, "{error:?}");
    assert_eq!(log.events(), ["the head is read"]);
}

#[tokio::test]
async fn a_request_without_a_body_expects_nothing() {
    let (peer, client) = (Peer::listen().await, waiting(FOR_EVER));
    let mut request = post(peer.uri("/"), empty());
    request.headers_mut().insert(EXPECT, "100-continue".parse().unwrap());
    let server = async { peer.accept().await.answer(OK).await };
    let (head, response) = both(server, client.request(request)).await;
    assert_eq!(field(&head, "expect"), None);
    assert_eq!(read(response.unwrap()).await.0, "ok");
}
