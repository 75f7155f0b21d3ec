//! What connections teach of their hosts, and the hosts that ask for other connections.

use super::central::{Acquired, Pool, State};
use super::connection::Owned;
use super::hosts::Gone;
use super::kinds::Kind;
use crate::client::destination::Destination;
use crate::lock::Guard;

impl<W: Owned> Pool<W> {
    /// The host in `slot` has asked for others, and is forgotten if it has none.
    #[cold]
    pub(super) fn go_elsewhere(&self, mut guard: Guard<'_, State<W>>, slot: usize) -> Acquired<W> {
        // Nobody waits there who has no connection.
        let mut gone = Gone::new();
        guard.hosts.forget_if_unused(slot, &mut gone);
        drop(guard);
        Acquired::Elsewhere
    }

    /// The host of `destination` has asked for connections that have one exchange at a time. They are another destination's.
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
