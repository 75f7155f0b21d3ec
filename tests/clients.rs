//! The connector under the clients that people use: hyper-util's client, alone and with hyper-rustls, and tonic.
#![cfg(feature = "connect")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "hyper's servers are made to be spawned")]

mod support;
#[path = "../examples/support/text.rs"]
mod text;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, Uri, Version};
use hyper_happy_eyeballs::connect::{Builder, HappyEyeballsStream};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::{Attempt, AttemptError, BoxError, ConnectError, ConnectInfo, HappyEyeballsConnector};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpInfo};
use hyper_util::client::legacy::{Client, Error as LegacyError};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use support::loopback::{BlackHole, ClosedPort};
use text::Text;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tower::retry::Policy;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, service_fn};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOST: &str = "origin.example";

type Stream = HappyEyeballsStream<TcpConnection>;

#[tokio::test]
async fn a_request_gets_past_a_refused_and_a_silent_address() {
    let (closed, silent, server) = (ClosedPort::new(V4), BlackHole::new(V4), Server::listen().await);
    let [refused, silent, origin] = [closed.address(), silent.address(), server.address];
    // Long enough for a refusal to be noticed on a busy machine.
    let builder = builder([refused, silent, origin]).connection_attempt_delay(Duration::from_secs(1));

    let response = exchange(&client(builder.build().unwrap()), "http://origin.example/").await.unwrap();

    assert_eq!((response.version(), response.body()), (Version::HTTP_11, &payload()));
    let http_info: &HttpInfo = response.extensions().get().unwrap();
    assert_eq!(http_info.remote_addr(), origin);
    let info: &ConnectInfo = response.extensions().get().unwrap();
    assert_eq!((info.host(), info.port()), (HOST, 80));
    assert_eq!(
        lines(info.attempts()),
        [
            format!("{refused}, first: connection refused"),
            format!("{silent}, previous failed: lost to another attempt"),
            format!("{origin}, delay elapsed: connected"),
        ]
    );
    assert_eq!(info.winner().endpoint().address(), origin);
    assert!(info.untried().is_empty());
}

