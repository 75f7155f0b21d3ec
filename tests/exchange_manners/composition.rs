//! The client in combination with layers, other connectors, and bodies larger than socket buffers.
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Uri};
use hyper_happy_eyeballs::client::{ClientError, ClientLayer, Connector, ResponseBody, ResponseFuture};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::retry::Policy;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::peer::{OK, Peer, both, client, empty, full, get, in_time, post, read};

#[test]
fn it_has_the_traits_that_others_ask_for() {
    fn is_client<T: Clone + Send + Sync + 'static>() {}
    fn is_future<T: Send + Unpin + 'static>() {}
    fn is_body<T: Send + Sync + Unpin + 'static>() {}
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_client::<Client<HappyEyeballsConnector>>();
    is_client::<Client<HttpConnector>>();
    is_client::<ClientLayer>();
    is_future::<ResponseFuture>();
    is_body::<ResponseBody>();
    is_error::<ClientError>();
}

#[tokio::test]
async fn layers_around_it_in_a_box_serve_requests() {
    let peer = Peer::listen().await;
    let stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(60))
        .concurrency_limit(2)
        .layer(ClientLayer::new())
        .service(HappyEyeballsConnector::new());
    let boxed = BoxCloneSyncService::new(stack);
    let server = async {
        let mut conn = peer.accept().await;
        [conn.answer(OK).await, conn.answer(OK).await]
    };
    let (heads, ()) = both(server, async {
        for path in ["/one", "/two"] {
            assert_eq!(read(boxed.clone().oneshot(get(peer.uri(path))).await.unwrap()).await.0, "ok");
        }
    })
    .await;
    assert!(heads[0].starts_with("GET /one ") && heads[1].starts_with("GET /two "), "{heads:?}");
}

#[tokio::test]
async fn a_time_limit_around_it_closes_the_connection() {
    let peer = Peer::listen().await;
    let limited = ServiceBuilder::new().timeout(Duration::from_millis(100)).service(client());
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.rest().await
    };
    let (rest, result) = both(server, limited.oneshot(get(peer.uri("/")))).await;
    assert!(result.unwrap_err().is::<tower::timeout::error::Elapsed>());
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_retry_around_it_decides_by_the_error() {
    /// Retries every request that got no byte of a response.
    #[derive(Clone)]
    struct Insist;

    impl<T> Policy<Request<String>, T, ClientError> for Insist {
        type Future = Ready<()>;

        fn retry(&mut self, _: &mut Request<String>, result: &mut Result<T, ClientError>) -> Option<Ready<()>> {
            let error = result.as_ref().err()?;
            (error.is_closed_before_response() && error.bytes_read() == 0).then(|| ready(()))
        }

        fn clone_request(&mut self, request: &Request<String>) -> Option<Request<String>> {
            Some(request.clone())
        }
    }

    let peer = Peer::listen().await;
    let client = Client::new(HappyEyeballsConnector::new());
    let insisting = ServiceBuilder::new().retry(Insist).service(client);
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        drop(conn);
        let mut conn = peer.accept().await;
        conn.head().await;
        conn.body("hello").await;
        conn.send(OK).await;
    };
    let request = Request::post(peer.uri("/")).body("hello".to_owned()).unwrap();
    let ((), response) = both(server, insisting.oneshot(request)).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
}

#[tokio::test]
async fn any_connector_will_do() {
    let origin = Origin::listen().await;
    echo_small(&Client::new(HappyEyeballsConnector::new()), &origin.uri("http")).await;
    echo_small(&Client::new(HttpConnector::new()), &origin.uri("http")).await;
    echo_small(&Client::new(ResponseFirstLayer::new().layer(HttpConnector::new())), &origin.uri("http")).await;
    echo_small(&Client::new(BoxCloneSyncService::new(HappyEyeballsConnector::new())), &origin.uri("http")).await;
    let late = Client::builder().late_binding(true).max_connections_per_host(2);
    echo_small(&late.build(HttpConnector::new()).unwrap(), &origin.uri("http")).await;
}

#[tokio::test]
async fn tls_between_it_and_the_connector_will_do() {
    let origin = Origin::listen_with_tls().await;
    let over = |roots: RootCertStore| {
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let versions = versions.with_safe_default_protocol_versions().unwrap();
        HttpsConnectorBuilder::new()
            .with_tls_config(versions.with_root_certificates(roots).with_no_client_auth())
            .https_only()
            .enable_http1()
    };
    let uri = origin.uri("https");
    let connector = || HappyEyeballsConnector::builder().enforce_http(false).build().unwrap();
    echo_small(&Client::new(over(origin.roots()).wrap_connector(connector())), &uri).await;
    let response_first = ResponseFirstLayer::new().layer(connector());
    let client = Client::new(over(origin.roots()).wrap_connector(response_first));
    echo_small(&client, &uri).await;
    echo_large(&client, &uri).await;
}

