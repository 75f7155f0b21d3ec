//! Dials: makes a connection to a destination, with the handshake of HTTP.

mod for_all;
mod second;

use std::future::Future;
use std::sync::Arc;

use hyper_util::client::legacy::connect::Connection as _;

pub(super) use self::for_all::dial_for_all;
pub(super) use self::second::FastestDial;
use super::bounds::Connector;
use super::destination::Destination;
use super::error::ClientError;
use super::http1::handshake::handshake;
use super::http1::wire::Pool;
use super::http2;
use super::pool::{Lease, RuntimeId, current_runtime};
use super::ready::Ready;
use super::security::{connect_request, speaks_http2};
use super::settings::ConnectionSettings;
use super::shared::Shared;
use super::stock::Stock;
use crate::connect::HandshakeWatch;
use crate::oneshot::Oneshot;

/// What a dial needs. It does not hold the client, which may be dropped meanwhile.
struct Dialer<C> {
    connectors: Arc<Stock<C>>,
    settings: ConnectionSettings,
    pool: Arc<Pool>,
    destination: Destination,
    runtime: RuntimeId,
}

/// Dials for one request in `runtime`, which is the current one.
pub(super) fn connect<C: Connector>(
    shared: &Shared<C>,
    destination: &Destination,
    lease: Lease,
    runtime: RuntimeId,
) -> impl Future<Output = Result<Ready, ClientError>> + Send + use<C> {
    let dialer = Dialer::new(shared, destination, runtime);
    async move { dialer.dial(lease, None).await }
}

impl<C> Dialer<C> {
    fn new(shared: &Shared<C>, destination: &Destination, runtime: RuntimeId) -> Self {
        Self {
            connectors: Arc::clone(&shared.connectors),
            settings: shared.settings.connections.clone(),
            pool: Arc::clone(&shared.pool),
            destination: destination.clone(),
            runtime,
        }
    }
}

impl<C: Connector> Dialer<C> {
    /// Connects, and performs the handshake of HTTP. A connector with known TLS tells `watch` when its TLS handshake begins.
    async fn dial(&self, lease: Lease, watch: Option<HandshakeWatch>) -> Result<Ready, ClientError> {
        let Self { connectors, settings, pool, destination, runtime } = self;
        let connector = connectors.copy().await;
        let uri = destination.without_path().into_uri();
        let epoch = connectors.epoch().get();
        let request = connect_request(destination, uri.clone(), epoch).with_watch(watch);
        let io = request.scope(Oneshot::new(connector, uri)).await.map_err(ClientError::connect)?;
        // If the dial ended in another runtime than it began in, it is not known which one has the socket. If the network has changed since, the
        // connection belongs to the old network. In both cases it serves this request alone.
        let is_spent = || current_runtime() != *runtime || connectors.epoch().get() != epoch;
        let pool = Arc::clone(pool);
        if speaks_http2(&io.connected(), destination)? {
            return http2::handshake::handshake(io, settings.http2, pool, destination, lease, is_spent)
                .await
                .map(Ready::Shared);
        }
        let mut wire = handshake(io, settings, pool, destination, lease).await?;
        wire.spent |= is_spent();
        Ok(Ready::Owned(wire))
    }
}
