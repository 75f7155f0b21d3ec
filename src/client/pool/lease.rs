//! The right to a connection, and the wait for one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// The right to one connection to a host, which every connection has, and every dial.
pub(in crate::client) struct Lease {
    /// None if it is not to be given back.
    home: Option<Weak<dyn Home>>,
    pub(super) slot: usize,
    /// There is a connection; otherwise one is dialled.
    pub(super) is_connected: bool,
}

/// Where a lease is given back.
pub(super) trait Home: Send + Sync {
    /// The right to a connection is free again.
    fn release(self: Arc<Self>, slot: usize, was_connected: bool);

    /// A connection is closed, and another dialled in its place.
    fn on_redial(&self, slot: usize);
}

impl Lease {
    /// The right to dial.
    pub(super) fn new(home: Weak<dyn Home>, slot: usize) -> Self {
        Self { home: Some(home), slot, is_connected: false }
    }

    /// The right to dial in the place of the connection that had it.
    #[must_use]
    pub(in crate::client) fn redial(mut self) -> Self {
        if let (true, Some(home)) = (self.is_connected, self.home.as_ref().and_then(Weak::upgrade)) {
            home.on_redial(self.slot);
        }
        self.is_connected = false;
        self
    }

    /// Drops it without giving it back.
    pub(super) fn forget(mut self) {
        self.home = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.release(self.slot, self.is_connected);
        }
    }
}

/// What a request that had to wait gets.
pub(in crate::client) enum Grant<W> {
    Owned(Box<W>),
    Dial(Lease),
}

/// A place in the queue. It may be dropped at any time: what it was granted meanwhile goes to the next.
pub(in crate::client) struct Ticket<W> {
    receiver: oneshot::Receiver<Grant<W>>,
    /// Where a connection is returned to.
    pool: Weak<dyn Return<W>>,
}

/// Where a connection is given back that was granted to nobody.
pub(super) trait Return<W>: Send + Sync {
    fn give_back(self: Arc<Self>, connection: Box<W>);
}

impl<W> Ticket<W> {
    pub(super) fn new(receiver: oneshot::Receiver<Grant<W>>, pool: Weak<dyn Return<W>>) -> Self {
        Self { receiver, pool }
    }

    /// Waits for its turn, and is not to be polled after that. `None` if the pool is gone.
    pub(in crate::client) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant<W>>> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl<W> Drop for Ticket<W> {
    fn drop(&mut self) {
        self.receiver.close();
        if let (Ok(Grant::Owned(connection)), Some(pool)) = (self.receiver.try_recv(), self.pool.upgrade()) {
            pool.give_back(connection);
        }
    }
}
