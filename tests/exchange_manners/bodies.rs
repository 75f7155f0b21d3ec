//! Request bodies of different types: how the client sends them, and which of them a retry can send again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::{Buf, Bytes};
use futures_util::stream::iter;
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request};
use hyper_happy_eyeballs::client::{ClientError, RequestBody, RetryBody};

use crate::peer::{Conn, OK, Peer, both, client, field, read};

/// A body of unknown length, in two frames.
fn streamed() -> impl RequestBody {
    StreamBody::new(iter(["hel", "lo"].map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))))))
}

/// Reads a request. Returns how its body was sent: `hello` with a length, `hel` and `lo` in chunks, or no body with or without a length.
async fn hello(conn: &mut Conn) -> &'static str {
    let head = conn.head().await;
    match (field(&head, "content-length"), field(&head, "transfer-encoding")) {
        (Some("0"), None) => "none",
        (Some(length), None) => {
            assert_eq!((length, &*conn.body("hello").await), ("5", "hello"));
            "length"
        }
        (None, Some("chunked")) => {
            assert_eq!(conn.body("0\r\n\r\n").await, "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
            "chunks"
        }
        (None, None) => "empty",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_client_sends_requests_with_whatever_bodies() {
    let (peer, client) = (Peer::listen().await, client());
    let uri = peer.uri("/");
    let server = async {
        let mut conn = peer.accept().await;
        for expected in ["empty", "length", "length", "length", "length", "chunks", "length", "none"] {
            assert_eq!(hello(&mut conn).await, expected);
            conn.send(OK).await;
        }
    };
    let requests = async {
        let put = || Request::put(uri.clone());
        let not_bytes = || Bytes::from("he").chain(Bytes::from("llo"));
        read(client.get(uri.clone()).await.unwrap()).await;
        read(client.request(put().body("hello".to_owned()).unwrap()).await.unwrap()).await;
        read(client.request(put().body(Full::<Bytes>::from("hello")).unwrap()).await.unwrap()).await;
        read(client.request(put().body(Full::new(not_bytes())).unwrap()).await.unwrap()).await;
        read(client.request(put().body(Box::new(Full::new(not_bytes()))).unwrap()).await.unwrap()).await;
        read(client.request(put().body(RetryBody::with(streamed(), |_| None)).unwrap()).await.unwrap()).await;
        read(client.request(put().body(RetryBody::new("hello".to_owned())).unwrap()).await.unwrap()).await;
        read(client.request(put().body(String::new()).unwrap()).await.unwrap()).await;
    };
    both(server, requests).await;
}

/// Sends a request on a reused connection. The server reads the request, closes, and answers on the next connection.
async fn after_a_close<B: RequestBody>(method: Method, body: B) -> Result<(), ClientError> {
    let (peer, client) = (Peer::listen().await, client());
    let request = Request::builder().method(method).uri(peer.uri("/")).body(body).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        let first = hello(&mut conn).await;
        drop(conn);
        let mut conn = peer.accept().await;
        // This is the retry or, after an error, the GET that the test sends below.
        if hello(&mut conn).await != "empty" || first == "empty" {
            conn.send(OK).await;
        }
    };
    let requests = async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        let result = client.request(request).await;
        if result.is_err() {
            // The server above waits for a second request. It does not answer this one.
            client.get(peer.uri("/")).await.unwrap_err();
        }
        result.map(drop)
    };
    both(server, requests).await.1
}

#[tokio::test]
async fn a_body_that_is_there_as_a_whole_goes_out_again() {
    after_a_close(Method::PUT, "hello".to_owned()).await.unwrap();
    after_a_close(Method::PUT, Full::<Bytes>::from("hello")).await.unwrap();
    after_a_close(Method::DELETE, Box::pin(Full::new(Bytes::from("hel").chain(Bytes::from("lo"))))).await.unwrap();
    after_a_close(Method::GET, String::new()).await.unwrap();
    let error = after_a_close(Method::POST, "hello".to_owned()).await.unwrap_err();
    assert!(error.is_closed_before_response() && error.retries() == 0, "{error:?}");
}

#[tokio::test]
async fn a_body_that_says_how_goes_out_again_and_others_do_not() {
    let copies = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&copies);
    let copied = RetryBody::with(streamed(), move |_| {
        count.fetch_add(1, SeqCst);
        Some(streamed())
    });
    after_a_close(Method::PUT, copied).await.unwrap();
    assert_eq!(copies.load(SeqCst), 1);
    after_a_close(Method::PUT, RetryBody::new("hello".to_owned())).await.unwrap();
    let error = after_a_close(Method::PUT, streamed()).await.unwrap_err();
    assert!(error.is_closed_before_response() && error.retries() == 0, "{error:?}");
    let declined = after_a_close(Method::PUT, RetryBody::with(streamed(), |_| None)).await.unwrap_err();
    assert!(declined.is_closed_before_response() && declined.retries() == 0, "{declined:?}");
}
