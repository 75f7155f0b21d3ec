//! What the pool knows of connections. It knows no protocol.
//!
//! There are two kinds. One has one exchange at a time and is [owned](Owned) by whoever exchanges: it is taken out and put back. The other
//! has many at a time and is [shared](Shared) by them: it stays with its host, and each exchange has a [share](super::Share) of it.

use std::time::{Duration, Instant};

use super::lease::Lease;
use super::place::Place;
use super::runtimes::{RuntimeId, Watch};

/// A connection that has one exchange at a time. Dropping it closes it.
pub(in crate::client) trait Owned: Send + Sized + 'static {
    /// The other kind.
    type Shared: Shared;

    /// Which one it is.
    fn place(&self) -> Place;

    /// What it shares with its sweeper.
    fn watch(&self) -> &Watch;

    fn created(&self) -> Instant;

    /// How long the peer says that it keeps it when it is idle.
    fn kept_for(&self) -> Option<Duration>;

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

/// A connection that has many exchanges at a time. It is closed when it is dropped by its host and by all who have a share of it.
///
/// What it says of itself is asked while the pool is locked: it is to be known without asking anybody.
pub(in crate::client) trait Shared: Send + Sync + 'static {
    /// Which one it is.
    fn place(&self) -> Place;

    fn runtime(&self) -> RuntimeId;

    fn created(&self) -> Instant;

    /// How many exchanges it may have at a time, as far as the peer has said.
    fn most(&self) -> usize;

    /// Whether the peer has said how many exchanges it may have.
    fn has_said_most(&self) -> bool;

    /// Whether it takes another exchange, when there is room.
    fn is_open(&self) -> bool;

    /// Whether an exchange was begun on it.
    fn has_begun(&self) -> bool;

    /// How many exchanges it has had, if it turned others away that were begun after them.
    fn had_before_turning_away(&self) -> Option<usize>;
}
