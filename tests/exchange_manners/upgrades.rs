//! Streams that no longer carry HTTP: after `101`, and after `CONNECT`.

use hyper::header::{CONNECTION, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode, Uri};
use hyper_happy_eyeballs::response_first::{ResponseFirst, ResponseFirstLayer};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::Layer;

use crate::peer::{Body, Conn, OK, Peer, Unknown, both, client, empty, field, get, in_time, read};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n";

#[tokio::test]
async fn an_upgraded_stream_goes_both_ways_and_outlives_the_client() {
    let peer = Peer::listen().await;
    let client = client();
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.head().await;
        // The stream's first bytes are in the same segment as the response.
        conn.send(format!("{SWITCHING}welcome")).await;
        (head, conn)
    };
    let ((head, mut conn), response) = both(server, client.request(upgrade(peer.uri("/chat")))).await;
    assert_eq!((field(&head, "upgrade"), field(&head, "connection")), (Some("chat"), Some("upgrade")));
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = in_time(hyper::upgrade::on(response)).await.unwrap();
    drop(client);
    let mut stream = TokioIo::new(upgraded);
    talk(&mut conn, &mut stream, "welcome").await;
    drop(stream);
    assert_eq!(conn.rest().await, "");
}

/// The client limits the bytes of one poll. The limit must not apply to an upgraded stream.
#[tokio::test]
async fn an_upgraded_stream_carries_any_number_of_bytes() {
    const MESSAGES: usize = 4096;
    const MESSAGE: [u8; 512] = [b'x'; 512];
    for is_tunnel in [false, true] {
        let peer = Peer::listen().await;
        let client = Client::new(peer.connector());
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(if is_tunnel { "HTTP/1.1 200 OK\r\n\r\n" } else { SWITCHING }).await;
            for _ in 0..MESSAGES {
                let mut message = MESSAGE;
                conn.stream.read_exact(&mut message).await.unwrap();
                conn.stream.write_all(&message).await.unwrap();
            }
        };
        let tunnel = || Request::connect("origin.example:443").body(empty()).unwrap();
        let request = if is_tunnel { tunnel() } else { upgrade(peer.uri("/chat")) };
        let ((), ()) = both(server, async {
            let response = client.request(request).await.unwrap();
            let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
            for _ in 0..MESSAGES {
                let mut message = MESSAGE;
                stream.write_all(&message).await.unwrap();
                stream.read_exact(&mut message).await.unwrap();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_nobody_elses() {
    let peer = Peer::listen().await;
    let client = client();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(SWITCHING).await;
        conn
    };
    let (mut upgraded_conn, response) = both(server, client.request(upgrade(peer.uri("/chat")))).await;
    let mut stream = TokioIo::new(in_time(hyper::upgrade::on(response.unwrap())).await.unwrap());

    let server = async { peer.accept().await.answer(OK).await };
    let (_, response) = both(server, client.get(peer.uri("/"))).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
    upgraded_conn.send("still here").await;
    let mut buffer = [0; 10];
    in_time(stream.read_exact(&mut buffer)).await.unwrap();
    assert_eq!(&buffer, b"still here");
}

#[tokio::test]
async fn an_upgrade_that_nobody_takes_up_ends_the_connection() {
    for asked_for in [true, false] {
        let (peer, client) = (Peer::listen().await, client());
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(SWITCHING).await;
            assert_eq!(conn.rest().await, "");
            peer.accept().await.answer(OK).await;
        };
        let ((), ()) = both(server, async {
            let request = if asked_for { upgrade(peer.uri("/chat")) } else { get(peer.uri("/chat")) };
            // An upgrade that was not requested may also be an error.
            if let Ok(response) = client.request(request).await {
                assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            } else {
                assert!(!asked_for);
            }
            assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
        })
        .await;
    }
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_a_response_like_any_other() {
    let peer = Peer::listen().await;
    let client = client();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.answer(OK).await
    };
    let (head, ()) = both(server, async {
        let response = client.request(upgrade(peer.uri("/chat"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(read(response).await.0, "ok");
        assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert!(head.starts_with("GET /next HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_tunnel_goes_both_ways_and_outlives_the_client() {
    let peer = Peer::listen().await;
    let client = Client::new(peer.connector());
    let request = Request::connect("origin.example:443").body(empty()).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.answer("HTTP/1.1 200 Connected\r\n\r\nwelcome").await;
        (head, conn)
    };
    let ((head, mut conn), response) = both(server, client.request(request)).await;
    assert_eq!(head.lines().next(), Some("CONNECT origin.example:443 HTTP/1.1"));
    assert!(field(&head, "host").unwrap().starts_with("origin.example"), "{head}");
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let upgraded = in_time(hyper::upgrade::on(response)).await.unwrap();
    drop(client);
    talk(&mut conn, &mut TokioIo::new(upgraded), "welcome").await;
}

#[tokio::test]
async fn a_tunnel_to_a_user_is_not_asked_for() {
    let client = Client::new(Peer::listen().await.connector());
    let request = Request::connect("user:secret@origin.example:443").body(empty()).unwrap();
    let error = in_time(client.request(request)).await.unwrap_err();
    assert!(error.is_invalid_request() && error.is_permanent(), "{error:?}");
    let line = "invalid request: CONNECT has a URI with user or password: set a field for them";
    assert_eq!(error.to_string(), line);
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_tunnel_that_is_refused_is_a_response_like_any_other() {
    let peer = Peer::listen().await;
    let client = Client::new(peer.connector());
    let connect = || Request::connect("origin.example:443").body(empty()).unwrap();
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 4\r\n\r\nwho?";
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(refusal).await;
        conn.answer(refusal).await
    };
    let (_, ()) = both(server, async {
        for _ in 0..2 {
            let response = client.request(connect()).await.unwrap();
            assert_eq!(response.status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
            assert_eq!(read(response).await.0, "who?");
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_to_an_upgraded_stream_that_was_reset_fails() {
    let peer = Peer::listen().await;
    let client = client();
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(SWITCHING).await;
        conn
    };
    let (conn, response) = both(server, client.request(upgrade(peer.uri("/chat")))).await;
    let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    conn.reset();
    assert_writing_fails(upgraded).await;
}

#[tokio::test]
async fn a_write_to_a_tunnel_that_was_reset_fails() {
    let peer = Peer::listen().await;
    let client = Client::new(peer.connector());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer("HTTP/1.1 200 Connected\r\n\r\n").await;
        conn
    };
    let connect = Request::connect("origin.example:443").body(empty()).unwrap();
    let (conn, response) = both(server, client.request(connect)).await;
    let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    conn.reset();
    assert_writing_fails(upgraded).await;
}

#[tokio::test]
async fn under_another_client_the_wrapper_lets_go_of_an_upgraded_stream() {
    let peer = Peer::listen().await;
    let client = wrapped();
    let server = async {
        let mut conn = peer.accept().await;
        // An earlier request on the same connection.
        conn.answer(OK).await;
        conn.answer(SWITCHING).await;
        conn
    };
    let (conn, response) = both(server, async {
        let response = client.request(get(peer.uri("/"))).await.unwrap();
        http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        client.request(upgrade(peer.uri("/chat"))).await
    })
    .await;
    let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    conn.reset();
    assert_writing_fails(upgraded).await;
}

#[tokio::test]
async fn under_another_client_the_wrapper_lets_go_of_a_tunnel() {
    let peer = Peer::listen().await;
    let client = wrapped();
    let server = async {
        let mut conn = peer.accept().await;
        let head = conn.answer("HTTP/1.1 200 Connected\r\n\r\n").await;
        assert!(head.starts_with("CONNECT "), "{head}");
        conn
    };
    let connect = Request::connect(peer.address().to_string()).body(empty()).unwrap();
    let (conn, response) = both(server, client.request(connect)).await;
    let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    conn.reset();
    assert_writing_fails(upgraded).await;
}

type Wrapped = <ResponseFirstLayer as Layer<HappyEyeballsConnector>>::Service;

/// hyper-util's client over the wrapper.
fn wrapped() -> legacy::Client<Wrapped, Body> {
    let connector = ResponseFirstLayer::new().layer(HappyEyeballsConnector::new());
    legacy::Client::builder(TokioExecutor::new()).build(connector)
}

fn upgrade(uri: Uri) -> Request<Body> {
    Request::get(uri).header(CONNECTION, "upgrade").header(UPGRADE, "chat").body(empty()).unwrap()
}

/// Reads the bytes that came in the segment of the response. Then both sides send and receive.
async fn talk(conn: &mut Conn, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), glued: &str) {
    let mut buffer = vec![0; glued.len()];
    in_time(stream.read_exact(&mut buffer)).await.unwrap();
    assert_eq!(buffer, glued.as_bytes());
    for _ in 0..3 {
        in_time(stream.write_all(b"ping")).await.unwrap();
        assert_eq!(conn.body("ping").await, "ping");
        conn.send("pong").await;
        let mut buffer = [0; 4];
        in_time(stream.read_exact(&mut buffer)).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }
}

/// Asserts that a write fails some time after the peer has closed. If errors were swallowed, writes would succeed for ever.
async fn assert_writing_fails(upgraded: Upgraded) {
    let mut stream = TokioIo::new(upgraded);
    let writes = async {
        while stream.write_all(b"hello?").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    in_time(writes).await;
}

/// This is the code in the client's docs.
#[tokio::test]
async fn the_socket_of_an_upgraded_stream_can_be_had_by_itself() {
    let peer = Peer::listen().await;
    for client in [
        Client::new(HappyEyeballsConnector::new()).request(upgrade(peer.uri("/chat"))),
        Client::new(peer.connector()).request(upgrade(peer.uri("/chat"))),
    ] {
        let server = async {
            let mut conn = peer.accept().await;
            conn.answer(&format!("{SWITCHING}welcome")).await;
            conn
        };
        let (mut conn, response) = both(server, client).await;
        let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
        let parts = upgraded.downcast::<TokioIo<ResponseFirst<TcpStream>>>().unwrap();
        assert_eq!(parts.read_buf, "welcome");
        let mut socket = parts.io.into_inner().into_inner();
        talk(&mut conn, &mut socket, "").await;
        drop(socket);
        assert_eq!(conn.rest().await, "");
    }
    // A connection of another type than bare TCP is returned as itself.
    let client = Client::new(peer.secure_connector());
    let server = async { peer.accept().await.answer(SWITCHING).await };
    let (_, response) = both(server, client.request(upgrade(peer.uri("/chat")))).await;
    let upgraded = in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    let parts = upgraded.downcast::<TokioIo<ResponseFirst<TokioIo<Unknown>>>>().unwrap();
    let _: Unknown = parts.io.into_inner().into_inner().into_inner();
}
