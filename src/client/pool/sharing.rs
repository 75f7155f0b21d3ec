//! The part of the pool that deals with shared connections, with dials for all, and with what waiting requests get.

use std::mem;
use std::sync::Arc;

use super::central::Pool;
use super::connection::{Owned, Shared};
use super::dialing::{DialEnd, Dialing, ForAll, WaitedFor};
use super::grants::{Grant, Return as _, Share};
use super::hosts::{Gone, Host};
use super::kinds::Kind;
use super::lease::{Home, Lease, Room, ShareEnd, Was};
use super::place::Place;
use super::runtimes::RuntimeId;
use crate::client::error::ClientError;
use crate::timer::read_clock;

impl<W: Owned> Pool<W> {
    /// Adds a shared connection, and returns the first share of it. Waiting requests get shares as well.
    ///
    /// A connection that `is_spent`, or is of an earlier network, or of a client that is closed, has that one exchange alone: it is not added. Nor
    /// is one that was dialled for all and is beyond the limit, as may happen if there were two dials.
    pub(in crate::client) fn join(
        self: &Arc<Self>,
        connection: Arc<W::Shared>,
        is_spent: bool,
        is_for_all: bool,
    ) -> Share<W::Shared> {
        let (now, place) = (read_clock(), connection.place());
        let mut state = self.lock();
        let is_spent = is_spent || state.is_closed || place.id < state.oldest;
        state.learn(place.slot, Kind::Shared);
        let host = state.hosts.at(place.slot);
        host.shared += 1;
        let is_one_too_many = is_for_all && host.shares.is_full(connection.runtime(), &self.settings);
        if !is_spent && !is_one_too_many {
            host.shares.join(Arc::clone(&connection), now);
        }
        drop(state);
        self.hand_out(place.slot, None);
        Share::new(self.home(), connection)
    }

    /// Gives the requests that wait for the host in `slot` what there is: shares of connections with room, or else the right to dial. If a lease is
    /// `released`, it is given back first. A host that is not needed any more is removed.
    fn hand_out(self: &Arc<Self>, slot: usize, mut released: Option<Was>) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut refused: Option<Place> = None;
        loop {
            let now = read_clock();
            let mut guard = self.lock();
            let Some(host) = guard.hosts.get(slot) else { return };
            if let Some(was) = released.take() {
                host.release(was);
            }
            if let Some(place) = refused.take() {
                host.shares.give_back(place.id, ShareEnd::Unused, || now);
            }
            if let Some((waiting, connection)) = host.next_share(&self.settings, now, &mut gone) {
                drop(guard);
                // If that request is gone, its share goes to the next one.
                if let Err(Grant::Shared(share)) = waiting.send(Grant::Shared(Share::new(self.home(), connection))) {
                    refused = Some(share.forget());
                }
                continue;
            }
            if host.open >= self.settings.max_connections_per_host {
                // An idle shared connection that no waiting request can use is closed. With its lease one of them gets the right to dial.
                let in_the_way = if host.has_waiting() { host.shares.leave_idle() } else { None };
                let unwanted = host.unwanted_dials();
                drop(guard);
                unwanted.iter().for_each(|signal| signal.set());
                return drop(in_the_way);
            }
            let Some((waiting, runtime)) = host.next_dial(&self.settings, &mut gone) else {
                let unwanted = host.unwanted_dials();
                guard.hosts.forget_if_unused(slot, &mut gone);
                drop(guard);
                return unwanted.iter().for_each(|signal| signal.set());
            };
            let grant = if host.kind == Kind::Owned {
                Grant::Dial(self.begin_dial(host, slot))
            } else {
                Grant::DialForAll(self.begin_dial_for_all(host, slot, runtime))
            };
            drop(guard);
            match waiting.send(grant) {
                // That request is gone. This passes its right to the next one.
                Err(Grant::DialForAll(dial)) => return dial.pass_on(),
                Err(Grant::Dial(lease)) => return drop(lease),
                Ok(()) | Err(Grant::Shared(_) | Grant::Owned(_) | Grant::Failed(_)) => {}
            }
        }
    }

    /// Returns the right to dial for one request.
    pub(super) fn begin_dial(self: &Arc<Self>, host: &mut Host<W>, slot: usize) -> Lease {
        host.open += 1;
        Lease::new(self.home(), slot)
    }

    /// Returns the right to dial for all waiting requests in `runtime`.
    pub(super) fn begin_dial_for_all(self: &Arc<Self>, host: &mut Host<W>, slot: usize, runtime: RuntimeId) -> ForAll {
        let mut lease = self.begin_dial(host, slot);
        lease.is_for_all = true;
        host.dials.begin(lease, self.waited_for(), runtime)
    }

    /// A dial for all has led to a connection with one exchange at a time. The others get the right to dial first; then the request that has waited
    /// longest gets the connection.
    pub(in crate::client) fn deliver_owned(self: &Arc<Self>, dialing: Dialing, connection: Box<W>) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        state.learn(dialing.slot, Kind::Owned);
        let first = state.hosts.at(dialing.slot).next_waiting(dialing.runtime, &mut gone);
        drop(state);
        dialing.has_connected();
        let grant = match first {
            Some(first) => first.send(Grant::Owned(connection)),
            None => Err(Grant::Owned(connection)),
        };
        if let Err(Grant::Owned(connection)) = grant {
            Arc::clone(self).give_back(connection);
        }
    }

    /// A dial for all has led to a shared connection, which was [added](Self::join). `share` goes to the request that has waited longest.
    ///
    /// If the connection has ended since, or was beyond the limit, the share is of no use, and the requests go on waiting.
    pub(in crate::client) fn deliver_shared(self: &Arc<Self>, dialing: Dialing, share: Share<W::Shared>) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let is_of_use = self.lock().hosts.at(dialing.slot).shares.is_of_use(share.connection(), &self.settings);
        let mut share = Some(share).filter(|_| is_of_use);
        while let Some(left) = share.take() {
            let mut state = self.lock();
            let next = state.hosts.at(dialing.slot).next_waiting(dialing.runtime, &mut gone);
            drop(state);
            if let Some(Err(Grant::Shared(left))) = next.map(|next| next.send(Grant::Shared(left))) {
                share = Some(left);
            }
        }
        dialing.has_connected();
    }
}