#[tokio::test]
async fn a_body_of_any_size_goes_both_ways_at_the_same_time() {
    let origin = Origin::listen().await;
    echo_large(&client(), &origin.uri("http")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_any_size_go_both_ways_on_several_threads() {
    let origin = Origin::listen().await;
    let (client, mut tasks) = (client(), JoinSet::new());
    for _ in 0..4 {
        let (client, uri) = (client.clone(), origin.uri("http"));
        tasks.spawn(async move { echo_large(&client, &uri).await });
    }
    in_time(tasks.join_all()).await;
}

#[tokio::test]
async fn an_upload_goes_on_only_while_its_answer_is_read_by_those_who_want_both() {
    let (peer, client) = (Peer::listen().await, client());
    let (feed, body) = crate::peer::fed();
    let server = async {
        let mut conn = peer.accept().await;
        conn.head().await;
        // The head of the response precedes the body of the request. Then each line answers a line of the request.
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for line in ["one", "two", "three"] {
            conn.body(line).await;
            conn.send(format!("{:x}\r\n{line}\r\n", line.len())).await;
        }
        conn.body("0\r\n\r\n").await;
        conn.send("0\r\n\r\n").await;
        conn.answer(OK).await
    };
    let (_, ()) = both(server, async {
        let mut body = client.request(post(peer.uri("/"), body)).await.unwrap().into_body();
        for line in ["one", "two", "three"] {
            feed.send(crate::peer::data(line)).unwrap();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), line);
        }
        drop(feed);
        assert!(body.frame().await.is_none() && body.is_end_stream());
        // Both bodies have ended, so the connection is reused.
        assert_eq!(read(client.get(peer.uri("/")).await.unwrap()).await.0, "ok");
    })
    .await;
}

/// Makes a few requests with small bodies, and checks that the server echoes them.
async fn echo_small<C: Connector>(client: &Client<C>, uri: &Uri) {
    for method in [Method::GET, Method::POST, Method::PUT] {
        let body = if method == Method::GET { empty() } else { full("hello") };
        let expected = if method == Method::GET { "" } else { "hello" };
        let request = Request::builder().method(method).uri(uri.clone()).body(body).unwrap();
        assert_eq!(read(in_time(client.request(request)).await.unwrap()).await.0, expected);
    }
}

/// Echoes a body larger than the socket buffers of both ends: it deadlocks unless the client reads while it writes.
async fn echo_large<C: Connector>(client: &Client<C>, uri: &Uri) {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 256;
    let pieces = (0..PIECES).map(|n| Ok(Frame::data(Bytes::from(vec![n as u8; PIECE]))));
    let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
    let response = in_time(client.request(post(uri.clone(), body))).await.unwrap();
    let mut body = response.into_body();
    let mut read = 0;
    in_time(async {
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.iter().enumerate().all(|(at, &byte)| byte == ((read + at) / PIECE) as u8));
            read += data.len();
        }
    })
    .await;
    assert_eq!(read, PIECES * PIECE);
}

/// A server that echoes every body while it arrives, until it is dropped.
struct Origin {
    address: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
    _server: JoinSet<()>,
}

impl Origin {
    async fn listen() -> Self {
        Self::start(None, None).await
    }

    async fn listen_with_tls() -> Self {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = key.cert.der().clone();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = versions.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.clone()], private).unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), Some(certificate)).await
    }

    async fn start(tls: Option<TlsAcceptor>, certificate: Option<CertificateDer<'static>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                connections.spawn(async move {
                    match tls {
                        Some(tls) => serve(tls.accept(stream).await.unwrap()).await,
                        None => serve(stream).await,
                    }
                });
            }
        });
        Self { address, certificate, _server: server }
    }

    fn uri(&self, scheme: &str) -> Uri {
        format!("{scheme}://localhost:{}/", self.address.port()).parse().unwrap()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().unwrap()).unwrap();
        roots
    }
}

/// Serves a connection. Its errors are ignored, since the client may close it at any time.
async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    http1::Builder::new().serve_connection(TokioIo::new(io), service_fn(echo)).await.ok();
}

async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}
