//! Connections that have many exchanges at a time: who has a share of which.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Shared;
use super::lease::{Room, ShareEnd};
use super::runtimes::RuntimeId;
use super::settings::{Clock, Settings};

/// The shared connections of a host to which another exchange may be given.
pub(super) struct Shares<S> {
    members: Vec<Member<S>>,
    /// A dial beside these connections has failed. There is no other before one of them leaves.
    stays: bool,
    /// How many exchanges a connection had that turned others away.
    learned: Option<usize>,
}

struct Member<S> {
    connection: Arc<S>,
    /// How many exchanges it has.
    used: usize,
    /// How many of its exchanges were answered.
    answered: usize,
    /// The last exchange that ended was not answered: the peer may not have heard of its end.
    reserves: bool,
    /// When the last of its exchanges ended, or when it was made.
    idle_since: Instant,
}

impl<S> Shares<S> {
    pub(super) fn new() -> Self {
        Self { members: Vec::new(), stays: false, learned: None }
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

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl<S: Shared> Shares<S> {
    /// Removes a connection without an exchange, the one that has had none for longest.
    pub(super) fn leave_idle(&mut self) -> Option<Arc<S>> {
        let idle = self.members.iter().filter(|member| member.used == 0);
        let id = idle.min_by_key(|member| member.idle_since)?.connection.place().id;
        self.leave(id)
    }

    /// A connection has been made, for an exchange.
    pub(super) fn join(&mut self, connection: Arc<S>, now: Instant) {
        self.members.push(Member { connection, used: 1, answered: 0, reserves: false, idle_since: now });
    }

    /// Removes a connection, which goes on with the exchanges that it has. None if it is not there.
    pub(super) fn leave(&mut self, id: u64) -> Option<Arc<S>> {
        let at = self.position(id)?;
        let connection = self.members.swap_remove(at).connection;
        self.stays = false;
        self.learn(&connection);
        Some(connection)
    }

    /// Removes the connections of which `leaves` says so: it is given when the last of their exchanges ended, if they have none.
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

    /// A share of a connection of `runtime`: of the one with the most exchanges that has room, so that the others may become idle.
    pub(super) fn take(&mut self, runtime: RuntimeId, settings: &Settings, now: impl Clock) -> Option<Arc<S>> {
        let (learned, keeps_reserve) = (self.learned, self.keeps_reserve(settings));
        let of_runtime = self.members.iter_mut().filter(|member| member.connection.runtime() == runtime);
        let fits = of_runtime.filter(|member| member.has_room(learned, keeps_reserve, settings, now));
        let member = fits.max_by_key(|member| member.used)?;
        member.used += 1;
        Some(Arc::clone(&member.connection))
    }

    /// The runtimes that have room for an exchange.
    pub(super) fn rooms(&self, settings: &Settings, now: Instant) -> Vec<RuntimeId> {
        let (learned, keeps_reserve) = (self.learned, self.keeps_reserve(settings));
        let with_room = self.members.iter().filter(|member| member.has_room(learned, keeps_reserve, settings, || now));
        with_room.map(|member| member.connection.runtime()).collect()
    }

    /// Whether connections keep a reserve after an exchange that was given up: where there may be another one.
    fn keeps_reserve(&self, settings: &Settings) -> bool {
        !self.stays && self.members.len() < settings.max_shared_per_host
    }

    /// Whether there is a connection of `runtime` that takes another exchange when there is room.
    pub(super) fn has_open(&self, runtime: RuntimeId) -> bool {
        self.members.iter().any(|member| member.connection.runtime() == runtime && member.connection.is_open())
    }

    /// How many more exchanges there could be at once.
    pub(super) fn slots(&self) -> usize {
        let open = self.members.iter().filter(|member| member.connection.is_open());
        open.map(|member| member.most(self.learned).saturating_sub(member.used)).fold(0, usize::saturating_add)
    }

    /// Whether to dial beside the connections of `runtime`: their streams are used up, and there may be more of them. A server that allows none
    /// for now, or has not said yet how many it allows, is waited for.
    pub(super) fn wants_another(&self, runtime: RuntimeId, settings: &Settings) -> bool {
        let of_runtime = self.members.iter().filter(|member| member.connection.runtime() == runtime);
        let open = of_runtime.filter(|member| member.connection.is_open());
        let is_used_up = |member: &Member<S>| {
            let most = member.connection.most();
            member.connection.has_said_most() && most > 0 && member.used + member.reserve() >= most
        };
        let mut count = 0;
        let are_used_up = open.inspect(|_| count += 1).all(is_used_up);
        are_used_up && count < settings.max_shared_per_host && !self.stays
    }

    /// A dial beside the connections there are has failed.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// An exchange is over. None if its connection has left.
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
        let others = self.members.iter().enumerate().filter(|(other, _)| *other != at);
        let is_spare =
            others.map(|(_, other)| &other.connection).any(|other| other.runtime() == runtime && other.is_open());
        Some(if is_spare { Room::Spare } else { Room::Idle })
    }

    /// When the first of the connections without an exchange expires.
    pub(super) fn earliest_expiry(&self, settings: &Settings) -> Option<Instant> {
        let idle = self.members.iter().filter(|member| member.used == 0);
        idle.filter_map(|member| {
            let connection = &member.connection;
            settings.expiry(connection.place().id, connection.created(), member.idle_since)
        })
        .min()
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

    /// How many exchanges fewer it has. A peer counts what was given up until it has heard of that, and would refuse one too many.
    fn reserve(&self) -> usize {
        usize::from(self.reserves && self.used > 0)
    }

    /// Since when it has no exchange, if it has none.
    fn idle_since(&self) -> Option<Instant> {
        (self.used == 0).then_some(self.idle_since)
    }

    /// How many exchanges it may have at a time. Where a connection turned away what came after its first few, the next gets no more than those
    /// until they are answered, and then one at a time until one more is.
    fn most(&self, learned: Option<usize>) -> usize {
        let learned = learned.filter(|had| self.answered <= *had);
        let learned = learned.map_or(usize::MAX, |had| had.saturating_sub(self.answered).max(1));
        self.connection.most().min(learned)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use super::super::place::Place;
    use super::ShareEnd::{Answered, GivenUp, Unused};
    use super::*;
    use crate::test_support::some_instant;

    /// A connection that says what it is told to say.
    struct Told {
        id: u64,
        most: AtomicUsize,
        is_open: AtomicBool,
        has_said: AtomicBool,
        had: Option<usize>,
        created: Instant,
    }

    impl Told {
        fn new(id: u64, most: usize) -> Arc<Self> {
            Self::after_which(id, most, None)
        }

        fn after_which(id: u64, most: usize, had: Option<usize>) -> Arc<Self> {
            let (most, is_open, has_said) = (AtomicUsize::new(most), AtomicBool::new(true), AtomicBool::new(true));
            Arc::new(Self { id, most, is_open, has_said, had, created: some_instant() })
        }
    }

    impl Shared for Told {
        fn place(&self) -> Place {
            Place { slot: 0, id: self.id }
        }

        fn runtime(&self) -> RuntimeId {
            None
        }

        fn created(&self) -> Instant {
            self.created
        }

        fn most(&self) -> usize {
            self.most.load(SeqCst)
        }

        fn has_said_most(&self) -> bool {
            self.has_said.load(SeqCst)
        }

        fn is_open(&self) -> bool {
            self.is_open.load(SeqCst)
        }

        fn has_begun(&self) -> bool {
            false
        }

        fn had_before_turning_away(&self) -> Option<usize> {
            self.had
        }
    }

    const SETTINGS: Settings = Settings {
        idle_timeout: Some(Duration::from_secs(90)),
        max_age: None,
        max_idle_per_host: usize::MAX,
        max_connections_per_host: usize::MAX,
        max_shared_per_host: usize::MAX,
    };

    fn take(shares: &mut Shares<Told>, now: Instant) -> Option<u64> {
        shares.take(None, &SETTINGS, || now).map(|connection| connection.id)
    }

    #[test]
    fn a_connection_has_as_many_exchanges_as_it_allows_and_then_room_for_those_that_end() {
        let (now, mut shares) = (some_instant(), Shares::new());
        let connection = Told::new(1, 3);
        shares.join(Arc::clone(&connection), now);
        assert_eq!([(); 3].map(|()| take(&mut shares, now)), [Some(1), Some(1), None]);
        assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Busy));
        assert_eq!((take(&mut shares, now), take(&mut shares, now)), (Some(1), None));
        connection.most.store(0, SeqCst);
        assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Busy));
        assert_eq!((take(&mut shares, now), shares.used()), (None, 2));
    }

    #[test]
    fn new_exchanges_go_to_the_fullest_connection_with_room() {
        let (now, mut shares) = (some_instant(), Shares::new());
        for id in 1..=2 {
            shares.join(Told::new(id, 2), now);
        }
        assert_eq!(shares.give_back(1, Answered, || now), Some(Room::Spare));
        assert_eq!([(); 4].map(|()| take(&mut shares, now)), [Some(2), Some(1), Some(1), None]);
    }

    #[test]
    fn after_an_exchange_that_was_given_up_one_is_kept_in_reserve_where_there_may_be_another_connection() {
        let (now, one) = (some_instant(), Settings { max_shared_per_host: 1, ..SETTINGS });
        for (settings, expected) in [(&SETTINGS, None), (&one, Some(1))] {
            let mut shares = Shares::new();
            shares.join(Told::new(1, 2), now);
            assert_eq!(take(&mut shares, now), Some(1));
            shares.give_back(1, GivenUp, || now);
            assert_eq!(shares.wants_another(None, settings), expected.is_none());
            assert_eq!(shares.take(None, settings, || now).map(|connection| connection.id), expected);
        }
        for (end, expected) in [(Answered, Some(1)), (GivenUp, None), (Unused, None)] {
            let mut shares = Shares::new();
            shares.join(Told::new(1, 3), now);
            assert_eq!(take(&mut shares, now), Some(1));
            shares.give_back(1, GivenUp, || now);
            shares.give_back(1, end, || now);
            assert_eq!([(); 3].map(|()| take(&mut shares, now)), [Some(1), Some(1), expected]);
        }
    }

    #[test]
    fn a_connection_that_closes_gets_nothing_more() {
        let (now, mut shares) = (some_instant(), Shares::new());
        let connection = Told::new(1, 100);
        shares.join(Arc::clone(&connection), now);
        connection.is_open.store(false, SeqCst);
        assert_eq!(take(&mut shares, now), None);
        assert!(!shares.has_open(None));
        assert_eq!(shares.leave(1).map(|left| left.id), Some(1));
        assert_eq!(shares.give_back(1, GivenUp, || now), None);
    }

    #[test]
    fn after_a_connection_that_turned_others_away_the_next_gets_no_more_than_it_had() {
        let (now, mut shares) = (some_instant(), Shares::new());
        shares.join(Told::after_which(1, 100, Some(2)), now);
        shares.leave(1);
        shares.join(Told::new(2, 100), now);
        assert_eq!([(); 2].map(|()| take(&mut shares, now)), [Some(2), None]);
        // Until it has answered more than that.
        for expected in [[None, None], [Some(2), None], [Some(2), Some(2)]] {
            shares.give_back(2, Answered, || now);
            assert_eq!([(); 2].map(|()| take(&mut shares, now)), expected);
        }
    }

    #[test]
    fn another_connection_is_wanted_where_all_streams_are_used_up_until_there_are_enough() {
        let (now, mut shares) = (some_instant(), Shares::new());
        let two = Settings { max_shared_per_host: 2, ..SETTINGS };
        let first = Told::new(1, 1);
        shares.join(Arc::clone(&first), now);
        assert!(
            shares.wants_another(None, &two)
                && !shares.wants_another(None, &Settings { max_shared_per_host: 1, ..two })
        );
        // More, none for now, not known yet.
        for (most, has_said) in [(2, true), (0, true), (1, false)] {
            first.most.store(most, SeqCst);
            first.has_said.store(has_said, SeqCst);
            assert!(!shares.wants_another(None, &two), "{most} {has_said}");
        }
        first.has_said.store(true, SeqCst);
        shares.stay();
        assert!(!shares.wants_another(None, &two), "the last dial has failed");
        shares.join(Told::new(2, 1), now);
        shares.leave(2);
        assert!(shares.wants_another(None, &two));
        shares.join(Told::new(3, 1), now);
        assert!(!shares.wants_another(None, &two), "there are two");
    }

    #[test]
    fn an_idle_connection_expires_and_a_used_one_does_not() {
        let (now, mut shares) = (some_instant(), Shares::new());
        for id in 1..=2 {
            shares.join(Told::new(id, 100), now);
        }
        shares.give_back(1, Answered, || now);
        assert_eq!(shares.earliest_expiry(&SETTINGS), Some(now + Duration::from_secs(90)));
        let (later, mut left) = (now + Duration::from_secs(90), Vec::new());
        shares.leave_if(|connection, idle| SETTINGS.is_done(connection, idle, || later), &mut left);
        assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [1]);
        assert_eq!((shares.used(), shares.idle(), shares.earliest_expiry(&SETTINGS)), (1, 0, None));
    }
}
