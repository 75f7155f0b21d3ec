//! What a request gets of the pool, and the wait for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::connection::{Owned, Shared};
use super::lease::{Home, Lease};
use super::place::Place;

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
