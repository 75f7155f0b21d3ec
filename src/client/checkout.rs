//! A connection for a request: an idle one, one of its own, or one that becomes free.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use super::body::settle;
use super::destination::Destination;
use super::dial::dial;
use super::error::Error;
use super::pool::{Acquired, Grant, Lease, Ticket};
use super::service::{Connector, RequestBody, Shared};
use super::wire::Wire;

/// A connection for a request.
pub(super) enum Checkout<B> {
    Idle(Box<Wire<B>>),
    Wait(Connecting<B>),
}

/// A connection to come. It is boxed, since most requests need none.
pub(super) type Connecting<B> = Pin<Box<dyn Future<Output = Result<Box<Wire<B>>, Error>> + Send>>;

/// Finds one. A request that is `repeatable` may meet a connection that is dead: it is sent again.
pub(super) fn checkout<C: Connector, B: RequestBody>(
    shared: &Arc<Shared<C, B>>,
    destination: &Destination,
    repeatable: bool,
) -> Checkout<B> {
    loop {
        return match shared.pool.acquire(destination) {
            Acquired::Idle { mut wire, idle_for } => {
                if is_alive(&mut wire, repeatable, idle_for) {
                    return Checkout::Idle(wire);
                }
                tracing::debug!(host = destination.host_and_port(), "an idle connection was dead");
                continue;
            }
            Acquired::Dial(lease) if shared.settings.late_binding => {
                Checkout::Wait(Box::pin(connect_or_wait(Arc::clone(shared), destination.clone(), lease, repeatable)))
            }
            Acquired::Dial(lease) => Checkout::Wait(Box::pin(connect(shared, destination, lease))),
            Acquired::Wait(ticket) => {
                Checkout::Wait(Box::pin(wait(Arc::clone(shared), destination.clone(), ticket, repeatable)))
            }
        };
    }
}

/// A connection of one's own.
pub(super) fn connect<C: Connector, B: RequestBody>(
    shared: &Shared<C, B>,
    destination: &Destination,
    lease: Lease<B>,
) -> impl Future<Output = Result<Box<Wire<B>>, Error>> + Send + use<C, B> {
    dial(shared.connector(), shared.settings.http1.clone(), Arc::clone(&shared.pool), destination.clone(), lease)
}

/// A connection of one's own, or one that is free before. The connect that is not needed any more goes on by itself.
async fn connect_or_wait<C: Connector, B: RequestBody>(
    shared: Arc<Shared<C, B>>,
    destination: Destination,
    lease: Lease<B>,
    repeatable: bool,
) -> Result<Box<Wire<B>>, Error> {
    let ticket = shared.pool.queue(&lease);
    let mut connecting = Box::pin(connect(&shared, &destination, lease));
    let mut ticket = Some(ticket);
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
        if is_alive(&mut wire, repeatable, Duration::ZERO) { Poll::Ready((None, Some(wire))) } else { Poll::Pending }
    })
    .await;
    match (connected, freed) {
        (_, Some(wire)) => {
            tracing::trace!(host = destination.host_and_port(), "a connection was free before it was connected");
            keep_when_connected(connecting);
            Ok(wire)
        }
        (Some(connected), None) => connected,
        (None, None) => unreachable!("one of them is ready"),
    }
}

/// One's turn.
async fn wait<C: Connector, B: RequestBody>(
    shared: Arc<Shared<C, B>>,
    destination: Destination,
    mut ticket: Ticket<B>,
    repeatable: bool,
) -> Result<Box<Wire<B>>, Error> {
    let lease = match poll_fn(|cx| ticket.poll_granted(cx)).await {
        Some(Grant::Wire(mut wire)) => {
            if is_alive(&mut wire, repeatable, Duration::ZERO) {
                return Ok(wire);
            }
            // It keeps its turn.
            wire.lease.take().expect("a connection has a lease")
        }
        Some(Grant::Dial(lease)) => lease,
        None => unreachable!("the pool lives as long as the client, which is here"),
    };
    connect(&shared, &destination, lease).await
}

/// Whether a connection can have a request.
fn is_alive<B>(wire: &mut Wire<B>, repeatable: bool, idle_for: Duration) -> bool {
    wire.is_usable() && (!worth_a_look(repeatable, idle_for) || wire.look())
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

/// Whether to ask the system about an idle connection before it is used, which takes a system call.
///
/// It pays for a request that could not be sent again. It also pays after a while: so long ago the last request on this
/// connection ended, that nobody counts its system calls; and what a server says on an idle connection, a 408, must not be
/// taken for an answer. Under a steady load the runtime hears of it soon enough, and a request that meets the end is sent
/// again.
fn worth_a_look(repeatable: bool, idle_for: Duration) -> bool {
    !repeatable || idle_for >= LONG_IDLE
}

const LONG_IDLE: Duration = Duration::from_millis(1);