#[tokio::test]
async fn a_connection_that_is_kept_alive_is_used_again() {
    let (closed, server) = (ClosedPort::new(V4), Server::listen().await);
    let client = client(builder([closed.address(), server.address]).build().unwrap());
    for _ in 0..5 {
        let response = exchange(&client, "http://origin.example/").await.unwrap();
        let info: &ConnectInfo = response.extensions().get().unwrap();
        assert_eq!(info.attempts().len(), 2);
        put_back_into_the_pool().await;
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn tls_over_it_speaks_http_1_where_the_server_has_no_other() {
    let server = Server::listen_with_tls(&[b"http/1.1"]).await;
    let client = client(server.https(builder([server.address])));
    let response = exchange(&client, "https://origin.example/").await.unwrap();

    assert_eq!((response.version(), response.body()), (Version::HTTP_11, &payload()));
    let info: &ConnectInfo = response.extensions().get().unwrap();
    assert_eq!((info.port(), info.winner().endpoint().address()), (443, server.address));
}

#[tokio::test]
async fn tls_over_it_speaks_http_2_where_the_server_prefers_it() {
    let (closed, server) = (ClosedPort::new(V4), Server::listen_with_tls(&[b"h2", b"http/1.1"]).await);
    let client = client(server.https(builder([closed.address(), server.address])));
    for _ in 0..3 {
        let response = exchange(&client, "https://origin.example/").await.unwrap();
        assert_eq!((response.version(), response.body()), (Version::HTTP_2, &payload()));
        assert_eq!(response.extensions().get::<HttpInfo>().unwrap().remote_addr(), server.address);
        let info: &ConnectInfo = response.extensions().get().unwrap();
        assert_eq!(info.attempts().len(), 2);
        assert_eq!(info.winner().endpoint().address(), server.address);
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_channel_makes_its_calls_over_it() {
    let (closed, server) = (ClosedPort::new(V4), Server::listen().await);
    let connector = builder([closed.address(), server.address]).build().unwrap();
    let endpoint = Endpoint::from_static("http://origin.example");
    let channel = in_time(endpoint.connect_with_connector(connector)).await.unwrap();
    assert_shouts(channel).await;
    assert_eq!(server.accepted(), 1);
}

/// Calls of a small message and of a large one are answered.
async fn assert_shouts(channel: Channel) {
    let mut grpc = tonic::client::Grpc::new(channel);
    for text in ["a small message", &"a large message ".repeat(10_000)] {
        let request = tonic::Request::new(text.to_owned());
        in_time(grpc.ready()).await.unwrap();
        let reply = in_time(grpc.unary(request, PathAndQuery::from_static("/test.Echo/Shout"), Text)).await.unwrap();
        assert_eq!(reply.into_inner(), text.to_uppercase());
    }
}

/// Without TLS of tonic's own.
#[cfg(feature = "tls")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_channel_makes_its_calls_over_tls_of_the_connector() {
    let (closed, server) = (ClosedPort::new(V4), Server::listen_with_tls(&[b"h2"]).await);
    let connector =
        builder([closed.address(), server.address]).protocols(["h2"]).tls(server.options()).build().unwrap();
    let endpoint = Endpoint::from_static("https://origin.example");
    let channel = in_time(endpoint.connect_with_connector(connector)).await.unwrap();
    assert_shouts(channel).await;
    assert_eq!(server.accepted(), 1);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_of_the_connector_speaks_what_the_server_prefers() {
    for (alpn, version) in [(&[b"h2" as &[u8], b"http/1.1"][..], Version::HTTP_2), (&[b"http/1.1"], Version::HTTP_11)] {
        let server = Server::listen_with_tls(alpn).await;
        let client = client(builder([server.address]).tls(server.options()).build().unwrap());
        for _ in 0..3 {
            let response = exchange(&client, "https://origin.example/").await.unwrap();
            assert_eq!((response.version(), response.body()), (version, &payload()));
            put_back_into_the_pool().await;
        }
        assert_eq!(server.accepted(), 1, "{version:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_of_layers_in_a_box_serves_a_client() {
    let (closed, server) = (ClosedPort::new(V4), Server::listen().await);
    let client = client(boxed(builder([closed.address(), server.address]), Duration::from_secs(60)));
    let response = exchange(&client, "http://origin.example/").await.unwrap();
    assert_eq!(response.body(), &payload());
    assert_eq!(response.extensions().get::<ConnectInfo>().unwrap().attempts().len(), 2);
    assert_eq!(response.extensions().get::<HttpInfo>().unwrap().remote_addr(), server.address);
}

#[tokio::test]
async fn a_stack_of_layers_in_a_box_passes_errors_through() {
    let (closed, silent) = (ClosedPort::new(V4), BlackHole::new(V4));
    let refused = client(boxed(builder([closed.address()]), Duration::from_secs(60)));
    let error = exchange(&refused, "http://origin.example/").await.unwrap_err();
    assert_eq!(ours(&error).attempts().len(), 1);

    let hung = client(boxed(builder([silent.address()]), Duration::from_millis(100)));
    let error = exchange(&hung, "http://origin.example/").await.unwrap_err();
    assert!(error.is_connect());
    assert!(error.source().unwrap().is::<Elapsed>(), "{error:?}");
}

#[tokio::test]
async fn a_client_error_has_ours_for_its_cause_with_every_attempt() {
    let (one, other) = (ClosedPort::new(V4), ClosedPort::new(V4));
    let [one, other] = [one.address(), other.address()];
    let client = client(builder([one, other]).build().unwrap());
    let error = exchange(&client, SECRETIVE).await.unwrap_err();

    assert!(error.is_connect());
    let cause = ours(&error);
    assert!(cause.is_connect() && !cause.is_dns() && !cause.is_timeout() && !cause.is_invalid_uri());
    assert_eq!(addresses(cause.attempts()), [one, other]);
    assert!(cause.untried().is_empty());
    assert_eq!(
        cause.to_string(),
        format!("could not connect to origin.example:80: {one} connection refused, {other} connection refused")
    );
    let attempt = cause.source().unwrap();
    assert!(attempt.is::<AttemptError>());
    let system: &io::Error = attempt.source().unwrap().downcast_ref().unwrap();
    assert_eq!(system.kind(), io::ErrorKind::ConnectionRefused);
    assert_keeps_secrets(&error);
}

#[tokio::test]
async fn a_time_out_names_the_addresses_and_nothing_private() {
    let (closed, silent) = (ClosedPort::new(V4), BlackHole::new(V4));
    let [refused, silent] = [closed.address(), silent.address()];
    let builder = builder([refused, silent]).timeout(Duration::from_secs(1));
    let error = exchange(&client(builder.build().unwrap()), SECRETIVE).await.unwrap_err();

    let cause = ours(&error);
    assert!(cause.is_timeout() && cause.is_connect() && !cause.is_dns());
    assert_eq!(addresses(cause.attempts()), [refused, silent]);
    let text = cause.to_string();
    assert!(text.starts_with("could not connect to origin.example:80: timed out after "), "{text}");
    assert!(text.contains(&format!(": {refused} connection refused, {silent} timed out after ")), "{text}");
    assert_keeps_secrets(&error);
}

#[tokio::test]
async fn an_error_comes_through_tls_and_through_grpc_too() {
    let closed = ClosedPort::new(V4);
    let server = Server::listen_with_tls(&[b"h2"]).await;
    let https = client(server.https(builder([closed.address()])));
    let error = exchange(&https, "https://user:secret@origin.example/private?token").await.unwrap_err();
    assert_eq!(addresses(ours(&error).attempts()), [closed.address()]);
    assert_keeps_secrets(&error);

    let endpoint = Endpoint::from_static("http://origin.example");
    let connector = builder([closed.address()]).build().unwrap();
    let error = in_time(endpoint.connect_with_connector(connector)).await.unwrap_err();
    assert_eq!(addresses(ours(&error).attempts()), [closed.address()]);
}

#[tokio::test]
async fn a_tls_uri_without_a_tls_layer_is_an_error_that_says_so() {
    let client = client(HappyEyeballsConnector::new());
    let error = exchange(&client, "https://user:secret@origin.example/private?token").await.unwrap_err();
    let cause = ours(&error);
    assert!(cause.is_invalid_uri() && cause.attempts().is_empty());
    assert_eq!(
        cause.to_string(),
        "invalid URI: the scheme is https, not http (add .tls(…), or enforce_http(false) under a TLS layer)"
    );
    assert_keeps_secrets(&error);
}

/// A URI with everything that an error must not repeat.
const SECRETIVE: &str = "http://user:secret@origin.example/private?token";

#[track_caller]
fn assert_keeps_secrets(error: &LegacyError) {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error} {error:?}");
        cause = error.source();
    }
    for secret in ["user", "secret", "private", "token"] {
        assert!(!text.contains(secret), "{secret:?} is in: {text}");
    }
}

/// Our error, wherever it is in the chain of causes.
fn ours<'a>(error: &'a (dyn StdError + 'static)) -> &'a ConnectError {
    ConnectError::find(error).unwrap_or_else(|| panic!("ours is not behind {error:?}"))
}

/// Describes each attempt in one line: its endpoint, why it started, and how it ended.
fn lines(attempts: &[Attempt]) -> Vec<String> {
    let line = |attempt: &Attempt| format!("{}, {}: {}", attempt.endpoint(), attempt.reason(), attempt.outcome());
    attempts.iter().map(line).collect()
}

fn addresses(attempts: &[Attempt]) -> Vec<SocketAddr> {
    attempts.iter().map(|attempt| attempt.endpoint().address()).collect()
}

/// A builder of a connector that resolves `HOST` to these addresses. Their ports are used, since the URIs of this file name none.
fn builder(addresses: impl IntoIterator<Item = SocketAddr>) -> Builder<FixedResolver> {
    HappyEyeballsConnector::builder().resolver(FixedResolver::new().with(HOST, addresses))
}

/// The connector under layers for a time-out, a retry and a limit, boxed so that its type does not show them.
fn boxed(builder: Builder<FixedResolver>, timeout: Duration) -> BoxCloneSyncService<Uri, Stream, BoxError> {
    let stack = ServiceBuilder::new().timeout(timeout).retry(SecondTry { left: true }).concurrency_limit(1);
    BoxCloneSyncService::new(stack.service(builder.build().unwrap()))
}

#[derive(Clone)]
struct SecondTry {
    left: bool,
}

impl<T> Policy<Uri, T, ConnectError> for SecondTry {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Uri, result: &mut Result<T, ConnectError>) -> Option<Self::Future> {
        (result.is_err() && mem::take(&mut self.left)).then(|| ready(()))
    }

    fn clone_request(&mut self, uri: &Uri) -> Option<Uri> {
        Some(uri.clone())
    }
}

fn client<C: Connect + Clone>(connector: C) -> Client<C, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build(connector)
}

fn payload() -> Bytes {
    "more than fits into one packet ".repeat(5_000).into()
}

/// Posts the payload, and collects the response.
async fn exchange<C>(client: &Client<C, Full<Bytes>>, uri: &str) -> Result<Response<Bytes>, LegacyError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let request = Request::builder().method(Method::POST).uri(uri).body(Full::new(payload())).unwrap();
    in_time(async {
        let (head, body) = client.request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
    })
    .await
}

/// The client puts a connection back in a task of its own, which runs after the other tasks that are ready.
async fn put_back_into_the_pool() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have ended long ago")
}

/// Speaks HTTP/1.1, HTTP/2 and gRPC, and counts its connections.
struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    certificate: Option<CertificateDer<'static>>,
    /// Dropping it closes every connection.
    _tasks: JoinSet<()>,
}

