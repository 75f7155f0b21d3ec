//! Tests: the opening compared with the race that it stands for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::super::config::Policy;
use super::super::endpoint::ServiceRecord;
use super::super::event::Outcome;
use super::super::families::Families;
use super::super::memory::{Dead, DeadBy, DelayBasis};
use super::*;
use crate::test_support::some_instant;

/// Returns every list of up to `length` addresses, from both families, with two ports, and with an address that may not be connected to.
fn lists(length: usize) -> Vec<Vec<SocketAddr>> {
    let alphabet = ["[2001:db8::1]:0", "[2001:db8::2]:8443", "192.0.2.1:0", "192.0.2.1:8443", "0.0.0.0:0"];
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

/// Returns the advice of one of eight memories: which addresses are dead, and how long attempts may be silent.
fn advice(memory: usize, address: SocketAddr, now: Instant) -> Advice {
    let addresses = ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|address| address.parse::<IpAddr>().unwrap());
    let Some(bit) = addresses.iter().position(|known| *known == address.ip()) else { return Advice::default() };
    let (until, length) = (now + Duration::from_secs(30), Duration::from_millis(100 * (bit as u64 + 1)));
    let basis = DelayBasis::Address { rtt: length / 2, samples: 1 };
    Advice {
        dead: (memory >> bit & 1 == 1).then(|| Dead::new(until, DeadBy::Address)),
        delay: (memory > 0).then(|| AttemptDelay::new(length, basis)),
        ..Advice::default()
    }
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
                    let advise = |address| advice((opened + left_to_the_race) % 8, address, now);
                    let mut race = Race::new(config.clone(), Queries::LIST, deadline);
                    for destination in answer.destinations() {
                        race.handle_advice(destination, advise(destination));
                    }
                    race.handle_answer(answer.clone().at(port), now);
                    let first = race.poll_action(now);
                    let Some((opened_with, opening)) =
                        Opening::of_first_answer(&config, Queries::LIST, &answer, port, Some(advise), deadline, now)
                    else {
                        let has_a_first_move = matches!(first, Some(Action::Start { .. }));
                        assert!(!has_a_first_move || config.policy != Policy::Staggered, "{list:?} {config:?}");
                        left_to_the_race += 1;
                        continue;
                    };
                    let Some(Action::Start { endpoint, delay, .. }) = first else { panic!("{first:?}") };
                    assert_eq!((opened_with, opening.delay()), (endpoint.clone(), delay), "{list:?} {config:?}");
                    assert_eq!(race.poll_action(now), None);
                    assert_eq!(opening.poll_timeout(deadline), race.poll_timeout(), "{list:?} {config:?}");
                    let late = opening.into_race(&config, &endpoint, port, advise, deadline, now);
                    assert!(late.untried().eq(race.untried()));
                    opened += 1;
                }
            }
        }
    }
    assert!(opened > 10_000 && left_to_the_race > 10_000, "{opened} {left_to_the_race}");
}

#[test]
fn what_takes_more_than_a_list_is_left_to_the_race() {
    let now = some_instant();
    let addresses = ["[2001:db8::1]:0", "192.0.2.1:0"].map(|address| address.parse::<SocketAddr>().unwrap());
    let list = || Answer::list(addresses);
    let opens = |queries, answer: &Answer, deadline| {
        let (config, nothing, port) = (Config::default(), |_| Advice::default(), Port::OfScheme(443));
        Opening::of_first_answer(&config, queries, answer, port, Some(nothing), deadline, now).is_some()
    };
    assert!(opens(Queries::LIST, &list(), None));
    assert!(!opens(Queries::LIST, &list().provisional(), None));
    assert!(!opens(Queries::LIST.with(Query::Https), &list(), None));
    assert!(!opens(Queries::ADDRESSES, &list(), None));
    assert!(!opens(Query::Aaaa.into(), &Answer::aaaa(addresses), None));
    assert!(!opens(Queries::LIST, &Answer::failed(Query::List), None));
    assert!(!opens(Queries::LIST, &list(), Some(now)));
    let service = Arc::new(ServiceRecord::new(1));
    let of_service = addresses.map(|address| Endpoint::new(address).in_service(&service));
    assert!(!opens(Queries::LIST, &Answer::list(of_service), None));
}

#[test]
fn an_address_that_was_written_down_is_opened_with_whatever_it_is() {
    let now = some_instant();
    let deadline = Some(now + Duration::from_secs(1));
    for address in ["0.0.0.0:80", "[fe80::1]:80", "[2001:db8::1]:80"].map(|address| address.parse().unwrap()) {
        let nothing = Advice::default();
        let (first, opening) = Opening::of_address(&Config::default(), address, nothing, deadline, now).unwrap();
        assert_eq!((first.address(), opening.poll_timeout(deadline)), (address, deadline));
    }
    let v4_only = Config::builder().families(Families::V4Only).build().unwrap();
    let v6 = "[2001:db8::1]:80".parse().unwrap();
    assert!(Opening::of_address(&v4_only, v6, Advice::default(), None, now).is_none());
}

#[test]
fn no_more_is_asked_than_it_takes_to_find_the_first_address_and_what_was_said_holds() {
    let (now, config, port) = (some_instant(), Config::default(), Port::OfScheme(443));
    let list: Vec<SocketAddr> =
        ["[2001:db8::1]:0", "192.0.2.1:0", "[2001:db8::2]:0"].map(|address| address.parse().unwrap()).into();
    let answer = Answer::list(list.iter().copied());
    let mut asked = Vec::new();
    let advise = |address| {
        asked.push(address);
        advice(1, address, now)
    };
    let (first, opening) =
        Opening::of_first_answer(&config, Queries::LIST, &answer, port, Some(advise), None, now).unwrap();
    assert_eq!((first.address().ip(), asked), (list[1].ip(), list[..2].to_vec()));
    assert_eq!(opening.poll_timeout(None), Some(now + Duration::from_millis(300)));
    assert!(!opening.is_settled());
    // Meanwhile all addresses have become dead.
    let mut race = opening.into_race(&config, &first, port, |address| advice(7, address, now), None, now);
    race.handle_outcome(AttemptId::FIRST, Outcome::failed(), now + Duration::from_millis(20));
    let Some(Action::Start { endpoint, demoted, .. }) = race.poll_action(now + Duration::from_millis(20)) else {
        panic!("the next one starts");
    };
    assert_eq!((endpoint.address().ip(), demoted.is_some()), (list[0].ip(), true));
}
