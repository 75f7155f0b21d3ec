//! Leases: the right to a connection of a host.

use std::mem;
use std::sync::{Arc, Weak};

use super::place::Place;

/// The right to one connection to a host. Every connection and every dial has a lease. Dropping it gives the right back.
pub(in crate::client) struct Lease {
    home: Weak<dyn Home>,
    pub(super) slot: usize,
    /// Whether the connection exists. If not, it is being dialled.
    pub(super) is_connected: bool,
    /// Whether the connection is a shared one.
    pub(super) is_shared: bool,
    /// Whether it is dialled for all waiting requests.
    pub(super) is_for_all: bool,
}

/// The interface of the pool for leases, which are given back to it.
pub(super) trait Home: Send + Sync {
    /// Takes a lease back.
    fn release(self: Arc<Self>, slot: usize, was: Was);

    /// A connection was closed, and another one is dialled with its lease.
    fn on_redial(&self, slot: usize);

    /// A shared connection takes no further exchange. It goes on with those that it has, and keeps its lease until they are over.
    fn leave(self: Arc<Self>, place: Place);

    /// Gives waiting requests what has become free.
    fn serve(self: Arc<Self>, slot: usize);

    /// A shared connection has become idle, and may stay so for some time.
    fn has_idle(self: Arc<Self>);

    /// An exchange on a shared connection is over. If it was answered, its connection calls [`has_idle`](Self::has_idle) itself when it is idle.
    fn give_share_back(self: Arc<Self>, place: Place, end: ShareEnd);
}

/// The use of a lease that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// A dial, which has not led to a connection.
    Dialed,
    Owned,
    Shared,
}

/// How a share of a connection was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareEnd {
    /// No exchange was begun.
    Unused,
    /// The exchange was given up before it was answered.
    GivenUp,
    /// The exchange was answered.
    Answered,
}

/// The state of a shared connection after one of its exchanges has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It has other exchanges.
    Busy,
    Idle,
    /// It is idle, and there is another connection to the same host in the same runtime that has room.
    Spare,
}

impl Lease {
    /// A lease for a dial.
    pub(super) fn new(home: Weak<dyn Home>, slot: usize) -> Self {
        Self { home, slot, is_connected: false, is_shared: false, is_for_all: false }
    }

    /// Turns the lease of a connection, which was closed, into one for a dial.
    #[must_use]
    pub(in crate::client) fn redial(mut self) -> Self {
        if let (true, Some(home)) = (self.begin_anew(), self.home.upgrade()) {
            home.on_redial(self.slot);
        }
        self
    }

    /// Makes the lease one for a dial of one request. Returns whether it was that of a connection, which the caller takes out of the count.
    pub(super) fn begin_anew(&mut self) -> bool {
        (self.is_shared, self.is_for_all) = (false, false);
        mem::take(&mut self.is_connected)
    }

    /// Whether the connection is dialled for all waiting requests, and not for one.
    pub(in crate::client) fn is_for_all(&self) -> bool {
        self.is_for_all
    }

    /// Notes that the connection is a shared one.
    pub(in crate::client) fn is_for_shared(&mut self) {
        self.is_shared = true;
    }

    /// The shared connection with this lease takes no further exchange.
    pub(in crate::client) fn leave(&self, place: Place) {
        if let Some(home) = self.home.upgrade() {
            home.leave(place);
        }
    }

    /// The shared connection with this lease has room for more exchanges.
    pub(in crate::client) fn serve(&self) {
        if let Some(home) = self.home.upgrade() {
            home.serve(self.slot);
        }
    }

    /// The shared connection with this lease has no exchange, and may have none for some time.
    pub(in crate::client) fn has_idle(&self) {
        if let Some(home) = self.home.upgrade() {
            home.has_idle();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            let was = match (self.is_connected, self.is_shared) {
                (false, _) => Was::Dialed,
                (true, false) => Was::Owned,
                (true, true) => Was::Shared,
            };
            home.release(self.slot, was);
        }
    }
}
