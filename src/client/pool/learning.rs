//! What the pool learns of hosts from their connections: the kind of connection, and that a server wants HTTP/1.1.

use super::central::{Acquired, Pool, State};
use super::connection::Owned;
use super::hosts::Gone;
use super::kinds::Kind;
use crate::client::destination::Destination;
use crate::lock::Guard;

impl<W: Owned> Pool<W> {
    /// Sends a request elsewhere, since the host in `slot` has asked for HTTP/1.1. Removes the host if it has no connections.
    #[cold]
    pub(super) fn go_elsewhere(&self, mut guard: Guard<'_, State<W>>, slot: usize) -> Acquired<W> {
        // A host without connections has no waiting requests.
        let mut gone = Gone::new();
        guard.hosts.forget_if_unused(slot, &mut gone);
        drop(guard);
        Acquired::Elsewhere
    }

    /// The server at `destination` has asked for HTTP/1.1. Such connections belong to another destination.
    pub(in crate::client) fn ask_elsewhere(&self, destination: &Destination) {
        let mut state = self.lock();
        state.kinds.send_elsewhere(destination);
        if let Some(slot) = state.hosts.find(destination) {
            state.hosts.at(slot).kind = Kind::Elsewhere;
        }
    }
}

impl<W: Owned> State<W> {
    /// A connection to the host in `slot` was of this kind.
    pub(super) fn learn(&mut self, slot: usize, kind: Kind) {
        if let Some(destination) = self.hosts.destination(slot) {
            let kind = self.kinds.learn(destination, kind);
            self.hosts.at(slot).kind = kind;
        }
    }
}
