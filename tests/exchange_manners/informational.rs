//! Informational responses (RFC 9110 §15.2).

use std::sync::{Arc, Mutex};

use hyper::Request;
use hyper::header::{EXPECT, LINK};
use hyper_happy_eyeballs::client::{Builder, on_informational};
use tokio::io::AsyncWriteExt;

use crate::peer::{Body, OK, Peer, both, client, full, get, post, read};

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n";

/// The arguments of a callback's calls.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn by_the_client(&self, request: &mut Request<Body>) {
        let told = self.clone();
        on_informational(request, move |response| {
            told.note(format!("{} {:?}", response.status().as_u16(), response.headers().get(LINK)));
        });
    }

    fn by_hyper(&self, request: &mut Request<Body>) {
        let told = self.clone();
        hyper::ext::on_informational(request, move |response| {
            told.note(format!("{} {:?}", response.status().as_u16(), response.headers().get(LINK)));
        });
    }
}

#[tokio::test]
async fn twenty_hints_before_a_response_are_told_in_order() {
    for listen in [Told::by_the_client, Told::by_hyper] {
        let (peer, client, told) = (Peer::listen().await, client(), Told::default());
        let mut request = get(peer.uri("/"));
        listen(&told, &mut request);
        let hints: String = (0..20).map(|n| format!("HTTP/1.1 103 Early Hints\r\nlink: <{n}>\r\n\r\n")).collect();
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(&(hints + OK)).await;
            conn.answer(OK).await
        };
        let (_, ()) = both(server, async {
            assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
            // The connection is reused.
            assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
        })
        .await;
        let expected: Vec<_> = (0..20).map(|n| format!("103 Some(\"<{n}>\")")).collect();
        assert_eq!(told.lines(), expected);
    }
}

#[tokio::test]
async fn hints_are_told_as_they_come_and_not_with_the_response() {
    let (peer, client) = (Peer::listen().await, client());
    let (heard, hearing) = tokio::sync::oneshot::channel();
    let heard = Mutex::new(Some(heard));
    let mut request = get(peer.uri("/"));
    on_informational(&mut request, move |_| heard.lock().unwrap().take().unwrap().send(()).unwrap());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(HINT).await;
        // The server sends the response only after the callback was called.
        hearing.await.unwrap();
        conn.send(OK).await;
    };
    let ((), response) = both(server, client.request(request)).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
}

#[tokio::test]
async fn hints_for_a_request_that_was_sent_again_are_told_once() {
    for listen in [Told::by_the_client, Told::by_hyper] {
        let (peer, client, told) = (Peer::listen().await, client(), Told::default());
        let mut request = get(peer.uri("/"));
        listen(&told, &mut request);
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(OK).await;
            conn.head().await;
            drop(conn);
            peer.accept().await.answer(&format!("{HINT}{OK}")).await;
        };
        let ((), ()) = both(server, async {
            read(client.get(peer.uri("/")).await.unwrap()).await;
            assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
        })
        .await;
        assert_eq!(told.lines(), ["103 Some(\"</style.css>\")"]);
    }
}

#[tokio::test]
async fn hints_that_nobody_listens_to_are_passed_over() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(&format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{HINT}{OK}")).await
    };
    let (_, response) = both(server, client.get(peer.uri("/"))).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
}

#[tokio::test]
async fn a_body_that_waits_is_asked_for_by_100_alone_and_the_caller_hears_all() {
    let (peer, client, told) = (Peer::listen().await, client(), Told::default());
    let mut request = post(peer.uri("/"), full("hello"));
    request.headers_mut().insert(EXPECT, "100-continue".parse().unwrap());
    told.by_the_client(&mut request);
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.send(format!("{HINT}HTTP/1.1 100 Continue\r\n\r\n")).await;
        conn.body("hello").await;
        conn.send(OK).await;
    };
    let ((), response) = both(server, client.request(request)).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
    assert_eq!(told.lines(), ["103 Some(\"</style.css>\")", "100 None"]);
}

#[tokio::test]
async fn the_end_after_a_hint_is_an_error_and_no_response() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(HINT).await;
    };
    let ((), result) = both(server, client.get(peer.uri("/"))).await;
    let error = result.unwrap_err();
    assert!(error.is_closed_before_response() && !error.is_canceled(), "{error:?}");
    assert_eq!((error.bytes_read(), error.retries()), (HINT.len() as u64, 0));
}

#[tokio::test]
async fn hints_without_an_end_are_an_invalid_response_that_names_the_limit() {
    for most in [None, Some(64 * 1024)] {
        let peer = Peer::listen().await;
        let builder = most.map_or_else(Builder::new, |most| Builder::new().max_response_head(most));
        let client = builder.build(peer.connector()).unwrap();
        let most = most.unwrap_or(1024 * 1024);
        let server = async {
            let mut conn = peer.accept().await;
            conn.head().await;
            let hints = HINT.repeat(100);
            let mut sent = 0;
            // The write fails when the client has closed.
            while conn.stream.write_all(hints.as_bytes()).await.is_ok() {
                sent += hints.len() as u64;
            }
            sent
        };
        let (sent, error) = both(server, client.get(peer.uri("/"))).await;
        let error = error.unwrap_err();
        assert!(error.is_invalid_response() && !error.may_retry(), "{error:?}");
        assert!(format!("{error:?}").contains("Builder::max_response_head"), "{error:?}");
        assert!(
            sent > most && (most..most + 64 * 1024).contains(&error.bytes_read()),
            "{} of {sent}",
            error.bytes_read()
        );
    }
}
