//! Dials for all waiting requests of a host: one in each runtime, and a second one if the first is silent.

use std::mem;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::lease::Lease;
use super::runtimes::RuntimeId;
use crate::client::error::ClientError;
use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The right to dial for all waiting requests.
pub(in crate::client) struct ForAll {
    pub(in crate::client) lease: Lease,
    pub(in crate::client) dialing: Dialing,
}

/// A dial for all waiting requests of a runtime. While it is under way, none of them dials. If it fails, all of them fail.
pub(in crate::client) struct Dialing {
    waited_for: Weak<dyn WaitedFor>,
    pub(super) slot: usize,
    id: u64,
    pub(super) runtime: RuntimeId,
    signal: Arc<Signal>,
    end: DialEnd,
}

/// The interface of the pool for dials.
pub(super) trait WaitedFor: Send + Sync {
    /// Ends a dial for all.
    fn end_dial(self: Arc<Self>, slot: usize, id: u64, end: DialEnd);

    /// Returns the right to a second dial for all in `runtime`, if a request waits and there is no second dial yet.
    fn second_dial(self: Arc<Self>, slot: usize, runtime: RuntimeId) -> Option<ForAll>;

    /// Whether a request in `runtime` waits for a connection to the host in `slot`.
    fn is_waited_for(&self, slot: usize, runtime: RuntimeId) -> bool;
}

/// How a dial for all has ended.
pub(super) enum DialEnd {
    /// The dial has made a connection.
    Connected,
    Failed(Box<ClientError>),
    /// No request waits for the dial, or its right was not used. If requests wait, the right to dial goes to the next one.
    PassedOn,
    /// The dial was dropped.
    Dropped,
}

/// Wakes a dial to check whether any request still waits for it.
#[derive(Default)]
pub(super) struct Signal {
    is_set: AtomicBool,
    waker: AtomicWaker,
}

/// The dials for all of a host.
pub(super) struct Dials {
    under_way: Vec<Dial>,
    ids: u64,
}

struct Dial {
    id: u64,
    runtime: RuntimeId,
    signal: Arc<Signal>,
}

impl Signal {
    /// Wakes the dial. Must not be called while the pool is locked.
    pub(super) fn set(&self) {
        self.is_set.store(true, SeqCst);
        self.waker.wake();
    }
}

impl Dialing {
    /// Ready when no request waits for the dial any more.
    pub(in crate::client) fn poll_unwanted(&self, cx: &Context<'_>) -> Poll<()> {
        self.signal.waker.register(cx.waker());
        // Another request may have begun to wait since the signal.
        let is_unwanted = self.signal.is_set.swap(false, SeqCst)
            && !self.waited_for.upgrade().is_some_and(|pool| pool.is_waited_for(self.slot, self.runtime));
        if is_unwanted { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Returns the right to a second dial, if a request waits and there is no second dial yet.
    pub(in crate::client) fn second(&self) -> Option<ForAll> {
        self.waited_for.upgrade()?.second_dial(self.slot, self.runtime)
    }

    /// Ends the dial, which has made a connection.
    pub(super) fn has_connected(mut self) {
        self.end = DialEnd::Connected;
    }

    /// Ends the dial: no request waits for it, or another request is to dial.
    pub(in crate::client) fn pass_on(mut self) {
        self.end = DialEnd::PassedOn;
    }

    /// Ends the dial: it has failed, and so have all waiting requests, unless another dial is under way.
    pub(in crate::client) fn fail(mut self, error: ClientError) {
        self.end = DialEnd::Failed(Box::new(error));
    }
}

impl ForAll {
    /// Gives the right back unused.
    pub(super) fn pass_on(self) {
        let Self { lease, dialing } = self;
        drop(lease);
        dialing.pass_on();
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        if let Some(pool) = self.waited_for.upgrade() {
            let end = mem::replace(&mut self.end, DialEnd::Dropped);
            pool.end_dial(self.slot, self.id, end);
        }
    }
}

impl Dials {
    pub(super) fn new() -> Self {
        Self { under_way: Vec::new(), ids: 0 }
    }

    /// Begins a dial in `runtime`, with `lease`.
    pub(super) fn begin(&mut self, lease: Lease, waited_for: Weak<dyn WaitedFor>, runtime: RuntimeId) -> ForAll {
        let (id, signal) = (self.ids, Arc::<Signal>::default());
        self.ids += 1;
        self.under_way.push(Dial { id, runtime, signal: Arc::clone(&signal) });
        let dialing = Dialing { waited_for, slot: lease.slot, id, runtime, signal, end: DialEnd::Dropped };
        ForAll { lease, dialing }
    }

    /// Ends a dial, and returns its runtime. `None` if there is no such dial.
    pub(super) fn end(&mut self, id: u64) -> Option<RuntimeId> {
        let at = self.under_way.iter().position(|dial| dial.id == id)?;
        Some(self.under_way.swap_remove(at).runtime)
    }

    /// Returns how many dials there are in `runtime`.
    pub(super) fn count(&self, runtime: RuntimeId) -> usize {
        self.under_way.iter().filter(|dial| dial.runtime == runtime).count()
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Returns the signals of the dials in `runtime`.
    pub(super) fn signals(&self, runtime: RuntimeId) -> Vec<Arc<Signal>> {
        let of_runtime = self.under_way.iter().filter(|dial| dial.runtime == runtime);
        of_runtime.map(|dial| Arc::clone(&dial.signal)).collect()
    }

    /// The runtimes of the dials.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = RuntimeId> {
        self.under_way.iter().map(|dial| dial.runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::central::Pool;
    use super::super::no_connection::NoConnection;

    fn begin(dials: &mut Dials) -> Dialing {
        let lease = Lease::new(Weak::<Pool<NoConnection>>::new(), 0);
        dials.begin(lease, Weak::<Pool<NoConnection>>::new(), None).dialing
    }

    #[test]
    fn each_dial_is_under_way_until_it_is_over() {
        let mut dials = Dials::new();
        let (first, second) = (begin(&mut dials).id, begin(&mut dials).id);
        assert_eq!((dials.count(None), dials.signals(None).len()), (2, 2));
        assert_eq!(dials.end(first), Some(None));
        assert_eq!(dials.end(first), None);
        assert_eq!((dials.count(None), dials.len()), (1, 1));
        assert_eq!(dials.end(second), Some(None));
        assert_eq!(dials.len(), 0);
    }

    #[test]
    fn a_dial_that_was_told_that_nobody_waits_is_unwanted_unless_somebody_does() {
        let mut dials = Dials::new();
        let dialing = begin(&mut dials);
        let mut task = tokio_test::task::spawn(std::future::poll_fn(|cx| dialing.poll_unwanted(cx)));
        tokio_test::assert_pending!(task.poll());
        dials.signals(None).iter().for_each(|signal| signal.set());
        assert!(task.is_woken());
        // The pool is gone, and the waiting requests with it.
        tokio_test::assert_ready!(task.poll());
    }
}
