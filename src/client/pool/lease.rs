//! The right to a connection, the share of one, and the wait for either.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::connection::{Owned, Place, Shared};
use super::runtimes::RuntimeId;

/// The right to one connection to a host, which every connection has, and every dial.
pub(in crate::client) struct Lease {
    /// None if it is not to be given back.
    home: Option<Weak<dyn Home>>,
    pub(super) slot: usize,
    /// There is a connection; otherwise one is dialled.
    pub(super) is_connected: bool,
    /// The runtime in which nobody else dials meanwhile, if that is so: the connection is known to be shared.
    pub(super) sole: Option<RuntimeId>,
}

/// Where a lease is given back.
pub(super) trait Home: Send + Sync {
    /// The right to a connection is free again.
    fn release(self: Arc<Self>, slot: usize, was_connected: bool, sole: Option<RuntimeId>);

    /// A connection is closed, and another dialled in its place.
    fn on_redial(&self, slot: usize);

    /// A shared connection takes no further exchange. It goes on with those that it has; its lease is still there.
    fn leave(self: Arc<Self>, place: Place);

    /// Those that wait get what has become free.
    fn serve(self: Arc<Self>, slot: usize);

    /// An exchange on a shared connection is over.
    fn give_share_back(self: Arc<Self>, place: Place, was_answered: bool);
}

impl Lease {
    /// The right to dial.
    pub(super) fn new(home: Weak<dyn Home>, slot: usize, sole: Option<RuntimeId>) -> Self {
        Self { home: Some(home), slot, is_connected: false, sole }
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

    /// The dial is over, in whose runtime nobody else was to dial.
    pub(in crate::client) fn take_sole(&mut self) -> Option<RuntimeId> {
        self.sole.take()
    }

    /// The shared connection that this is the right to takes no further exchange.
    pub(in crate::client) fn leave(&self, place: Place) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.leave(place);
        }
    }

    /// The shared connection that this is the right to has room for more.
    pub(in crate::client) fn serve(&self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.serve(self.slot);
        }
    }

    /// Drops it without giving it back.
    pub(super) fn forget(mut self) {
        self.home = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.release(self.slot, self.is_connected, self.sole);
        }
    }
}

/// The right to one exchange on a shared connection.
pub(in crate::client) struct Share<S: Shared> {
    connection: Arc<S>,
    /// None if it is not to be given back.
    home: Option<Weak<dyn Home>>,
    was_answered: bool,
}

impl<S: Shared> Share<S> {
    pub(super) fn new(home: Weak<dyn Home>, connection: Arc<S>) -> Self {
        Self { connection, home: Some(home), was_answered: false }
    }

    pub(in crate::client) fn connection(&self) -> &Arc<S> {
        &self.connection
    }

    /// The request was answered.
    pub(in crate::client) fn set_answered(&mut self) {
        self.was_answered = true;
    }

    /// Drops it without giving it back, and says whose it is.
    pub(super) fn forget(mut self) -> Place {
        self.home = None;
        self.connection.place()
    }
}

impl<S: Shared> Drop for Share<S> {
    fn drop(&mut self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.give_share_back(self.connection.place(), self.was_answered);
        }
    }
}

/// What a request that had to wait gets.
pub(in crate::client) enum Grant<W: Owned> {
    Owned(Box<W>),
    Shared(Share<W::Shared>),
    Dial(Lease),
}

/// A place in the queue. It may be dropped at any time: what it was granted meanwhile goes to the next.
pub(in crate::client) struct Ticket<W: Owned> {
    receiver: oneshot::Receiver<Grant<W>>,
    /// Where a connection is returned to.
    pool: Weak<dyn Return<W>>,
}

/// Where a connection is given back that was granted to nobody.
pub(super) trait Return<W>: Send + Sync {
    fn give_back(self: Arc<Self>, connection: Box<W>);
}

impl<W: Owned> Ticket<W> {
    pub(super) fn new(receiver: oneshot::Receiver<Grant<W>>, pool: Weak<dyn Return<W>>) -> Self {
        Self { receiver, pool }
    }

    /// Waits for its turn, and is not to be polled after that. `None` if the pool is gone.
    pub(in crate::client) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant<W>>> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl<W: Owned> Drop for Ticket<W> {
    fn drop(&mut self) {
        self.receiver.close();
        if let (Ok(Grant::Owned(connection)), Some(pool)) = (self.receiver.try_recv(), self.pool.upgrade()) {
            pool.give_back(connection);
        }
    }
}
