//! Connections that have many exchanges at a time: who has a share of which.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Shared;
use super::runtimes::RuntimeId;
use super::settings::Settings;

/// The shared connections of a host to which another exchange may be given, and the dials of which one is to come.
pub(super) struct Shares<S> {
    members: Vec<Member<S>>,
    /// The runtimes in which a connection is dialled that is known to be shared: nobody else dials there meanwhile.
    dialing: Vec<RuntimeId>,
    /// How many exchanges a connection had that turned others away.
    learned: Option<usize>,
}

/// What a connection is after one of its exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It has others.
    Busy,
    Idle,
    /// It is idle, and there is another.
    Spare,
}

struct Member<S> {
    connection: Arc<S>,
    /// How many exchanges it has.
    used: usize,
    /// How many of its exchanges were answered.
    answered: usize,
    /// When the last of its exchanges ended, or when it was made.
    idle_since: Instant,
}

impl<S> Shares<S> {
    pub(super) fn new() -> Self {
        Self { members: Vec::new(), dialing: Vec::new(), learned: None }
    }

    /// How many connections have no exchange.
    pub(super) fn idle(&self) -> usize {
        self.members.iter().filter(|member| member.used == 0).count()
    }

    /// How many exchanges there are.
    pub(super) fn used(&self) -> usize {
        self.members.iter().map(|member| member.used).sum()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A dial in `runtime` begins.
    pub(super) fn begin_dial(&mut self, runtime: RuntimeId) {
        self.dialing.push(runtime);
    }

    /// A dial in `runtime` is over.
    pub(super) fn end_dial(&mut self, runtime: RuntimeId) {
        if let Some(at) = self.dialing.iter().position(|of| *of == runtime) {
            self.dialing.swap_remove(at);
        }
    }
}

impl<S: Shared> Shares<S> {
    /// A connection has been made, for an exchange.
    pub(super) fn join(&mut self, connection: Arc<S>, now: Instant) {
        self.members.push(Member { connection, used: 1, answered: 0, idle_since: now });
    }

    /// Removes a connection, which goes on with the exchanges that it has. None if it is not there.
    pub(super) fn leave(&mut self, id: u64) -> Option<Arc<S>> {
        let at = self.position(id)?;
        let connection = self.members.swap_remove(at).connection;
        self.learn(&connection);
        Some(connection)
    }

    /// Removes the connections of which `leaves` says so: it is given when the last of their exchanges ended, if they have none.
    pub(super) fn leave_if(&mut self, mut leaves: impl FnMut(&S, Option<Instant>) -> bool, out: &mut Vec<Arc<S>>) {
        let (left, stays): (Vec<_>, Vec<_>) = mem::take(&mut self.members)
            .into_iter()
            .partition(|member| leaves(&member.connection, member.idle_since()));
        self.members = stays;
        left.iter().for_each(|member| self.learn(&member.connection));
        out.extend(left.into_iter().map(|member| member.connection));
    }

    fn learn(&mut self, left: &S) {
        self.learned = left.had_before_turning_away().filter(|had| *had > 0).or(self.learned);
    }

    /// A share of a connection of `runtime`: of the one with the most exchanges that has room, so that the others may become idle.
    pub(super) fn take(&mut self, runtime: RuntimeId, settings: &Settings, now: Instant) -> Option<Arc<S>> {
        let learned = self.learned;
        let of_runtime = self.members.iter_mut().filter(|member| member.connection.runtime() == runtime);
        let fits = of_runtime.filter(|member| member.has_room(learned, settings, now));
        let member = fits.max_by_key(|member| member.used)?;
        member.used += 1;
        Some(Arc::clone(&member.connection))
    }

    /// The runtimes that have room for an exchange.
    pub(super) fn rooms(&self, settings: &Settings, now: Instant) -> Vec<RuntimeId> {
        let with_room = self.members.iter().filter(|member| member.has_room(self.learned, settings, now));
        with_room.map(|member| member.connection.runtime()).collect()
    }

    /// Whether another connection may be dialled in `runtime` by somebody who waits for a share.
    pub(super) fn may_dial(&self, runtime: RuntimeId) -> bool {
        !self.dialing.contains(&runtime) && !self.has_open(runtime)
    }

    /// Whether there is a connection of `runtime` that takes another exchange when there is room.
    pub(super) fn has_open(&self, runtime: RuntimeId) -> bool {
        self.members.iter().any(|member| member.connection.runtime() == runtime && member.connection.is_open())
    }

    /// An exchange is over. None if its connection has left.
    pub(super) fn give_back(&mut self, id: u64, was_answered: bool, now: Instant) -> Option<Room> {
        let at = self.position(id)?;
        let member = &mut self.members[at];
        member.used -= 1;
        member.answered += usize::from(was_answered);
        if member.used > 0 {
            return Some(Room::Busy);
        }
        member.idle_since = now;
        let runtime = member.connection.runtime();
        let others = self.members.iter().enumerate().filter(|(other, _)| *other != at);
        let is_spare =
            others.map(|(_, other)| &other.connection).any(|other| other.runtime() == runtime && other.is_open());
        Some(if is_spare { Room::Spare } else { Room::Idle })
    }

    /// When the first of the connections without an exchange expires.
    pub(super) fn earliest_expiry(&self, settings: &Settings) -> Option<Instant> {
        let idle = self.members.iter().filter(|member| member.used == 0);
        idle.filter_map(|member| settings.expiry(member.connection.created(), member.idle_since)).min()
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.members.iter().position(|member| member.connection.place().id == id)
    }
}

impl<S: Shared> Member<S> {
    fn has_room(&self, learned: Option<usize>, settings: &Settings, now: Instant) -> bool {
        self.used < self.most(learned) && !settings.is_done(&*self.connection, self.idle_since(), now)
    }

    /// Since when it has no exchange, if it has none.
    fn idle_since(&self) -> Option<Instant> {
        (self.used == 0).then_some(self.idle_since)
    }

    /// How many exchanges it may have at a time. Where a connection turned away what came after its first few, the next gets no more than so
    /// many until more than that were answered.
    fn most(&self, learned: Option<usize>) -> usize {
        let learned = learned.filter(|had| self.answered <= *had).unwrap_or(usize::MAX);
        self.connection.most().min(learned)
    }
}
