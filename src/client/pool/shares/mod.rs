//! The shared connections of a host, and how many exchanges each has.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Shared;
use super::lease::{Room, ShareEnd};
use super::runtimes::RuntimeId;
use super::settings::{Clock, Settings};

/// The shared connections of a host that may get further exchanges.
pub(super) struct Shares<S> {
    members: Vec<Member<S>>,
    /// A dial beside these connections has failed. No other is made until one of the connections leaves.
    stays: bool,
    /// How many exchanges a connection had had when its server turned later ones away.
    learned: Option<usize>,
}

struct Member<S> {
    connection: Arc<S>,
    /// How many exchanges the connection has.
    used: usize,
    /// How many of its exchanges were answered.
    answered: usize,
    /// The last exchange that ended was given up: the peer may still count its stream.
    reserves: bool,
    /// When its last exchange ended, or when the connection was made.
    idle_since: Instant,
}

impl<S> Shares<S> {
    pub(super) fn new() -> Self {
        Self { members: Vec::new(), stays: false, learned: None }
    }

    /// Returns how many connections have no exchange.
    pub(super) fn idle(&self) -> usize {
        self.members.iter().filter(|member| member.used == 0).count()
    }

    /// Returns how many exchanges there are.
    pub(super) fn used(&self) -> usize {
        self.members.iter().map(|member| member.used).sum()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns how many connections there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl<S: Shared> Shares<S> {
    /// Removes the connection that has been without an exchange for longest.
    pub(super) fn leave_idle(&mut self) -> Option<Arc<S>> {
        let idle = self.members.iter().filter(|member| member.used == 0);
        let id = idle.min_by_key(|member| member.idle_since)?.connection.place().id;
        self.leave(id)
    }

    /// Adds a new connection, which has one exchange.
    pub(super) fn join(&mut self, connection: Arc<S>, now: Instant) {
        self.members.push(Member { connection, used: 1, answered: 0, reserves: false, idle_since: now });
    }

    /// Removes a connection, which goes on with the exchanges that it has. `None` if it was removed before.
    pub(super) fn leave(&mut self, id: u64) -> Option<Arc<S>> {
        let at = self.position(id)?;
        let connection = self.members.swap_remove(at).connection;
        self.stays = false;
        self.learn(&connection);
        Some(connection)
    }

    /// Removes the connections for which `leaves` returns `true`. `leaves` is given when the connection's last exchange ended, if it has none now.
    pub(super) fn leave_if(&mut self, mut leaves: impl FnMut(&S, Option<Instant>) -> bool, out: &mut Vec<Arc<S>>) {
        let (left, stays): (Vec<_>, Vec<_>) = mem::take(&mut self.members)
            .into_iter()
            .partition(|member| leaves(&member.connection, member.idle_since()));
        self.members = stays;
        self.stays &= left.is_empty();
        left.iter().for_each(|member| self.learn(&member.connection));
        out.extend(left.into_iter().map(|member| member.connection));
    }

    fn learn(&mut self, left: &S) {
        self.learned = left.had_before_turning_away().filter(|had| *had > 0).or(self.learned);
    }

    /// Takes a share of a connection of `runtime`: of the connection with the most exchanges that has room, so that the others can become idle.
    pub(super) fn take(&mut self, runtime: RuntimeId, settings: &Settings, now: impl Clock) -> Option<Arc<S>> {
        let (learned, keeps_reserve) = (self.learned, self.keeps_reserve(settings));
        let of_runtime = self.members.iter_mut().filter(|member| member.connection.runtime() == runtime);
        let fits = of_runtime.filter(|member| member.has_room(learned, keeps_reserve, settings, now));
        let member = fits.max_by_key(|member| member.used)?;
        member.used += 1;
        Some(Arc::clone(&member.connection))
    }

    /// Returns the runtimes whose connections have room for an exchange.
    pub(super) fn rooms(&self, settings: &Settings, now: Instant) -> Vec<RuntimeId> {
        let (learned, keeps_reserve) = (self.learned, self.keeps_reserve(settings));
        let with_room = self.members.iter().filter(|member| member.has_room(learned, keeps_reserve, settings, || now));
        with_room.map(|member| member.connection.runtime()).collect()
    }

    /// Whether a connection keeps one stream in reserve after an exchange was given up. It does so only if another connection could be dialled
    /// instead.
    fn keeps_reserve(&self, settings: &Settings) -> bool {
        !self.stays && self.members.len() < settings.max_shared_per_host
    }

    /// Whether a connection of `runtime` takes another exchange when there is room.
    pub(super) fn has_open(&self, runtime: RuntimeId) -> bool {
        self.open_of(runtime).next().is_some()
    }

    /// Whether `runtime` has as many open connections as the settings allow.
    pub(super) fn is_full(&self, runtime: RuntimeId, settings: &Settings) -> bool {
        self.open_of(runtime).count() >= settings.max_shared_per_host
    }

    /// Whether a connection that has just been made is of use to waiting requests. A connection that ended before any request used it counts as the
    /// answer to one request: otherwise the requests might dial for ever.
    pub(super) fn is_of_use(&self, made: &S, settings: &Settings) -> bool {
        let is_one_too_many = || self.position(made.place().id).is_none() && self.is_full(made.runtime(), settings);
        if made.is_open() { !is_one_too_many() } else { !made.has_begun() }
    }

    /// Returns how many more exchanges there could be at once.
    pub(super) fn slots(&self) -> usize {
        let open = self.members.iter().filter(|member| member.connection.is_open());
        open.map(|member| member.most(self.learned).saturating_sub(member.used)).fold(0, usize::saturating_add)
    }

    /// Whether to dial another connection in `runtime`: all streams are in use, and the settings allow more connections. While a server allows no
    /// streams for now, or its SETTINGS have not arrived, requests wait for it instead.
    pub(super) fn wants_another(&self, runtime: RuntimeId, settings: &Settings) -> bool {
        let is_used_up = |member: &Member<S>| {
            let most = member.connection.most();
            member.connection.has_said_most() && most > 0 && member.used + member.reserve() >= most
        };
        self.open_of(runtime).all(is_used_up) && !self.is_full(runtime, settings) && !self.stays
    }

    /// Notes that a dial beside these connections has failed.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// Gives a share back. `None` if its connection was removed before.
    pub(super) fn give_back(&mut self, id: u64, end: ShareEnd, now: impl Clock) -> Option<Room> {
        let at = self.position(id)?;
        let member = &mut self.members[at];
        member.used -= 1;
        member.answered += usize::from(end == ShareEnd::Answered);
        member.reserves = end == ShareEnd::GivenUp || (end == ShareEnd::Unused && member.reserves);
        if member.used > 0 {
            return Some(Room::Busy);
        }
        member.idle_since = now();
        let runtime = member.connection.runtime();
        let mut others = self.open_of(runtime).filter(|other| other.connection.place().id != id);
        // Beside connections whose streams are all in use, this one is needed for the next exchange.
        let is_spare = self.len() > 1 && others.any(|other| other.used + other.reserve() < other.most(self.learned));
        Some(if is_spare { Room::Spare } else { Room::Idle })
    }

    /// Returns when the first of the idle connections expires.
    pub(super) fn earliest_expiry(&self, settings: &Settings) -> Option<Instant> {
        let idle = self.members.iter().filter(|member| member.used == 0);
        idle.filter_map(|member| {
            let connection = &member.connection;
            settings.expiry(connection.place().id, connection.created(), member.idle_since)
        })
        .min()
    }

    /// Returns the connections of `runtime` that take another exchange when there is room.
    fn open_of(&self, runtime: RuntimeId) -> impl Iterator<Item = &Member<S>> {
        self.members.iter().filter(move |member| member.connection.runtime() == runtime && member.connection.is_open())
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.members.iter().position(|member| member.connection.place().id == id)
    }
}

impl<S: Shared> Member<S> {
    fn has_room(&self, learned: Option<usize>, keeps_reserve: bool, settings: &Settings, now: impl Clock) -> bool {
        let reserve = if keeps_reserve { self.reserve() } else { 0 };
        self.used + reserve < self.most(learned) && !settings.is_done(&*self.connection, self.idle_since(), now)
    }

    /// Returns how many streams to leave unused. The peer counts a stream that was given up until RST_STREAM has reached it, and would refuse one too
    /// many.
    fn reserve(&self) -> usize {
        usize::from(self.reserves && self.used > 0)
    }

    /// Returns since when the connection has had no exchange, if it has none.
    fn idle_since(&self) -> Option<Instant> {
        (self.used == 0).then_some(self.idle_since)
    }

    /// Returns how many exchanges the connection may have at a time. If a server has turned away exchanges after the first few of a connection, the
    /// next connection gets only as many until those are answered, and then one at a time until one more is answered.
    fn most(&self, learned: Option<usize>) -> usize {
        let learned = learned.filter(|had| self.answered <= *had);
        let learned = learned.map_or(usize::MAX, |had| had.saturating_sub(self.answered).max(1));
        self.connection.most().min(learned)
    }
}

#[cfg(test)]
mod tests;
