//! What a request gets from the pool, and the place of a waiting request in the queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::connection::{Owned, Shared};
use super::dialing::ForAll;
use super::lease::{Home, Lease, ShareEnd};
use super::place::Place;
use crate::client::error::ClientError;

/// The right to one exchange on a shared connection.
pub(in crate::client) struct Share<S: Shared> {
    connection: Arc<S>,
    /// The pool. `None` if the share must not be given back.
    home: Option<Weak<dyn Home>>,
    end: ShareEnd,
}

impl<S: Shared> Share<S> {
    pub(super) fn new(home: Weak<dyn Home>, connection: Arc<S>) -> Self {
        Self { connection, home: Some(home), end: ShareEnd::Unused }
    }

    pub(in crate::client) fn connection(&self) -> &Arc<S> {
        &self.connection
    }

    /// A request was sent.
    pub(in crate::client) fn set_begun(&mut self) {
        self.end = ShareEnd::GivenUp;
    }

    /// The request was answered.
    pub(in crate::client) fn set_answered(&mut self) {
        self.end = ShareEnd::Answered;
    }

    /// Drops the share without giving it back. Returns the place of its connection.
    pub(super) fn forget(mut self) -> Place {
        self.home = None;
        self.connection.place()
    }
}

impl<S: Shared> Drop for Share<S> {
    fn drop(&mut self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.give_share_back(self.connection.place(), self.end);
        }
    }
}

/// What a waiting request gets.
pub(in crate::client) enum Grant<W: Owned> {
    Owned(Box<W>),
    Shared(Share<W::Shared>),
    Dial(Lease),
    /// The right to dial for all waiting requests. The request that dials [waits again](super::Pool::wait_again), as the first in the queue.
    DialForAll(ForAll),
    /// The dial that the request waited for has failed.
    Failed(Box<ClientError>),
}

/// The place of a request in the queue. It may be dropped at any time: a grant that was not taken goes to the next request.
pub(in crate::client) struct Ticket<W: Owned> {
    receiver: oneshot::Receiver<Grant<W>>,
    /// A grant was taken, or the pool is gone.
    is_over: bool,
    slot: usize,
    /// The pool, to which a connection is given back.
    pool: Weak<dyn Return<W>>,
}

/// The interface of the pool for tickets.
pub(super) trait Return<W>: Send + Sync {
    fn give_back(self: Arc<Self>, connection: Box<W>);

    /// A request has stopped waiting for a connection to the host in `slot`.
    fn on_given_up(&self, slot: usize);
}

impl<W: Owned> Ticket<W> {
    pub(super) fn new(receiver: oneshot::Receiver<Grant<W>>, slot: usize, pool: Weak<dyn Return<W>>) -> Self {
        Self { receiver, is_over: false, slot, pool }
    }

    /// Waits for a grant. Must not be polled after it was ready. `None` if the pool is gone.
    pub(in crate::client) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant<W>>> {
        let granted = ready!(Pin::new(&mut self.receiver).poll(cx));
        self.is_over = true;
        Poll::Ready(granted.ok())
    }
}

impl<W: Owned> Drop for Ticket<W> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.receiver.close();
        let granted = self.receiver.try_recv();
        let Some(pool) = self.pool.upgrade() else { return };
        match granted {
            Ok(Grant::Owned(connection)) => pool.give_back(connection),
            Ok(Grant::DialForAll(dial)) => dial.pass_on(),
            // These give themselves back when they are dropped.
            Ok(Grant::Shared(_) | Grant::Dial(_) | Grant::Failed(_)) => {}
            Err(_) => pool.on_given_up(self.slot),
        }
    }
}
