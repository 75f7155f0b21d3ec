//! Look-ups of one name and type: from the cache at once, or by a task, with single flight.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use hickory_resolver::net::NetError;
use tokio::runtime::Handle;
use tracing::trace;

use super::servers::Servers;
use super::wanted::{Pending, Said, Wanted};
use crate::resolve::flights::{Flight, Flights, Landing};

/// How long a look-up goes on after nobody waits for it any more, to fill the cache (v3 §6).
const LINGER: Duration = Duration::from_secs(1);

/// Makes look-ups. Clones share the cache and the flights.
#[derive(Clone)]
pub(super) struct LookUps {
    servers: Arc<Servers>,
    flights: Flights<Wanted, Said>,
}

/// The result of a look-up for one of those that wait. It can be polled again after it is ready.
pub(super) struct LookUp(Stage);

enum Stage {
    Over(Said),
    UnderWay(Landing<Said>),
}

impl LookUps {
    pub(super) fn new(servers: Servers) -> Self {
        Self { servers: Arc::new(servers), flights: Flights::default() }
    }

    /// Starts look-ups, and sends their queries in this order. Cached results are ready when this returns. The other look-ups go on in one task.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub(super) fn start(&self, wanted: impl IntoIterator<Item = Wanted>) -> Vec<LookUp> {
        // Panics outside a runtime before hickory does: hickory panics while it holds a lock, which blocks all later look-ups.
        let _runtime = Handle::current();
        let mut task = Vec::new();
        let look_ups = wanted.into_iter().map(|wanted| self.start_one(wanted, &mut task)).collect();
        if !task.is_empty() {
            spawn(task);
        }
        look_ups
    }

    fn start_one(&self, wanted: Wanted, task: &mut Vec<Flying>) -> LookUp {
        let (landing, flight) = self.flights.join(wanted.clone(), None);
        let Some(flight) = flight else { return LookUp(Stage::UnderWay(landing)) };
        let mut pending: Pending = Box::pin(Arc::clone(&self.servers).look_up(wanted));
        // The waker is not kept: the task polls the look-up again.
        match pending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(said) => {
                flight.land(said.clone());
                LookUp::over(said)
            }
            Poll::Pending => {
                task.push(Box::pin(fly(pending, flight)));
                LookUp(Stage::UnderWay(landing))
            }
        }
    }
}

impl LookUp {
    pub(super) fn over(said: Said) -> Self {
        Self(Stage::Over(said))
    }
}

impl Future for LookUp {
    type Output = Said;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Said> {
        let said = match &mut self.0 {
            Stage::Over(said) => return Poll::Ready(said.clone()),
            Stage::UnderWay(landing) => ready!(Pin::new(landing).poll(cx)),
        };
        let said = said.unwrap_or(Err(NetError::Message("the look-up was given up")));
        self.0 = Stage::Over(said.clone());
        Poll::Ready(said)
    }
}

impl fmt::Debug for LookUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.flights, f)
    }
}

type Flying = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Drives a look-up as long as somebody waits for it, and up to `LINGER` longer.
async fn fly(mut pending: Pending, mut flight: Flight<Wanted, Said>) {
    loop {
        if let Some(said) = poll_until(&mut pending, flight.deserted()).await {
            return flight.land(said);
        }
        if let Some(said) = poll_until(&mut pending, tokio::time::sleep(LINGER)).await {
            return flight.land(said);
        }
        match flight.if_wanted() {
            Some(wanted) => flight = wanted,
            None => return trace!("a look-up was given up: nobody waits for it"),
        }
    }
}

/// Returns the result of the look-up, or `None` if `end` comes first.
async fn poll_until(pending: &mut Pending, end: impl Future<Output = ()>) -> Option<Said> {
    let mut end = pin!(end);
    poll_fn(|cx| match pending.as_mut().poll(cx) {
        Poll::Ready(said) => Poll::Ready(Some(said)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Spawns one task for look-ups that start together. It polls them in order, so that their queries are sent in order.
#[expect(clippy::disallowed_methods, reason = "a look-up outlives the race that asked for it, to fill the cache")]
fn spawn(mut task: Vec<Flying>) {
    drop(tokio::spawn(poll_fn(move |cx| {
        task.retain_mut(|flying| flying.as_mut().poll(cx).is_pending());
        if task.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })));
}
