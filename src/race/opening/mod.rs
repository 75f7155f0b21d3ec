//! The opening: the first attempt of a race, started without setting up a [`Race`].

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Instant;

use super::Race;
use super::answer::{Answer, MAX_ADDRESSES, Records};
use super::config::{Config, Order};
use super::endpoint::{Endpoint, Port};
use super::event::{Action, AttemptId, Queries, Query, StartReason};
use super::memory::{Advice, AttemptDelay, delay};
use super::pacing::Staggered;
use super::resolution::Resolution;
use super::sorting::first_of_list;

/// A race that has had one answer, a list, and has started one attempt.
///
/// In nearly every connect the first attempt succeeds before another one is due. So the [`Race`] is not set up until it is needed.
/// [`Opening::into_race`] then makes it from the same inputs, with the first attempt in flight.
///
/// An opening has no rules of its own. It asks the parts of the race which queries to wait for, which address goes first, and when the next attempt
/// is due. Whatever needs more than that is left to the race. In builds with debug assertions each opening is compared with a race.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// The answer, with the ports that the resolver supplied. `None` if it has one address.
    list: Option<Answer>,
    next_start: Option<Instant>,
    /// The delay of the first attempt.
    delay: AttemptDelay,
    /// Whether a memory need not be told that the first attempt has won.
    is_settled: bool,
    /// The dead addresses that would have gone before the first one if they were not dead, and what is known of them. If all addresses are dead, all
    /// of them. `None` if the address that would go first is not dead.
    dead: Option<Box<Dead>>,
}

type Dead = Vec<(SocketAddr, Advice)>;

