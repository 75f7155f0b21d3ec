//! Servers over TLS, and clients that trust them.

use std::sync::Arc;

use hyper::Uri;
use hyper_happy_eyeballs::client::{Builder, Connector};
use hyper_happy_eyeballs::response_first::{ResponseFirstConnector, ResponseFirstLayer};
use hyper_happy_eyeballs::{Client, HappyEyeballsConnector};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tower::Layer;

use crate::runs::AnyBody;
use crate::server::{Peer, Server};
use crate::tls::{self, Tls, provider};

/// A server, and what its clients have to trust.
pub(crate) struct Origin {
    pub(crate) server: Server,
    pub(crate) tls: Tls,
    is_secure: bool,
}

impl Origin {
    /// As many connections at the same time as there are `threads`.
    pub(crate) fn with_threads(
        threads: usize,
        version: &'static SupportedProtocolVersion,
        serve: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let tls = Tls::with_version(version);
        Self { server: Server::with_threads(threads, secured(&tls, serve)), tls, is_secure: true }
    }

    /// A thread for each connection.
    pub(crate) fn start_one_for_each(
        version: &'static SupportedProtocolVersion,
        serve: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let tls = Tls::with_version(version);
        Self { server: Server::start_one_for_each(secured(&tls, serve)), tls, is_secure: true }
    }

    /// Without TLS, for the same clients.
    pub(crate) fn in_clear(serve: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self { server: Server::start_one_for_each(serve), tls: Tls::new(), is_secure: false }
    }

    pub(crate) fn uri(&self, path: impl std::fmt::Display) -> Uri {
        let uri = self.server.uri(path);
        if self.is_secure { tls::https(&uri) } else { uri }
    }

    /// A client with default settings.
    pub(crate) fn client(&self) -> Client<impl Connector + use<>> {
        Client::new(self.tls.connector())
    }

    pub(crate) fn client_with(&self, builder: Builder) -> Client<impl Connector + use<>> {
        builder.build(self.tls.connector()).unwrap()
    }

    /// A connector of whose connections nothing is known.
    pub(crate) fn foreign_connector(&self) -> HttpsConnector<HappyEyeballsConnector> {
        self.foreign_over(tcp())
    }

    /// The same, with the layer below TLS.
    pub(crate) fn foreign_connector_over_the_layer(
        &self,
    ) -> HttpsConnector<ResponseFirstConnector<HappyEyeballsConnector>> {
        self.foreign_over(ResponseFirstLayer::new().layer(tcp()))
    }

    fn foreign_over<T>(&self, tcp: T) -> HttpsConnector<T> {
        let mut roots = RootCertStore::empty();
        roots.add(self.tls.trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().wrap_connector(tcp)
    }

    /// hyper-util's client over the same connector, with a connection for each request.
    pub(crate) fn of_hyper_util(&self) -> OfHyperUtil<impl Connect + Clone + Send + Sync + 'static + use<>> {
        legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(self.tls.connector())
    }

    pub(crate) fn of_hyper_util_with_idle_connections(
        &self,
    ) -> OfHyperUtil<impl Connect + Clone + Send + Sync + 'static + use<>> {
        legacy::Client::builder(TokioExecutor::new()).build(self.tls.connector())
    }
}

fn tcp() -> HappyEyeballsConnector {
    HappyEyeballsConnector::builder().enforce_http(false).build().unwrap()
}

pub(crate) type OfHyperUtil<C> = legacy::Client<C, AnyBody>;

/// A client that goes before it has shaken hands is not served.
fn secured(tls: &Tls, serve: impl Fn(Peer) + Send + Sync + 'static) -> impl Fn(Peer) + Send + Sync + 'static {
    let config = Arc::clone(&tls.server);
    move |peer| {
        if let Some(peer) = peer.over_tls(&config) {
            serve(peer);
        }
    }
}
