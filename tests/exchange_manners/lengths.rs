//! The ends of bodies: trailers, wrong lengths, connections that end too early.

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body as _, Frame};
use hyper::header::{CONTENT_LENGTH, HeaderMap, TRAILER};
use hyper_happy_eyeballs::client::ClientError;

use crate::peer::{Conn, OK, Peer, both, broken, client, data, empty, fed, field, full, get, in_time, post, read};

#[tokio::test]
async fn trailers_go_both_ways() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    let mut request = post(peer.uri("/"), body);
    request.headers_mut().insert(TRAILER, "checksum".parse().unwrap());
    feed.send(data("hello")).unwrap();
    let trailers = HeaderMap::from_iter([("checksum".parse().unwrap(), "abc".parse().unwrap())]);
    feed.send(Ok(Frame::trailers(trailers))).unwrap();
    drop(feed);
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.head().await;
        let body = conn.body("\r\n\r\n").await;
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: mood\r\n\r\n").await;
        conn.send("2\r\nok\r\n0\r\nmood: good\r\n\r\n").await;
        conn.answer(OK).await;
        (head, body)
    };
    let ((head, body), ()) = both(server, async {
        let (text, trailers) = read(client.request(request).await.unwrap()).await;
        assert_eq!((text.as_str(), &trailers.unwrap()["mood"]), ("ok", &"good".parse().unwrap()));
        // The body has ended, so the connection is reused.
        assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
    assert_eq!(body, "5\r\nhello\r\n0\r\nchecksum: abc\r\n\r\n");
}

#[tokio::test]
async fn the_last_frame_of_a_response_frees_the_connection() {
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: mood\r\n\r\n2\r\nok\r\n0\r\nmood: good\r\n\r\n";
    for (response, frames) in [(OK, 1), (chunked, 2)] {
        let (peer, client) = (Peer::listen().await, client());
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(response).await;
            conn.answer(OK).await
        };
        let (_, ()) = both(server, async {
            let mut body = client.get(peer.uri("/")).await.unwrap().into_body();
            for _ in 0..frames {
                body.frame().await.unwrap().unwrap();
            }
            assert!(body.is_end_stream(), "{response}");
            // The connection is reused although the body was not polled to its end, and was not dropped.
            assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
            drop(body);
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_of_a_request_that_is_shorter_than_it_says_is_an_error() {
    for pieces in [&[][..], &["hello"], &["hello", "you"]] {
        let error = error_of_length("10", pieces).await;
        assert!(error.is_request_body() && error.is_body() && !error.is_closed_before_response(), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_of_a_request_that_is_longer_than_it_says_is_an_error() {
    for pieces in [&["hello"][..], &["he", "llo"]] {
        let error = error_of_length("3", pieces).await;
        assert!(error.is_request_body(), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_that_has_given_its_length_may_stay_open() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    let mut request = post(peer.uri("/"), body);
    request.headers_mut().insert(CONTENT_LENGTH, "3".parse().unwrap());
    feed.send(data("hel")).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.body("hel").await;
        conn.send(OK).await;
        conn.rest().await
    };
    let (rest, ()) = both(server, async {
        assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
        // The client has released the connection although the body has not ended.
        drop(feed);
        client.close_idle();
    })
    .await;
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_body_that_goes_on_after_its_length_is_an_error_and_its_last_frame_is_kept_back() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    let mut request = post(peer.uri("/"), body);
    request.headers_mut().insert(CONTENT_LENGTH, "5".parse().unwrap());
    for piece in ["hel", "lo", " world"] {
        feed.send(data(piece)).unwrap();
    }
    let server = async { peer.accept().await.rest().await };
    let (rest, result) = both(server, client.request(request)).await;
    let error = result.unwrap_err();
    assert!(error.is_request_body(), "{error:?}");
    // The server must not receive enough for a complete request.
    assert!(!rest.contains("lo"), "{rest:?}");
}

#[tokio::test]
async fn no_body_where_there_should_be_one_is_an_error() {
    let (peer, client) = (Peer::listen().await, client());
    let mut request = post(peer.uri("/"), empty());
    request.headers_mut().insert(CONTENT_LENGTH, "10".parse().unwrap());
    // If the length were sent, the server would read the next ten bytes of the connection as the body.
    let answer = async { peer.accept().await.answer(OK).await };
    let result = in_time(async {
        tokio::select! {
            result = client.request(request) => result,
            _ = async { answer.await; std::future::pending::<()>().await } => unreachable!(),
        }
    });
    let error = result.await.unwrap_err();
    assert!(error.is_request_body() || error.is_invalid_request(), "{error:?}");
}

#[tokio::test]
async fn a_body_of_a_request_that_fails_ends_the_connection_with_its_error() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    feed.send(data("hello")).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.body("hello").await;
        feed.send(broken()).unwrap();
        conn.rest().await
    };
    let (rest, result) = both(server, client.request(post(peer.uri("/"), body))).await;
    let error = result.unwrap_err();
    assert!(error.is_request_body(), "{error:?}");
    assert!(format!("{error:?}").ends_with("the disk is on fire)"), "{error:?}");
    assert!(!rest.contains("0\r\n\r\n"), "a complete request: {rest:?}");
}

/// Returns the status of a response that begins before its request has ended, and the part of the request that the server reads
/// after the response. A server that wants the rest reads the next piece before it ends the response.
async fn answered_in_the_middle(status: &str, wants_the_rest: bool) -> (StatusCode, String) {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    feed.send(data("first")).unwrap();
    let (delivered, is_delivered) = tokio::sync::oneshot::channel();
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.body("first").await;
        conn.send(format!("HTTP/1.1 {status}\r\ncontent-length: 3\r\n\r\n")).await;
        is_delivered.await.unwrap();
        feed.send(data("second")).unwrap();
        if wants_the_rest {
            conn.body("second").await;
        }
        conn.send("why").await;
        if !wants_the_rest {
            // The client closes the connection although the request has not ended.
            return Err(conn.rest().await);
        }
        drop(feed);
        Ok(conn)
    };
    let (left, status) = both(server, async {
        let response = client.request(post(peer.uri("/"), body)).await.unwrap();
        let status = response.status();
        delivered.send(()).unwrap();
        assert_eq!(read(response).await.0, "why");
        status
    })
    .await;
    drop(client);
    let rest = match left {
        Ok(conn) => conn.rest().await,
        Err(rest) => rest,
    };
    (status, rest)
}

#[tokio::test]
async fn the_rest_of_a_body_that_the_server_does_not_want_is_not_sent() {
    for status in ["413 Content Too Large", "401 Unauthorized", "307 Temporary Redirect", "503 Service Unavailable"] {
        let (_, rest) = answered_in_the_middle(status, false).await;
        assert!(!rest.contains("second") && !rest.contains("0\r\n\r\n"), "{status}: {rest:?}");
    }
}

/// RFC 9110 §15: an unknown status is treated as the x00 status of its class.
#[tokio::test]
async fn a_status_that_nobody_knows_is_one_of_its_class() {
    for (status, is_wanted) in [(299, true), (399, false), (499, false), (599, false)] {
        let (told, rest) = answered_in_the_middle(&format!("{status} Odd"), is_wanted).await;
        assert_eq!(told, StatusCode::from_u16(status).unwrap());
        // A stopped upload must not end with the last chunk: the server would take it for complete.
        assert_eq!(rest.contains("0\r\n\r\n"), is_wanted, "{status}: {rest:?}");
        assert!(!rest.contains("second"), "{status}: {rest:?}");
    }
}

#[tokio::test]
async fn a_response_without_a_length_ends_with_the_connection() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"] {
        let (peer, client) = (Peer::listen().await, client());
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(&format!("{head}one, ")).await;
            conn.send("two").await;
            drop(conn);
            peer.accept().await.answer(OK).await;
        };
        let ((), ()) = both(server, async {
            assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "one, two");
            assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
        })
        .await;
    }
}

#[tokio::test]
async fn a_response_without_a_length_that_is_reset_is_incomplete() {
    let error = error_of("HTTP/1.1 200 OK\r\n\r\none, ", Conn::reset).await;
    assert!(error.is_body() && !error.is_request_body(), "{error:?}");
}

#[tokio::test]
async fn a_response_that_ends_too_early_is_incomplete() {
    for response in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        for end in [drop::<Conn>, Conn::reset] {
            let error = error_of(response, end).await;
            assert!(error.is_body() && !error.is_request_body(), "{response:?}: {error:?}");
            assert!(!error.is_closed_before_response() && !error.is_invalid_response(), "{response:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_chunk_that_is_none_is_an_error_of_the_body() {
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nno length\r\n";
    let error = error_of(response, drop::<Conn>).await;
    assert!(error.is_body(), "{error:?}");
}

#[tokio::test]
async fn what_came_of_a_response_before_its_error_is_given() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        peer.accept().await.answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
    };
    let ((), response) = both(server, client.get(peer.uri("/"))).await;
    let mut body = response.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), Some(10));
    let frame = in_time(body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "hello");
    assert!(in_time(body.frame()).await.unwrap().unwrap_err().is_body());
    assert!(in_time(body.frame()).await.is_none());
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn a_response_with_both_lengths_is_read_by_its_chunks() {
    let (peer, client) = (Peer::listen().await, client());
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let server = async { peer.accept().await.answer(response).await };
    let (_, response) = both(server, client.request(post(peer.uri("/"), full("")))).await;
    // RFC 9112 §6.3 also allows an error, but never a body of one byte.
    if let Ok(response) = response {
        assert_eq!(read(response).await.0, "hello");
    }
}

