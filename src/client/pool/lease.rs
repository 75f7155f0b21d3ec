//! The right to a connection, and the wait for one.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::Pool;
use crate::client::wire::Wire;

/// The right to one connection to a host, which every connection has, and every dial.
pub(in crate::client) struct Lease {
    pool: Weak<Pool>,
    pub(super) slot: usize,
}

impl Lease {
    pub(super) fn new(pool: &Arc<Pool>, slot: usize) -> Self {
        Self { pool: Arc::downgrade(pool), slot }
    }

    /// Drops it without giving it back.
    pub(super) fn forget(mut self) {
        self.pool = Weak::new();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.release(self.slot);
        }
    }
}

/// What a request that had to wait gets.
pub(in crate::client) enum Grant {
    Wire(Box<Wire>),
    Dial(Lease),
}

/// A place in the queue. It may be dropped at any time: what it was granted meanwhile goes to the next.
pub(in crate::client) struct Ticket {
    receiver: oneshot::Receiver<Grant>,
    pool: Weak<Pool>,
}

impl Ticket {
    pub(super) fn new(receiver: oneshot::Receiver<Grant>, pool: &Arc<Pool>) -> Self {
        Self { receiver, pool: Arc::downgrade(pool) }
    }

    /// Waits for its turn, and is not to be polled after that. `None` if the pool is gone.
    pub(in crate::client) fn poll_granted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Grant>> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.receiver.close();
        if let (Ok(Grant::Wire(mut wire)), Some(pool)) = (self.receiver.try_recv(), self.pool.upgrade()) {
            if wire.is_usable() {
                pool.check_in(wire);
            }
        }
    }
}
