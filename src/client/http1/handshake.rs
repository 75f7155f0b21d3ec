//! From a connector's connection to one that can exchange.

use std::any::Any;
use std::sync::Arc;

use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::relay::Relay;
use super::request;
use super::upload::Upload;
use super::wire::{ConnectionFuture, Dialed, Pool, Wire};
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::pool::Lease;
use crate::connect::HappyEyeballsStream;
use crate::response_first::{Control, ResponseFirst};
use crate::tcp::TcpConnection;
use crate::timer::read_clock;

/// Makes a connection that can exchange of one that was made with `lease`.
pub(in crate::client) async fn handshake<T>(
    io: T,
    http1: &http1::Builder,
    pool: Arc<Pool>,
    destination: &Destination,
    mut lease: Lease,
) -> Result<Box<Wire>, ClientError>
where
    T: Read + Write + Connection + Unpin + Send + 'static,
{
    let connected = io.connected();
    if connected.is_negotiated_h2() {
        return Err(ClientError::connect("HTTP/2 was negotiated, and is not supported"));
    }
    let (place, watch) = pool.enter(&mut lease);
    let relay = Relay::new(place, watch);
    let (socket_waker, waker) = relay.wakers();
    let control = Control::new();
    let (sender, connection) = match into_tcp(io) {
        Ok(stream) => connect(http1, ResponseFirst::with_control(stream, control.clone()).waking(socket_waker)).await?,
        Err(io) => {
            let io = TokioIo::new(io);
            connect(http1, ResponseFirst::with_control(io, control.clone()).waking(socket_waker)).await?
        }
    };
    let created = read_clock();
    let dialed =
        Dialed { sender, connection, relay, waker, control, connected, host: request::host(destination)?, created };
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

/// The socket itself, out of the connections of this crate and of hyper-util, whose layers do nothing for HTTP.
fn into_tcp<T: 'static>(io: T) -> Result<TcpStream, T> {
    // An option, so that what `Any` shows can be taken.
    let mut io = Some(io);
    let any: &mut dyn Any = &mut io;
    if let Some(stream) = any.downcast_mut::<Option<TokioIo<TcpStream>>>().and_then(Option::take) {
        return Ok(stream.into_inner());
    }
    if let Some(stream) = any.downcast_mut::<Option<HappyEyeballsStream<TcpConnection>>>().and_then(Option::take) {
        return Ok(stream.into_inner().into_inner());
    }
    if let Some(stream) = any.downcast_mut::<Option<TcpConnection>>().and_then(Option::take) {
        return Ok(stream.into_inner());
    }
    Err(io.expect("it was not taken"))
}