impl Opening {
    /// The opening of a connect to a URI whose host is an address. `advice` is what is known of the address. `None` if the address may not be used,
    /// or the deadline has passed.
    pub(crate) fn of_address(
        config: &Config,
        address: SocketAddr,
        advice: Advice,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<(Endpoint, Self)> {
        let first = Endpoint::literal(address);
        if config.excludes_endpoint(&first).is_some() || is_over(deadline, now) {
            return None;
        }
        let delay = delay::of_attempt(advice.delay, config.connection_attempt_delay);
        let opening = Self { list: None, next_start: None, delay, is_settled: advice.is_settled, dead: None };
        debug_assert_eq!(opening.differs(config, Answer::list([first.clone()]), &first, deadline, now), None);
        Some((first, opening))
    }

    /// The opening after `answer`, which is the first answer to `queries`. `advise` returns what is known of an address, and is called in the order
    /// of the attempts until an address is not dead. It is `None` if nothing is remembered.
    ///
    /// Returns `None` if a race is needed: other answers are to come, no address may be used, the addresses have service records, they have to be
    /// sorted, there are several and the policy freezes its list, or the deadline has passed.
    #[inline]
    pub(crate) fn of_first_answer(
        config: &Config,
        queries: Queries,
        answer: &Answer,
        port: Port,
        advise: Option<impl FnMut(SocketAddr) -> Advice>,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<(Endpoint, Self)> {
        let Records::Endpoints(endpoints) = &answer.records else { return None };
        let is_sorted = answer.query == Query::List && endpoints.iter().all(|endpoint| endpoint.service().is_none());
        if !is_sorted || is_over(deadline, now) {
            return None;
        }
        let mut resolution = Resolution::new(queries, config);
        resolution.on_answer(answer.query, answer.is_final);
        if !resolution.outstanding().is_empty() {
            return None;
        }
        let used = &endpoints[..endpoints.len().min(MAX_ADDRESSES)];
        let is_usable = |endpoint: &&Endpoint| config.excludes_endpoint(endpoint).is_none();
        let usable = used.iter().filter(is_usable);
        let mut first = first_of_list(usable.clone(), config.order, |_| false)?;
        let (mut learned, mut is_settled, mut dead) = (None, false, None);
        if let Some(mut advise) = advise {
            let mut known = advise(first.address());
            if known.dead.is_some() {
                (first, known, dead) = choose_behind(known, usable, config.order, advise)?;
            }
            (learned, is_settled) = (known.delay, known.is_settled);
        }
        let first = first.clone().at(port);
        let delay = delay::of_attempt(learned, config.connection_attempt_delay);
        let is_another = |endpoint: &&Endpoint| {
            // The families are compared first: that is cheaper, and most lists have both.
            endpoint.family() != first.family() || endpoint.address_at(port) != first.address()
        };
        let mut next_start = None;
        if endpoints.len() > 1 && used.iter().filter(is_another).any(|another| is_usable(&another)) {
            if config.policy.freezes_the_list() {
                return None;
            }
            let mut pacing = Staggered::new(config);
            pacing.on_start(AttemptId::FIRST, &first, delay.length(), now);
            next_start = pacing.next_start();
        }
        let list = (endpoints.len() > 1).then(|| answer.clone());
        let opening = Self { list, next_start, delay, is_settled, dead };
        debug_assert_eq!(opening.differs(config, answer.clone().at(port), &first, deadline, now), None);
        Some((first, opening))
    }

    /// Returns when the race has to be asked if the first attempt is still pending then.
    #[inline]
    pub(crate) fn poll_timeout(&self, deadline: Option<Instant>) -> Option<Instant> {
        self.next_start.into_iter().chain(deadline).min()
    }

    /// Returns the attempt delay of the first attempt.
    #[inline]
    pub(crate) fn delay(&self) -> AttemptDelay {
        self.delay
    }

    /// Whether a memory need not be told that the first attempt has won.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Whether the answer has other addresses than the first.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        self.list.is_some()
    }

    /// Makes the race, with the attempt to `first` in flight since `started`. `advise` returns what is known of the other addresses.
    pub(crate) fn into_race(
        mut self,
        config: &Config,
        first: &Endpoint,
        port: Port,
        advise: impl FnMut(SocketAddr) -> Advice,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Race {
        let list = match self.list.take() {
            Some(list) => list.at(port),
            None => Answer::list([first.clone()]),
        };
        let (race, action) = self.begin(config, list, first, advise, deadline, started);
        debug_assert!(
            matches!(&action, Some(Action::Start { id: AttemptId::FIRST, endpoint, .. }) if endpoint == first),
            "the race would open with {action:?}, not {first:?}"
        );
        race
    }

    /// Returns what a race would do instead of starting `first` and waiting. `None` if it would do the same.
    fn differs(
        &self,
        config: &Config,
        answer: Answer,
        first: &Endpoint,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<(Option<Action>, Option<Action>, Option<Instant>)> {
        let (mut race, action) = self.begin(config, answer, first, |_| Advice::default(), deadline, now);
        let (then, until) = (race.poll_action(now), race.poll_timeout());
        let start = Action::Start {
            id: AttemptId::FIRST,
            endpoint: first.clone(),
            reason: StartReason::First,
            delay: self.delay,
            demoted: None,
        };
        let is_same = action.as_ref() == Some(&start) && then.is_none() && until == self.poll_timeout(deadline);
        (!is_same).then_some((action, then, until))
    }

    /// Makes a race with this answer as its only one, and returns it with its first action. `advise` returns what is known of the addresses that the
    /// opening did not ask about.
    fn begin(
        &self,
        config: &Config,
        list: Answer,
        first: &Endpoint,
        mut advise: impl FnMut(SocketAddr) -> Advice,
        deadline: Option<Instant>,
        now: Instant,
    ) -> (Race, Option<Action>) {
        let mut race = Race::new(config.clone(), Queries::LIST, deadline);
        // What is known of the first address may have changed since: the race gets what the opening used.
        let mut of_first = Advice { delay: Some(self.delay), is_settled: self.is_settled, ..Advice::default() };
        for destination in list.destinations() {
            let advice = advise(destination);
            race.handle_advice(destination, advice);
            if destination.ip() == first.address().ip() {
                of_first.handshake = advice.handshake;
            }
        }
        race.handle_advice(first.address(), of_first);
        for (destination, advice) in self.dead.iter().flat_map(|dead| &**dead) {
            race.handle_advice(*destination, *advice);
        }
        race.handle_answer(list, now);
        let action = race.poll_action(now);
        (race, action)
    }
}

/// Returns the address to begin with where the first address of the list is dead, what is known of that address, and what is known of the dead
/// addresses before it. `of_first` is what is known of the first address.
#[cold]
fn choose_behind<'a>(
    of_first: Advice,
    usable: impl Iterator<Item = &'a Endpoint> + Clone,
    order: Order,
    mut advise: impl FnMut(SocketAddr) -> Advice,
) -> Option<(&'a Endpoint, Advice, Option<Box<Dead>>)> {
    let (mut of_first, mut alive, mut dead) = (Some(of_first), None, Dead::new());
    let is_dead = |endpoint: &Endpoint| {
        let known = of_first.take().unwrap_or_else(|| advise(endpoint.address()));
        if known.dead.is_some() {
            dead.push((endpoint.address(), known));
        } else {
            alive = Some(known);
        }
        known.dead.is_some()
    };
    let first = first_of_list(usable, order, is_dead)?;
    // If all are dead, the first of them goes first.
    let known = alive.or_else(|| dead.first().map(|(_, advice)| *advice)).unwrap_or_default();
    Some((first, known, Some(Box::new(dead))))
}

/// Whether the deadline has passed. There is no opening then: the race decides what follows.
#[inline]
fn is_over(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
