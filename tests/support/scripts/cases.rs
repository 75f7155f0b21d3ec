//! Strategies that generate whole races.

use std::net::SocketAddr;
use std::time::Duration;

use hyper_happy_eyeballs::race::{Policy, Queries, Query};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::parts::{
    TARGET, addresses, fates, list_answers, milliseconds, ms, separate_answers, settings, sources, time,
};
use super::{Answered, Case, Content, End, Settings};

/// Any race.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let resolution = prop_oneof![list_answers(), separate_answers()];
    (settings(), option::weighted(0.4, milliseconds(0..12_000)), resolution, sources(), fates(true)).prop_map(
        |(settings, deadline, (queries, answers), sources, fates)| Case {
            settings,
            deadline,
            queries,
            answers,
            sources,
            fates,
        },
    )
}

/// Any race with this policy.
pub(crate) fn case_of(policy: Policy) -> impl Strategy<Value = Case> {
    any_case().prop_map(move |mut case| {
        case.settings.policy = policy;
        case
    })
}

/// A race with `Staggered` whose attempts end about when the next may start.
pub(crate) fn hurried_case() -> impl Strategy<Value = Case> {
    case_of(Policy::Staggered).prop_map(|mut case| {
        let soon = |after: Duration| ms(u64::try_from(after.as_millis() % 25).unwrap());
        case.settings.attempt_delay = soon(case.settings.attempt_delay).max(ms(1));
        for fate in case.fates.values_mut() {
            fate.progress.clear();
            (fate.chooses, fate.gate) = (None, None);
            fate.end = match fate.end {
                End::Connected(after) => End::Connected(soon(after)),
                End::Refused(after) => End::Refused(soon(after)),
                End::Unsent(after) => End::Unsent(soon(after)),
                End::Untrusted(after) => End::Untrusted(soon(after)),
                End::Hang => End::Hang,
            };
        }
        case
    })
}

/// As `case`, but no attempt decides the race before it has its connection.
pub(crate) fn without_choices(case: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    case.prop_map(|mut case| {
        case.fates.values_mut().for_each(|fate| fate.chooses = None);
        case
    })
}

/// A list with any policy. Half of the attempts decide the race before they end, and few have a connection.
pub(crate) fn decided_case() -> impl Strategy<Value = Case> {
    (any_case(), addresses(1..=12), vec(option::of(time()), 64)).prop_map(|(mut case, list, choices)| {
        case.queries = Queries::LIST;
        case.answers =
            vec![Answered { at: ms(0), query: Query::List, content: Content::Addresses(list), is_final: true }];
        for (fate, chooses) in case.fates.values_mut().zip(choices) {
            fate.chooses = chooses;
        }
        case
    })
}

/// A list with `Staggered`, and nothing that interferes: no cap, no deadline, no progress, no gate.
pub(crate) fn undisturbed_list() -> impl Strategy<Value = Case> {
    (settings(), time(), addresses(0..=12), sources(), fates(false)).prop_map(|(settings, at, list, sources, fates)| {
        Case {
            settings: Settings { policy: Policy::Staggered, cap: None, ..settings },
            deadline: None,
            queries: Queries::LIST,
            answers: vec![Answered { at, query: Query::List, content: Content::Addresses(list), is_final: true }],
            sources,
            fates,
        }
    })
}

/// Answers of both families at one instant with `Staggered`, and nothing that interferes.
pub(crate) fn undisturbed_answers() -> impl Strategy<Value = Case> {
    (undisturbed_list(), addresses(0..=12)).prop_map(|(mut case, other)| {
        let Content::Addresses(list) = case.answers.remove(0).content else { unreachable!() };
        let mut answer = |query, mut addresses: Vec<SocketAddr>, of_family: fn(&SocketAddr) -> bool| {
            addresses.retain(of_family);
            let content = Content::Addresses(addresses);
            case.answers.push(Answered { at: ms(0), query, content, is_final: true });
        };
        // Of equal addresses, those of the AAAA answer go first.
        answer(Query::Aaaa, list, SocketAddr::is_ipv6);
        answer(Query::A, other, SocketAddr::is_ipv4);
        case.queries = Queries::ADDRESSES;
        case
    })
}

/// A race in which every attempt fails, every query has one final answer, and nothing leaves an answer: hints belong to other names.
pub(crate) fn lost_case() -> impl Strategy<Value = Case> {
    any_case().prop_map(|mut case| {
        case.deadline = None;
        let mut answered = Queries::NONE;
        case.answers.retain_mut(|answer| {
            let is_first = !answered.contains(answer.query);
            answered = answered.with(answer.query);
            answer.is_final = true;
            if let Content::Services(records) = &mut answer.content {
                records.iter_mut().for_each(|record| record.target = Some(TARGET.into()));
            }
            is_first
        });
        case.queries = answered;
        for fate in case.fates.values_mut() {
            fate.end = match fate.end {
                End::Connected(after) => End::Refused(after),
                End::Hang => End::Unsent(ms(1)),
                failure => failure,
            };
        }
        case
    })
}

/// As [`lost_case`], but each answer is provisional. The final one comes later, if at all: the same again, or a failure.
pub(crate) fn refreshed_case() -> impl Strategy<Value = Case> {
    let last_words = vec((time(), 0..8_u8), 3);
    (lost_case(), last_words).prop_map(|(mut case, last_words)| {
        let mut refreshed = Vec::new();
        for (mut answered, (after, choice)) in case.answers.into_iter().zip(last_words) {
            let content = if choice == 1 { Content::Failed } else { answered.content.clone() };
            let last = Answered { at: answered.at + after, query: answered.query, content, is_final: true };
            answered.is_final = false;
            refreshed.push(answered);
            if choice != 0 {
                refreshed.push(last);
            }
        }
        refreshed.sort_by_key(|answered| answered.at);
        case.answers = refreshed;
        case
    })
}
