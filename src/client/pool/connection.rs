//! What the pool knows of connections. It knows no protocol.
//!
//! There is one kind of them, which has one exchange at a time and is [owned](Owned) by whoever exchanges. A kind that has many at a time
//! would not be taken out and put back: it would have a variant of its own in [`Acquired`](super::Acquired) and [`Grant`](super::Grant), and a
//! place of its own beside the idle connections of its host.

use std::time::Instant;

use super::lease::Lease;
use super::runtimes::Watch;

/// A connection that has one exchange at a time. Dropping it closes it.
pub(in crate::client) trait Owned: Send + Sized + 'static {
    /// Which one it is.
    fn place(&self) -> Place;

    /// What it shares with its sweeper.
    fn watch(&self) -> &Watch;

    fn created(&self) -> Instant;

    /// Whether it can have another exchange, as far as is known without asking the system.
    fn is_usable(&mut self) -> bool;

    /// Asks the system whether the peer has closed, or said anything.
    fn look(&mut self) -> bool;

    /// The exchange is over, or there never was one: the next has a connection that was used before.
    fn on_return(&mut self);

    /// Leaves it to its sweeper, which will find it by `key`. `false` if something has happened on it that was not seen yet.
    fn rest(&self, key: usize) -> bool;

    /// `None` if it was taken before.
    fn take_lease(&mut self) -> Option<Lease>;
}

/// Which connection it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Place {
    /// Its host's.
    pub(in crate::client) slot: usize,
    /// Never another's.
    pub(in crate::client) id: u64,
}

/// A kind of which there is none, for tests of what needs none.
#[cfg(test)]
pub(super) enum NoConnection {}

#[cfg(test)]
impl Owned for NoConnection {
    fn place(&self) -> Place {
        match *self {}
    }

    fn watch(&self) -> &Watch {
        match *self {}
    }

    fn created(&self) -> Instant {
        match *self {}
    }

    fn is_usable(&mut self) -> bool {
        match *self {}
    }

    fn look(&mut self) -> bool {
        match *self {}
    }

    fn on_return(&mut self) {
        match *self {}
    }

    fn rest(&self, _: usize) -> bool {
        match *self {}
    }

    fn take_lease(&mut self) -> Option<Lease> {
        match *self {}
    }
}
