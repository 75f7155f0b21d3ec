//! From a connector's connection to one that can exchange.

use std::sync::Arc;

use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;

use super::destination::Destination;
use super::error::Error;
use super::pool::{Lease, Pool};
use super::relay::Relay;
use super::request;
use super::service::{Connector, RequestBody};
use super::wire::{Dialed, Wire};
use crate::oneshot::Oneshot;
use crate::response_first::{Control, ResponseFirst};
use crate::timer::read_clock;

/// Connects to `destination`, and shakes hands.
pub(super) async fn dial<C: Connector, B: RequestBody>(
    connector: C,
    http1: http1::Builder,
    pool: Arc<Pool<B>>,
    destination: Destination,
    lease: Option<Lease<B>>,
) -> Result<Box<Wire<B>>, Error> {
    let io = Oneshot::new(connector, destination.without_path().into_uri()).await.map_err(Error::connect)?;
    handshake(io, &http1, pool, &destination, lease).await
}

async fn handshake<T, B>(
    io: T,
    http1: &http1::Builder,
    pool: Arc<Pool<B>>,
    destination: &Destination,
    lease: Option<Lease<B>>,
) -> Result<Box<Wire<B>>, Error>
where
    T: Read + Write + Connection + Unpin + Send + 'static,
    B: RequestBody,
{
    let connected = io.connected();
    if connected.is_negotiated_h2() {
        return Err(Error::connect("HTTP/2 was negotiated, and is not supported"));
    }
    let relay = Relay::new(pool.place(destination), Arc::clone(pool.watch()));
    let (socket_waker, waker) = relay.wakers();
    let control = Control::new();
    let io = ResponseFirst::with_control(TokioIo::new(io), control.clone()).waking(socket_waker);
    let (sender, connection) = http1.handshake(TokioIo::new(io)).await.map_err(Error::connect)?;
    let dialed = Dialed {
        sender,
        connection: Box::pin(connection.with_upgrades()),
        relay,
        waker,
        control,
        connected,
        host: request::host(destination),
        created: read_clock(),
    };
    tracing::debug!(host = destination.host_and_port(), "a connection was opened");
    Ok(Box::new(Wire::new(dialed, pool, lease)))
}
