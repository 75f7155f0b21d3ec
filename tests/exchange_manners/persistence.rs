//! Which connections are reused, and which are closed (RFC 9112 §9.3, §9.6).

use std::time::{Duration, Instant};

use hyper::header::CONNECTION;
use hyper::{Method, Request, StatusCode};
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::client::Builder;

use crate::peer::{OK, Peer, both, client, empty, field, full, get, read};

/// Asserts that two requests use one connection, if the first gets `response`.
async fn assert_kept(first: Method, response: &str, status: StatusCode) {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.answer(response).await;
        assert!(head.starts_with(first.as_str()), "{head}");
        conn.answer(OK).await
    };
    let (next, ()) = both(server, async {
        let request = Request::builder().method(first.clone()).uri(peer.uri("/")).body(empty()).unwrap();
        let answer = client.request(request).await.unwrap();
        assert_eq!(answer.status(), status);
        read(answer).await;
        assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert!(next.starts_with("GET /next "), "{next}");
}

/// Asserts that the client closes the connection after `response`, and uses another for the second request.
async fn assert_closed(first: Request<()>, response: &str) {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(response).await;
        // The server keeps its side open, so only the client can have closed.
        assert_eq!(conn.rest().await, "");
        peer.accept().await.answer(OK).await
    };
    let (next, ()) = both(server, async {
        let mut request = first.map(|()| empty());
        *request.uri_mut() = peer.uri("/");
        read(client.request(request).await.unwrap()).await;
        assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert!(next.starts_with("GET /next "), "{next}");
}

#[tokio::test]
async fn a_connection_is_kept_however_the_length_of_a_response_is_said() {
    for response in [
        OK,
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ] {
        assert_kept(Method::GET, response, StatusCode::OK).await;
    }
}

#[tokio::test]
async fn responses_that_have_no_body_whatever_they_say_keep_the_connection() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    assert_kept(Method::HEAD, head, StatusCode::OK).await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_kept(Method::HEAD, chunked, StatusCode::OK).await;
    assert_kept(Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", StatusCode::NO_CONTENT).await;
    let not_modified = "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 1000\r\n\r\n";
    assert_kept(Method::GET, not_modified, StatusCode::NOT_MODIFIED).await;
}

#[tokio::test]
async fn an_older_server_keeps_a_connection_only_if_it_says_so() {
    let kept = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";
    assert_kept(Method::GET, kept, StatusCode::OK).await;
    assert_closed(Request::new(()), "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
}

#[tokio::test]
async fn either_side_can_say_that_a_connection_is_to_be_closed() {
    for response in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
    ] {
        assert_closed(Request::new(()), response).await;
    }
    let mut request = Request::new(());
    request.headers_mut().insert(CONNECTION, "close".parse().unwrap());
    assert_closed(request, OK).await;
}

#[tokio::test]
async fn the_caller_s_wish_to_close_is_told_the_server() {
    let (peer, client) = (Peer::listen().await, client());
    let mut request = get(peer.uri("/"));
    request.headers_mut().insert(CONNECTION, "close".parse().unwrap());
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.answer(OK).await;
        (head, conn.rest().await)
    };
    let ((head, rest), ()) = both(server, async {
        read(client.request(request).await.unwrap()).await;
    })
    .await;
    assert_eq!((field(&head, "connection"), rest.as_str()), (Some("close"), ""));
}

#[tokio::test]
async fn bytes_after_a_response_are_nobody_s_answer() {
    for (method, response) in [
        (Method::GET, format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad")),
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad".to_owned()),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\nbad".to_owned()),
    ] {
        let request = Request::builder().method(method).body(()).unwrap();
        assert_closed(request, &response).await;
    }
}

#[tokio::test]
async fn a_client_that_keeps_no_connection_says_so_and_closes_it() {
    let peer = Peer::listen().await;
    let builder = Builder::new().max_idle_per_host(0).max_connections_per_host(1);
    let client = builder.build(HappyEyeballsConnector::new()).unwrap();
    let server = async {
        for _ in 0..2 {
            let mut conn = peer.accept().await;
            let head = conn.answer(OK).await;
            assert_eq!(field(&head, "connection"), Some("close"));
            assert_eq!(conn.rest().await, "");
        }
    };
    // The client has one connection, so the second request waits for the first.
    let request = async || read(client.get(peer.uri("/")).await.unwrap()).await.0;
    let ((), (first, second)) = both(server, async { tokio::join!(request(), request()) }).await;
    assert_eq!((&*first, &*second), ("ok", "ok"));
}

/// `Keep-Alive: timeout=1`: the server may close after a second.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long the client has kept it is what is measured")]
async fn a_connection_is_kept_no_longer_than_the_server_says() {
    let kept = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, max=9\r\ncontent-length: 2\r\n\r\nok";
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(kept).await;
        let since = Instant::now();
        // Only the client can have closed.
        assert_eq!(conn.rest().await, "");
        // The client counts from a slightly earlier moment.
        assert!(since.elapsed() > Duration::from_millis(900), "{:?}", since.elapsed());
    };
    both(server, async { read(client.get(peer.uri("/")).await.unwrap()).await }).await;
    assert_eq!(client.pool_statistics().total.idle, 0);
}

#[tokio::test]
async fn what_cannot_be_sent_again_meets_no_connection_whose_time_is_nearly_up() {
    let kept = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok";
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut first = peer.accept().await;
        first.answer(kept).await;
        let mut second = peer.accept().await;
        second.answer(OK).await;
        // A request without a retry may use the connection while it was idle only briefly.
        second.answer(OK).await
    };
    let (head, ()) = both(server, async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        // The idle time decides, so the test really waits.
        tokio::time::sleep(Duration::from_millis(800)).await;
        for _ in 0..2 {
            let request = Request::post(peer.uri("/")).body(empty()).unwrap();
            assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
        }
    })
    .await;
    assert!(head.starts_with("POST"), "{head}");
}

/// A server sends 404, 409 or 422 for a known content. The client cannot tell whether the server has read all of it.
#[tokio::test]
async fn a_status_about_content_keeps_the_connection_for_what_can_be_sent_again() {
    const LARGE: usize = 128 * 1024;
    for status in [404, 409, 422] {
        let (peer, client) = (Peer::listen().await, client());
        let server = async {
            let mut first = peer.accept().await;
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 2\r\n\r\nno");
            for _ in 0..2 {
                first.head().await;
                first.body(&"x".repeat(LARGE)).await;
                first.send(answer.as_str()).await;
            }
            let mut second = peer.accept().await;
            second.answer(OK).await;
            assert_eq!(first.rest().await, "");
        };
        let ((), ()) = both(server, async {
            for method in [Method::PUT, Method::PUT] {
                let request =
                    Request::builder().method(method).uri(peer.uri("/")).body(full("x".repeat(LARGE))).unwrap();
                assert_eq!(client.request(request).await.map(|response| response.status().as_u16()).unwrap(), status);
            }
            let request = Request::post(peer.uri("/")).body(empty()).unwrap();
            assert_eq!(read(client.request(request).await.unwrap()).await.0, "ok");
        })
        .await;
    }
}
