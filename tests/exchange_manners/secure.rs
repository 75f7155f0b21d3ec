//! `https`: the protocols that the client offers, and that it never sends such a request in clear text.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::{Method, Request, StatusCode, Uri};
use hyper_happy_eyeballs::attempt::AttemptRequest;
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::connect::ConnectRequest;
use hyper_happy_eyeballs::resolve::{Answers, Name};
use hyper_happy_eyeballs::response_first::{ResponseFirst, ResponseFirstLayer};
use hyper_happy_eyeballs::{BoxError, Client, HappyEyeballsConnector};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{HttpConnector, dns};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::errors::kinds;
use crate::peer::{OK, Peer, Unknown, both, empty, get, in_time, read};

/// The text of the error of a connector without TLS, which names the missing setting.
const NO_TLS: &str = "the connector does no TLS (add .tls(…), or enforce_http(false) under a TLS layer)";

/// URIs of secure requests, and how an error names their host.
const SECURE: [(&str, &str); 5] = [
    ("https://origin.example/", "origin.example:443"),
    ("https://user:secret@origin.example:8443/secret?secret", "origin.example:8443"),
    ("wss://origin.example/", "origin.example:443"),
    ("https://[::1]/", "[::1]:443"),
    ("https://127.0.0.1:1/", "127.0.0.1:1"),
];

/// A resolver and dialler that panics when it is called.
#[derive(Clone)]
struct Untouchable;

impl Service<Name> for Untouchable {
    type Response = Answers;
    type Error = BoxError;
    type Future = Ready<Result<Answers, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        panic!("the resolver is asked whether it is ready");
    }

    fn call(&mut self, name: Name) -> Self::Future {
        panic!("the resolver is asked for {name}");
    }
}

impl Service<dns::Name> for Untouchable {
    type Response = std::vec::IntoIter<std::net::SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        panic!("the resolver is asked whether it is ready");
    }

    fn call(&mut self, name: dns::Name) -> Self::Future {
        panic!("the resolver is asked for {name}");
    }
}

/// A connector for connections of type `T` that panics when it is called.
fn untouchable<T>() -> impl Service<Uri, Response = T, Error = io::Error, Future: Send> + Clone + Send
where
    T: Send + 'static,
{
    service_fn(async |uri: Uri| -> io::Result<T> { panic!("connects to {uri}") })
}

async fn assert_refused(what: &str, connector: impl Connector) {
    let client = Client::new(connector);
    for (uri, destination) in SECURE {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let request = Request::builder().method(method).uri(uri).body(empty()).unwrap();
            let error = in_time(client.request(request)).await.unwrap_err();
            assert_eq!(kinds(&error), ["connect"], "{what}: {uri}");
            let line = format!("could not connect to {destination}: {NO_TLS}");
            assert_eq!((error.to_string(), format!("{error:?}")), (line.clone(), format!("ClientError({line})")));
            assert!(error.is_permanent() && !error.may_retry(), "{what}: {uri}");
            assert_eq!((error.bytes_written(), error.retries()), (0, 0), "{what}: {uri}");
            let connect = error.connect_error().unwrap();
            assert!(connect.is_unsupported() && !connect.is_invalid_uri(), "{what}: {uri}");
            assert!(connect.attempts().is_empty() && connect.asked().is_empty(), "{what}: {uri}");
        }
    }
    let total = client.pool_statistics().total;
    assert_eq!((total.idle, total.in_use, total.dialing, total.waiting), (0, 0, 0, 0), "{what}");
}

#[tokio::test]
async fn a_connector_that_is_known_to_do_no_tls_gets_no_secure_request() {
    let ours = || HappyEyeballsConnector::builder().resolver(Untouchable);
    let bare = || service_fn(async |_: AttemptRequest| -> io::Result<TokioIo<TcpStream>> { panic!("it is dialled") });
    assert_refused("ours", ours().build().unwrap()).await;
    assert_refused("ours, told to take https", ours().enforce_http(false).build().unwrap()).await;
    assert_refused("ours in a layer", ServiceBuilder::new().boxed_clone().service(ours().build().unwrap())).await;
    assert_refused("ours below", ResponseFirstLayer::new().layer(ours().enforce_http(false).build().unwrap())).await;
    assert_refused("ours over attempts", ours().enforce_http(false).attempt(bare()).build().unwrap()).await;
    let mut theirs = HttpConnector::new_with_resolver(Untouchable);
    theirs.enforce_http(false);
    assert_refused("hyper-util's", theirs.clone()).await;
    assert_refused("hyper-util's below", ResponseFirstLayer::new().layer(theirs)).await;
    assert_refused("a socket", untouchable::<TokioIo<TcpStream>>()).await;
    assert_refused("a wrapped socket", untouchable::<TokioIo<ResponseFirst<TcpStream>>>()).await;
}

#[tokio::test]
async fn a_uri_that_cannot_be_written_is_an_invalid_request_first() {
    let client = Client::new(untouchable::<TokioIo<TcpStream>>());
    let error = in_time(client.get("https://[@]/")).await.unwrap_err();
    assert_eq!((kinds(&error), &*error.to_string()), (vec!["invalid request"], "invalid request: \"]\" is not a host"));
}

