//! How shared connections come and go, and who gets what becomes free.

use std::mem;
use std::sync::Arc;

use super::central::Pool;
use super::connection::{Owned, Place};
use super::hosts::Gone;
use super::lease::{Grant, Home, Lease, Share};
use super::runtimes::RuntimeId;
use super::shares::Room;
use crate::timer::read_clock;

impl<W: Owned> Pool<W> {
    /// Adds a shared connection that was made with `lease`, and returns the first share of it, of the request that it was made for. Those
    /// that wait get shares as well.
    pub(in crate::client) fn join(self: &Arc<Self>, connection: Arc<W::Shared>, lease: &mut Lease) -> Share<W::Shared> {
        let (now, place) = (read_clock(), connection.place());
        let mut state = self.lock();
        let (is_closed, oldest) = (state.is_closed, state.oldest);
        let host = state.hosts.at(place.slot);
        if let Some(runtime) = lease.sole.take() {
            host.shares.end_dial(runtime);
        }
        // One that is of another network, or of a client that is gone, has the one exchange that it was made for.
        if !is_closed && place.id >= oldest {
            host.shares.join(Arc::clone(&connection), now);
        }
        drop(state);
        self.serve(place.slot);
        Share::new(self.home(), connection)
    }

    /// A shared connection takes no further exchange. It goes on with those that it has; its lease is still there.
    pub(in crate::client) fn leave(self: &Arc<Self>, place: Place) {
        let mut state = self.lock();
        let left = state.hosts.get(place.slot).and_then(|host| host.shares.leave(place.id));
        drop(state);
        if left.is_some() {
            self.serve(place.slot);
        }
    }

    /// Gives those that wait for the host in `slot` what there is: room on shared connections, and the right to dial where there is none.
    pub(in crate::client) fn serve(self: &Arc<Self>, slot: usize) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut refused: Option<Place> = None;
        loop {
            let now = read_clock();
            let mut state = self.lock();
            let Some(host) = state.hosts.get(slot) else { return };
            if let Some(place) = refused.take() {
                host.shares.give_back(place.id, false, now);
            }
            if let Some((waiting, connection)) = host.next_share(&self.settings, now, &mut gone) {
                drop(state);
                // If it no longer waits, its share is the next one's.
                if let Err(Grant::Shared(share)) = waiting.send(Grant::Shared(Share::new(self.home(), connection))) {
                    refused = Some(share.forget());
                }
                continue;
            }
            if host.open >= self.settings.max_connections_per_host {
                return;
            }
            let Some((waiting, sole)) = host.next_shared_dial(&mut gone) else { return };
            host.open += 1;
            drop(state);
            // If it no longer waits, dropping the lease tells the next.
            drop(waiting.send(Grant::Dial(Lease::new(self.home(), slot, sole))));
        }
    }
}

impl<W: Owned> Home for Pool<W> {
    fn release(self: Arc<Self>, slot: usize, was_connected: bool, sole: Option<RuntimeId>) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let (mut closed, mut sole) = (usize::from(was_connected), sole);
        loop {
            let mut state = self.lock();
            let host = state.hosts.at(slot);
            host.connected -= mem::take(&mut closed);
            if let Some(runtime) = sole.take() {
                host.shares.end_dial(runtime);
            }
            let Some((waiting, next_sole)) = host.next_dial(&mut gone) else {
                return state.hosts.close(slot, &mut gone);
            };
            drop(state);
            match waiting.send(Grant::Dial(Lease::new(self.home(), slot, next_sole))) {
                // It no longer waits: the next one, please.
                Err(Grant::Dial(lease)) => {
                    sole = lease.sole;
                    lease.forget();
                }
                Ok(()) | Err(Grant::Owned(_) | Grant::Shared(_)) => return,
            }
        }
    }

    fn on_redial(&self, slot: usize) {
        self.lock().hosts.at(slot).connected -= 1;
    }

    fn give_share_back(self: Arc<Self>, place: Place, was_answered: bool) {
        let now = read_clock();
        let mut state = self.lock();
        // The host may have gone before the last share of its connection.
        let Some(host) = state.hosts.get(place.slot) else { return };
        let Some(room) = host.shares.give_back(place.id, was_answered, now) else { return };
        let waits = host.has_waiting();
        let is_left = room == Room::Spare || (room == Room::Idle && self.settings.max_idle_per_host == 0);
        let left = if is_left && !waits { host.shares.leave(place.id) } else { None };
        let is_news = room != Room::Busy && !mem::replace(&mut state.has_told, true);
        drop(state);
        drop(left);
        if is_news {
            self.wake_sweepers();
        }
        if waits {
            self.serve(place.slot);
        }
    }
}
