//! The clients of a burst, each of them new for each run.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::UPGRADE;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_happy_eyeballs::client::{Client, Connector};
use hyper_happy_eyeballs::tls::{TlsConnector, TlsOptions};
use hyper_happy_eyeballs::{GaiResolver, HappyEyeballsConnector};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::Outcome;
use super::server::Server;
use super::spent::processor;
use crate::peers::go::Go;
use crate::report::Standing;

pub(super) const OURS: &str = "this crate";
pub(super) const GO: &str = "Go net/http";

/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    /// Ours, which is told that HTTP/1.1 is needed: each request dials for itself.
    OursDirect,
    /// Ours, where a request takes a connection that is free before its own is made, as hyper-util's and Go's do.
    OursLate,
    /// One connect of our connector, and no request.
    OursConnect,
    HyperUtil,
    Reqwest,
    Go,
}

impl Kind {
    pub(super) const HTTP2: &[Self] = &[Self::Ours, Self::HyperUtil, Self::Reqwest, Self::Go];
    pub(super) const HTTP1: &[Self] =
        &[Self::Ours, Self::OursLate, Self::OursDirect, Self::OursConnect, Self::HyperUtil, Self::Reqwest, Self::Go];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::OursDirect => "this crate, where HTTP/2 is not offered",
            Self::OursLate => "this crate, with late binding",
            Self::OursConnect => "this crate, one connect",
            Self::HyperUtil => "hyper-util Client, hyper-rustls",
            Self::Reqwest => "reqwest",
            Self::Go => GO,
        }
    }

    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Ours => Standing::Ours,
            Self::OursDirect | Self::OursLate | Self::OursConnect => Standing::Beside,
            Self::HyperUtil | Self::Reqwest | Self::Go => Standing::Peer,
        }
    }
}

/// One of those that are compared, for all rounds.
pub(super) struct Contestant {
    pub(super) kind: Kind,
    /// Go's part is a process that lives on, and makes a new client each time.
    go: Option<Result<Go, String>>,
}

impl Contestant {
    pub(super) fn new(kind: Kind, runtime: &tokio::runtime::Runtime) -> Self {
        let go = (kind == Kind::Go).then(|| runtime.block_on(async { Go::start(2) }));
        Self { kind, go }
    }

    /// One burst of a new client, until all its connections are closed.
    pub(super) async fn run(&mut self, server: &mut Server, requests: usize) -> Result<Outcome, String> {
        if let Some(go) = &mut self.go {
            let go = go.as_mut().map_err(|why| why.clone())?;
            let before = go.ask("spent").await?[0];
            let seconds =
                go.ask(&format!("burst {} {requests} {}", server.url, server.root_as_text())).await?[0] * 1e-9;
            let seen = server.seen().await?;
            let processor = Some((go.ask("spent").await?[0] - before) * 1e-9);
            return Ok(Outcome { seconds, processor, seen });
        }
        let client = AnyClient::new(self.kind, &server.root);
        let before = processor();
        let seconds = client.burst(server.url.parse().unwrap(), requests).await?;
        let seen = server.seen().await?;
        let processor = processor().zip(before).map(|(after, before)| after - before);
        Ok(Outcome { seconds, processor, seen })
    }
}

type OurConnector = HappyEyeballsConnector<GaiResolver, TlsConnector>;

enum AnyClient {
    Ours(Client<OurConnector>, Request<()>),
    OursConnect(OurConnector),
    HyperUtil(legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
    Reqwest(reqwest::Client),
}

impl AnyClient {
    fn new(kind: Kind, root: &CertificateDer<'static>) -> Self {
        match kind {
            Kind::Ours => Self::Ours(Client::new(our_connector(root)), Request::new(())),
            Kind::OursDirect => {
                let mut request = Request::new(());
                // What HTTP/2 does not have.
                request.headers_mut().insert(UPGRADE, "nothing".parse().unwrap());
                Self::Ours(Client::new(our_connector(root)), request)
            }
            Kind::OursLate => {
                let client = Client::builder().late_binding(true).build(our_connector(root)).unwrap();
                Self::Ours(client, Request::new(()))
            }
            Kind::OursConnect => Self::OursConnect(our_connector(root)),
            Kind::HyperUtil => {
                let mut http = HttpConnector::new();
                http.set_nodelay(true);
                http.enforce_http(false);
                let builder = HttpsConnectorBuilder::new().with_tls_config(tls(root)).https_only();
                let connector = builder.enable_all_versions().wrap_connector(http);
                Self::HyperUtil(legacy::Client::builder(TokioExecutor::new()).build(connector))
            }
            Kind::Reqwest => {
                let mut tls = tls(root);
                tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                Self::Reqwest(reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap())
            }
            Kind::Go => panic!("Go's client is in its own process"),
        }
    }

    /// Sends this many requests at once, and drops the client. Returns the time until the end of the last response.
    async fn burst(self, uri: Uri, requests: usize) -> Result<f64, String> {
        let mut set = JoinSet::new();
        let began = Instant::now();
        match self {
            Self::Ours(client, mut request) => {
                *request.uri_mut() = uri;
                for _ in 0..requests {
                    set.spawn(ours(client.clone(), request.clone()));
                }
                drop(client);
            }
            Self::OursConnect(connector) => {
                let connected = connector.oneshot(uri).await.map_err(|error| error.to_string())?;
                let seconds = began.elapsed().as_secs_f64();
                drop(connected);
                return Ok(seconds);
            }
            Self::HyperUtil(client) => {
                for _ in 0..requests {
                    let (client, uri) = (client.clone(), uri.clone());
                    set.spawn(async move {
                        let response = client.get(uri).await.map_err(|error| error.to_string())?;
                        response.into_body().collect().await.map(drop).map_err(|error| error.to_string())
                    });
                }
            }
            Self::Reqwest(client) => {
                for _ in 0..requests {
                    let (client, url) = (client.clone(), uri.to_string());
                    set.spawn(async move {
                        let response = client.get(url).send().await.map_err(|error| error.to_string())?;
                        response.bytes().await.map(drop).map_err(|error| error.to_string())
                    });
                }
            }
        }
        let answered = set.join_all().await;
        let seconds = began.elapsed().as_secs_f64();
        answered.into_iter().collect::<Result<(), String>>()?;
        Ok(seconds)
    }
}

async fn ours<C: Connector>(client: Client<C>, request: Request<()>) -> Result<(), String> {
    let response = client.request(request.map(|()| Empty::<Bytes>::new()));
    let response = response.await.map_err(|error| error.to_string())?;
    response.into_body().collect().await.map(drop).map_err(|error| error.to_string())
}

fn our_connector(root: &CertificateDer<'static>) -> OurConnector {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = TlsOptions::new().provider(provider).root_certificates([root.clone()]);
    HappyEyeballsConnector::builder().tls(tls).build().unwrap()
}

fn tls(root: &CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
