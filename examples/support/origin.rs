//! An HTTP/1.1 server on loopback, so that no example needs a network.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers every request with a greeting. Dropping it stops the server.
pub(crate) struct Origin {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Origin {
    /// Listens on a free port of `ip`.
    pub(crate) async fn start(ip: impl Into<IpAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((ip.into(), 0)).await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        server.spawn(serve(listener));
        Ok(Self { address, _server: server })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener) {
    // The set owns the connections: they end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)));
        // Takes finished connections out of the set.
        while connections.try_join_next().is_some() {}
    }
}

async fn hello<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!("hello, you asked for {}\n", request.uri().path());
    Ok(Response::new(Full::from(text)))
}
