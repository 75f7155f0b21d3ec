//! Properties of every race: thousands of random races are run in virtual time, and their logs are checked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use hyper_happy_eyeballs::race::{
    AttemptId, Conclusion, DropReason, Family, Order, Patience, Policy, Query, StartReason, UntriedReason,
};
use proptest::prelude::*;
use support::names::portless;
use support::offered::{last_answers_at, offered};
use support::reading::{Reading, Started, attempts, choices, end_of, in_flight, is_lost, not_reached, starts, untried};
use support::scripts::cases::{
    any_case, case_of, decided_case, hurried_case, lost_case, refreshed_case, undisturbed_answers, undisturbed_list,
    without_choices,
};
use support::scripts::parts::ms;
use support::scripts::{Answered, Case, family};
use support::selection;
use support::simulation::{Event, Log, simulate};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_start_comes_within_ten_milliseconds_of_one_that_used_a_wire(
        case in prop_oneof![case_of(Policy::Staggered), hurried_case()],
    ) {
        let log = case.run();
        let mut on_wire: Vec<(AttemptId, Duration)> = Vec::new();
        for (now, event) in &log.events {
            match *event {
                Event::Start { id, address, .. } => {
                    for (earlier, at) in &on_wire {
                        prop_assert!(*now >= *at + ms(10), "{address} at {now:?}, {earlier:?} at {at:?}");
                    }
                    if !address.ip().is_loopback() {
                        on_wire.push((id, *now));
                    }
                }
                Event::Failed { id, sent: false, .. } => on_wire.retain(|(earlier, _)| *earlier != id),
                _ => {}
            }
        }
    }

    #[test]
    fn a_start_waits_for_the_delay_or_for_the_failure_of_the_newest_attempt(case in case_of(Policy::Staggered)) {
        let delay = case.settings.clamped_attempt_delay();
        let mut before: Option<Duration> = None;
        for Started { id, at, reason, is_free, .. } in starts(&case.run()) {
            if let Some(before) = before {
                prop_assert!(is_free || at >= before + delay, "{id:?} at {at:?} after {before:?}");
                prop_assert!(is_free || reason != StartReason::PreviousFailed, "{id:?}");
            }
            prop_assert_eq!(before.is_none(), reason == StartReason::First);
            before = Some(at);
        }
    }

    #[test]
    fn no_endpoint_is_started_twice_unless_it_was_superseded_or_overtaken(case in any_case()) {
        let log = case.run();
        let mut settled = BTreeSet::new();
        for (_, event) in &log.events {
            match event {
                Event::Start { address, .. } => prop_assert!(settled.insert(*address), "{address} in {log:?}"),
                Event::Drop { address, reason: DropReason::Superseded | DropReason::Overtaken, .. } => {
                    settled.remove(address);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn nothing_is_in_flight_beside_an_attempt_that_has_decided_the_race(
        case in prop_oneof![any_case(), decided_case()],
    ) {
        let log = case.run();
        for (chosen, end) in choices(&log) {
            let decided = &log.events[chosen..end.unwrap_or(log.events.len())];
            prop_assert!(!decided.iter().any(|(_, event)| event.is_start()), "{log:?}");
            let later = in_flight(&log, |_| true).into_iter().zip(&log.events).skip(chosen);
            let later = later.take(decided.len()).filter(|(_, (now, _))| *now > decided[0].0);
            prop_assert!(later.map(|(count, _)| count).max().unwrap_or_default() <= 1, "{log:?}");
        }
        // Nothing is overtaken without a choice.
        for (place, (now, event)) in log.events.iter().enumerate() {
            let decides = |(chosen, end): &(usize, Option<usize>)| {
                *chosen < place && end.is_none_or(|end| place < end) && log.events[*chosen].0 == *now
            };
            let is_justified = || choices(&log).iter().any(decides);
            prop_assert!(!event.is_drop(DropReason::Overtaken) || is_justified(), "{log:?}");
        }
    }

    #[test]
    fn what_was_overtaken_has_its_turn_before_what_was_never_tried(case in decided_case()) {
        let log = case.run();
        let (mut overtaken, mut started) = (BTreeSet::new(), BTreeSet::new());
        for (_, event) in &log.events {
            match event {
                Event::Drop { address, reason: DropReason::Overtaken, .. } => drop(overtaken.insert(*address)),
                Event::Start { address, .. } => {
                    let is_first = overtaken.remove(address) || overtaken.is_empty();
                    prop_assert!(is_first, "{address} before {overtaken:?} in {log:?}");
                    started.insert(*address);
                }
                _ => {}
            }
        }
        let is_lost = log.conclusion().is_some_and(|(_, conclusion)| is_lost(conclusion));
        prop_assert!(!is_lost || overtaken.is_empty(), "{overtaken:?} in {log:?}");
    }

    #[test]
    fn the_race_goes_on_at_once_when_the_attempt_that_had_decided_it_fails(case in decided_case()) {
        let log = case.run();
        for end in choices(&log).into_iter().filter_map(|(_, end)| end) {
            let (failed, _) = log.events[end];
            // The floor, which may be one of a start that was overtaken.
            let latest = failed + ms(10);
            let is_over = || log.conclusion().is_some_and(|(ended, _)| ended <= latest);
            match log.events[end..].iter().find(|(_, event)| event.is_start()) {
                Some((next, _)) => prop_assert!(*next <= latest, "{log:?}"),
                None => prop_assert!(is_over() || not_reached(&log).is_empty(), "{log:?}"),
            }
        }
    }

    #[test]
    fn an_attempt_waits_for_its_handshake_only_while_the_https_query_is_open(case in case_of(Policy::Staggered)) {
        let log = case.run();
        let https = |answered: &&Answered| answered.query == Query::Https;
        let answered = case.answers.iter().find(https).map(|answered| answered.at);
        let is_open = |now| case.queries.contains(Query::Https) && answered.is_none_or(|at| now < at);
        let mut waiting: BTreeMap<SocketAddr, Duration> = BTreeMap::new();
        for (now, event) in &log.events {
            match event {
                Event::Gate { address } => drop(waiting.insert(*address, *now)),
                Event::Proceed { address, .. }
                | Event::Drop { address, .. }
                | Event::Failed { address, .. }
                | Event::Untrusted { address, .. } => {
                    waiting.remove(address);
                }
                Event::Finish { .. } | Event::Untried { .. } => waiting.clear(),
                _ => {}
            }
            let earlier = waiting.values().copied().find(|since| since < now);
            prop_assert!(earlier.is_none_or(|_| is_open(*now) || answered == Some(*now)), "at {now:?}: {log:?}");
            prop_assert!(earlier.is_none_or(|_| case.settings.patience != Patience::Off), "at {now:?}: {log:?}");
        }
        for (at, event) in &log.events {
            if event.is_drop(DropReason::Superseded) {
                prop_assert!(answered.is_some_and(|answered| answered <= *at), "at {at:?}: {log:?}");
            }
        }
    }

    #[test]
    fn every_attempt_ends_once_unless_the_race_stands_still(case in any_case()) {
        let log = case.run();
        let ends = |id| log.events.iter().filter(|(_, event)| event.ends(id)).count();
        for id in attempts(&log) {
            let ends = ends(id);
            prop_assert!(ends == 1 || (ends == 0 && log.conclusion().is_none()), "{id:?} ended {ends} times");
        }
    }

    #[test]
    fn a_list_is_tried_in_the_order_of_the_settings(case in undisturbed_list()) {
        let log = case.run();
        let order = start_order(&case);
        prop_assert_eq!(&log.started[..], &order[..log.started.len()]);
        let settled = matches!(log.conclusion(), Some((_, Conclusion::Connected(_))));
        prop_assert!(settled || log.started.len() == order.len(), "{:?} of {order:?}", log.started);
    }

    #[test]
    fn a_list_is_tried_at_the_pace_of_the_settings(case in undisturbed_list()) {
        let log = case.run();
        let mut on_wire = None;
        for (pair, id) in log.starts().windows(2).zip(attempts(&log)) {
            let [(before, address), (next, _)] = *pair else { unreachable!() };
            let failure = log.events.iter().find(|(_, event)| event.is_failure_of(id));
            let sent_nothing = failure.is_some_and(|(at, event)| at <= &next && event.sent_nothing());
            if !address.ip().is_loopback() && !sent_nothing {
                on_wire = Some(before);
            }
            let delay_ends = before + case.settings.clamped_attempt_delay();
            let due = failure.map_or(delay_ends, |(at, _)| delay_ends.min(*at));
            prop_assert_eq!(next, on_wire.map_or(due, |at| due.max(at + ms(10))), "after {}", address);
        }
    }

    #[test]
    fn an_address_that_works_is_connected_to_when_its_turn_comes_at_the_latest(case in undisturbed_list()) {
        let log = case.run();
        let (began, delay) = (case.answers[0].at, case.settings.clamped_attempt_delay());
        let latest = |(place, address): (usize, &SocketAddr)| {
            let handshake = case.fates[address].connects_after()?;
            Some(began + delay * u32::try_from(place).unwrap() + handshake)
        };
        match (start_order(&case).iter().enumerate().filter_map(latest).min(), log.conclusion()) {
            (Some(latest), Some((ended, Conclusion::Connected(_)))) => prop_assert!(ended <= latest, "{latest:?}"),
            (Some(_), other) => prop_assert!(false, "an address works, but {other:?}"),
            (None, other) => prop_assert!(!matches!(other, Some((_, Conclusion::Connected(_)))), "{other:?}"),
        }
    }

    #[test]
    fn one_attempt_wins_at_most_and_none_is_left_in_flight(case in any_case()) {
        let log = case.run();
        let finishes = log.events.iter().filter(|(_, event)| matches!(event, Event::Finish { .. })).count();
        prop_assert!(finishes <= 1);
        let Some((_, conclusion)) = log.conclusion() else { return Ok(()) };
        let winner = match conclusion {
            Conclusion::Connected(winner) => Some(winner),
            _ => None,
        };
        for id in attempts(&log) {
            let given_up = log.events.iter().any(|(_, event)| event.ends(id) && !matches!(event, Event::Finish { .. }));
            prop_assert!(given_up != (winner == Some(id)), "{id:?} of {log:?}");
        }
        if let Some(winner) = winner {
            prop_assert!(case.fates[&log.started[winner.index()]].connects_after().is_some());
        }
    }

    #[test]
    fn failure_is_declared_only_when_nothing_is_left_to_hope_for(case in any_case()) {
        let log = case.run();
        let Some((ended, _)) = log.conclusion().filter(|(_, conclusion)| is_lost(*conclusion)) else { return Ok(()) };
        let given_up = log.events.iter().any(|(_, event)| event.is_drop(DropReason::Lost));
        prop_assert!(!given_up, "something was in flight");
        prop_assert_eq!(not_reached(&log), Vec::<SocketAddr>::new());
        for query in case.queries.iter() {
            prop_assert!(case.last_word(query).is_some_and(|at| at <= ended) || !case.settings.may_use(query), "{query}");
        }
        for address in offered(&case, last_answers_at(&case, &log, ended)).now {
            prop_assert!(log.started.contains(&address) || !case.settings.allow(address), "{address} was not tried");
        }
    }

    #[test]
    fn a_race_stands_still_only_for_a_hung_attempt_or_an_open_query(case in any_case()) {
        let log = case.run();
        if log.conclusion().is_none() {
            let hung = in_flight(&log, |_| true).last().is_some_and(|left| *left > 0);
            let open = case.queries.iter().any(|query| case.last_word(query).is_none());
            prop_assert!(hung || open, "{log:?}");
            prop_assert_eq!(case.deadline, None);
        }
    }

    #[test]
    fn an_endpoint_is_either_tried_or_said_to_be_untried_and_why(case in any_case()) {
        let log = case.run();
        let Some((ended, conclusion)) = log.conclusion() else { return Ok(()) };
        let untried = untried(&log);
        let tried: BTreeSet<SocketAddr> = log.started.iter().copied().collect();
        prop_assert!(tried.iter().all(|address| !untried.contains_key(address)), "{:?} of {:?}", untried, tried);

        let until = last_answers_at(&case, &log, ended);
        let expected = |until| {
            let offered = offered(&case, until);
            let untried = offered.ever.difference(&tried).filter_map(|address| {
                let is_offered = offered.now.contains(address);
                // What may not be tried is only listed while it is in the answer.
                let reason = match case.settings.excludes(*address) {
                    Some(reason) => Some(reason).filter(|_| is_offered),
                    None if is_offered => Some(UntriedReason::NotReached),
                    None => Some(UntriedReason::Withdrawn),
                };
                reason.map(|reason| (*address, reason))
            });
            (untried.collect::<BTreeMap<_, _>>(), tried.is_subset(&offered.ever))
        };
        // An answer of the instant of the connection may have come too late.
        let may_be_late = until == ended && matches!(conclusion, Conclusion::Connected(_));
        let just_before = until.saturating_sub(Duration::from_nanos(1));
        if !may_be_late || expected(just_before) != (untried.clone(), true) {
            prop_assert_eq!((untried, true), expected(until));
        }
    }

    #[test]
    fn nothing_is_started_that_may_not_be_used(case in any_case()) {
        for address in case.run().started {
            prop_assert_eq!(case.settings.excludes(address), None, "{}", address);
        }
    }

    #[test]
    fn a_race_is_lost_with_the_last_word_of_every_query_and_not_before(case in refreshed_case()) {
        let log = case.run();
        let queries = case.queries.iter().filter(|query| case.settings.may_use(*query));
        let last_words: Option<Vec<_>> = queries.map(|query| case.last_word(query)).collect();
        match (last_words.map(|all| all.into_iter().max().unwrap_or_default()), log.conclusion()) {
            (None, conclusion) => prop_assert_eq!(conclusion, None),
            (Some(last), Some((ended, conclusion))) => {
                prop_assert!(is_lost(conclusion) && ended >= last, "{conclusion:?} at {ended:?}, {last:?}");
            }
            (Some(last), None) => prop_assert!(false, "it goes on after {last:?}"),
        }
    }

    #[test]
    fn sources_change_the_order_of_a_lost_race_and_not_what_is_tried(case in lost_case()) {
        let mut without = case.clone();
        without.sources.clear();
        let (with, without) = (case.run(), without.run());
        for log in [&with, &without] {
            prop_assert!(log.conclusion().is_some_and(|(_, conclusion)| is_lost(conclusion)), "{log:?}");
        }
        // The answer for a family that may not be used is not waited for: whether it comes before the end is a matter of the order.
        let of_usable_families = |log: &Log| {
            let mut untried = untried(log);
            untried.retain(|address, _| {
                case.settings.may_use(if family(*address) == Family::V6 { Query::Aaaa } else { Query::A })
            });
            untried
        };
        prop_assert_eq!(of_usable_families(&with), of_usable_families(&without));
        let tried = |log: Log| log.started.into_iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(tried(with), tried(without));
    }

    #[test]
    fn separate_answers_are_tried_in_the_order_of_rfc_6724(case in undisturbed_answers()) {
        let log = case.run();
        let order = start_order(&case);
        prop_assert_eq!(&log.started[..], &order[..log.started.len()]);
        let settled = matches!(log.conclusion(), Some((_, Conclusion::Connected(_))));
        prop_assert!(settled || log.started.len() == order.len(), "{:?} of {order:?}", log.started);
    }

    #[test]
    fn the_error_of_a_lost_race_is_the_first_untrusted_peer_or_else_the_first_failure(
        case in prop_oneof![any_case(), case_of(Policy::TwoFamilies)],
    ) {
        let log = case.run();
        let counts = |id: &AttemptId| {
            let address = log.started[id.index()];
            case.settings.policy != Policy::TwoFamilies || family(address) == family(log.started[0])
        };
        let failed = |id: &AttemptId| log.events.iter().any(|(_, event)| event.is_failure_of(*id));
        let distrusted = |id: &AttemptId| log.events.iter().any(|(_, event)| event.is_distrust_of(*id));
        let first = || {
            let error = attempts(&log).filter(counts).find(failed)?;
            Some(attempts(&log).find(distrusted).unwrap_or(error))
        };
        match log.conclusion() {
            Some((_, Conclusion::Exhausted { error, .. })) => prop_assert_eq!(Some(error), first()),
            Some((_, Conclusion::TimedOut { error, .. })) if case.settings.policy == Policy::Staggered => {
                prop_assert_eq!(error, None);
            }
            Some((_, Conclusion::TimedOut { error, .. })) => prop_assert_eq!(error, first()),
            _ => {}
        }
    }

    #[test]
    fn a_race_is_polled_no_more_than_twice_for_each_thing_that_happens(case in any_case()) {
        let script = case.script();
        let log = simulate(&script);
        let reports = log.started.iter().map(|address| script.attempts[address].len()).sum::<usize>();
        let actions = log.events.iter().filter(|(_, event)| event.is_action()).count();
        let events = script.answers.len() + reports + actions;
        prop_assert!(log.polls <= 1 + 2 * events, "{} polls for {events} events", log.polls);
    }

    #[test]
    fn the_same_script_gives_the_same_log(case in any_case()) {
        prop_assert_eq!(case.run(), case.run());
    }

    #[test]
    fn two_families_have_one_attempt_each_in_flight(case in case_of(Policy::TwoFamilies)) {
        let log = case.run();
        for one in [Family::V6, Family::V4] {
            prop_assert!(in_flight(&log, |address| family(address) == one).into_iter().all(|count| count <= 1));
        }
    }

    #[test]
    fn serial_dialing_has_one_attempt_in_flight(case in case_of(Policy::Sequential)) {
        prop_assert!(in_flight(&case.run(), |_| true).into_iter().all(|count| count <= 1));
    }

    #[test]
    fn a_sequence_goes_on_when_its_attempt_has_failed(case in in_sequences()) {
        let log = case.run();
        let mut before: BTreeMap<Option<Family>, AttemptId> = BTreeMap::new();
        let choices = choices(&log);
        let is_open_again = |at| choices.iter().any(|(_, end)| end.is_some_and(|end| log.events[end].0 == at));
        for ((started, address), id) in log.starts().into_iter().zip(attempts(&log)) {
            let sequence = (case.settings.policy == Policy::TwoFamilies).then(|| family(address));
            if let Some(before) = before.insert(sequence, id) {
                let ended = end_of(&log, before);
                prop_assert!(ended == Some(started) || is_open_again(started), "{address} after {before:?}");
            }
        }
    }

    #[test]
    fn the_other_family_begins_after_the_fallback_delay_or_when_the_first_has_failed(
        case in without_choices(case_of(Policy::TwoFamilies)),
    ) {
        let log = case.run();
        let starts = log.starts();
        let Some(&(began, first)) = starts.first() else { return Ok(()) };
        let is_primary = |address: SocketAddr| family(address) == family(first);
        let Some(&(other_began, _)) = starts.iter().find(|(_, address)| !is_primary(*address)) else { return Ok(()) };
        let primary = starts.iter().zip(attempts(&log)).filter(|((_, address), _)| is_primary(*address));
        let ends: Option<Vec<Duration>> = primary.map(|(_, id)| end_of(&log, id)).collect();
        let is_exhausted = !not_reached(&log).into_iter().any(is_primary);
        let exhausted_at = ends.filter(|_| is_exhausted).and_then(|ends| ends.into_iter().max());
        let delay_ends = began + case.settings.fallback_delay;
        prop_assert_eq!(other_began, exhausted_at.map_or(delay_ends, |at| at.min(delay_ends)));
    }

    #[test]
    fn no_attempt_outlives_its_slice_of_the_deadline(case in without_choices(in_sequences())) {
        let Some(deadline) = case.deadline else { return Ok(()) };
        let log = case.run();
        for (place, (started, address)) in log.starts().into_iter().enumerate() {
            let same_sequence = |other: &&SocketAddr| {
                case.settings.policy == Policy::Sequential || family(**other) == family(address)
            };
            let (later, never) = (&log.started[place..], not_reached(&log));
            let addresses = later.iter().chain(&never).filter(same_sequence).count();
            let remains = deadline - started;
            let slice = (remains / u32::try_from(addresses).unwrap()).max(ms(2000)).min(remains);
            let id = attempts(&log).nth(place).unwrap();
            let (ended, event) = log.events.iter().find(|(_, event)| event.ends(id)).unwrap();
            prop_assert!(*ended <= started + slice, "{address} had {slice:?} from {started:?}, not until {ended:?}");
            if matches!(event, Event::Drop { reason: DropReason::SliceElapsed, .. }) {
                prop_assert_eq!(*ended, started + slice);
            }
        }
    }

    #[test]
    fn a_race_never_ends_after_its_deadline(case in any_case()) {
        let Some(deadline) = case.deadline else { return Ok(()) };
        let log = case.run();
        let (ended, conclusion) = log.conclusion().unwrap();
        prop_assert!(ended <= deadline, "{conclusion:?} at {ended:?}");
        prop_assert!(ended == deadline || !matches!(conclusion, Conclusion::TimedOut { .. }), "at {ended:?}");
    }

    #[test]
    fn no_more_attempts_are_in_flight_than_the_cap_allows(case in case_of(Policy::Staggered)) {
        let cap = case.settings.cap.unwrap_or(usize::MAX);
        let log = case.run();
        prop_assert!(in_flight(&log, |_| true).into_iter().all(|count| count <= cap));
        let pruned = log.events.iter().any(|(_, event)| event.is_drop(DropReason::Pruned));
        prop_assert!(case.settings.cap.is_some() || !pruned);
    }
}

fn in_sequences() -> impl Strategy<Value = Case> {
    prop_oneof![case_of(Policy::TwoFamilies), case_of(Policy::Sequential)]
}

/// In which order a race that has one list, or both families at once, tries them, by RFC 8305 §4.
fn start_order(case: &Case) -> Vec<SocketAddr> {
    let mut usable: Vec<SocketAddr> = Vec::new();
    for address in case.answers.iter().flat_map(|answered| answered.content.addresses()) {
        if case.settings.allow(address) && !usable.contains(&address) {
            usable.push(address);
        }
    }
    if !case.queries.contains(Query::List) {
        let source = |address: SocketAddr| case.sources.get(&portless(address)).copied().unwrap_or_default();
        usable.sort_by(|a, b| selection::compare((a.ip(), source(*a)), (b.ip(), source(*b))));
    }
    let of = |one: Family| usable.iter().copied().filter(move |address| family(*address) == one);
    let leading = match case.settings.order {
        Order::PreferV6 if of(Family::V6).next().is_some() => Family::V6,
        Order::PreferV4 if of(Family::V4).next().is_some() => Family::V4,
        _ => usable.first().map_or(Family::V6, |first| family(*first)),
    };
    let (mut leading, mut other) = (of(leading), of(leading.other()));
    let mut order: Vec<_> = leading.by_ref().take(case.settings.first_family_count).collect();
    while order.len() < usable.len() {
        order.extend(other.next());
        order.extend(leading.next());
    }
    order
}
