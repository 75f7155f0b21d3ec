//! A connection for a request: an idle one, one of its own, or one that becomes free.

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

/// A connection for a request.
pub(super) enum Checkout {
    Idle(Box<Wire>),
    Shared(Share),
    Wait(Connecting),
    /// The server has asked for HTTP/1.1.
    Elsewhere,
}

/// Finds one. A request that may be retried may meet a connection that is dead: it is sent again.
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

/// A connection of one's own, or one that is free before. The connect that is not needed any more goes on by itself.
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
        // A connect is under way; the right to another goes to the next.
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
            tracing::trace!(host = destination.host_and_port(), "a connection was free before it was connected");
            keep_when_connected(connecting);
            Ok(ready)
        }
    }
}

/// One's turn. Meanwhile, one may have to `dial` for all that wait.
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
            // It is for the request that it was made for.
            Some(Grant::Owned(wire)) if !wire.reused => return Ok(Ready::Owned(wire)),
            Some(Grant::Owned(wire)) => match assess_granted(&shared.pool, &destination, wire, may_retry) {
                Fitness::Fit(wire) => return Ok(Ready::Owned(wire)),
                // It keeps its turn.
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

/// What a connection is good for.
enum Fitness {
    Fit(Box<Wire>),
    /// The server has closed it.
    Dead(Option<Lease>),
    /// It is closed, since the server may be about to, and the request cannot be sent again.
    Distrusted(Option<Lease>),
}

/// Whether a connection that was in use until now can have a request.
fn assess_granted(pool: &Pool, destination: &Destination, mut wire: Box<Wire>, may_retry: bool) -> Fitness {
    wire.begun = read_clock();
    assess(pool, destination, wire, may_retry, Duration::ZERO)
}

/// Whether a connection that has been idle for so long can have a request.
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
    // Nobody waits for this connect any more. Late binding keeps it, where there is a runtime to do so.
    let Ok(runtime) = Handle::try_current() else { return };
    spawn_in(&runtime, async move {
        match connecting.await {
            Ok(Ready::Owned(wire)) => wire.settle(),
            // It stays with its host.
            Ok(Ready::Shared(share)) => drop(share),
            Err(error) => tracing::debug!(%error, "a connect that nobody waited for failed"),
        }
    });
}

/// Whether to ask the system about an idle connection before it is used, which takes a system call.
///
/// It pays for a request that could not be sent again. It also pays after a while: so long ago the last request on this
/// connection ended, that nobody counts its system calls; and what a server says on an idle connection, a 408, must not be
/// taken for an answer. Under a steady load the runtime hears of it soon enough, and a request that meets the end is sent
/// again.
fn worth_a_look(may_retry: bool, idle_for: Duration) -> bool {
    !may_retry || idle_for >= LONG_IDLE
}

const LONG_IDLE: Duration = Duration::from_millis(1);
