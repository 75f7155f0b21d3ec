//! The layers of tower-http around the client, stacked as in the documentation: they follow redirects and decompress bodies.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, LOCATION};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_happy_eyeballs::client::ResponseBody;
use hyper_happy_eyeballs::{Client, ClientError, ConnectError, FixedResolver, HappyEyeballsConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::decompression::{DecompressionBody, DecompressionLayer};
use tower_http::follow_redirect::{FollowRedirectLayer, RequestUri};

/// "hello, eyeballs".
const GZIP: [u8; 35] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0x48, 0xad,
    0x4c, 0x4d, 0x4a, 0xcc, 0xc9, 0x29, 0x06, 0x00, 0x04, 0x0d, 0x94, 0x67, 0x0f, 0x00, 0x00, 0x00,
];

#[tokio::test]
async fn a_redirect_to_another_host_is_followed_without_credentials_and_its_body_is_decompressed() {
    let server = Server::start().await;
    let request = Request::get("http://old.example/moved").header(AUTHORIZATION, "Basic c2VjcmV0");
    let response = server.send(request.body(Full::default()).unwrap()).await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.extensions().get::<RequestUri>().unwrap().0, "http://new.example/file");
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello, eyeballs");

    let seen = server.seen();
    let hosts: Vec<_> = seen.iter().map(|fields| fields["host"].to_str().unwrap()).collect();
    assert_eq!(hosts, ["old.example", "new.example"]);
    assert_eq!(seen.each_ref().map(|fields| fields.contains_key(AUTHORIZATION)), [true, false]);
    assert!(seen.iter().all(|fields| fields[ACCEPT_ENCODING] == "gzip"), "{seen:?}");
}

/// The rule of the connector applies to each hop of a redirect, whichever layer follows it.
#[tokio::test]
async fn a_redirect_to_an_address_that_is_not_allowed_is_refused() {
    let server = Server::start().await;
    let request = Request::get("http://old.example/inside").body(Full::default()).unwrap();
    let error = server.send(request).await.err().unwrap();
    let connect = ConnectError::find(&error).unwrap();
    assert!(connect.is_not_allowed() && connect.attempts().is_empty(), "{error:?}");
    assert_eq!(connect.host(), Some("127.0.0.2"));
    assert_eq!(server.seen::<1>().len(), 1);
}

#[tokio::test]
async fn a_body_is_not_sent_again_for_a_redirect_that_keeps_the_method() {
    let server = Server::start().await;
    let request = Request::put("http://old.example/kept").body(Full::from("an upload")).unwrap();
    let response = server.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(server.seen::<1>().len(), 1);
}

/// One server for all names, which redirects from the old one.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
        let seen_by_server = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen_by_server);
                let service = service_fn(move |request: Request<Incoming>| {
                    seen.lock().unwrap().push(request.headers().clone());
                    async move { Ok::<_, Infallible>(answer(request.uri().path())) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, seen }
    }

    /// Sends `request` through the layers, to this server whatever its host.
    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<DecompressionBody<ResponseBody>>, ClientError> {
        let resolver = FixedResolver::new().with("old.example", [self.address]).with("new.example", [self.address]);
        let allowed = self.address.ip();
        let connector =
            HappyEyeballsConnector::builder().resolver(resolver).allow(move |ip| ip == allowed).build().unwrap();
        let client = Client::builder().timeout(Duration::from_secs(60)).build(connector).unwrap();
        let client =
            ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(DecompressionLayer::new()).service(client);
        client.oneshot(request).await
    }

    /// The fields of the requests that came, so many.
    fn seen<const N: usize>(&self) -> [HeaderMap; N] {
        self.seen.lock().unwrap().clone().try_into().unwrap()
    }
}

fn answer(path: &str) -> Response<Full<Bytes>> {
    let redirect = |status, to| Response::builder().status(status).header(LOCATION, to).body(Full::default()).unwrap();
    match path {
        "/moved" => redirect(StatusCode::FOUND, "http://new.example/file"),
        "/inside" => redirect(StatusCode::FOUND, "http://127.0.0.2/"),
        "/kept" => redirect(StatusCode::TEMPORARY_REDIRECT, "http://new.example/file"),
        _ => Response::builder().header(CONTENT_ENCODING, "gzip").body(Full::from(GZIP.to_vec())).unwrap(),
    }
}
