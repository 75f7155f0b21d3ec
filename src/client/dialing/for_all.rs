//! A dial for all requests that wait for a connection. It is a task of its own, so that no request that is cancelled ends it. It ends when no request
//! waits any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use tracing::Instrument as _;

use super::Dialer;
use super::second::second_dial_at;
use crate::client::bounds::Connector;
use crate::client::destination::Destination;
use crate::client::error::ClientError;
use crate::client::pool::{Dialing, ForAll, RuntimeId};
use crate::client::ready::Ready;
use crate::client::shared::Shared;
use crate::client::sync::spawn;
use crate::connect::HandshakeWatch;
use crate::timer::{Timer, read_clock};

/// Spawns a dial for all waiting requests in `runtime`, which is the current one.
pub(in crate::client) fn dial_for_all<C: Connector>(
    shared: &Shared<C>,
    destination: &Destination,
    dial: ForAll,
    runtime: RuntimeId,
) {
    start(Arc::new(Dialer::new(shared, destination, runtime)), dial, true);
}

/// Spawns a dial. With `may_have_second`, a second dial begins beside it if it is silent.
fn start<C: Connector>(dialer: Arc<Dialer<C>>, ForAll { lease, dialing }: ForAll, may_have_second: bool) {
    let watch = HandshakeWatch::new();
    let dial = Box::pin({
        let (dialer, watch) = (Arc::clone(&dialer), watch.clone());
        async move { dialer.dial(lease, Some(watch)).await }
    });
    let timer = Timer::new();
    let task = Task { dialer, dial, dialing: Some(dialing), begun: read_clock(), watch, may_have_second, timer };
    // Log events of the connector and the resolver belong to the span of the request that began the dial.
    spawn(task.in_current_span());
}

pin_project! {
    struct Task<C> {
        dialer: Arc<Dialer<C>>,
        dial: Pin<Box<dyn Future<Output = Result<Ready, ClientError>> + Send>>,
        // `None` once the dial has ended.
        dialing: Option<Dialing>,
        begun: Instant,
        watch: HandshakeWatch,
        may_have_second: bool,
        #[pin]
        timer: Timer,
    }
}

impl<C: Connector> Future for Task<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let dialing = this.dialing.as_ref().expect("not polled after completion");
        if let Poll::Ready(dialed) = this.dial.as_mut().poll(cx) {
            let dialing = this.dialing.take().expect("it was there");
            finish(this.dialer, dialing, dialed, *this.begun);
            return Poll::Ready(());
        }
        if dialing.poll_unwanted(cx).is_ready() {
            tracing::debug!(
                host = this.dialer.destination.host_and_port(),
                "a dial was cancelled, since no request waits for it"
            );
            this.dialing.take().expect("it was there").pass_on();
            return Poll::Ready(());
        }
        if *this.may_have_second {
            let at = second_dial_at(*this.begun, this.watch.get(), this.dialer.connectors.fastest().get());
            if this.timer.poll(at, cx).is_ready() {
                *this.may_have_second = false;
                if let Some(second) = dialing.second() {
                    tracing::debug!(
                        host = this.dialer.destination.host_and_port(),
                        "a second dial begins, since the first one takes long"
                    );
                    start(Arc::clone(this.dialer), second, false);
                }
            }
        }
        Poll::Pending
    }
}

fn finish<C>(dialer: &Dialer<C>, dialing: Dialing, dialed: Result<Ready, ClientError>, begun: Instant) {
    if dialed.is_ok() {
        dialer.connectors.fastest().add(read_clock().saturating_duration_since(begun));
    }
    match dialed {
        Ok(Ready::Owned(wire)) => dialer.pool.deliver_owned(dialing, wire),
        Ok(Ready::Shared(share)) => dialer.pool.deliver_shared(dialing, share),
        Err(error) => {
            tracing::debug!(%error, "a dial failed");
            dialing.fail(error);
        }
    }
}
