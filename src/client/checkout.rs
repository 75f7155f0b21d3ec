//! Gets a connection for a request: an idle one, a new one, or one that becomes free.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;

use super::bounds::Connector;
use super::connecting::{Connecting, Queue};
use super::destination::Destination;
use super::dialing::{connect, dial_for_all};
use super::error::ClientError;
use super::http1::wire::{Pool, Wire};
use super::pool::{self, Acquired, ForAll, Grant, Lease, Owned, RuntimeId, current_runtime};
use super::ready::{Ready, Share};
use super::shared::Shared;
use super::sync::spawn_in;
use crate::timer::read_clock;

/// A place in the queue for a connection.
type Ticket = pool::Ticket<Wire>;

/// The connection for a request, or how to get one.
pub(super) enum Checkout {
    Idle(Box<Wire>),
    Shared(Share),
    Wait(Connecting),
    /// The server has asked for HTTP/1.1: the caller gets a connection for the destination that speaks HTTP/1.1.
    Elsewhere,
}

/// Takes a connection from the pool, or starts to get one. If the request may be retried, the connection may turn out to be dead.
pub(super) fn checkout<C: Connector>(shared: &Arc<Shared<C>>, destination: &Destination, may_retry: bool) -> Checkout {
    let runtime = current_runtime();
    let waits = |ticket, dial| {
        let (shared, destination, queue) = (Arc::clone(shared), destination.clone(), Queue::new());
        let wait = wait(shared, destination, ticket, dial, may_retry, runtime, Arc::clone(&queue));
        Checkout::Wait(Connecting::queued(wait, queue))
    };
    loop {
        let lease = match shared.pool.acquire(destination, runtime) {
            Acquired::Owned { connection: mut wire, idle_for, now } => {
                wire.begun = now;
                match assess(&shared.pool, destination, wire, may_retry, idle_for) {
                    Fitness::Fit(wire) => return Checkout::Idle(wire),
                    Fitness::Distrusted(Some(lease)) => lease,
                    Fitness::Distrusted(None) | Fitness::Dead(_) => continue,
                }
            }
            Acquired::Shared(share) => return Checkout::Shared(share),
            Acquired::Elsewhere => return Checkout::Elsewhere,
            Acquired::Dial(lease) => lease,
            Acquired::DialForAll(dial, ticket) => return waits(ticket, Some(dial)),
            Acquired::Wait(ticket) => return waits(ticket, None),
        };
        return Checkout::Wait(if shared.settings.late_binding {
            Connecting::new(connect_or_wait(Arc::clone(shared), destination.clone(), lease, may_retry, runtime))
        } else {
            Connecting::new(connect(shared, destination, lease, runtime))
        });
    }
}

/// Late binding: waits for the request's own connect, or for a connection that becomes free before that. In the second case the connect goes on by
/// itself.
async fn connect_or_wait<C: Connector>(
    shared: Arc<Shared<C>>,
    destination: Destination,
    lease: Lease,
    may_retry: bool,
    runtime: RuntimeId,
) -> Result<Ready, ClientError> {
    enum First {
        Connected(Result<Ready, ClientError>),
        Freed(Ready),
    }
    let mut ticket = Some(shared.pool.queue(&lease, runtime));
    let mut connecting = Box::pin(connect(&shared, &destination, lease, runtime));
    let first = poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(First::Connected(connected));
        }
        let Some(Poll::Ready(granted)) = ticket.as_mut().map(|ticket| ticket.poll_granted(cx)) else {
            return Poll::Pending;
        };
        ticket = None;
        // This request has its own connect, so the right to another dial is dropped, and goes to the next request.
        let wire = match granted {
            Some(Grant::Owned(wire)) => wire,
            Some(Grant::Shared(share)) => return Poll::Ready(First::Freed(Ready::Shared(share))),
            Some(Grant::Dial(_) | Grant::DialForAll(_) | Grant::Failed(_)) | None => return Poll::Pending,
        };
        match assess_granted(&shared.pool, &destination, wire, may_retry) {
            Fitness::Fit(wire) => Poll::Ready(First::Freed(Ready::Owned(wire))),
            Fitness::Dead(_) | Fitness::Distrusted(_) => Poll::Pending,
        }
    })
    .await;
    match first {
        First::Connected(connected) => connected,
        First::Freed(ready) => {
            tracing::trace!(
                host = destination.host_and_port(),
                "a request got a free connection before its own connect ended"
            );
            keep_when_connected(connecting);
            Ok(ready)
        }
    }
}

