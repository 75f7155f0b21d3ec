//! The origin of the laboratory: HTTP on `[::]:80`, and HTTPS on `[::]:443` with a certificate that is too long for one packet.
//!
//! Every request is answered at once. `?bytes=N` asks for a body of N bytes.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Enough for a storm of connects: what waits to be accepted is not what is measured.
const BACKLOG: u32 = 16_384;

/// Enough names that the certificate fills several packets.
const NAMES: usize = 150;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let (plain, secured) = (listen(80)?, listen(443)?);
    let acceptor = TlsAcceptor::from(Arc::new(tls()?));
    let https = tokio::spawn(async move {
        loop {
            let Some(stream) = accept(&secured).await else { continue };
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            });
        }
    });
    let http = tokio::spawn(async move {
        loop {
            let Some(stream) = accept(&plain).await else { continue };
            tokio::spawn(serve(stream));
        }
    });
    println!("listening");
    tokio::try_join!(http, https)?;
    Ok(())
}

fn listen(port: u16) -> Result<TcpListener, Failure> {
    let socket = TcpSocket::new_v6()?;
    socket.set_reuseaddr(true)?;
    socket.bind(format!("[::]:{port}").parse()?)?;
    Ok(socket.listen(BACKLOG)?)
}

/// The next connection, or nothing where one was gone before it was accepted.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            eprintln!("accept: {error}");
            None
        }
    }
}

/// Serves one connection to its end. How it ends is the client's affair.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
    if let Err(error) = connection.await {
        eprintln!("connection: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let length = query.strip_prefix("bytes=").and_then(|n| n.parse().ok());
    let body = length.map_or(Bytes::from_static(b"hello\n"), |n| vec![b'x'; n].into());
    Ok(Response::new(Full::new(body)))
}

fn tls() -> Result<ServerConfig, Failure> {
    let mut names = vec!["*.lab.test".to_owned()];
    names.extend((0..NAMES).map(|n| format!("name-{n}.of-a-long-certificate.lab.test")));
    let certified = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())?;
    Ok(config)
}
