//! The predicates and texts of errors, and their sources.

use std::error::Error as StdError;
use std::io;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper::{Method, Request, Uri, Version};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::client::{ClientError, Connector};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::{AttemptError, BoxError, Client, ConnectInfo, HappyEyeballsConnector};
use hyper_util::client::legacy::connect::HttpInfo;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::peer::{Body, Conn, OK, Peer, both, client, empty, full, get, in_time, post, read};
use crate::support::loopback::{BlackHole, ClosedPort};

/// Returns the names of the predicates that are true.
pub(crate) fn kinds(error: &ClientError) -> Vec<&'static str> {
    [
        ("invalid request", error.is_invalid_request()),
        ("connect", error.is_connect()),
        ("closed before response", error.is_closed_before_response()),
        ("canceled", error.is_canceled()),
        ("timeout", error.is_timeout()),
        ("body", error.is_body()),
        ("request body", error.is_request_body()),
        ("invalid response", error.is_invalid_response()),
    ]
    .into_iter()
    .filter_map(|(name, holds)| holds.then_some(name))
    .collect()
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_connects_to_nothing() {
    // The request must fail before the client calls the connector.
    let connector =
        tower::service_fn(async |uri: Uri| -> io::Result<TokioIo<TcpStream>> { panic!("connects to {uri}") });
    let client = Client::new(connector);
    let request = |method: Method, uri: &str, version| {
        Request::builder().method(method).uri(uri).version(version).body(empty()).unwrap()
    };
    for request in [
        request(Method::GET, "/path", Version::HTTP_11),
        request(Method::GET, "a.example:80", Version::HTTP_11),
        request(Method::GET, "http://a.example/", Version::HTTP_2),
        request(Method::GET, "http://a.example/", Version::HTTP_09),
        request(Method::CONNECT, "a.example:443", Version::HTTP_10),
    ] {
        let shown = format!("{request:?}");
        let error = in_time(client.request(request)).await.unwrap_err();
        assert_eq!(kinds(&error), ["invalid request"], "{shown}");
        assert!(error.source().is_none() && error.connect_info().is_none(), "{shown}");
        assert!(error.is_permanent() && !error.may_retry(), "{shown}");
    }
}

#[tokio::test]
async fn no_connection_is_an_error_that_has_the_attempts() {
    let closed = [ClosedPort::new(Ipv4Addr::LOCALHOST.into()), ClosedPort::new(Ipv4Addr::LOCALHOST.into())];
    let addresses = closed.each_ref().map(ClosedPort::address);
    let resolver = FixedResolver::new().with("origin.example", addresses);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
    let client = Client::new(connector);
    let error = in_time(client.get("http://origin.example/path")).await.unwrap_err();
    assert_eq!(kinds(&error), ["connect"], "{error:?}");
    // `Display` names every address, and the host once. `Debug` does not repeat the text of `Display`.
    let [first, second] = addresses;
    let line =
        format!("could not connect to origin.example:80: {first} connection refused, {second} connection refused");
    assert_eq!(error.to_string(), line);
    assert_eq!(format!("{error:?}").matches(&line).count(), 1);
    assert!(error.may_retry() && !error.is_permanent());
    let connect = error.connect_error().unwrap();
    let attempted: Vec<_> = connect.attempts().iter().map(|attempt| attempt.endpoint().address()).collect();
    assert_eq!(attempted, addresses);
    assert_eq!((error.bytes_written(), error.bytes_read(), error.retries(), error.was_reused()), (0, 0, 0, false));
}

#[tokio::test]
async fn a_connector_s_own_error_is_the_source() {
    let connector =
        tower::service_fn(async |_: Uri| Err::<TokioIo<TcpStream>, _>(io::Error::other("out of descriptors")));
    let error = error_of_connector(connector).await;
    assert_eq!(kinds(&error), ["connect"]);
    assert_eq!(error.source().unwrap().to_string(), "out of descriptors");
    assert_eq!(error.to_string(), "no connection to origin.example: out of descriptors");
    assert!(error.connect_error().is_none() && error.may_retry() && !error.is_permanent());
}

