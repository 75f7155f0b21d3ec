//! Decides whether the same connect would fail again.

use super::super::attempt::{Attempt, Untried};
use super::super::attempt_error::AttemptError;
use super::super::query_error::{QueryError, QueryErrorKind};
use super::super::report::Report;
use super::kind::{Kind, about_addresses};
use crate::race::{Families, Query, UntriedReason};

/// The facts of a failed connect that the rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) ending: Ending,
    /// A look-up failed. It may succeed next time.
    pub(super) has_failed_query: bool,
    /// The addresses of the name are known for each family that may be used, or the name does not exist.
    pub(super) knows_addresses: bool,
    /// Every attempt failed with a permanent error. A dropped attempt might have succeeded, unless its address was tried again.
    pub(super) all_attempts_permanent: bool,
    /// An address that may be used was not tried.
    pub(super) has_address_left: bool,
}

/// How the connect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// There was nothing to attempt.
    NothingToTry,
    /// Attempts failed.
    Attempts,
    /// The time limit was reached, or the resolver itself failed: it is not known whether a connection is possible.
    Undecided,
}

/// Whether the error is permanent: everything that could differ next time is known, and excludes success.
pub(super) fn is_permanent(facts: Facts) -> bool {
    let Facts { ending, has_failed_query, knows_addresses, all_attempts_permanent, has_address_left } = facts;
    if has_failed_query || has_address_left {
        return false;
    }
    match ending {
        Ending::NothingToTry => knows_addresses,
        // A family that was not queried makes no difference here: this machine could not use it, and would not query it next time.
        Ending::Attempts => all_attempts_permanent,
        Ending::Undecided => false,
    }
}

impl Facts {
    pub(super) fn new(kind: &Kind, families: Families, report: &Report) -> Self {
        let untried = report.untried();
        Self {
            ending: match kind {
                Kind::NoAddresses | Kind::NoUsableAddress => Ending::NothingToTry,
                Kind::Connect { .. } => Ending::Attempts,
                Kind::Resolver(_) | Kind::Timeout { .. } => Ending::Undecided,
            },
            has_failed_query: !report.query_errors.iter().all(QueryError::is_negative),
            knows_addresses: knows_addresses(families, report, &untried),
            all_attempts_permanent: are_permanent(report.attempts.as_slice()),
            has_address_left: untried.iter().any(|untried| match untried.reason {
                UntriedReason::NotReached | UntriedReason::OverLimit => true,
                UntriedReason::Withdrawn
                | UntriedReason::FamilyDisabled
                | UntriedReason::NoLocalAddress
                | UntriedReason::Unspecified
                | UntriedReason::Multicast
                | UntriedReason::NoScope
                | UntriedReason::NotAllowed => false,
            }),
        }
    }
}

/// Whether all of these attempts, which are in start order, would fail again.
fn are_permanent(attempts: &[Attempt]) -> bool {
    let is_made_again = |place: usize, attempt: &Attempt| {
        attempts[place + 1..].iter().any(|later| later.endpoint.address() == attempt.endpoint.address())
    };
    attempts.iter().enumerate().all(|(place, attempt)| {
        attempt.error().is_some_and(AttemptError::is_permanent)
            || attempt.was_put_off() && is_made_again(place, attempt)
    })
}

fn knows_addresses(families: Families, report: &Report, untried: &[Untried]) -> bool {
    if report.asked().is_empty() {
        // A host that is an address was not looked up.
        return !untried.is_empty();
    }
    // NXDOMAIN holds for the name, whatever the query was.
    if about_addresses(&report.query_errors).any(|error| error.kind() == QueryErrorKind::NxDomain) {
        return true;
    }
    let is_known = |(family, query)| !families.contains(family) || report.has_answer_of(query);
    Query::OF_FAMILIES.into_iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FALSE_AND_TRUE: [bool; 2] = [false, true];

    /// Returns every combination of the four facts for one ending.
    fn all_of(ending: Ending) -> impl Iterator<Item = Facts> {
        (0..16_u8).map(move |bits| Facts {
            ending,
            has_failed_query: bits & 1 != 0,
            knows_addresses: bits & 2 != 0,
            all_attempts_permanent: bits & 4 != 0,
            has_address_left: bits & 8 != 0,
        })
    }

    #[test]
    fn every_case() {
        for facts in all_of(Ending::Undecided) {
            assert!(!is_permanent(facts), "{facts:?}");
        }
        for facts in all_of(Ending::NothingToTry).chain(all_of(Ending::Attempts)) {
            if facts.has_failed_query || facts.has_address_left {
                assert!(!is_permanent(facts), "{facts:?}");
            }
        }
        // In the remaining combinations no look-up has failed, and no address is left.
        for knows_addresses in FALSE_AND_TRUE {
            for all_attempts_permanent in FALSE_AND_TRUE {
                let of = |ending| Facts {
                    ending,
                    has_failed_query: false,
                    knows_addresses,
                    all_attempts_permanent,
                    has_address_left: false,
                };
                assert_eq!(is_permanent(of(Ending::NothingToTry)), knows_addresses);
                assert_eq!(is_permanent(of(Ending::Attempts)), all_attempts_permanent);
            }
        }
    }
}
