//! The client over HTTP/2, against hyper's server.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::client::ConnectionUse;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// A server that answers with what it gets, and how many connections it has had.
async fn echo() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    Ok::<_, Infallible>(Response::new(Full::new(body)))
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (uri, connections)
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
    let requests = (0..300).map(|number| {
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

/// The last of a body is not given back by itself, but with its stream.
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
