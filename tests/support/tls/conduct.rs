//! What a server does with a connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::authority::{Authority, Identity};
use super::clients::provider;
use super::seen::{Hello, Seen};

/// What a server does with a connection. If it does not close the connection, it waits for the client to close it.
#[derive(Clone)]
pub(crate) enum Conduct {
    /// Answers the ClientHello after the delay, and serves HTTP/1.1 or HTTP/2.
    Serves { config: Arc<ServerConfig>, delay: Duration },
    /// Reads the ClientHello, and closes.
    Closes,
    /// Reads the beginning of the ClientHello, and closes. The unread rest makes that a reset.
    Resets,
    /// Reads the ClientHello, and never answers.
    IsSilent,
    /// Reads the ClientHello, and sends these bytes.
    Says(Vec<u8>),
    /// Sends these bytes before the client sends anything.
    Greets(Vec<u8>),
    /// Serves HTTP without TLS.
    ServesInPlain,
}

impl Conduct {
    /// Serves as `identity`, with any version and protocol that the client prefers.
    pub(crate) fn serves(identity: &Identity) -> Self {
        Tls::new(identity).serves()
    }

    /// The same after a delay.
    pub(crate) fn after(self, delay: Duration) -> Self {
        match self {
            Self::Serves { config, .. } => Self::Serves { config, delay },
            _ => panic!("what is not served is not delayed"),
        }
    }

    /// Serves one connection until it is over.
    pub(crate) async fn run<T>(&self, mut io: T, seen: &Arc<Seen>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Serves { config, delay } => {
                if let Some(start) = hear_hello(io, seen).await {
                    if !delay.is_zero() {
                        tokio::time::sleep(*delay).await;
                    }
                    shake_hands(start, Arc::clone(config), seen).await;
                }
            }
            Self::Closes => {
                // Reads everything, so that the close is not a reset.
                drop(hear_hello(io, seen).await);
            }
            Self::Resets => {
                io.read_u8().await.ok();
                drop(io);
            }
            Self::IsSilent => {
                if let Some(start) = hear_hello(io, seen).await {
                    read_to_end(start.io).await;
                }
            }
            Self::Says(bytes) => {
                if let Some(start) = hear_hello(io, seen).await {
                    say(start.io, bytes).await;
                }
            }
            Self::Greets(bytes) => say(io, bytes).await,
            Self::ServesInPlain => serve(io, seen).await,
        }
        seen.on_closed();
    }
}

/// The TLS configuration of a server.
pub(crate) struct Tls<'a> {
    identity: &'a Identity,
    versions: &'a [&'static SupportedProtocolVersion],
    alpn: &'a [&'a str],
    clients: Option<&'a Authority>,
    provider: Arc<CryptoProvider>,
}

impl<'a> Tls<'a> {
    /// With TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and without client certificates.
    pub(crate) fn new(identity: &'a Identity) -> Self {
        Self {
            identity,
            versions: rustls::ALL_VERSIONS,
            alpn: &["h2", "http/1.1"],
            clients: None,
            provider: provider(),
        }
    }

    pub(crate) fn versions(self, versions: &'a [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self }
    }

    /// Sets the protocols, in order of preference. With none, the server does not answer ALPN.
    pub(crate) fn alpn(self, alpn: &'a [&'a str]) -> Self {
        Self { alpn, ..self }
    }

    /// Accepts only clients with a certificate of this authority.
    pub(crate) fn for_clients_of(self, authority: &'a Authority) -> Self {
        Self { clients: Some(authority), ..self }
    }

    /// Accepts only this key exchange group.
    pub(crate) fn group(mut self, group: &'static dyn SupportedKxGroup) -> Self {
        Arc::make_mut(&mut self.provider).kx_groups = vec![group];
        self
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = match self.clients {
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(self.identity.chain(), self.identity.key()).unwrap();
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }

    pub(crate) fn serves(&self) -> Conduct {
        Conduct::Serves { config: Arc::new(self.config()), delay: Duration::ZERO }
    }
}

/// Reads the ClientHello. `None` if the client closes before it is complete, or sends something else.
async fn hear_hello<T: AsyncRead + AsyncWrite + Unpin>(io: T, seen: &Seen) -> Option<StartHandshake<T>> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), io).await.ok()?;
    let hello = start.client_hello();
    let alpn = hello.alpn().into_iter().flatten();
    seen.on_hello(Hello {
        name: hello.server_name().map(str::to_owned),
        alpn: alpn.map(|protocol| String::from_utf8_lossy(protocol).into_owned()).collect(),
        groups: hello.named_groups().unwrap_or_default().to_vec(),
    });
    Some(start)
}

async fn shake_hands<T>(start: StartHandshake<T>, config: Arc<ServerConfig>, seen: &Arc<Seen>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match start.into_stream(config).into_fallible().await {
        Ok(stream) => {
            let kind = stream.get_ref().1.handshake_kind();
            seen.on_handshake(kind.unwrap());
            serve(stream, seen).await;
        }
        Err((_reason, io)) => read_to_end(io).await,
    }
}

/// Answers each request with its own body, until the client ends the connection.
async fn serve<T>(io: T, seen: &Arc<Seen>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(|request: Request<Incoming>| {
        let seen = Arc::clone(seen);
        async move {
            seen.on_request(format!("{} {} {:?}", request.method(), request.uri().path(), request.version()));
            let body = request.into_body().collect().await.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    });
    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), answer).await.ok();
}

/// Sends the bytes, and waits for the client to close. The client may have gone.
async fn say<T: AsyncRead + AsyncWrite + Unpin>(mut io: T, bytes: &[u8]) {
    io.write_all(bytes).await.ok();
    io.flush().await.ok();
    read_to_end(io).await;
}

/// Reads until the client closes or resets.
async fn read_to_end<T: AsyncRead + Unpin>(mut io: T) {
    let mut buffer = [0; 1024];
    while matches!(io.read(&mut buffer).await, Ok(1..)) {}
}
