//! From a connector's connection to one that many exchanges share.

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

/// Makes a connection that can exchange of one that was made with `lease`, and starts its task. The first exchange is for whoever made it;
/// `is_spent` says afterwards that it is to have no other.
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
    let authority = Authority::try_from(fields::host(destination)?.as_bytes())
        .map_err(|error| ClientError::invalid_request(format!("the host: {error}")))?;
    let (place, watch) = pool.enter(&mut lease);
    let host = destination.host_and_port().to_owned();
    let about = About { place, watch, observed, host, authority, extras, settings };
    let share = match into_tcp_stream(io) {
        Ok(stream) => start(stream, about, &pool, lease, is_spent).await?,
        Err(io) => start(TokioIo::new(io), about, &pool, lease, is_spent).await?,
    };
    tracing::debug!(host = destination.host_and_port(), "a connection of HTTP/2 was opened");
    Ok(share)
}

/// Says what comes before the first request, and starts the task.
async fn start<T, W>(
    io: T,
    about: About,
    pool: &Arc<Pool<W>>,
    mut lease: Lease,
    is_spent: impl FnOnce() -> bool,
) -> Result<Share<Connection>, ClientError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    W: Owned<Shared = Connection>,
{
    let transport = Transport::new(io, Arc::clone(&about.observed));
    let settings = about.settings;
    let (sender, h2) = about.settings.builder().handshake(transport).await.map_err(ClientError::connect)?;
    // From here on nothing fails or waits: the pool counts the connection when it joins.
    lease.is_for_shared();
    let is_for_all = lease.is_for_all();
    let (connection, driver) = Connection::new(sender, h2, about, lease);
    let listener = settings.ping_timeout.map(|timeout| Listener::new(timeout, &connection));
    // Before the task has the lease, which it gives back when the connection ends.
    let share = pool.join(connection, is_spent(), is_for_all);
    spawn(driver);
    if let Some(listener) = listener {
        spawn(listener);
    }
    Ok(share)
}
