//! The receiver of the example: a server that fails twice.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

pub(crate) struct Receiver {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
}

impl Receiver {
    /// Listens on a free port of loopback, with a certificate for `host`.
    pub(crate) async fn start(host: &str) -> Result<Self, Box<dyn Error>> {
        let authority = Authority::new()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener, authority.acceptor(host)?));
        Ok(Self { address, certificate: authority.certificate() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root certificate.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    let requests = Arc::new(AtomicU32::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, requests) = (tls.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                let service = service_fn(|request| answer(request, requests.fetch_add(1, Ordering::Relaxed)));
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            }
        });
    }
}

/// An error closes the connection without a response.
async fn answer(request: Request<Incoming>, before: u32) -> Result<Response<Empty<Bytes>>, io::Error> {
    request.into_body().collect().await.map_err(io::Error::other)?;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = match before {
        0 => return Err(io::Error::other("this is part of the example")),
        1 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::ACCEPTED,
    };
    Ok(response)
}