#[tokio::test]
async fn an_attempt_that_would_fail_again_makes_a_request_permanent_through_whatever_wraps_it() {
    let attempt = tower::service_fn(async |_: AttemptRequest| {
        let error = AttemptError::new("the certificate is not accepted").permanent();
        Err::<TcpConnection, _>(io::Error::other(error))
    });
    let resolver = FixedResolver::new().with("origin.example", ["192.0.2.1:80".parse().unwrap()]);
    let connector = HappyEyeballsConnector::builder().resolver(resolver).attempt(attempt).build().unwrap();
    let wrapped = connector.clone().map_err(io::Error::other);
    for error in [error_of_connector(connector).await, error_of_connector(wrapped).await] {
        assert_eq!(kinds(&error), ["connect"], "{error:?}");
        assert!(error.is_permanent() && !error.may_retry() && error.connect_error().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_permanent() {
    let connector = HappyEyeballsConnector::builder().resolver(FixedResolver::new()).build().unwrap();
    let error = error_of_connector(connector).await;
    assert!(error.to_string().starts_with("could not resolve origin.example: "), "{error}");
    assert!(error.is_permanent() && !error.may_retry(), "{error:?}");
}

#[tokio::test]
async fn a_connect_that_takes_too_long_is_a_time_out_as_well() {
    let silent = BlackHole::new(Ipv4Addr::LOCALHOST.into());
    let connector = HappyEyeballsConnector::builder().timeout(Duration::from_millis(300)).build().unwrap();
    let client = Client::new(connector);
    let uri = format!("http://{}/", silent.address());
    let error = in_time(client.get(uri)).await.unwrap_err();
    assert_eq!(kinds(&error), ["connect", "timeout"], "{error:?}");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_an_error_that_says_what_was_sent() {
    for end in [drop::<Conn>, Conn::reset] {
        let peer = Peer::listen().await;
        let server = async {
            let mut conn = peer.accept().await;
            let head = conn.head().await;
            end(conn);
            head
        };
        let client = client();
        let (head, result) = both(server, client.get(peer.uri("/"))).await;
        let error = result.unwrap_err();
        assert_eq!(kinds(&error), ["closed before response"], "{error:?}");
        assert_eq!((error.bytes_written(), error.bytes_read()), (head.len() as u64, 0));
        assert_eq!((error.retries(), error.was_reused()), (0, false));
        // The client does not retry after a fresh connection failed; the caller may.
        assert!(error.may_retry() && !error.is_permanent());
        let expected = format!("the connection to {} was closed before a response arrived", peer.address());
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.connect_info().unwrap().winner().endpoint().address(), peer.address());
    }
}

#[tokio::test]
async fn half_a_head_is_not_a_response() {
    for part in ["H", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"] {
        let error = error_of(get, part).await;
        assert_eq!(kinds(&error), ["closed before response"], "{part:?}: {error:?}");
        assert!(!error.may_retry(), "{part:?}: {error:?}");
        assert_eq!(error.bytes_read(), part.len() as u64);
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_1_is_an_error_that_says_so() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{2}\u{2}\u{28}\r\n\r\n",
        "\u{15}\u{2}\u{1}\u{0}\u{2}\u{2}\u{28}\r\n\r\n",
        "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{28}",
        "HTTP/1.1 twohundred OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n",
    ] {
        let error = error_of(get, garbage).await;
        assert_eq!(kinds(&error), ["invalid response"], "{garbage:?}: {error:?}");
        assert!(error.bytes_read() > 0 && error.source().is_some(), "{garbage:?}: {error:?}");
        let says_tls = format!("{error:?}").contains("the server speaks TLS");
        assert_eq!(says_tls, garbage.starts_with("\u{15}\u{3}"), "{garbage:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_head_without_measure_is_an_invalid_response() {
    let fields = "a: b\r\n".repeat(10_000);
    let long = format!("a: {}\r\n", "b".repeat(1_000_000));
    for fields in [fields, long] {
        let (peer, client) = (Peer::listen().await, client());
        // The client may close before it has read the whole response.
        let server = async { peer.accept().await.rest_answering(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await };
        let (_, result) = both(server, client.get(peer.uri("/"))).await;
        assert_eq!(kinds(&result.unwrap_err()), ["invalid response"]);
    }
}

#[tokio::test]
async fn a_body_that_panics_harms_no_other_request() {
    struct Panics;

    impl hyper::body::Body for Panics {
        type Data = bytes::Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<bytes::Bytes>, BoxError>>> {
            panic!("this is part of the test");
        }
    }

    let (peer, client) = (Peer::listen().await, limited_to_one(HappyEyeballsConnector::new()));
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        assert_eq!(conn.rest().await, "");
        peer.accept().await.answer(OK).await
    };
    let (head, ()) = both(server, async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        let panics = client.request(post(peer.uri("/panics"), Panics.boxed_unsync()));
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_eq!(read(client.get(peer.uri("/next")).await.unwrap()).await.0, "ok");
    })
    .await;
    assert!(head.starts_with("GET /next "), "{head}");
}

#[tokio::test]
async fn a_connect_that_fails_or_panics_leaves_its_place_to_the_next() {
    let peer = Peer::listen().await;
    let (address, calls) = (peer.address(), Arc::new(AtomicUsize::new(0)));
    let connector = tower::service_fn(move |_: Uri| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 => Err(io::Error::other("not yet")),
                1 => panic!("this is part of the test"),
                2 => std::future::pending().await,
                _ => TcpStream::connect(address).await.map(TokioIo::new),
            }
        }
    });
    let client = limited_to_one(connector);
    let server = async { peer.accept().await.answer(OK).await };
    let (_, ()) = both(server, async {
        assert!(client.get(peer.uri("/")).await.unwrap_err().is_connect());
        assert!(AssertUnwindSafe(client.get(peer.uri("/"))).catch_unwind().await.is_err());
        let mut pending = client.get(peer.uri("/"));
        assert!((&mut pending).now_or_never().is_none());
        let mut waiting = client.get(peer.uri("/"));
        assert!((&mut waiting).now_or_never().is_none());
        drop(pending);
        assert_eq!(read(waiting.await.unwrap()).await.0, "ok");
    })
    .await;
}

/// A client with at most one connection.
fn limited_to_one<C: Connector>(connector: C) -> Client<C> {
    Client::builder().max_connections_per_host(1).build(connector).unwrap()
}

#[tokio::test]
async fn a_repeat_that_fails_is_told() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        drop(conn);
        // The fresh connection is closed without a response too.
        peer.accept().await.head().await;
    };
    let ((), error) = both(server, async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        client.get(peer.uri("/")).await.unwrap_err()
    })
    .await;
    assert_eq!(kinds(&error), ["closed before response"], "{error:?}");
    // The error describes the fresh connection, not the reused one.
    assert_eq!((error.retries(), error.was_reused()), (1, false));
    assert!(error.may_retry() && !error.is_permanent());
    assert!(error.to_string().ends_with(", when the request was sent again"), "{error}");
}

