//! Makes an HTTP/1.1 connection of one that the connector has made.

use std::sync::Arc;

use http::Extensions;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::relay::Relay;
use super::wire::{ConnectionFuture, Dialed, Pool, Wire};
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::plain::into_tcp_stream;
use crate::client::pool::Lease;
use crate::client::request::fields;
use crate::client::request::upload::Upload;
use crate::client::settings::ConnectionSettings;
use crate::response_first::{ResponseFirst, ResponseFirstHandle, SocketBelow};
use crate::timer::read_clock;

/// Makes an HTTP/1.1 connection of `io`, which was connected with `lease`.
pub(in crate::client) async fn handshake<T>(
    io: T,
    settings: &ConnectionSettings,
    pool: Arc<Pool>,
    destination: &Destination,
    mut lease: Lease,
) -> Result<Box<Wire>, ClientError>
where
    T: Read + Write + Connection + Unpin + Send + 'static,
{
    let ConnectionSettings { http1, max_response_head, .. } = settings;
    let (connected, max_response_head) = (io.connected(), *max_response_head);
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    // It would cost each response a copy.
    let below = extras.remove::<SocketBelow>();
    let (place, watch) = pool.enter(&mut lease);
    let relay = Relay::new(place, watch);
    let (socket_waker, waker) = relay.wakers();
    let control = ResponseFirstHandle::new();
    // A bare TCP socket has no TLS, whatever the scheme of the URI is.
    let (does_tls, (sender, connection)) = match into_tcp_stream(io) {
        Ok(stream) => {
            (false, connect(http1, ResponseFirst::with_handle(stream, control.clone()).waking(socket_waker)).await?)
        }
        Err(io) => {
            let io = ResponseFirst::with_handle(TokioIo::new(io), control.clone()).waking(socket_waker);
            (destination.is_secure(), connect(http1, io.socket_below(below)).await?)
        }
    };
    let (host, created) = (fields::host(destination)?, read_clock());
    let is_proxied = connected.is_proxied();
    let dialed = Dialed {
        sender,
        connection,
        relay,
        waker,
        control,
        extras,
        is_proxied,
        does_tls,
        host,
        created,
        max_response_head,
    };
    tracing::debug!(host = destination.host_and_port(), "a connection was opened");
    Ok(Box::new(Wire::new(dialed, pool, lease)))
}

async fn connect<T>(
    http1: &http1::Builder,
    io: ResponseFirst<T>,
) -> Result<(SendRequest<Upload>, ConnectionFuture), ClientError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1.handshake(TokioIo::new(io)).await.map_err(ClientError::connect)?;
    Ok((sender, Box::pin(connection.with_upgrades())))
}
