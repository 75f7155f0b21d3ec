//! A connection for a request: an idle one, one of its own, or one that becomes free.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Poll, ready};

use super::body::settle;
use super::dial::dial;
use super::error::Error;
use super::exchange::worth_a_look;
use super::pool::{Acquired, Grant, Key, Lease};
use super::service::{Connector, RequestBody, Shared};
use super::wire::Wire;

/// A connection for a request. One that is `repeatable` may meet a connection that is dead: it is sent again.
pub(super) async fn checkout<C: Connector, B: RequestBody>(
    shared: &Shared<C, B>,
    key: &Key,
    repeatable: bool,
) -> Result<Box<Wire<B>>, Error> {
    loop {
        let mut wire = match shared.pool.acquire(key) {
            Acquired::Idle { mut wire, idle_for } => {
                if wire.is_usable() && (!worth_a_look(repeatable, idle_for) || wire.look()) {
                    return Ok(wire);
                }
                tracing::debug!(host = key.host_and_port(), "an idle connection was dead");
                continue;
            }
            Acquired::Dial(lease) if shared.settings.late_binding => return connect_or_wait(shared, key, lease).await,
            Acquired::Dial(lease) => return connect(shared, key, lease).await,
            Acquired::Wait(mut ticket) => match poll_fn(|cx| ticket.poll_granted(cx)).await {
                Some(Grant::Dial(lease)) => return connect(shared, key, Some(lease)).await,
                Some(Grant::Wire(wire)) => wire,
                // The pool lives as long as the client, which is here.
                None => continue,
            },
        };
        if wire.is_usable() {
            return Ok(wire);
        }
        // It keeps its turn.
        let lease = wire.lease.take();
        drop(wire);
        return connect(shared, key, lease).await;
    }
}

/// A connection of one's own.
pub(super) fn connect<C: Connector, B: RequestBody>(
    shared: &Shared<C, B>,
    key: &Key,
    lease: Option<Lease<B>>,
) -> impl Future<Output = Result<Box<Wire<B>>, Error>> + Send + use<C, B> {
    dial(shared.connector(), shared.settings.http1.clone(), Arc::clone(&shared.pool), key.clone(), lease)
}

/// A connection of one's own, or one that is free before. The connect that is not needed any more goes on by itself.
async fn connect_or_wait<C: Connector, B: RequestBody>(
    shared: &Shared<C, B>,
    key: &Key,
    lease: Option<Lease<B>>,
) -> Result<Box<Wire<B>>, Error> {
    let mut connecting = Box::pin(connect(shared, key, lease));
    let mut ticket = Some(shared.pool.queue(key));
    let (connected, freed) = poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready((Some(connected), None));
        }
        let granted = match &mut ticket {
            Some(ticket) => ready!(ticket.poll_granted(cx)),
            None => return Poll::Pending,
        };
        ticket = None;
        // A connect is under way; the right to another goes to the next.
        let Some(Grant::Wire(mut wire)) = granted else {
            return Poll::Pending;
        };
        if wire.is_usable() { Poll::Ready((None, Some(wire))) } else { Poll::Pending }
    })
    .await;
    match (connected, freed) {
        (_, Some(wire)) => {
            tracing::trace!(host = key.host_and_port(), "a connection was free before it was connected");
            keep_when_connected(connecting);
            Ok(wire)
        }
        (Some(connected), None) => connected,
        (None, None) => unreachable!("one of them is ready"),
    }
}

#[expect(clippy::disallowed_methods, reason = "nobody waits for this connect any more, and late binding keeps it")]
fn keep_when_connected<B: RequestBody>(connecting: impl Future<Output = Result<Box<Wire<B>>, Error>> + Send + 'static) {
    drop(tokio::spawn(async move {
        match connecting.await {
            Ok(wire) => settle(wire),
            Err(error) => tracing::debug!(%error, "a connect that nobody waited for failed"),
        }
    }));
}