#[tokio::test]
async fn a_post_on_a_dead_connection_is_an_error_and_is_not_repeated() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        conn.body("hello").await;
        drop(conn);
        // The next request must not be a retry of the POST.
        peer.accept().await.answer(OK).await
    };
    let (next, error) = both(server, async {
        read(client.get(peer.uri("/")).await.unwrap()).await;
        let error = client.request(post(peer.uri("/post"), full("hello"))).await.unwrap_err();
        read(client.get(peer.uri("/next")).await.unwrap()).await;
        error
    })
    .await;
    assert_eq!(kinds(&error), ["closed before response"], "{error:?}");
    assert_eq!((error.retries(), error.was_reused(), error.bytes_read()), (0, true, 0));
    assert!(!error.may_retry() && !error.is_permanent());
    assert!(error.bytes_written() > 5);
    assert!(next.starts_with("GET /next "), "{next}");
}

#[tokio::test]
async fn a_response_has_the_connection_s_record_and_so_has_its_error() {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.answer(OK).await;
        conn.head().await;
        conn.send("nonsense\r\n\r\n").await;
    };
    let ((), (response, error)) = both(server, async {
        let response = client.get(peer.uri("/")).await.unwrap();
        let (head, body) = response.into_parts();
        body.collect().await.unwrap();
        (head, client.get(peer.uri("/")).await.unwrap_err())
    })
    .await;
    assert_eq!(response.extensions.get::<HttpInfo>().unwrap().remote_addr(), peer.address());
    for info in [response.extensions.get::<ConnectInfo>().unwrap(), error.connect_info().unwrap()] {
        assert_eq!((info.host(), info.winner().endpoint().address()), ("127.0.0.1", peer.address()));
    }
    assert!(error.was_reused() && error.is_invalid_response(), "{error:?}");
}

/// Returns the error of a request over `connector`, which always fails.
async fn error_of_connector(connector: impl Connector) -> ClientError {
    let client = Client::new(connector);
    in_time(client.get("http://origin.example/")).await.unwrap_err()
}

/// Returns the error of a request to a server that sends `response` and closes.
async fn error_of(request: fn(Uri) -> Request<Body>, response: &str) -> ClientError {
    let (peer, client) = (Peer::listen().await, client());
    let server = async {
        peer.accept().await.answer(response).await;
    };
    let ((), result) = both(server, client.request(request(peer.uri("/")))).await;
    result.unwrap_err()
}

/// A retry would fail in the same way, so `may_retry` must be false.
#[tokio::test]
async fn a_uri_that_the_connector_refuses_is_an_invalid_request() {
    let client = Client::new(HappyEyeballsConnector::builder().enforce_http(true).build().unwrap());
    let any = Client::new(HappyEyeballsConnector::builder().enforce_http(false).build().unwrap());
    for (client, uri, words) in [
        (&client, "ftp://127.0.0.1/", "the scheme is ftp, not http"),
        (&client, "ws://127.0.0.1/", "the scheme is ws, not http"),
        (&any, "http://[v1.a]/", "[v1.a] is not an IPv6 address"),
        (&any, "http://127.0.0.1:0/", "port 0 cannot be connected to"),
        (&any, "http://127.0.0.1:123foo/", "\"123foo\" is not a port"),
        (&any, "http://[::1%25]/", "the zone of [::1%25] is empty"),
    ] {
        let error = in_time(client.get(uri)).await.unwrap_err();
        assert!(error.is_invalid_request() && !error.is_connect(), "{uri}: {error:?}");
        assert!(error.is_permanent() && !error.may_retry(), "{uri}: {error:?}");
        assert!(error.to_string().ends_with(words), "{uri}: {error}");
    }
}
