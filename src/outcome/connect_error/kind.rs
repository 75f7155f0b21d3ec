//! Why a connect failed, and the line of the error that names the reason.

use std::fmt;

use super::super::attempt::{Attempt, Untried};
use super::super::box_error::BoxError;
use super::super::causes::Chain;
use super::super::query_error::{QueryError, QueryErrorKind};
use super::super::report::Report;
use super::super::time::Time;
use crate::race::{Queries, Query, UntriedReason};

/// How many attempts the line names at most.
pub(super) const NAMED_ATTEMPTS: usize = 8;

/// How many untried addresses the line names at most.
const NAMED_UNTRIED: usize = 3;

pub(crate) enum Kind {
    /// There is no address. If a look-up failed, it is unknown whether the name has one.
    NoAddresses,
    /// The resolver itself failed.
    Resolver(BoxError),
    /// There are addresses, but none that may be used.
    NoUsableAddress,
    /// Attempts failed. The error of the attempt with this index decides.
    Connect { decided_by: usize },
    /// The time limit was reached. `None` if the resolver had not returned its queries.
    Timeout { waiting_for: Option<Queries> },
}

impl Kind {
    pub(super) fn fmt(&self, report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let untried = report.untried();
        match self {
            Self::Resolver(error) => write!(f, "could not resolve {}: {}", report.host, Chain(&**error)),
            Self::NoAddresses => {
                write!(f, "could not resolve {}: ", report.host)?;
                fmt_no_addresses(report, f)
            }
            Self::NoUsableAddress => {
                let because = |reason| untried.iter().any(|untried| untried.reason == reason);
                let is_refused = |untried: &Untried| untried.reason == UntriedReason::NotAllowed;
                let why = if because(UntriedReason::NotAllowed) {
                    // The permission is named only if it is the sole reason: otherwise allowing more addresses might not suffice.
                    if untried.iter().all(is_refused) {
                        "no candidate is an address that is allowed"
                    } else {
                        "no candidate may be used"
                    }
                } else if because(UntriedReason::NoLocalAddress) {
                    "no candidate matches the local address"
                } else if untried.is_empty() {
                    "the address family that was asked for may not be used"
                } else if because(UntriedReason::FamilyDisabled) {
                    "no candidate is of an address family that may be used"
                } else {
                    "no candidate is an address to connect to"
                };
                write!(f, "could not connect to {}: {why}", report.destination())?;
                fmt_untried(&untried, f)?;
                // The open queries are for a family that may not be used.
                let (not_asked, _) = report.unknown();
                fmt_queries(not_asked, "asked for", f)
            }
            Self::Connect { .. } => {
                write!(f, "could not connect to {}", report.destination())?;
                fmt_race(report, &untried, f)
            }
            Self::Timeout { waiting_for } => {
                let (destination, elapsed) = (report.destination(), Time(report.elapsed()));
                write!(f, "could not connect to {destination}: timed out after {elapsed}")?;
                match waiting_for {
                    None => f.write_str(", still waiting for DNS")?,
                    Some(queries) if queries.is_empty() => {}
                    Some(queries) => write!(f, ", still waiting for DNS ({queries})")?,
                }
                fmt_race(report, &untried, f)
            }
        }
    }
}

fn fmt_attempts(attempts: &[Attempt], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, attempt) in attempts.iter().take(NAMED_ATTEMPTS).enumerate() {
        write!(f, "{}{attempt}", if i == 0 { ": " } else { ", " })?;
    }
    match attempts.len().saturating_sub(NAMED_ATTEMPTS) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// Writes what was tried, what was not, and what is unknown.
fn fmt_race(report: &Report, untried: &[Untried], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt_attempts(report.attempts.as_slice(), f)?;
    fmt_untried(untried, f)?;
    if report.query_errors.iter().all(QueryError::is_negative) {
        return Ok(());
    }
    f.write_str("; ")?;
    fmt_failures(&report.query_errors, f)
}

/// Writes why a name gave no address, and whether it is known to have none.
fn fmt_no_addresses(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let errors = &report.query_errors;
    if about_addresses(errors).any(|error| !error.is_negative()) {
        fmt_failures(errors, f)?;
        return fmt_unknown(report, f);
    }
    let find = |kind| about_addresses(errors).find(|error| error.kind() == kind);
    if let Some(cause) = find(QueryErrorKind::NxDomain).and_then(QueryError::cause) {
        // NXDOMAIN holds for the name, whatever the query was.
        return write!(f, "the name does not exist ({cause})");
    }
    if find(QueryErrorKind::NotFound).is_some() {
        f.write_str("the name does not exist, or ")?;
    } else {
        f.write_str("the name ")?;
    }
    match (report.has_answer_of(Query::Aaaa), report.has_answer_of(Query::A)) {
        (true, true) => f.write_str("has no addresses")?,
        (true, false) => f.write_str("has no IPv6 addresses")?,
        (false, true) => f.write_str("has no IPv4 addresses")?,
        (false, false) => f.write_str("has no known addresses")?,
    }
    fmt_unknown(report, f)
}

/// Writes what is not known of the name, so that a reader does not take it for a negative answer.
fn fmt_unknown(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (not_asked, open) = report.unknown();
    fmt_queries(not_asked, "asked for", f)?;
    fmt_queries(open, "waited for", f)
}

/// Writes `; A was not asked for`, say.
fn fmt_queries(queries: Queries, not_done: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    queries.iter().try_for_each(|query| write!(f, "; {query} was not {not_done}"))
}

/// Returns the errors of address queries. Many names have no service records, so their absence is not reported.
pub(super) fn about_addresses(errors: &[QueryError]) -> impl Iterator<Item = &QueryError> {
    errors.iter().filter(|error| error.query() != Query::Https)
}

/// Writes the look-ups that failed. Negative answers are left out.
fn fmt_failures(errors: &[QueryError], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the look-up failed (")?;
    for (i, error) in errors.iter().filter(|error| !error.is_negative()).enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        write!(f, "{separator}{}: ", Queries::from(error.query()))?;
        error.fmt_reason(f)?;
    }
    f.write_str(")")
}

fn fmt_untried(untried: &[Untried], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match untried {
        [] => Ok(()),
        [one] if one.reason.is_of_address() => write!(f, " ({} not tried: {})", one.endpoint, one.reason),
        [_] => f.write_str(" (1 address not tried)"),
        many => {
            write!(f, " ({} addresses not tried", many.len())?;
            fmt_refused(many, f)?;
            f.write_str(")")
        }
    }
}

/// Writes the addresses that may never be used, as `: 10.0.0.1:80 not allowed, 10.0.0.2:80 not allowed and 4 more`. Of the others, which the race did
/// not reach or which have no local address, only the count is written.
fn fmt_refused(untried: &[Untried], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut named = 0;
    for one in untried.iter().filter(|one| one.reason.is_of_address()).take(NAMED_UNTRIED) {
        write!(f, "{}{} {}", if named == 0 { ": " } else { ", " }, one.endpoint, one.reason)?;
        named += 1;
    }
    if named > 0 && untried.len() > named { write!(f, " and {} more", untried.len() - named) } else { Ok(()) }
}
