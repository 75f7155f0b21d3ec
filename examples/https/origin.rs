//! The servers of the example.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

/// Starts a server on a free port of loopback, whose certificate is for `host`.
pub(crate) async fn start(authority: &Authority, host: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let tls = authority.acceptor(host)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, tls));
    Ok(address)
}

async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            // If a client closes its connection early, only that connection ends, and not the server.
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

/// Starts a server that accepts connections and sends nothing on them.
pub(crate) async fn start_silent() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.push(stream);
        }
    });
    Ok(address)
}
