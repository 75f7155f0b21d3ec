//! reqwest, with a layer around its connector that times what the connector does.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tower::{Layer, Service};

use crate::places::Places;

/// A client without a proxy.
pub(crate) fn client() -> reqwest::Client {
    builder().build().unwrap()
}

/// Returns a builder of a client for http alone: its TLS trusts no certificate.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Otherwise each client would read the root certificates of the system, and want a provider for the whole process.
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls)
}

/// A client that connects to `places` for each request, and where the time of the last connect is written down.
pub(crate) fn timed_client(places: &Places) -> (reqwest::Client, Arc<Mutex<Option<Duration>>>) {
    let took = Arc::<Mutex<Option<Duration>>>::default();
    let client = builder()
        .pool_max_idle_per_host(0)
        .resolve_to_addrs("peer.example", &places.sockets())
        .connector_layer(Timing { took: Arc::clone(&took) })
        .build()
        .unwrap();
    (client, took)
}

#[derive(Clone)]
struct Timing {
    took: Arc<Mutex<Option<Duration>>>,
}

impl<S> Layer<S> for Timing {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, took: Arc::clone(&self.took) }
    }
}

#[derive(Clone)]
struct Timed<S> {
    inner: S,
    took: Arc<Mutex<Option<Duration>>>,
}

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R, Response: Send, Error: Send, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let began = Instant::now();
        let connecting = self.inner.call(request);
        let took = Arc::clone(&self.took);
        async move {
            let connection = connecting.await?;
            *took.lock().unwrap() = Some(began.elapsed());
            Ok(connection)
        }
        .boxed()
    }
}