impl<W: Owned> Home for Pool<W> {
    fn release(self: Arc<Self>, slot: usize, was: Was) {
        // Dropped after the lock.
        let mut gone = Gone::new();
        let mut state = self.lock();
        let host = state.hosts.at(slot);
        if !host.has_waiting() {
            host.release(was);
            return state.hosts.forget_if_unused(slot, &mut gone);
        }
        drop(state);
        self.hand_out(slot, Some(was));
    }

    fn on_redial(&self, slot: usize) {
        self.lock().hosts.at(slot).connected -= 1;
    }

    fn leave(self: Arc<Self>, place: Place) {
        let mut state = self.lock();
        let left = state.hosts.get(place.slot).and_then(|host| host.shares.leave(place.id));
        drop(state);
        drop(left);
        // The connection may have been removed before, and requests may still wait.
        self.hand_out(place.slot, None);
    }

    fn serve(self: Arc<Self>, slot: usize) {
        self.hand_out(slot, None);
    }

    fn has_idle(self: Arc<Self>) {
        let is_news = !mem::replace(&mut self.lock().has_told, true);
        if is_news {
            self.wake_sweepers();
        }
    }

    fn give_share_back(self: Arc<Self>, place: Place, end: ShareEnd) {
        let mut state = self.lock();
        // The host may have been removed before the last share of its connection came back.
        let Some(host) = state.hosts.get(place.slot) else { return };
        let Some(room) = host.shares.give_back(place.id, end, read_clock) else { return };
        let waits = host.has_waiting();
        let is_left = room == Room::Spare || (room == Room::Idle && self.settings.max_idle_per_host == 0);
        let left = if is_left && !waits { host.shares.leave(place.id) } else { None };
        let is_news = room != Room::Busy && end != ShareEnd::Answered && !mem::replace(&mut state.has_told, true);
        drop(state);
        drop(left);
        if is_news {
            self.wake_sweepers();
        }
        if waits {
            self.hand_out(place.slot, None);
        }
    }
}

impl<W: Owned> WaitedFor for Pool<W> {
    fn end_dial(self: Arc<Self>, slot: usize, id: u64, end: DialEnd) {
        // Dropped after the lock.
        let (mut gone, mut signals, mut failed) = (Gone::new(), Vec::new(), Vec::new());
        let mut state = self.lock();
        let Some(host) = state.hosts.get(slot) else { return };
        let Some(runtime) = host.dials.end(id) else { return };
        match &end {
            // Another dial under way may not be needed any more: have it check.
            DialEnd::Connected => signals = host.dials.signals(runtime),
            DialEnd::PassedOn => {}
            // Another dial is under way, and may succeed.
            DialEnd::Failed(_) | DialEnd::Dropped if host.dials.count(runtime) > 0 => {}
            DialEnd::Failed(_) | DialEnd::Dropped if host.shares.has_open(runtime) => host.shares.stay(),
            DialEnd::Failed(_) | DialEnd::Dropped => {
                failed.extend(std::iter::from_fn(|| host.next_waiting(runtime, &mut gone)));
            }
        }
        drop(state);
        signals.iter().for_each(|signal| signal.set());
        let error = match end {
            DialEnd::Failed(error) => Some(error),
            DialEnd::Connected | DialEnd::PassedOn | DialEnd::Dropped => None,
        };
        for waiting in failed {
            let error = error.as_ref().map_or_else(dropped, |error| ClientError::clone(error));
            // The request may be gone.
            drop(waiting.send(Grant::Failed(Box::new(error))));
        }
        self.hand_out(slot, None);
    }

    fn second_dial(self: Arc<Self>, slot: usize, runtime: RuntimeId) -> Option<ForAll> {
        let mut state = self.lock();
        let host = state.hosts.get(slot)?;
        let may_dial = host.dials.count(runtime) == 1
            && host.open < self.settings.max_connections_per_host
            && host.is_waited_for(runtime)
            // There may be a connection since, which was dialled for one request.
            && (!host.shares.has_open(runtime) || host.shares.wants_another(runtime, &self.settings));
        may_dial.then(|| self.begin_dial_for_all(host, slot, runtime))
    }

    fn is_waited_for(&self, slot: usize, runtime: RuntimeId) -> bool {
        self.lock().hosts.get(slot).is_some_and(|host| host.is_waited_for(runtime))
    }
}

/// Returns the error of a dial whose task was dropped.
#[cold]
fn dropped() -> ClientError {
    ClientError::connect("the connect was dropped: its runtime has ended, or it has panicked")
}
