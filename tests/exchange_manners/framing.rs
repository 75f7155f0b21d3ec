//! The boundaries of a response in the bytes of its connection (RFC 9112 §4, §6, §7).

use hyper::{Request, StatusCode};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Builder;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peer::{OK, Peer, both, client, empty, full, get, in_time, post, read};

/// Returns the body of a response to GET with status 200. The server closes afterwards.
async fn body_of(response: &str) -> String {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        peer.accept().await.answer(response).await;
    };
    let ((), response) = both(server, client.get(peer.uri("/"))).await;
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    read(response).await.0
}

/// Asserts that the response is an error, and that the client closes the connection although the server does not.
async fn assert_invalid(response: &str) {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(response).await;
        assert_eq!(conn.rest().await, "", "{response:?}");
        peer.accept().await.answer(OK).await
    };
    let (_, error) = both(server, async {
        let error = client.get(peer.uri("/")).await.expect_err(response);
        assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
        error
    })
    .await;
    assert!(error.is_invalid_response() && error.bytes_read() > 0, "{response:?}: {error:?}");
}

#[tokio::test]
async fn a_length_that_is_no_one_number_is_an_invalid_response() {
    for length in ["3\r\ncontent-length: 5", "3, 5", "+3", "-3", "3x", "", "18446744073709551616"] {
        assert_invalid(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello")).await;
    }
}

#[tokio::test]
async fn a_length_that_no_body_has_is_an_error_that_names_the_field() {
    for length in ["18446744073709551615", "18446744073709551616", "-1"] {
        let (peer, client) = (Peer::listen().await, client());
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello");
        let server = async { peer.accept().await.answer(&response).await };
        let (_, error) = both(server, client.get(peer.uri("/"))).await;
        let error = error.unwrap_err();
        let text = format!("{error:?}").to_lowercase();
        assert!(error.is_invalid_response() && text.contains("content-length"), "{error:?}");
        assert!(!text.contains("too large"), "{error:?}");
    }
    let (peer, client) = (Peer::listen().await, client());
    let response = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    let server = async { peer.accept().await.answer(&response).await };
    let (_, error) = both(server, client.get(peer.uri("/"))).await;
    let error = error.unwrap_err();
    assert!(error.is_invalid_response() && format!("{error:?}").contains("fields than Builder::http1"), "{error:?}");
}

/// RFC 9112 §5.2.
#[tokio::test]
async fn a_field_that_is_folded_is_unfolded_if_hyper_is_told_to_and_else_an_invalid_response() {
    let folded = "HTTP/1.1 200 OK\r\nx: one,\r\n two\r\n\t three\r\ncontent-length: 5\r\n\r\nhello";
    assert_invalid(folded).await;
    let mut http1 = hyper::client::conn::http1::Builder::new();
    http1.allow_obsolete_multiline_headers_in_responses(true);
    let peer = Peer::listen().await;
    let client = Builder::new().http1(http1).build(peer.connector()).unwrap();
    let server = async { peer.accept().await.answer(folded).await };
    let (_, response) = both(server, client.get(peer.uri("/"))).await;
    let response = response.unwrap();
    assert_eq!(response.headers()["x"], "one, two three");
    assert_eq!(read(response).await.0, "hello");
}

#[tokio::test]
async fn a_chunk_that_is_none_is_a_malformed_body_and_one_that_is_missing_an_incomplete_one() {
    for (chunks, what) in
        [("zz\r\n", "malformed"), ("5\r\nhelloX", "malformed"), ("5\r\nhel", "incomplete"), ("", "incomplete")]
    {
        let (peer, client) = (Peer::listen().await, client());
        let response = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n{chunks}");
        let server = async {
            peer.accept().await.answer(&response).await;
        };
        let ((), response) = both(server, client.get(peer.uri("/"))).await;
        let error = in_time(http_body_util::BodyExt::collect(response.unwrap().into_body())).await.unwrap_err();
        assert!(error.is_body() && !error.is_request_body() && !error.may_retry(), "{error:?}");
        let host = peer.address();
        assert_eq!(error.to_string(), format!("the body of the response of {host} is {what}"), "{chunks:?}");
    }
}

#[tokio::test]
async fn a_length_that_is_said_twice_counts_once() {
    for length in ["5\r\ncontent-length: 5", "5, 5", "005"] {
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello and more");
        assert_eq!(body_of(&response).await, "hello", "{length:?}");
    }
}

#[tokio::test]
async fn codings_that_do_not_end_in_chunked_end_with_the_connection() {
    for coding in ["gzip", "chunked, gzip"] {
        let response = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\ncontent-length: 2\r\n\r\nall of it");
        assert_eq!(body_of(&response).await, "all of it", "{coding}");
    }
}

#[tokio::test]
async fn chunks_in_a_response_of_http_1_0_are_a_fault() {
    for length in ["", "content-length: 5\r\n"] {
        let head = format!("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n{length}\r\n");
        assert_invalid(&format!("{head}5\r\nhello\r\n0\r\n\r\n")).await;
    }
}

#[tokio::test]
async fn extensions_of_chunks_are_passed_over() {
    let body = "2;a\r\nhe\r\n3;b=c;d=\"e f\"\r\nllo\r\n0;last\r\n\r\n";
    assert_eq!(body_of(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}")).await, "hello");
}

#[tokio::test]
async fn a_chunk_that_is_longer_than_any_number_is_an_error_of_the_body() {
    let (peer, client) = (Peer::listen().await, client());
    let chunks =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n10000000000000003\r\nllo\r\n0\r\n\r\n";
    let server = async { peer.accept().await.answer(chunks).await };
    let (_, response) = both(server, client.get(peer.uri("/"))).await;
    let error = in_time(http_body_util::BodyExt::collect(response.unwrap().into_body())).await.unwrap_err();
    assert!(error.is_body(), "{error:?}");
}

#[tokio::test]
async fn the_words_behind_a_status_are_not_looked_at() {
    for reason in ["", " ", " Not At All", " 404 Not Found"] {
        let response = format!("HTTP/1.1 200{reason}\r\ncontent-length: 5\r\n\r\nhello");
        assert_eq!(body_of(&response).await, "hello", "{reason:?}");
    }
}

#[tokio::test]
async fn lengths_in_the_answer_that_opens_a_tunnel_are_not_looked_at() {
    for length in ["content-length: 3\r\n", "transfer-encoding: chunked\r\n", "content-length: 0\r\n"] {
        let peer = Peer::listen().await;
        let client = Client::new(peer.connector());
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(&format!("HTTP/1.1 200 Connected\r\n{length}\r\nhello")).await;
            assert_eq!(conn.body("ping").await, "ping");
            conn.send("pong").await;
        };
        let connect = Request::connect("origin.example:443").body(empty()).unwrap();
        let ((), ()) = both(server, async {
            let response = client.request(connect).await.unwrap();
            let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
            stream.write_all(b"ping").await.unwrap();
            let mut buffer = [0; 9];
            stream.read_exact(&mut buffer).await.unwrap();
            assert_eq!(&buffer, b"hellopong", "{length:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_goes_out_before_or_after_a_request_that_is_no_part_of_it() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        for method in ["GET", "POST"] {
            let head = conn.head().await;
            assert!(head.starts_with(method), "{head:?}");
            if method == "POST" {
                assert_eq!(conn.body("hello").await, "hello");
            }
            conn.send(OK).await;
        }
        conn.rest().await
    };
    let (rest, ()) = both(server, async {
        let first = get(peer.uri("/"));
        for request in [first, post(peer.uri("/"), full("hello"))] {
            assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
        }
        client.close_idle();
    })
    .await;
    assert_eq!(rest, "");
}
