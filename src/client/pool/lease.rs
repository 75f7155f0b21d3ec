//! The right to a connection.

use std::sync::{Arc, Weak};

use super::place::Place;
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

    /// A shared connection may be idle for some time.
    fn has_idle(self: Arc<Self>);

    /// An exchange on a shared connection is over. If it `was_answered`, its connection says [by itself](Self::has_idle) when it is idle.
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

    /// The shared connection that this is the right to has no exchange, and may have none for some time.
    pub(in crate::client) fn has_idle(&self) {
        if let Some(home) = self.home.as_ref().and_then(Weak::upgrade) {
            home.has_idle();
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