/// Waits in the queue. With `dial`, first starts a dial for all waiting requests.
async fn wait<C: Connector>(
    shared: Arc<Shared<C>>,
    destination: Destination,
    mut ticket: Ticket,
    mut dial: Option<ForAll>,
    may_retry: bool,
    runtime: RuntimeId,
    queue: Arc<Queue>,
) -> Result<Ready, ClientError> {
    let lease = loop {
        if let Some(dial) = dial.take() {
            queue.leave();
            dial_for_all(&shared, &destination, dial, runtime);
        }
        match poll_fn(|cx| ticket.poll_granted(cx)).await {
            // A connection without an exchange was made for this request: no need to check it.
            Some(Grant::Owned(wire)) if !wire.reused => return Ok(Ready::Owned(wire)),
            Some(Grant::Owned(wire)) => match assess_granted(&shared.pool, &destination, wire, may_retry) {
                Fitness::Fit(wire) => return Ok(Ready::Owned(wire)),
                // The request keeps its turn: it dials with the lease of the dead connection.
                Fitness::Dead(lease) | Fitness::Distrusted(lease) => break lease,
            },
            Some(Grant::Shared(share)) => return Ok(Ready::Shared(share)),
            Some(Grant::Dial(lease)) => break Some(lease),
            Some(Grant::DialForAll(granted)) => {
                ticket = shared.pool.wait_again(&granted);
                dial = Some(granted);
            }
            Some(Grant::Failed(error)) => return Err(*error),
            None => break None,
        }
    };
    queue.leave();
    match lease {
        Some(lease) if shared.settings.late_binding => {
            connect_or_wait(shared, destination, lease, may_retry, runtime).await
        }
        Some(lease) => connect(&shared, &destination, lease, runtime).await,
        None => Err(ClientError::connect("the right to a connection was lost")),
    }
}

/// Whether a connection can be used.
enum Fitness {
    Fit(Box<Wire>),
    /// The server has closed it.
    Dead(Option<Lease>),
    /// The client has closed it, because the server may be about to, and the request cannot be sent again.
    Distrusted(Option<Lease>),
}

/// Checks whether a connection that was in use until now can take a request.
fn assess_granted(pool: &Pool, destination: &Destination, mut wire: Box<Wire>, may_retry: bool) -> Fitness {
    wire.begun = read_clock();
    assess(pool, destination, wire, may_retry, Duration::ZERO)
}

/// Checks whether a connection that has been idle for `idle_for` can take a request.
#[inline(always)]
fn assess(pool: &Pool, destination: &Destination, mut wire: Box<Wire>, may_retry: bool, idle_for: Duration) -> Fitness {
    wire.idle_for = idle_for;
    if !wire.is_usable() || (worth_a_look(may_retry, idle_for) && !wire.look()) {
        tracing::debug!(host = destination.host_and_port(), "an idle connection was dead");
        pool.on_closed(destination, wire.created, idle_for);
        return Fitness::Dead(wire.give_up());
    }
    if !may_retry && (wire.is_about_to_close(idle_for) || pool.prefers_fresh(destination, idle_for)) {
        tracing::debug!(host = destination.host_and_port(), "an idle connection is not trusted");
        return Fitness::Distrusted(wire.give_up());
    }
    Fitness::Fit(wire)
}

fn keep_when_connected(connecting: impl Future<Output = Result<Ready, ClientError>> + Send + 'static) {
    // Late binding keeps the connection of a connect that no request waits for, if there is a runtime to finish the connect.
    let Ok(runtime) = Handle::try_current() else { return };
    spawn_in(&runtime, async move {
        match connecting.await {
            Ok(Ready::Owned(wire)) => wire.settle(),
            // The connection stays in the pool.
            Ok(Ready::Shared(share)) => drop(share),
            Err(error) => tracing::debug!(%error, "a connect failed, and no request waited for it"),
        }
    });
}

/// Whether to check an idle connection with a system call before it is used.
///
/// The check is worth its cost for a request that could not be sent again. It is also worth it after a while without requests, when the cost of a
/// system call does not matter: a server may have sent a 408 to the idle connection, which must not be taken for the response. Under a steady load
/// the runtime notices a close soon enough, and a request that hits the close is sent again.
fn worth_a_look(may_retry: bool, idle_for: Duration) -> bool {
    !may_retry || idle_for >= LONG_IDLE
}

const LONG_IDLE: Duration = Duration::from_millis(1);
