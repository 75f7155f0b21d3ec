//! The text of an error as a user reads it under each client: the line, and then the causes, printed as the README does it: a cause whose text is in
//! the line already is skipped. No text appears twice, and none is missing.
#![cfg(all(feature = "client", feature = "tls"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the server is a task of its own")]

mod support;
#[path = "support/tls/mod.rs"]
mod tls;

use std::error::Error;
use std::fmt::Debug;
use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::rt::{Read, Write};
use hyper::{Request, Uri};
use hyper_happy_eyeballs::client::Connector;
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::{Client, ConnectError, FixedResolver, HappyEyeballsConnector};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use tower::{Service, ServiceExt};

use crate::support::loopback::{BlackHole, ClosedPort};
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, in_time, trusting};
use crate::tls::conduct::Conduct;
use crate::tls::server::Server;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HTTP: &str = "http://origin.example/path";
const HTTPS: &str = "https://origin.example/path";

#[tokio::test]
async fn an_address_that_refuses_is_named_with_the_error_of_the_system() {
    let (closed, other) = (ClosedPort::new(V4), ClosedPort::new(V4));
    let [one, two] = [closed.address(), other.address()];
    let system = TcpStream::connect(one).unwrap_err();

    let said = said(builder([one]).build().unwrap(), HTTP).await;
    said.is_no_connection(&format!("could not connect to origin.example:80: {one} connection refused"), &[&system]);

    let all = self::said(builder([one, two]).build().unwrap(), HTTP).await;
    let line = format!("could not connect to origin.example:80: {one} connection refused, {two} connection refused");
    all.is_no_connection(&line, &[&system]);
}

#[tokio::test]
async fn a_time_out_says_after_what_time_and_where() {
    let silent = BlackHole::new(V4);
    let connector = builder([silent.address()]).timeout(Duration::from_millis(300)).build().unwrap();
    let said = said(connector, HTTP).await.without_times();
    let address = silent.address();
    let line = format!("could not connect to origin.example:80: timed out after TIME: {address} timed out after TIME");
    said.is_no_connection(&line, &[]);
}

#[tokio::test]
async fn a_name_without_addresses_is_named() {
    let said = said(HappyEyeballsConnector::builder().resolver(FixedResolver::new()).build().unwrap(), HTTP).await;
    said.is_no_connection("could not resolve origin.example: the name has no addresses", &[]);
}

#[tokio::test]
async fn a_certificate_from_an_unknown_issuer_is_said_in_words_and_in_those_of_rustls() {
    let (authority, stranger) = (Authority::new("an authority"), Authority::new("a stranger"));
    let server = Server::listen(V4, Conduct::serves(&authority.server(&[HOST]))).await;
    let said = said(builder([server.address()]).tls(trusting(&stranger)).build().unwrap(), HTTPS).await;
    let words = "the certificate is from an unknown issuer";
    let line = format!("could not connect to origin.example:443: {} {words}", server.address());
    said.is_no_connection(&line, &[&"invalid peer certificate: UnknownIssuer"]);
}

#[tokio::test]
async fn https_to_a_port_of_http_is_said_in_words() {
    let server = Server::listen(V4, Conduct::ServesInPlain).await;
    let options = trusting(&Authority::new("an authority"));
    let said = said(builder([server.address()]).tls(options).build().unwrap(), HTTPS).await;
    let line = format!("could not connect to origin.example:443: {} the server does not speak TLS", server.address());
    said.is_no_connection(&line, &[&"received corrupt message of type InvalidContentType"]);
}

#[tokio::test]
async fn https_over_a_connector_without_tls_is_not_tried() {
    let said = said(builder([]).build().unwrap(), HTTPS).await;
    let hint = "(add .tls(…), or enforce_http(false) under a TLS layer)";
    assert_eq!(said.ours, format!("could not connect to origin.example:443: the connector does no TLS {hint}"));
    assert_eq!(said.hyper_util, format!("client error (Connect): invalid URI: the scheme is https, not http {hint}"));
    assert_eq!(said.tonic, format!("transport error: invalid URI: the scheme is https, not http {hint}"));
}

