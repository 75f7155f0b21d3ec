//! The right to a connection.

use std::sync::{Arc, Weak};

use super::place::Place;

/// The right to one connection to a host, which every connection has, and every dial.
pub(in crate::client) struct Lease {
    home: Weak<dyn Home>,
    pub(super) slot: usize,
    /// There is a connection; otherwise one is dialled.
    pub(super) is_connected: bool,
    /// The connection is a shared one.
    pub(super) is_shared: bool,
    /// It is dialled for all that wait.
    pub(super) is_for_all: bool,
}

/// Where a lease is given back.
pub(super) trait Home: Send + Sync {
    /// The right to a connection is free again.
    fn release(self: Arc<Self>, slot: usize, was: Was);

    /// A connection is closed, and another dialled in its place.
    fn on_redial(&self, slot: usize);

    /// A shared connection takes no further exchange. It goes on with those that it has; its lease is still there.
    fn leave(self: Arc<Self>, place: Place);

    /// Those that wait get what has become free.
    fn serve(self: Arc<Self>, slot: usize);

    /// A shared connection may be idle for some time.
    fn has_idle(self: Arc<Self>);

    /// An exchange on a shared connection is over. If it was answered, its connection says [by itself](Self::has_idle) when it is idle.
    fn give_share_back(self: Arc<Self>, place: Place, end: ShareEnd);
}

/// What there was of a connection whose lease is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// Nothing but a dial.
    Dialed,
    Owned,
    Shared,
}

/// What became of a share of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareEnd {
    /// Nothing was begun on it.
    Unused,
    /// The exchange was given up before it was answered.
    GivenUp,
    /// The exchange was answered.
    Answered,
}

/// What a shared connection is after one of its exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It has others.
    Busy,
    Idle,
    /// It is idle, and there is another.
    Spare,
}

impl Lease {
    /// The right to dial.
    pub(super) fn new(home: Weak<dyn Home>, slot: usize) -> Self {
        Self { home, slot, is_connected: false, is_shared: false, is_for_all: false }
    }

    /// The right to dial in the place of the connection that had it.
    #[must_use]
    pub(in crate::client) fn redial(mut self) -> Self {
        if let (true, Some(home)) = (self.is_connected, self.home.upgrade()) {
            home.on_redial(self.slot);
        }
        self.is_connected = false;
        self.is_shared = false;
        self.is_for_all = false;
        self
    }

    /// Whether it is dialled for all that wait, and not for one request.
    pub(in crate::client) fn is_for_all(&self) -> bool {
        self.is_for_all
    }

    /// The connection is a shared one.
    pub(in crate::client) fn is_for_shared(&mut self) {
        self.is_shared = true;
    }

    /// The shared connection that this is the right to takes no further exchange.
    pub(in crate::client) fn leave(&self, place: Place) {
        if let Some(home) = self.home.upgrade() {
            home.leave(place);
        }
    }

    /// The shared connection that this is the right to has room for more.
    pub(in crate::client) fn serve(&self) {
        if let Some(home) = self.home.upgrade() {
            home.serve(self.slot);
        }
    }

    /// The shared connection that this is the right to has no exchange, and may have none for some time.
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
