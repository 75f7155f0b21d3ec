//! https with today's parts: the connector below hyper-rustls, under this crate's client.
//!
//! From the socket up there are three layers, and each has one thing to be told:
//!
//! 1. [`HappyEyeballsConnector`] connects. `enforce_http(false)` lets `https` URIs through.
//! 2. [`ResponseFirstLayer`] keeps a write error from hiding a response. It goes below TLS, where the socket is.
//! 3. hyper-rustls does TLS. `enable_http1()` alone, since the client speaks HTTP/1.1.
//!
//! The origin is a TLS server of this program, behind two addresses of which one is dead. It answers a GET, and refuses an
//! upload of 8 MiB without reading it.
//!
//! ```text
//! cargo run --example https
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]
#![allow(clippy::disallowed_methods, reason = "the server is a task of its own")]

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use hyper_happy_eyeballs::{Client, ConnectInfo, HappyEyeballsConnector};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::Layer;

use crate::loopback::BlackHole;

#[expect(dead_code, reason = "another example needs the rest")]
#[path = "support/loopback.rs"]
mod loopback;

const HOST: &str = "origin.example";
const UPLOAD: usize = 8 * 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (origin, certificate) = start_origin().await?;
    let dead = BlackHole::new(Ipv4Addr::LOCALHOST)?;

    let resolver = FixedResolver::new().with(HOST, [dead.address(), origin]);
    let tcp = HappyEyeballsConnector::builder()
        .resolver(resolver)
        .enforce_http(false)
        .timeout(Duration::from_secs(10))
        .build()?;
    let tcp = ResponseFirstLayer::new().layer(tcp);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(trusting(certificate)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::new(https);

    let response = client.get(format!("https://{HOST}/hello").parse()?).await?;
    println!("GET: {}", response.status());
    if let Some(info) = response.extensions().get::<ConnectInfo>() {
        for attempt in info.attempts() {
            println!("  {attempt}");
        }
    }
    let body = response.into_body().collect().await?.to_bytes();
    println!("  {}", String::from_utf8_lossy(&body));

    let upload = Request::put(format!("https://{HOST}/upload")).body(Full::<Bytes>::from(vec![0; UPLOAD]))?;
    let response = client.request(upload).await?;
    println!("PUT of 8 MiB: {}", response.status());
    if response.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return Err("the answer to the upload was lost".into());
    }
    Ok(())
}

/// A TLS configuration that trusts one certificate.
fn trusting(certificate: CertificateDer<'static>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

/// Starts the origin on a free port of loopback, and returns its address and its certificate.
async fn start_origin() -> Result<(SocketAddr, CertificateDer<'static>), Box<dyn Error>> {
    let certified = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, Arc::new(config).into()));
    Ok((address, certificate))
}

async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            // A client that hangs up ends its own connection, not the server.
            if let Ok(stream) = tls.accept(stream).await {
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
            }
        });
    }
}

/// Answers a GET, and refuses anything else before its body is read.
async fn answer<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from("hello over TLS"));
    if request.method() != Method::GET {
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        *response.body_mut() = Full::default();
    }
    Ok(response)
}
