//! Errors are written to logs, so they contain only the host and port of a URI.

use std::net::Ipv4Addr;

use hyper::header::CONTENT_LENGTH;
use hyper::{Request, Uri, Version};
use hyper_happy_eyeballs::client::ClientError;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};

use crate::peer::{Body, Conn, OK, Peer, both, broken, client, fed, full, get, in_time, post, read};
use crate::support::loopback::ClosedPort;

const SECRETS: [&str; 4] = ["alice", "s3cret", "/private", "token"];

fn uri(address: impl std::fmt::Display) -> Uri {
    format!("http://alice:s3cret@{address}/private?token").parse().unwrap()
}

#[track_caller]
fn assert_tells_no_secret(error: &ClientError) {
    let told = format!("{error} {error:?} {error:#?}");
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn no_error_before_a_connection_tells_a_secret() {
    let client = client();
    let mut new = get(uri("a.example"));
    *new.version_mut() = Version::HTTP_2;
    assert_tells_no_secret(&in_time(client.request(new)).await.unwrap_err());
    assert_tells_no_secret(&in_time(client.get("/private?token")).await.unwrap_err());

    let closed = ClosedPort::new(Ipv4Addr::LOCALHOST.into());
    let error = in_time(client.get(uri(closed.address()))).await.unwrap_err();
    assert_tells_no_secret(&error);
    assert!(error.to_string().contains(&closed.address().to_string()), "{error}");
    assert_tells_no_secret(&in_time(client.get(uri("127.0.0.1:0"))).await.unwrap_err());
}

#[tokio::test]
async fn no_error_of_an_exchange_tells_a_secret() {
    type Server = fn(Conn) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;
    let servers: [Server; 4] = [
        |conn| Box::pin(async { drop(conn) }),
        |conn| Box::pin(async { conn.reset() }),
        |mut conn| Box::pin(async move { drop(conn.answer("nonsense\r\n\r\n").await) }),
        |mut conn| Box::pin(async move { drop(conn.answer("HTTP/1.1 200").await) }),
    ];
    for server in servers {
        let (peer, client) = (Peer::listen().await, client());
        let ((), result) = both(async { server(peer.accept().await).await }, client.get(uri(peer.address()))).await;
        let error = result.unwrap_err();
        assert_tells_no_secret(&error);
        assert!(error.to_string().contains(&peer.address().to_string()), "{error}");
    }
}

#[tokio::test]
async fn no_error_of_a_body_tells_a_secret() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = fed();
    feed.send(broken()).unwrap();
    let (_, result) =
        both(async { peer.accept().await.rest().await }, client.request(post(uri(peer.address()), body))).await;
    assert_tells_no_secret(&result.unwrap_err());

    let server = async {
        peer.accept().await.answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
    };
    let ((), response) = both(server, client.get(uri(peer.address()))).await;
    let error = in_time(http_body_util::BodyExt::collect(response.unwrap().into_body())).await.unwrap_err();
    assert!(error.is_body());
    assert_tells_no_secret(&error);
}

#[tokio::test]
async fn no_error_after_a_repeat_tells_a_secret() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        drop(conn);
        peer.accept().await.head().await;
    };
    let ((), error) = both(server, async {
        read(client.get(uri(peer.address())).await.unwrap()).await;
        client.get(uri(peer.address())).await.unwrap_err()
    })
    .await;
    assert_eq!(error.retries(), 1);
    assert_tells_no_secret(&error);
}

#[test]
fn nor_does_a_client_or_a_future_when_it_is_shown() {
    let client: Client<HappyEyeballsConnector> = client();
    let mut request: Request<Body> = post(uri("a.example"), full("hello"));
    request.headers_mut().insert(CONTENT_LENGTH, "5".parse().unwrap());
    let told = format!("{client:?} {:?}", client.request(request));
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}
