//! Clients of these servers.

use std::error::Error;
use std::io;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper_happy_eyeballs::connect::HappyEyeballsStream;
use hyper_happy_eyeballs::tcp::TcpConnection;
use hyper_happy_eyeballs::tls::{TlsConnection, TlsConnector, TlsOptions};
use hyper_happy_eyeballs::{ConnectError, FixedResolver, HappyEyeballsConnector};
use rustls::crypto::{CryptoProvider, ring};
use tower::ServiceExt;

use super::authority::Authority;

/// The host name of most certificates in the tests.
pub(crate) const HOST: &str = "origin.example";

pub(crate) type Connector = HappyEyeballsConnector<FixedResolver, TlsConnector>;
pub(crate) type Stream = HappyEyeballsStream<TlsConnection<TcpConnection>>;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Returns options that trust only this authority.
pub(crate) fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions::new().provider(provider()).root_certificates([authority.certificate()])
}

/// Returns a connector that resolves every name to these addresses.
pub(crate) fn connector(options: TlsOptions, addresses: impl IntoIterator<Item = SocketAddr>) -> Connector {
    HappyEyeballsConnector::builder().resolver(resolver(addresses)).tls(options).build().unwrap()
}

/// Returns a resolver that resolves `HOST` to these addresses.
pub(crate) fn resolver(addresses: impl IntoIterator<Item = SocketAddr>) -> FixedResolver {
    FixedResolver::new().with(HOST, addresses)
}

/// Returns `https://origin.example/`.
pub(crate) fn uri() -> Uri {
    Uri::from_static("https://origin.example/")
}

pub(crate) async fn connect(connector: &Connector) -> Result<Stream, ConnectError> {
    in_time(connector.clone().oneshot(uri())).await
}

/// Panics if the future takes too long, so that a test that hangs fails.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it should have ended long ago")
}

/// Returns the first error of this type among `error` and its causes, also inside an [`io::Error`].
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    iter::successors(Some(error), |error| cause(*error)).find_map(|error| error.downcast_ref())
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|wrapped| wrapped as _).or_else(|| error.source())
}
