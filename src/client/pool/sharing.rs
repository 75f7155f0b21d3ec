//! How shared connections come and go, who gets what becomes free, and what becomes of a dial for all that wait.

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
    /// Adds a shared connection, and returns the first share of it. Those that wait get shares as well.
    ///
    /// One that `is_spent` has one exchange alone, and so has one that was made for a network, or a client, that is gone. One that was made for all that
    /// wait, and is one too many, has none: of two dials it is the second one.
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

    /// Gives those that wait for the host in `slot` what there is: room on shared connections, and the right to dial where there is none. First a
    /// lease is given back, if one is `released`. A host that is not needed any more is forgotten.
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
                // If it no longer waits, its share is the next one's.
                if let Err(Grant::Shared(share)) = waiting.send(Grant::Shared(Share::new(self.home(), connection))) {
                    refused = Some(share.forget());
                }
                continue;
            }
            if host.open >= self.settings.max_connections_per_host {
                // One that nobody has a use for is closed for the right to make another, which its lease passes on.
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
                // It no longer waits, and this hands on what it was to get.
                Err(Grant::DialForAll(dial)) => return dial.pass_on(),
                Err(Grant::Dial(lease)) => return drop(lease),
                Ok(()) | Err(Grant::Shared(_) | Grant::Owned(_) | Grant::Failed(_)) => {}
            }
        }
    }

    /// The right to a dial of one's own.
    pub(super) fn begin_dial(self: &Arc<Self>, host: &mut Host<W>, slot: usize) -> Lease {
        host.open += 1;
        Lease::new(self.home(), slot)
    }

    /// The right to a dial for all that wait in `runtime`.
    pub(super) fn begin_dial_for_all(self: &Arc<Self>, host: &mut Host<W>, slot: usize, runtime: RuntimeId) -> ForAll {
        let mut lease = self.begin_dial(host, slot);
        lease.is_for_all = true;
        host.dials.begin(lease, self.waited_for(), runtime)
    }

    /// The connection of a dial for all that wait can have one exchange at a time: it is for the one that has waited longest, and the others dial for
    /// themselves. They are told so first.
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

    /// The connection of a dial for all that wait has been [joined](Self::join), and there is a share of it left.
    ///
    /// Meanwhile others may have used it, and ended it, and of two dials the second one may find as many connections as there may be: then it is of no use,
    /// and whoever waits goes on with that.
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
        // Somebody else may have removed it before.
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
        // The host may have gone before the last share of its connection.
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
            // Another dial is perhaps not needed any more.
            DialEnd::Connected => signals = host.dials.signals(runtime),
            DialEnd::PassedOn => {}
            // Another may succeed.
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
            // It may have given up.
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
            // One that was dialled by itself may have come meanwhile.
            && (!host.shares.has_open(runtime) || host.shares.wants_another(runtime, &self.settings));
        may_dial.then(|| self.begin_dial_for_all(host, slot, runtime))
    }

    fn is_waited_for(&self, slot: usize, runtime: RuntimeId) -> bool {
        self.lock().hosts.get(slot).is_some_and(|host| host.is_waited_for(runtime))
    }
}

/// The error of a dial that was not finished.
#[cold]
fn dropped() -> ClientError {
    ClientError::connect("the connect was dropped: its runtime has ended, or it has panicked")
}