#[tokio::test]
async fn a_connection_of_another_type_may_be_secure() {
    let peer = Peer::listen().await;
    let client = Client::new(peer.secure_connector());
    let server = async { peer.accept().await.answer(OK).await };
    let (_, response) = both(server, client.request(get("https://origin.example/".parse().unwrap()))).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
}

#[tokio::test]
async fn a_tunnel_to_port_443_is_asked_for_in_clear_text_and_its_connection_gets_no_secure_request() {
    for target in ["origin.example:443", "https://origin.example/"] {
        let peer = Peer::listen().await;
        let client = Client::new(peer.connector());
        let connect = || Request::connect(target).body(empty()).unwrap();
        let server = async {
            let mut conn = peer.accept().await;
            let head = conn.answer("HTTP/1.1 407 Who?\r\ncontent-length: 0\r\n\r\n").await;
            assert_eq!(head.lines().next(), Some("CONNECT origin.example:443 HTTP/1.1"));
            conn
        };
        let (mut conn, response) = both(server, client.request(connect())).await;
        assert_eq!(response.unwrap().status(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        assert_eq!(client.pool_statistics().total.idle, 1);
        for uri in ["https://origin.example:443/", "https://origin.example/"] {
            let error = in_time(client.get(uri)).await.unwrap_err();
            let line = format!("could not connect to origin.example:443: {NO_TLS}");
            assert_eq!(error.to_string(), line, "{uri}");
        }
        // The proxy's connection is reused for the next CONNECT, which makes a tunnel.
        let (head, response) = both(conn.answer("HTTP/1.1 200 Connected\r\n\r\n"), client.request(connect())).await;
        assert_eq!(head.lines().next(), Some("CONNECT origin.example:443 HTTP/1.1"));
        in_time(hyper::upgrade::on(response.unwrap())).await.unwrap();
    }
}

/// The protocols that the client requested of a connector.
type Heard = Option<Vec<Vec<u8>>>;

#[tokio::test]
async fn the_client_says_what_it_speaks_where_that_is_negotiated() {
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let log = Arc::clone(&heard);
    let connector = service_fn(move |uri: Uri| {
        log.lock().unwrap().push(ConnectRequest::of(uri).protocols().map(<[_]>::to_vec));
        ready(Err::<Unknown, _>(io::Error::other("nothing to connect to")))
    });
    let client = Client::new(ServiceBuilder::new().boxed_clone().service(connector));
    for uri in ["http://origin.example/", "https://origin.example/", "ws://origin.example/", "wss://origin.example/"] {
        assert!(in_time(client.get(uri)).await.unwrap_err().is_connect());
    }
    let connect = Request::connect("origin.example:443").body(empty()).unwrap();
    assert!(in_time(client.request(connect)).await.unwrap_err().is_connect());
    let http1 = || Some(vec![b"http/1.1".to_vec()]);
    let spoken = || if cfg!(feature = "http2") { Some(vec![b"h2".to_vec(), b"http/1.1".to_vec()]) } else { http1() };
    assert_eq!(*heard.lock().unwrap(), [None, spoken(), None, spoken(), http1()]);
}

#[tokio::test]
async fn a_connector_that_speaks_something_else_says_so_through_the_layers_around_it() {
    let tcp = HappyEyeballsConnector::builder().resolver(Untouchable).protocols(["h3"]).enforce_http(false);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        .https_only()
        .enable_http1()
        .wrap_connector(tcp.build().unwrap());
    let error = in_time(Client::new(tls).get("https://origin.example/")).await.unwrap_err();
    let spoken = if cfg!(feature = "http2") { "h2 and http/1.1" } else { "http/1.1" };
    let line = format!("could not connect to origin.example:443: the connector speaks h3, and the client {spoken}");
    assert_eq!((kinds(&error), error.to_string()), (vec!["connect"], line));
    assert!(error.is_permanent() && !error.may_retry() && error.connect_error().unwrap().is_unsupported());
}

#[cfg(feature = "https")]
#[tokio::test]
async fn the_client_for_https_speaks_tls_where_that_is_asked_for_and_http_elsewhere() {
    use hyper_happy_eyeballs::HttpsClient;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    let with_settings = Client::builder().max_connections_per_host(1).build_https().unwrap();
    for client in [HttpsClient::https().unwrap(), with_settings] {
        for (scheme, first) in [("https", 0x16), ("http", b'G')] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let response = client.get(format!("{scheme}://{}/", listener.local_addr().unwrap()));
            let server = async { listener.accept().await.unwrap().0.read_u8().await.unwrap() };
            let (response, byte) = in_time(async { tokio::join!(response, server) }).await;
            assert_eq!(byte, first, "{scheme}");
            assert!(response.is_err(), "it has gone");
        }
    }
}

#[cfg(feature = "https")]
#[test]
fn the_client_for_https_has_the_settings_of_its_builder() {
    use std::time::Duration;

    let client = Client::builder().timeout(Duration::from_secs(41)).build_https().unwrap();
    assert!(format!("{client:?}").contains("total: Some(41s)"), "{client:?}");
    assert!(Client::builder().timeout(Duration::ZERO).build_https().is_err());
}
