//! How shared connections come and go, and who gets what becomes free.

use std::mem;
use std::sync::Arc;

use super::central::Pool;
use super::connection::{Owned, Shared};
use super::grants::{Grant, Share};
use super::hosts::Gone;
use super::lease::{Home, Lease};
use super::place::Place;
use super::runtimes::RuntimeId;
use super::shares::Room;
use crate::timer::read_clock;

impl<W: Owned> Pool<W> {
    /// Adds a shared connection, which was dialled in `sole` where nobody else was to dial, and returns the first share of it, of the request that it was made for. Those
    /// that wait get shares as well.
    ///
    /// One that `is_spent` has that exchange alone, and so has one that was made for a network, or a client, that is gone.
    pub(in crate::client) fn join(
        self: &Arc<Self>,
        connection: Arc<W::Shared>,
        sole: Option<RuntimeId>,
        is_spent: bool,
    ) -> Share<W::Shared> {
        let (now, place) = (read_clock(), connection.place());
        let mut state = self.lock();
        let is_spent = is_spent || state.is_closed || place.id < state.oldest;
        let host = state.hosts.at(place.slot);
        if let Some(runtime) = sole {
            host.shares.end_dial(runtime);
        }
        if !is_spent {
            host.shares.join(Arc::clone(&connection), now);
        }
        drop(state);
        self.hand_out(place.slot);
        Share::new(self.home(), connection)
    }

    /// Gives those that wait for the host in `slot` what there is: room on shared connections, and the right to dial where there is none.
    fn hand_out(self: &Arc<Self>, slot: usize) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut refused: Option<Place> = None;
        loop {
            let now = read_clock();
            let mut state = self.lock();
            let Some(host) = state.hosts.get(slot) else { return };
            if let Some(place) = refused.take() {
                host.shares.give_back(place.id, false, || now);
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
                // One that nobody has a use for is closed for the right to make another, which its lease passes on.
                let in_the_way = if host.has_waiting() { host.shares.leave_idle() } else { None };
                drop(state);
                return drop(in_the_way);
            }
            let Some((waiting, sole)) = host.next_dial(&mut gone) else { return };
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

    fn leave(self: Arc<Self>, place: Place) {
        let mut state = self.lock();
        let left = state.hosts.get(place.slot).and_then(|host| host.shares.leave(place.id));
        drop(state);
        drop(left);
        // Somebody else may have removed it before.
        self.hand_out(place.slot);
    }

    fn serve(self: Arc<Self>, slot: usize) {
        self.hand_out(slot);
    }

    fn has_idle(self: Arc<Self>) {
        let is_news = !mem::replace(&mut self.lock().has_told, true);
        if is_news {
            self.wake_sweepers();
        }
    }

    fn give_share_back(self: Arc<Self>, place: Place, was_answered: bool) {
        let mut state = self.lock();
        // The host may have gone before the last share of its connection.
        let Some(host) = state.hosts.get(place.slot) else { return };
        let Some(room) = host.shares.give_back(place.id, was_answered, read_clock) else { return };
        let waits = host.has_waiting();
        let is_left = room == Room::Spare || (room == Room::Idle && self.settings.max_idle_per_host == 0);
        let left = if is_left && !waits { host.shares.leave(place.id) } else { None };
        let is_news = room != Room::Busy && !was_answered && !mem::replace(&mut state.has_told, true);
        drop(state);
        drop(left);
        if is_news {
            self.wake_sweepers();
        }
        if waits {
            self.hand_out(place.slot);
        }
    }
}