impl Server {
    async fn listen() -> Self {
        Self::start(None, None).await
    }

    /// With a certificate for `HOST`, and these protocols in order of preference.
    async fn listen_with_tls(protocols: &[&[u8]]) -> Self {
        let certified = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let certificate = certified.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let mut config = versions.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self::start(Some(Arc::new(config).into()), Some(certificate)).await
    }

    /// A configuration that trusts only this server.
    #[cfg(feature = "tls")]
    fn options(&self) -> hyper_happy_eyeballs::tls::TlsOptions {
        let provider = Arc::new(ring::default_provider());
        hyper_happy_eyeballs::tls::TlsOptions::new().provider(provider).root_certificates(self.certificate.clone())
    }

    async fn start(tls: Option<TlsAcceptor>, certificate: Option<CertificateDer<'static>>) -> Self {
        let listener = TcpListener::bind((V4, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept_all(listener, tls, Arc::clone(&accepted)));
        Self { address, accepted, certificate, _tasks: tasks }
    }

    /// hyper-rustls over the connector, trusting this server alone.
    fn https(&self, builder: Builder<FixedResolver>) -> HttpsConnector<HappyEyeballsConnector<FixedResolver>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().unwrap()).unwrap();
        let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config = versions.with_root_certificates(roots).with_no_client_auth();
        let connector = builder.enforce_http(false).build().unwrap();
        HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_all_versions()
            .wrap_connector(connector)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

async fn accept_all(listener: TcpListener, tls: Option<TlsAcceptor>, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::SeqCst);
        let tls = tls.clone();
        connections.spawn(async move {
            match tls {
                Some(tls) => serve(tls.accept(stream).await.unwrap()).await,
                None => serve(stream).await,
            }
        });
    }
}

/// Serves one connection. An error of the connection is not the server's failure.
async fn serve(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let builder = auto::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(io), hyper::service::service_fn(answer)).await.ok();
}

/// Returns the body; to a gRPC call, the message in capitals.
async fn answer(request: Request<Incoming>) -> Result<Response<tonic::body::Body>, Infallible> {
    if request.headers().get(CONTENT_TYPE).is_some_and(|content| content == "application/grpc") {
        let shout = service_fn(async |request: tonic::Request<String>| {
            Ok::<_, Status>(tonic::Response::new(request.into_inner().to_uppercase()))
        });
        return Ok(tonic::server::Grpc::new(Text).unary(shout, request).await);
    }
    Ok(Response::new(tonic::body::Body::new(request.into_body())))
}
