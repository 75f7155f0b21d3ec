//! The client over HTTP/2, against hyper's server.
#![cfg(feature = "http2")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::client::ConnectionUse;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A server that returns the body of the request, with the number of connections that it has had.
async fn echo() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (uri, connections)
}

async fn serve(stream: TcpStream) {
    let service = service_fn(|request: Request<Incoming>| async move {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

fn client() -> Client<HappyEyeballsConnector> {
    Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new()).unwrap()
}

#[tokio::test]
async fn requests_share_a_connection() {
    let (uri, connections) = echo().await;
    let client = client();
    for (number, text) in ["", "hello", "again"].into_iter().enumerate() {
        let request = Request::put(&uri).body(text.to_owned()).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let usage = *response.extensions().get::<ConnectionUse>().unwrap();
        assert_eq!(usage.is_reused(), number > 0);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), text);
    }
    let statistics = client.pool_statistics().total;
    assert_eq!((statistics.idle, statistics.in_use, statistics.streams), (1, 0, 0));
    assert_eq!(connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_burst_has_one_connection() {
    let (uri, connections) = echo().await;
    let client = client();
    // As many as hyper's server allows.
    let requests = (0..200).map(|number| {
        let (client, uri) = (client.clone(), uri.clone());
        tokio::spawn(async move {
            let body = Full::new(Bytes::from(vec![b'x'; number * 100]));
            let response = client.request(Request::post(uri).body(body).unwrap()).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes().len()
        })
    });
    let requests: Vec<_> = requests.collect();
    for (number, request) in requests.into_iter().enumerate() {
        assert_eq!(request.await.unwrap(), number * 100);
    }
    assert_eq!(connections.load(SeqCst), 1);
}

/// How the last request on a connection ends.
#[derive(Clone, Copy, Debug)]
enum Last {
    Read,
    Unread,
    HasNoBody,
    Cancelled,
}

async fn is_closed_when_idle(last: Last) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    });
    let builder = Client::builder().http2_prior_knowledge(true).idle_timeout(Duration::from_millis(50));
    let client = builder.build(HappyEyeballsConnector::new()).unwrap();
    let request = |text: &str| client.request(Request::put(&uri).body(text.to_owned()).unwrap());
    let response = request("hello").await.unwrap();
    match last {
        Last::Read => drop(response.into_body().collect().await.unwrap()),
        Last::Unread => drop(response),
        Last::HasNoBody => {
            drop(response.into_body().collect().await.unwrap());
            drop(request("").await.unwrap());
        }
        Last::Cancelled => {
            drop(response.into_body().collect().await.unwrap());
            drop(futures_util::poll!(request("again")));
        }
    }
    let closed = timeout(Duration::from_secs(30), server).await;
    closed.unwrap_or_else(|_| panic!("{last:?}: the connection stays")).unwrap();
}

#[tokio::test]
async fn a_connection_is_closed_when_it_was_idle_for_long_however_its_last_request_ended() {
    for last in [Last::Read, Last::Unread, Last::HasNoBody, Last::Cancelled] {
        is_closed_when_idle(last).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_where_its_task_runs_on_another_thread() {
    for last in [Last::Read, Last::Unread, Last::HasNoBody, Last::Cancelled] {
        tokio::spawn(is_closed_when_idle(last)).await.unwrap();
    }
}

/// When a stream ends, the client returns the window of its unacknowledged bytes to the connection.
#[tokio::test]
async fn what_was_read_of_streams_that_are_over_leaves_the_window_open() {
    let (uri, _) = echo().await;
    let builder = Client::builder().http2_prior_knowledge(true).http2_windows(65_535, 65_535);
    let client = builder.build(HappyEyeballsConnector::new()).unwrap();
    let all = async {
        for _ in 0..20 {
            let request = Request::put(&uri).body(Full::new(Bytes::from(vec![b'x'; 16_000]))).unwrap();
            let response = client.request(request).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 16_000);
        }
    };
    timeout(Duration::from_secs(30), all).await.expect("the window is closed");
}

#[tokio::test]
async fn a_body_of_unknown_length_that_was_begun_goes_again_after_it_was_turned_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.windows(5).any(|bytes| bytes == b"hello") {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        }
        // No settings, and a GOAWAY that covers nothing.
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        stream.write_all(&[&settings[..], &goaway].concat()).await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        serve(other).await;
    });
    let frames = stream::iter(["hello", " world"]).map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
    let request = Request::post(uri).body(StreamBody::new(frames)).unwrap();
    let response = client().request(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello world");
    server.abort();
}

/// A WINDOW_UPDATE to a server that has closed its socket causes a reset, which discards data on its way to the client.
#[tokio::test]
async fn a_server_is_not_told_that_it_may_send_more_than_it_has() {
    // With a length that fits into the window, and without one.
    for (length, is_told) in [(&b"\x0f\x0d\x071048576"[..], false), (b"", true)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Preface, settings and window of the client come first, and its request.
            let mut read = Vec::new();
            while !read.windows(6).any(|bytes| bytes == [1, 5, 0, 0, 0, 1]) {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            // Its settings, and that it has heard of the window of the client.
            stream.write_all(&[frame(4, 0, 0, b""), frame(4, 1, 0, b"")].concat()).await.unwrap();
            stream.write_all(&frame(1, 4, 1, &[b"\x88", length].concat())).await.unwrap();
            for number in 1..=64 {
                stream.write_all(&frame(0, u8::from(number == 64), 1, &[0; 16_384])).await.unwrap();
            }
            stream.read_to_end(&mut read).await.unwrap();
            let mut frames = &read[24..];
            let mut is_told = false;
            while let [_, high, low, kind, _, _, _, _, stream, rest @ ..] = frames {
                is_told |= (*kind, *stream) == (8, 1);
                frames = &rest[usize::from(*high) << 8 | usize::from(*low)..];
            }
            is_told
        });
        let response = client().get(uri).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 1 << 20);
        assert_eq!(server.await.unwrap(), is_told, "{length:?}");
    }
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [.., high, low] = payload.len().to_be_bytes();
    [&[0, high, low, kind, flags, 0, 0, 0, stream][..], payload].concat()
}
