//! A request that takes too long is an error that says how far the request was. A response that has arrived is not lost.
//!
//! The connections are mocks, since a paused clock does not work with a real socket.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a test reads the clock that it has stopped")]

#[path = "../exchange_no_timer/fake.rs"]
mod fake;
#[cfg(feature = "http2")]
mod over_http2;

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use fake::{Connector, Servers, client};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Request, Uri};
use hyper_happy_eyeballs::client::{ConnectionCounts, Phase, Processing, ResponseFuture, TimeLimits};
use hyper_happy_eyeballs::resolve::{Answers, Name};
use hyper_happy_eyeballs::{Client, ClientError, HappyEyeballsConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, advance, sleep};
use tokio_test::task::{Spawn, spawn};
use tokio_test::{assert_pending, assert_ready};

type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

const URI: &str = "http://origin.example/";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
const ONE: Duration = Duration::from_secs(1);
const TWO: Duration = Duration::from_secs(2);

fn get() -> Request<AnyBody> {
    Request::get(URI).body(Empty::new().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// An upload that has no end.
fn endless() -> Request<AnyBody> {
    let body = StreamBody::new(futures_util::stream::pending::<io::Result<Frame<Bytes>>>());
    Request::post(URI).body(body.boxed_unsync()).unwrap()
}

/// A request whose head the first server has read.
async fn asked(client: &Client<Connector>, servers: &Servers, request: Request<AnyBody>) -> Spawn<ResponseFuture> {
    let mut request = spawn(client.request(request));
    assert_pending!(request.poll());
    servers.read_head(0).await;
    request
}

fn with(mut request: Request<AnyBody>, limits: TimeLimits) -> Request<AnyBody> {
    request.extensions_mut().insert(limits);
    request
}

#[track_caller]
fn check(error: &ClientError, phase: Phase, line: &str) {
    assert_eq!(error.timeout_phase(), Some(phase), "{error:?}");
    assert!(error.is_timeout() && !error.is_permanent() && !error.is_connect() && !error.is_body(), "{error:?}");
    assert!(!error.is_closed_before_response() && !error.is_invalid_request(), "{error:?}");
    assert_eq!(error.to_string(), line);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_takes_too_long() {
    let connector = tower::service_fn(|_: Uri| pending::<io::Result<TokioIo<TcpStream>>>());
    let client = Client::builder().timeout(ONE).build(connector).unwrap();
    let begun = Instant::now();
    let error = client.request(get()).await.unwrap_err();
    assert_eq!(begun.elapsed(), ONE);
    let line = "the time limit of 1 s for the request to origin.example was reached while connecting";
    check(&error, Phase::Connecting, line);
    assert!(error.may_retry() && error.processing() == Processing::Unsent, "{error:?}");
    assert_eq!(client.pool_statistics().total, ConnectionCounts::default(), "the connect is given up");
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_takes_too_long_for_its_connector() {
    let resolver = tower::service_fn(|_: Name| pending::<io::Result<Answers>>());
    let connector = HappyEyeballsConnector::builder().resolver(resolver).timeout(ONE).build().unwrap();
    let error = Client::builder().timeout(TWO).build(connector).unwrap().request(get()).await.unwrap_err();
    assert!(error.is_connect() && error.is_timeout() && error.may_retry(), "{error:?}");
    assert_eq!(error.timeout_phase(), Some(Phase::Connecting));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_connection_that_takes_too_long_does_not_hurt_who_has_it() {
    let (client, servers) = client(1, |builder| builder.max_connections_per_host(1));
    let mut first = asked(&client, &servers, get()).await;
    let error = client.request(with(get(), TimeLimits::new().timeout(ONE))).await.unwrap_err();
    let line = "the time limit of 1 s for the request to origin.example was reached while waiting for a connection";
    check(&error, Phase::WaitingForConnection, line);
    assert!(error.may_retry() && error.processing() == Processing::Unsent, "{error:?}");
    servers.send(0, OK).await;
    assert!(assert_ready!(first.poll()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_had_its_turn_connects() {
    let (client, servers) = client(1, |builder| builder.max_connections_per_host(1).timeout(TWO));
    let mut first = spawn(client.request(get()));
    assert_pending!(first.poll());
    let mut second = spawn(client.request(get()));
    assert_pending!(second.poll());
    // The first has its connection closed, and there is no second one to be had: that is an error of the connector, and no limit.
    drop((first, servers));
    let error = assert_ready!(second.poll()).unwrap_err();
    assert!(error.is_connect() && error.timeout_phase().is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_takes_too_long() {
    let (client, servers) = client(1, |builder| builder.timeout(ONE));
    let mut request = asked(&client, &servers, endless()).await;
    advance(ONE).await;
    let error = assert_ready!(request.poll()).unwrap_err();
    let line = "the time limit of 1 s for the request to origin.example was reached while sending the request";
    check(&error, Phase::SendingRequest, line);
    assert!(error.bytes_written() > 0 && !error.may_retry(), "{error:?}");
    assert_eq!(error.processing(), Processing::Unknown);
    assert_eq!(client.pool_statistics().total, ConnectionCounts::default(), "its connection is closed");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_takes_too_long() {
    let (client, servers) = client(1, |builder| builder.timeout(TWO).response_header_timeout(ONE));
    let begun = Instant::now();
    let request = asked(&client, &servers, get()).await;
    servers.send(0, "HTTP/1.1 200 ").await;
    let error = request.await.unwrap_err();
    assert_eq!(begun.elapsed(), ONE);
    let line = "the time limit of 1 s for the head of the response of origin.example was reached while waiting for the response";
    check(&error, Phase::WaitingForResponse, line);
    assert_eq!(error.bytes_read(), 13);
    assert!(error.bytes_written() > 0 && !error.may_retry(), "a byte of the response has come");
    assert_eq!(client.pool_statistics().total, ConnectionCounts::default(), "its connection is closed");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_has_the_whole_time_and_no_more() {
    let (client, servers) = client(1, |builder| builder.timeout(TWO).response_header_timeout(ONE));
    let begun = Instant::now();
    let request = asked(&client, &servers, get()).await;
    servers.send(0, HALF).await;
    let mut body = request.await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(begun.elapsed(), TWO);
    let line =
        "the time limit of 2 s for the request to origin.example was reached while reading the body of the response";
    check(&error, Phase::ReadingBody, line);
    assert_eq!(error.bytes_read(), HALF.len() as u64);
    assert!(error.bytes_written() > 0 && error.processing() == Processing::Answered, "{error:?}");
    assert!(body.frame().await.is_none() && body.is_end_stream());
    assert_eq!(client.pool_statistics().total, ConnectionCounts::default(), "its connection is closed");
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_head_is_none_of_the_body() {
    let (client, servers) = client(1, |builder| builder.response_header_timeout(ONE));
    let request = asked(&client, &servers, get()).await;
    servers.send(0, HALF).await;
    let body = request.await.unwrap().into_body();
    let late = async {
        sleep(TWO).await;
        servers.send(0, "hello").await;
    };
    let (body, ()) = tokio::join!(body.collect(), late);
    assert_eq!(body.unwrap().to_bytes(), "hellohello");
}

#[tokio::test(start_paused = true)]
async fn what_has_arrived_when_the_limit_comes_is_given() {
    let (client, servers) = client(1, |builder| builder.timeout(ONE));
    let mut request = asked(&client, &servers, get()).await;
    servers.send(0, OK).await;
    advance(TWO).await;
    let response = assert_ready!(request.poll()).unwrap();
    advance(TWO).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");

    // The end of a body is given as well, whenever it is read.
    let mut request = asked(&client, &servers, get()).await;
    servers.send(0, HALF).await;
    let mut body = assert_ready!(request.poll()).unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    servers.send(0, "world").await;
    advance(TWO).await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "world");
    assert_eq!((client.pool_statistics().total.idle, servers.connected()), (1, 1), "it is used again");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_has_no_more_time_than_one_that_is_fast() {
    let (client, servers) = client(1, |builder| builder.timeout(Duration::from_secs(3)));
    let begun = Instant::now();
    let request = asked(&client, &servers, get()).await;
    servers.send(0, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let mut body = request.await.unwrap().into_body();
    let error = loop {
        // There is something each time.
        servers.send(0, "2\r\nok\r\n").await;
        sleep(ONE).await;
        match body.frame().await.unwrap() {
            Ok(frame) => assert_eq!(frame.into_data().unwrap(), "ok"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.timeout_phase(), begun.elapsed().as_secs()), (Some(Phase::ReadingBody), 3), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_sent_again_has_no_more_time() {
    let (client, servers) = client(2, |builder| builder.timeout(ONE));
    let mut first = asked(&client, &servers, get()).await;
    servers.send(0, OK).await;
    assert_eq!(assert_ready!(first.poll()).unwrap().into_body().collect().await.unwrap().to_bytes(), "ok");
    let begun = Instant::now();
    let dies = async {
        servers.read_head(0).await;
        sleep(ONE / 2).await;
        servers.hang_up(0);
        servers.read_head(1).await;
    };
    let (response, ()) = tokio::join!(client.request(get()), dies);
    let error = response.unwrap_err();
    assert_eq!((begun.elapsed(), error.retries(), servers.connected()), (ONE, 1, 2), "{error:?}");
    assert_eq!(error.timeout_phase(), Some(Phase::WaitingForResponse));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_have_limits_of_its_own() {
    let (client, _servers) = client(3, |builder| builder.timeout(ONE));
    let took = async |limits| {
        let begun = Instant::now();
        let request = client.request(with(get(), limits));
        let is_error = tokio::time::timeout(Duration::from_secs(60), request).await.is_ok();
        (begun.elapsed().as_secs(), is_error)
    };
    assert_eq!(took(TimeLimits::new()).await, (1, true));
    assert_eq!(took(TimeLimits::new().timeout(TWO)).await, (2, true));
    assert_eq!(took(TimeLimits::new().timeout(None)).await, (60, false));
}

#[tokio::test(start_paused = true)]
async fn the_time_runs_from_the_call() {
    let (client, servers) = client(1, |builder| builder.timeout(ONE));
    let request = client.request(get());
    advance(TWO).await;
    let begun = Instant::now();
    let error = request.await.unwrap_err();
    assert_eq!((error.timeout_phase(), error.processing()), (Some(Phase::WaitingForConnection), Processing::Unsent));
    assert_eq!((begun.elapsed(), servers.connected()), (Duration::ZERO, 0), "nothing is begun that is too late");
}

/// The timer was that of the first runtime.
#[test]
fn a_body_that_is_read_in_another_runtime_has_its_limit_there() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (client, servers) = client(1, |builder| builder.timeout(Duration::from_millis(50)));
    let first = runtime();
    let mut body = first.block_on(async {
        let mut request = asked(&client, &servers, get()).await;
        servers.send(0, HALF).await;
        let mut body = assert_ready!(request.poll()).unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
        assert_pending!(spawn(body.frame()).poll());
        body
    });
    drop(first);
    let error = runtime().block_on(body.frame()).unwrap().unwrap_err();
    assert_eq!(error.timeout_phase(), Some(Phase::ReadingBody), "{error:?}");
}

#[test]
fn a_limit_of_zero_is_an_error_of_the_builder() {
    let build = |builder: hyper_happy_eyeballs::client::Builder| builder.build(HappyEyeballsConnector::new());
    for builder in
        [Client::builder().timeout(Duration::ZERO), Client::builder().response_header_timeout(Duration::ZERO)]
    {
        assert_eq!(build(builder).unwrap_err().to_string(), "the time limit of a request must not be zero");
    }
    assert!(build(Client::builder().timeout(None)).is_ok());
}

/// Over a real socket: what is known of the connection is in the error.
#[tokio::test]
async fn an_error_says_which_connection_it_was() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::new(HappyEyeballsConnector::new());
    let ask = |limits| {
        let mut request = with(get(), limits);
        *request.uri_mut() = format!("http://{address}/").parse().unwrap();
        client.request(request)
    };
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(OK.as_bytes()).await.unwrap();
        // It is silent from here on, and ends when its client does.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    };
    let asks = async {
        let response = ask(TimeLimits::new()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
        ask(TimeLimits::new().response_header_timeout(Duration::from_millis(50))).await.unwrap_err()
    };
    let (error, rest) = tokio::join!(asks, server);
    assert_eq!(error.timeout_phase(), Some(Phase::WaitingForResponse), "{error:?}");
    assert!(error.was_reused() && error.bytes_written() == rest.len() as u64, "{error:?}");
    assert_eq!(error.connect_info().unwrap().winner().endpoint().address(), address);
}
