//! The interface between the pool and its connections. The pool knows no protocol.
//!
//! There are two kinds of connections. An [owned](Owned) connection has one exchange at a time, which takes it out of the pool and puts it back. A
//! [shared](Shared) one has many exchanges at a time. It stays with its host, and each exchange has a [share](super::Share) of it.

use std::time::{Duration, Instant};

use super::lease::Lease;
use super::place::Place;
use super::runtimes::{RuntimeId, Watch};

/// A connection that has one exchange at a time. Dropping it closes it.
pub(in crate::client) trait Owned: Send + Sized + 'static {
    /// The kind of shared connections in the same pool.
    type Shared: Shared;

    /// Which connection it is.
    fn place(&self) -> Place;

    /// What the connection shares with the sweeper of its runtime.
    fn watch(&self) -> &Watch;

    fn created(&self) -> Instant;

    /// How long the server keeps the connection when it is idle, if it has said so (`Keep-Alive`).
    fn kept_for(&self) -> Option<Duration>;

    /// Whether the connection can have another exchange, as far as is known without a system call.
    fn is_usable(&mut self) -> bool;

    /// Asks the system whether the server has closed the connection or sent anything. `false` if so.
    fn look(&mut self) -> bool;

    /// The connection comes back, after an exchange or without one. The next exchange has a reused connection.
    fn on_return(&mut self);

    /// Leaves the idle connection to the sweeper, which finds it by `key`. Returns `false` if an event on it was not handled yet.
    fn rest(&self, key: usize) -> bool;

    /// Takes the lease of the connection. `None` if it was taken before.
    fn take_lease(&mut self) -> Option<Lease>;
}

/// A connection that has many exchanges at a time. It is closed when its host and all shares of it have dropped it.
///
/// These methods are called while the pool is locked, and so must not lock anything.
pub(in crate::client) trait Shared: Send + Sync + 'static {
    /// Which connection it is.
    fn place(&self) -> Place;

    fn runtime(&self) -> RuntimeId;

    fn created(&self) -> Instant;

    /// How many exchanges the connection may have at a time: what the server allows, or a default before it has said.
    fn most(&self) -> usize;

    /// Whether the server has said how many exchanges it allows.
    fn has_said_most(&self) -> bool;

    /// Whether the connection takes another exchange when there is room.
    fn is_open(&self) -> bool;

    /// Whether an exchange was begun on the connection.
    fn has_begun(&self) -> bool;

    /// If the server turned exchanges away, how many exchanges the connection has had before those.
    fn had_before_turning_away(&self) -> Option<usize>;
}
