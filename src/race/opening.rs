//! The first move of a race, made without setting up the board.

use std::net::SocketAddr;
use std::time::Instant;

use super::Race;
use super::answer::{Answer, MAX_ADDRESSES, Records};
use super::config::{Config, Order, Policy};
use super::endpoint::{Endpoint, Family, Port};
use super::event::{Action, AttemptId, Queries, Query};

/// A race that has had one answer, a list, and has started one attempt.
///
/// Nearly every connect is decided here: the first attempt succeeds before another is due. So the [`Race`] is not set up
/// until it is needed; [`Opening::into_race`] then makes it from the same inputs, with the first attempt in flight. What is
/// answered here without it is what it would answer, and a test compares the two.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// With the ports that the resolver supplied. `None` is a list of one address.
    list: Option<Answer>,
    next_start: Option<Instant>,
}

impl Opening {
    /// The host is an address: the first move, unless the address may not be used.
    pub(crate) fn of_address(config: &Config, address: SocketAddr) -> Option<(Endpoint, Self)> {
        let first = Endpoint::literal(address);
        let usable = config.excludes(first.family()).is_none();
        usable.then_some((first, Self { list: None, next_start: None }))
    }

    /// `answer` is the first to `queries`: the first move.
    ///
    /// `None` if it takes a race to say what follows: other answers are to come, there is no address that may be used, the
    /// addresses belong to services, or the policy is another than [`Policy::Staggered`] and there are several.
    #[inline]
    pub(crate) fn of_first_answer(
        config: &Config,
        queries: Queries,
        answer: &Answer,
        port: Port,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<(Endpoint, Self)> {
        let Records::Endpoints(endpoints) = &answer.records else { return None };
        let only_a_list = queries == Queries::LIST && answer.query == Query::List && answer.is_final;
        let simple = config.policy == Policy::Staggered || endpoints.len() == 1;
        let too_late = deadline.is_some_and(|deadline| deadline <= now);
        let grouped = endpoints.iter().any(|endpoint| endpoint.service().is_some());
        if !only_a_list || !simple || too_late || grouped {
            return None;
        }
        let used = || endpoints.iter().take(MAX_ADDRESSES);
        let usable = || used().filter(|endpoint| config.excludes_endpoint(endpoint).is_none());
        let preferred = match config.order {
            Order::Resolver => None,
            Order::PreferV6 => usable().find(|endpoint| endpoint.family() == Family::V6),
            Order::PreferV4 => usable().find(|endpoint| endpoint.family() == Family::V4),
        };
        let first = preferred.or_else(|| usable().next())?;
        let first = first.clone().map_port(|supplied| port.or_supplied(supplied));
        let is_another = |endpoint: &Endpoint| {
            // Most lists have both families, and those are cheaper to compare.
            endpoint.family() != first.family()
                || endpoint.clone().map_port(|supplied| port.or_supplied(supplied)).address() != first.address()
        };
        let has_another = endpoints.len() > 1 && usable().any(is_another);
        let next_start = has_another.then(|| now + config.connection_attempt_delay);
        let list = (endpoints.len() > 1).then(|| answer.clone());
        Some((first, Self { list, next_start }))
    }

    /// When the race has something to do though the first attempt is pending.
    #[inline]
    pub(crate) fn poll_timeout(&self, deadline: Option<Instant>) -> Option<Instant> {
        self.next_start.into_iter().chain(deadline).min()
    }

    /// Whether there are addresses besides the first.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        self.list.is_some()
    }

    /// The race, with the attempt to `first` in flight since `started`.
    pub(crate) fn into_race(
        self,
        config: &Config,
        first: &Endpoint,
        port: Port,
        deadline: Option<Instant>,
        started: Instant,
    ) -> Race {
        let Self { list, .. } = self;
        let list = match list {
            Some(list) => list.map_ports(|supplied| port.or_supplied(supplied)),
            None => Answer::list([first.clone()]),
        };
        let mut race = Race::new(config.clone(), Queries::LIST, deadline);
        race.handle_answer(list, started);
        let action = race.poll_action(started);
        debug_assert!(
            matches!(&action, Some(Action::Start { id: AttemptId::FIRST, endpoint, .. }) if endpoint == first),
            "the race would open with {action:?}, not {first:?}"
        );
        race
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::config::Families;
    use super::*;
    use crate::test_support::some_instant;

    /// Every list of up to `length` addresses of an alphabet that has both families, duplicates, and two ports.
    fn lists(length: usize) -> Vec<Vec<SocketAddr>> {
        let alphabet = ["[2001:db8::1]:0", "[2001:db8::2]:8443", "192.0.2.1:0", "192.0.2.1:8443", "[::1]:0"];
        let mut lists = vec![Vec::new()];
        let mut longest = lists.clone();
        for _ in 0..length {
            let longer = longest
                .iter()
                .flat_map(|list| alphabet.iter().map(|address| [&list[..], &[address.parse().unwrap()]].concat()));
            longest = longer.collect();
            lists.extend_from_slice(&longest);
        }
        lists
    }

    fn configs() -> Vec<Config> {
        let mut configs = Vec::new();
        for order in [Order::Resolver, Order::PreferV6, Order::PreferV4] {
            for families in [Families::Both, Families::V6Only, Families::V4Only] {
                for policy in [Policy::Staggered, Policy::TwoFamilies, Policy::Sequential] {
                    for count in [1, 2] {
                        let config = Config::builder().order(order).families(families).policy(policy);
                        configs.push(config.first_address_family_count(count).build().unwrap());
                    }
                }
            }
        }
        configs
    }

    #[test]
    fn the_opening_is_the_move_that_the_race_would_make() {
        let now = some_instant();
        let (mut opened, mut left_to_the_race) = (0, 0);
        for config in configs() {
            for list in lists(4) {
                for port in [Port::Explicit(443), Port::OfScheme(443)] {
                    for deadline in [None, Some(100), Some(1000)].map(|d| d.map(|d| now + Duration::from_millis(d))) {
                        let answer = Answer::list(list.iter().copied());
                        let mut race = Race::new(config.clone(), Queries::LIST, deadline);
                        race.handle_answer(answer.clone().map_ports(|supplied| port.or_supplied(supplied)), now);
                        let first = race.poll_action(now);
                        let Some((opened_with, opening)) =
                            Opening::of_first_answer(&config, Queries::LIST, &answer, port, deadline, now)
                        else {
                            let has_a_first_move = matches!(first, Some(Action::Start { .. }));
                            assert!(!has_a_first_move || config.policy != Policy::Staggered, "{list:?} {config:?}");
                            left_to_the_race += 1;
                            continue;
                        };
                        opened += 1;
                        let Some(Action::Start { endpoint, .. }) = first else { panic!("{first:?}") };
                        assert_eq!(opened_with, endpoint, "{list:?} {config:?}");
                        assert_eq!(race.poll_action(now), None);
                        assert_eq!(opening.poll_timeout(deadline), race.poll_timeout(), "{list:?} {config:?}");
                        let late = opening.into_race(&config, &endpoint, port, deadline, now);
                        assert!(late.untried().eq(race.untried()));
                    }
                }
            }
        }
        assert!(opened > 10_000 && left_to_the_race > 10_000, "{opened} {left_to_the_race}");
    }
}
