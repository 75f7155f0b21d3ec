//! Makes a connection for many exchanges out of the connector's connection.

use std::sync::Arc;

use http::Extensions;
use http::uri::Authority;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection as Connects;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{About, Connection};
use super::seen::Observed;
use super::settings::Settings;
use super::silence::Listener;
use super::transport::Transport;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::plain::into_tcp_stream;
use crate::client::pool::{Lease, Owned, Pool, Share};
use crate::client::request::fields;
use crate::client::sync::spawn;
use crate::response_first::SocketBelow;

/// Performs the HTTP/2 handshake on `io`, which was dialled with `lease`, and spawns the connection's task. Returns a share for the first exchange.
/// `is_spent` is called afterwards: if it returns true, the connection gets no other exchange.
pub(in crate::client) async fn handshake<T, W>(
    io: T,
    settings: Settings,
    pool: Arc<Pool<W>>,
    destination: &Destination,
    mut lease: Lease,
    is_spent: impl FnOnce() -> bool,
) -> Result<Share<Connection>, ClientError>
where
    T: Read + Write + Connects + Unpin + Send + 'static,
    W: Owned<Shared = Connection>,
{
    let mut extras = Extensions::new();
    io.connected().get_extras(&mut extras);
    let observed = Observed::new(extras.remove());
    let below = extras.remove::<SocketBelow>();
    let authority = Authority::try_from(fields::host(destination)?.as_bytes())
        .map_err(|error| ClientError::invalid_request(format!("the host: {error}")))?;
    let (place, watch) = pool.enter(&mut lease);
    let host = destination.host_and_port().to_owned();
    let about = About { place, watch, observed, host, authority, extras, settings };
    let share = match into_tcp_stream(io) {
        Ok(stream) => start(stream, None, about, &pool, lease, is_spent).await?,
        Err(io) => start(TokioIo::new(io), below, about, &pool, lease, is_spent).await?,
    };
    tracing::debug!(host = destination.host_and_port(), "an HTTP/2 connection was opened");
    Ok(share)
}

/// Sends the connection preface, adds the connection to the pool, and spawns its tasks.
async fn start<T, W>(
    io: T,
    below: Option<SocketBelow>,
    about: About,
    pool: &Arc<Pool<W>>,
    mut lease: Lease,
    is_spent: impl FnOnce() -> bool,
) -> Result<Share<Connection>, ClientError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Owned<Shared = Connection>,
{
    let transport = Transport::new(io, Arc::clone(&about.observed)).socket_below(below);
    let settings = about.settings;
    let (sender, h2) = about.settings.builder().handshake(transport).await.map_err(ClientError::connect)?;
    // Nothing fails or waits from here on: the pool counts the connection when it joins.
    lease.is_for_shared();
    let is_for_all = lease.is_for_all();
    let (connection, driver) = Connection::new(sender, h2, about, lease);
    let listener = settings.ping_timeout.map(|timeout| Listener::new(timeout, &connection));
    // Joined before the task gets the lease, which it gives back when the connection ends.
    let share = pool.join(connection, is_spent(), is_for_all);
    spawn(driver);
    if let Some(listener) = listener {
        spawn(listener);
    }
    Ok(share)
}
