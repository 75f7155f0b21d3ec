//! Under a client that does not know the wrapper, an upgrade that the server declines leaves the wrapper armed, and one that succeeds disarms it.
#![cfg(all(feature = "client", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exchange_runs.rs"]
mod runs;
#[path = "support/exchange_server.rs"]
mod server;

use hyper::{Method, Request, StatusCode};
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::response_first::{ResponseFirst, ResponseFirstLayer};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use runs::{AnyBody, empty, full, in_time, on_both_runtimes, read, request, streamed, times};
use server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer;

const REFUSED: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\ntoo large";
const SIZE: usize = 8 * 1024 * 1024;

#[test]
fn an_upload_after_a_declined_upgrade_is_refused_like_any_other() {
    on_both_runtimes(async || {
        for declined in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nok",
        ] {
            for body in [full, streamed] {
                let server = Server::with_threads(1, move |mut peer| {
                    if peer.head().is_some() {
                        // In pieces, as a network may split it.
                        for piece in declined.as_bytes().chunks(7) {
                            peer.send(piece);
                        }
                        if peer.head().is_some() {
                            peer.send(REFUSED);
                        }
                    }
                });
                let connector = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
                for number in 0..times(50) {
                    let client: legacy::Client<_, AnyBody> =
                        legacy::Client::builder(TokioExecutor::new()).build(connector.clone());
                    let get = Request::get(server.uri("")).header("connection", "upgrade, http2-settings");
                    let get = get.header("upgrade", "h2c").body(empty()).unwrap();
                    in_time(async { read(client.request(get).await.unwrap()).await }).await.unwrap();
                    let put = request(Method::PUT, server.uri(""), body(vec![0; SIZE].into()));
                    let refused = in_time(async { read(client.request(put).await?).await.map_err(Into::into) });
                    let refused: Result<_, Box<dyn std::error::Error>> = refused.await;
                    let (status, text) = refused.unwrap_or_else(|error| panic!("upload {number}: {error:?}"));
                    assert_eq!((status, &*text), (StatusCode::PAYLOAD_TOO_LARGE, &b"too large"[..]));
                }
            }
        }
    });
}

/// The bytes of a tunnel may look like HTTP.
#[tokio::test]
async fn a_tunnel_that_carries_http_stays_disarmed() {
    for (request, response) in [
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", "HTTP/1.1 200 Connected\r\n\r\n"),
        ("GET / HTTP/1.1\r\nhost: a\r\nupgrade: tunnel\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut client, mut server) = (ResponseFirst::new(stream), listener.accept().await.unwrap().0);
        for (request, response) in
            [(request, response), ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")]
        {
            client.write_all(request.as_bytes()).await.unwrap();
            server.read_exact(&mut vec![0; request.len()]).await.unwrap();
            server.write_all(response.as_bytes()).await.unwrap();
            client.read_exact(&mut vec![0; response.len()]).await.unwrap();
        }
        drop(server);
        in_time(async { while client.write_all(b"hello?").await.is_ok() {} }).await;
        assert!(!client.handle().is_broken());
    }
}

/// An informational response does not end a request: what is written next is the body.
#[tokio::test]
async fn a_body_that_looks_like_a_request_is_not_taken_for_one() {
    const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 28\r\n\r\n";
    const BODY: &str = "CONNECT a:80 HTTP/1.1\r\n\r\n...";
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut client, mut server) = (ResponseFirst::new(stream), listener.accept().await.unwrap().0);
    client.write_all(HEAD.as_bytes()).await.unwrap();
    server.write_all(CONTINUE.as_bytes()).await.unwrap();
    client.read_exact(&mut vec![0; CONTINUE.len()]).await.unwrap();
    client.write_all(BODY.as_bytes()).await.unwrap();
    assert_eq!(client.handle().bytes_written(), (HEAD.len() + BODY.len()) as u64);
}