#[tokio::test]
async fn http_to_a_port_of_https_is_an_invalid_response() {
    let identity = Authority::new("an authority").server(&[HOST]);
    let server = Server::listen(V4, Conduct::serves(&identity)).await;
    let said = said(builder([server.address()]).build().unwrap(), HTTP).await;
    let words = "the server speaks TLS: invalid HTTP version parsed";
    assert_eq!(said.ours, format!("the response of origin.example is invalid: {words}"));
    assert_eq!(said.hyper_util, "client error (SendRequest): invalid HTTP version parsed");
    assert!(said.tonic.starts_with("transport error: "), "{}", said.tonic);
}

#[tokio::test]
async fn a_connection_that_ends_before_the_response_is_said_to() {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // All of the request is read, so that the end is not a reset.
            let _size = stream.read(&mut [0; 4096]).await;
        }
    });
    let said = said(builder([address]).build().unwrap(), HTTP).await;
    let line = "the connection to origin.example was closed before a response arrived";
    assert_eq!(said.ours, format!("{line}: connection closed before message completed"));
    assert_eq!(said.hyper_util, "client error (SendRequest): connection closed before message completed");
    assert!(said.tonic.starts_with("transport error: "), "{}", said.tonic);
}

/// Returns what is printed for the error of a GET, or of a call.
#[derive(Debug)]
struct Said {
    ours: String,
    /// The error of this crate's client with all of its causes.
    whole: String,
    hyper_util: String,
    tonic: String,
}

impl Said {
    /// Asserts that the line of the connector is there once under each client, with these causes behind it.
    #[track_caller]
    fn is_no_connection(&self, line: &str, causes: &[&dyn ToString]) {
        let text = [line.to_owned()].into_iter().chain(causes.iter().map(|cause| cause.to_string()));
        let text = text.collect::<Vec<_>>().join(": ");
        assert_eq!(self.ours, text);
        assert_eq!(self.whole.matches(line).count(), 1, "{}", self.whole);
        assert_eq!(self.hyper_util, format!("client error (Connect): {text}"));
        assert_eq!(self.tonic, format!("transport error: {text}"));
    }

    /// With each time by its name.
    fn without_times(self) -> Self {
        let name = |text: String| {
            let mut parts = text.split(" after ");
            let first = parts.next().unwrap_or_default().to_owned();
            // "302 ms: and so on", or "302 ms" at the end.
            parts.fold(first, |text, part| {
                let rest = part.split_once([':', ',']).map_or("", |(time, _)| &part[time.len()..]);
                text + " after TIME" + rest
            })
        };
        Self {
            ours: name(self.ours),
            whole: name(self.whole),
            hyper_util: name(self.hyper_util),
            tonic: name(self.tonic),
        }
    }
}

/// Sends a GET to `uri` over `connector` by each client, and makes a call.
async fn said<C>(connector: C, uri: &'static str) -> Said
where
    C: Connect + Connector + Clone + Send + Sync + 'static,
    C: Service<Uri, Response: Read + Write + Send + Unpin, Error = ConnectError, Future: Send>,
{
    let ours = in_time(Client::new(connector.clone()).get(uri)).await;
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector.clone());
    let hyper_util = in_time(client.get(Uri::from_static(uri))).await;
    let call = async {
        let channel = Endpoint::from_static(uri).connect_with_connector(connector).await?;
        channel.oneshot(Request::new(tonic::body::Body::empty())).await
    };
    let tonic = in_time(call).await;
    let whole = lines(ours.as_ref().unwrap_err()).join(": ");
    Said { ours: printed(ours), whole, hyper_util: printed(hyper_util), tonic: printed(tonic) }
}

/// The error with its causes, but for those whose text is there already.
fn printed<T: Debug, E: Error + 'static>(result: Result<T, E>) -> String {
    let error = result.unwrap_err();
    lines(&error).into_iter().fold(String::new(), |text, line| match &*text {
        "" => line,
        said if said.contains(&line) => text,
        said => format!("{said}: {line}"),
    })
}

/// Returns the texts of the error and of its causes.
fn lines(error: &(dyn Error + 'static)) -> Vec<String> {
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

/// A builder of a connector that resolves `HOST` to these addresses.
fn builder(addresses: impl IntoIterator<Item = SocketAddr>) -> Builder<FixedResolver> {
    HappyEyeballsConnector::builder().resolver(FixedResolver::new().with(HOST, addresses))
}
