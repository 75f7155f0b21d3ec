//! Trailers of a request whose names were not announced.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::{Client, ClientError, HappyEyeballsConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// A server that sends back what it got, trailers included.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service =
            service_fn(|request: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(request.into_body())) });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(stream), service).await);
    });
    uri
}

fn trailers(name: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("1"))])
}

/// The text and the trailers that came back.
async fn sent<B>(uri: &str, body: B, length: Option<u64>) -> Result<(Bytes, Option<HeaderMap>), ClientError>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let client = Client::builder().http2_prior_knowledge(true).build(HappyEyeballsConnector::new()).unwrap();
    let mut request = Request::put(uri).body(body).unwrap();
    if let Some(length) = length {
        request.headers_mut().insert("content-length", length.into());
    }
    let collected = client.request(request).await?.into_body().collect().await?;
    let trailers = collected.trailers().cloned();
    Ok((collected.to_bytes(), trailers))
}

#[tokio::test]
async fn trailers_of_a_request_pass_without_being_announced() {
    for length in [None, Some(5)] {
        let frames = [Frame::data(Bytes::from_static(b"hello")), Frame::trailers(trailers("x-digest"))];
        let body = StreamBody::new(stream::iter(frames.map(Ok)));
        let (text, got) = sent(&echo().await, body, length).await.unwrap();
        assert_eq!((&text[..], got), (&b"hello"[..], Some(trailers("x-digest"))), "{length:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_nothing_but_trailers_is_sent() {
    let body = StreamBody::new(stream::iter([Ok(Frame::trailers(trailers("x-digest")))]));
    let (text, got) = sent(&echo().await, body, None).await.unwrap();
    assert_eq!((&text[..], got), (&b""[..], Some(trailers("x-digest"))));
}

#[tokio::test]
async fn a_trailer_that_cannot_be_one_fails_its_request() {
    for name in ["content-length", "keep-alive", "host"] {
        let body = Full::new(Bytes::from_static(b"hello")).with_trailers(async move { Some(Ok(trailers(name))) });
        let error = sent(&echo().await, body, None).await.unwrap_err();
        assert!(error.is_request_body(), "{name}: {error:?}");
    }
}