/// Returns the error of a request whose body differs from its `Content-Length`. The server would answer it.
async fn error_of_length(length: &str, pieces: &[&'static str]) -> ClientError {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    let mut request = post(peer.uri("/"), body);
    request.headers_mut().insert(CONTENT_LENGTH, length.parse().unwrap());
    for piece in pieces {
        feed.send(data(piece)).unwrap();
    }
    drop(feed);
    let server = async { peer.accept().await.rest_answering(OK).await };
    let (_, result) = both(server, client.request(request)).await;
    result.expect_err("the length is wrong")
}

/// Returns the error of a response whose connection is ended by `end`. Checks that the next request gets a new connection.
async fn error_of(response: &str, end: fn(Conn)) -> ClientError {
    let (peer, client) = (Peer::listen().await, client());
    let (head_read, is_read) = tokio::sync::oneshot::channel();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(response).await;
        // A reset may discard bytes that the client has not read.
        is_read.await.unwrap();
        end(conn);
        peer.accept().await.answer(OK).await;
    };
    let ((), error) = both(server, async {
        let mut body = client.request(get(peer.uri("/"))).await.unwrap().into_body();
        head_read.send(()).unwrap();
        let error = loop {
            if let Err(error) = body.frame().await.unwrap_or_else(|| panic!("complete: {response:?}")) {
                break error;
            }
        };
        assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
        error
    })
    .await;
    error
}
