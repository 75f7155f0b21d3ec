//! What can go wrong, said so that it answers the question.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::attempt::{Attempt, Time, Untried};
use crate::query_error::{QueryError, QueryErrorKind};
use crate::race::{Queries, Query, UntriedReason};
use crate::report::Report;

/// Any error, as services pass it on.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// How many attempts [`Error`]'s `Display` names; [`Error::attempts`] has them all.
const NAMED_ATTEMPTS: usize = 8;

/// Why there is no connection.
///
/// `Display` is one line that names the addresses:
///
/// ```text
/// could not connect to example.com:443: [2001:db8::1]:443 timed out after 2.1 s, 192.0.2.1:443 connection refused
/// ```
///
/// It says no more than is known: where the addresses of a family were not asked for, it says so, and not that there are none.
///
/// It never has more of the URI than host and port. [`source`](StdError::source) is the error that decided: that of the
/// attempt, or of the look-up.
pub struct Error {
    inner: Box<Inner>,
}

#[expect(clippy::large_enum_variant, reason = "it is always in a box")]
enum Inner {
    /// The URI says nowhere to connect to.
    InvalidUri { problem: String, source: Option<BoxError> },
    /// There was a race, or at least a look-up for one.
    Lost { kind: Kind, report: Report },
}

pub(crate) enum Kind {
    /// There is no address. If a look-up failed, it is unknown whether the name has one.
    NoAddresses,
    /// The resolver itself failed.
    Resolver(BoxError),
    /// There are addresses, but none that may be used.
    NoUsableAddress,
    /// Attempts failed, and the error of the one with this index is the error.
    Connect { decided_by: usize },
    /// Time was up. `None` is a resolver that has not even said what it asks for.
    Timeout { waiting_for: Option<Queries> },
}

impl Error {
    pub(crate) fn lost(kind: Kind, report: Report) -> Self {
        Self { inner: Box::new(Inner::Lost { kind, report }) }
    }

    pub(crate) fn invalid_uri(problem: impl Into<String>, source: Option<BoxError>) -> Self {
        Self { inner: Box::new(Inner::InvalidUri { problem: problem.into(), source }) }
    }

    /// The URI says nowhere to connect to: no host, a scheme or a port that cannot be, an unknown zone.
    pub fn is_invalid_uri(&self) -> bool {
        matches!(*self.inner, Inner::InvalidUri { .. })
    }

    /// The name gave no address: it has none, the look-up failed, or it was not over when time was up.
    ///
    /// If it is known that there is none, both families were [`asked`](Self::asked) for, and all of
    /// [`query_errors`](Self::query_errors) that are about addresses, if there are any, are negative
    /// ([`QueryError::is_negative`]): to ask again soon is no use.
    pub fn is_dns(&self) -> bool {
        match self.kind() {
            Some(Kind::NoAddresses | Kind::Resolver(_)) => true,
            Some(Kind::Timeout { .. }) => self.attempts().is_empty(),
            Some(Kind::NoUsableAddress | Kind::Connect { .. }) | None => false,
        }
    }

    /// There were addresses, and no connection to any of them: the attempts failed or took too long, or no address may be
    /// used.
    pub fn is_connect(&self) -> bool {
        match self.kind() {
            Some(Kind::Connect { .. } | Kind::NoUsableAddress) => true,
            Some(Kind::Timeout { .. }) => !self.attempts().is_empty(),
            Some(Kind::NoAddresses | Kind::Resolver(_)) | None => false,
        }
    }

    /// The connector's `timeout` decided: time was up, or the attempt whose error counts had used up its share of it.
    ///
    /// A connect that the kernel gave up by itself is a failed attempt, and not meant here.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), Some(Kind::Timeout { .. })) || self.decided_by().is_some_and(Attempt::timed_out)
    }

    /// Every attempt that was made, in start order.
    pub fn attempts(&self) -> &[Attempt] {
        self.report().map_or(&[], |report| report.attempts.as_slice())
    }

    /// The addresses that no attempt was made to, and why.
    pub fn untried(&self) -> Vec<Untried> {
        self.report().map_or_else(Vec::new, |report| report.untried())
    }

    /// The queries that the resolver asked. It may leave out a family that this machine has no address of: then nothing is known of
    /// that family's addresses.
    ///
    /// Empty for an invalid URI, for a host that is an address, and if the resolver failed before it said what it asks for.
    pub fn asked(&self) -> Queries {
        self.report().map_or(Queries::NONE, Report::asked)
    }

    /// The queries that had no answer when time was up. Empty for every other error, and if the resolver had not even said
    /// what it asks for.
    pub fn waiting_for(&self) -> Queries {
        match self.kind() {
            Some(Kind::Timeout { waiting_for }) => waiting_for.unwrap_or_default(),
            _ => Queries::NONE,
        }
    }

    /// The look-ups that gave nothing and said why, whether or not another one gave addresses.
    pub fn query_errors(&self) -> &[QueryError] {
        self.report().map_or(&[], |report| &report.query_errors)
    }

    /// How long it took to fail. Zero for an invalid URI.
    pub fn elapsed(&self) -> Duration {
        self.report().map_or(Duration::ZERO, Report::elapsed)
    }

    /// How long it took until there was an address; `None` if there was none.
    pub fn resolved_after(&self) -> Option<Duration> {
        self.report()?.resolved_after()
    }

    /// This error among `error` and its causes, which is where a client keeps the error of its connector.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
    }

    fn kind(&self) -> Option<&Kind> {
        match &*self.inner {
            Inner::InvalidUri { .. } => None,
            Inner::Lost { kind, .. } => Some(kind),
        }
    }

    fn report(&self) -> Option<&Report> {
        match &*self.inner {
            Inner::InvalidUri { .. } => None,
            Inner::Lost { report, .. } => Some(report),
        }
    }

    fn decided_by(&self) -> Option<&Attempt> {
        match self.kind() {
            Some(Kind::Connect { decided_by }) => self.attempts().get(*decided_by),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.inner {
            Inner::InvalidUri { problem, .. } => write!(f, "invalid URI: {problem}"),
            Inner::Lost { kind, report } => kind.fmt(report, f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        f.write_str(")")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Inner::InvalidUri { source, .. } = &*self.inner {
            return source.as_deref().map(|error| error as _);
        }
        match self.kind()? {
            // That a look-up failed, and which, this error says itself.
            Kind::NoAddresses => {
                let errors = || about_addresses(self.query_errors());
                errors().find(|error| !error.is_negative()).or_else(|| errors().next())?.source()
            }
            Kind::Resolver(error) => Some(&**error),
            Kind::Connect { .. } => self.decided_by()?.error().map(|error| error as _),
            Kind::NoUsableAddress | Kind::Timeout { .. } => None,
        }
    }
}

impl Kind {
    fn fmt(&self, report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let untried = report.untried();
        match self {
            Self::Resolver(_) => write!(f, "could not resolve {}", report.host),
            Self::NoAddresses => {
                write!(f, "could not resolve {}: ", report.host)?;
                fmt_no_addresses(report, f)
            }
            Self::NoUsableAddress => {
                let because = |reason| untried.iter().any(|untried| untried.reason == reason);
                let why = if because(UntriedReason::NoLocalAddress) {
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
                // What is open is an answer of a family that may not be used.
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

/// What was tried, what was not, and what is unknown.
fn fmt_race(report: &Report, untried: &[Untried], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt_attempts(report.attempts.as_slice(), f)?;
    fmt_untried(untried, f)?;
    if report.query_errors.iter().all(QueryError::is_negative) {
        return Ok(());
    }
    f.write_str("; ")?;
    fmt_failures(&report.query_errors, f)
}

/// Why a name gave no address, and whether it is known not to have one.
fn fmt_no_addresses(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let errors = &report.query_errors;
    if about_addresses(errors).any(|error| !error.is_negative()) {
        fmt_failures(errors, f)?;
        return fmt_unknown(report, f);
    }
    let find = |kind| about_addresses(errors).find(|error| error.kind() == kind);
    if let Some(cause) = find(QueryErrorKind::NxDomain).and_then(QueryError::cause) {
        // Of the name, whatever was asked of it.
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

/// What is not known of the name, so that nobody takes it for an answer.
fn fmt_unknown(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (not_asked, open) = report.unknown();
    fmt_queries(not_asked, "asked for", f)?;
    fmt_queries(open, "waited for", f)
}

/// `; A was not asked for`
fn fmt_queries(queries: Queries, not_done: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    queries.iter().try_for_each(|query| write!(f, "; {query} was not {not_done}"))
}

/// Without those of service records: a name may well have none.
fn about_addresses(errors: &[QueryError]) -> impl Iterator<Item = &QueryError> {
    errors.iter().filter(|error| error.query() != Query::Https)
}

/// The look-ups that failed; those that found nothing are no news.
fn fmt_failures(errors: &[QueryError], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the look-up failed (")?;
    for (i, error) in errors.iter().filter(|error| !error.is_negative()).enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        write!(f, "{separator}{}", Queries::from(error.query()))?;
        if let Some(cause) = error.cause() {
            write!(f, ": {cause}")?;
        }
    }
    f.write_str(")")
}

fn fmt_untried(untried: &[Untried], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match untried {
        [] => Ok(()),
        [one] if one.reason.is_defect() => write!(f, " ({} not tried: {})", one.endpoint, one.reason),
        [_] => f.write_str(" (1 address not tried)"),
        many => write!(f, " ({} addresses not tried)", many.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::attempt::{AttemptError, AttemptOutcome};
    use crate::race::{AttemptId, DropReason, Endpoint, StartReason};
    use crate::report::{Attempts, Leftover};
    use crate::test_support::some_instant;

    fn attempt(index: usize, address: &str, duration: u64, outcome: AttemptOutcome) -> Attempt {
        let began = some_instant();
        Attempt {
            id: AttemptId::new(index),
            endpoint: Endpoint::new(address.parse().unwrap()),
            reason: StartReason::First,
            race_began: began,
            started: began,
            ended: began + Duration::from_millis(duration),
            outcome,
        }
    }

    fn refused() -> AttemptOutcome {
        AttemptOutcome::Failed(AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused)))
    }

    fn error(kind: Kind, attempts: Vec<Attempt>, untried: Vec<Untried>) -> Error {
        error_with_failures(kind, attempts, untried, Vec::new())
    }

    fn error_with_failures(
        kind: Kind,
        attempts: Vec<Attempt>,
        untried: Vec<Untried>,
        query_errors: Vec<QueryError>,
    ) -> Error {
        let began = some_instant();
        let report = Report {
            host: "example.com".into(),
            port: 443,
            asked: Queries::ADDRESSES,
            answered: Queries::ADDRESSES,
            began,
            resolved: None,
            ended: began + Duration::from_millis(5000),
            attempts: Attempts::Many(attempts),
            untried: Leftover::Listed(untried),
            query_errors,
        };
        Error::lost(kind, report)
    }

    fn untried(address: &str, reason: UntriedReason) -> Untried {
        Untried { endpoint: Endpoint::new(address.parse().unwrap()), reason }
    }

    #[test]
    fn a_lost_race_names_every_address_and_its_cause() {
        let timed_out = AttemptOutcome::Dropped(DropReason::SliceElapsed);
        let attempts =
            vec![attempt(0, "[2001:db8::1]:443", 2100, timed_out), attempt(1, "192.0.2.1:443", 3, refused())];
        let error = error(Kind::Connect { decided_by: 1 }, attempts, Vec::new());
        assert_eq!(
            error.to_string(),
            "could not connect to example.com:443: [2001:db8::1]:443 timed out after 2.1 s, 192.0.2.1:443 connection refused"
        );
        assert!(error.is_connect() && !error.is_dns() && !error.is_timeout());
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "could not connect");
        let io = cause.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(io.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_line_has_an_end_even_for_a_thousand_addresses() {
        let attempts = (0..1000).map(|i| attempt(i, "192.0.2.1:443", 3, refused())).collect();
        let text = error(Kind::Connect { decided_by: 0 }, attempts, Vec::new()).to_string();
        assert_eq!(text.matches("192.0.2.1:443").count(), NAMED_ATTEMPTS);
        assert!(text.ends_with("and 992 more"), "{text}");
    }

    #[test]
    fn a_time_out_says_what_was_still_missing() {
        let timeout = |waiting_for| Kind::Timeout { waiting_for };
        let waiting = error(timeout(Some(Queries::ADDRESSES)), Vec::new(), Vec::new());
        assert_eq!(
            waiting.to_string(),
            "could not connect to example.com:443: timed out after 5 s, still waiting for DNS (A, AAAA)"
        );
        assert!(waiting.is_dns() && waiting.is_timeout() && !waiting.is_connect());
        assert_eq!(waiting.waiting_for(), Queries::ADDRESSES);

        let hung = attempt(0, "192.0.2.1:443", 5000, AttemptOutcome::Dropped(DropReason::DeadlineElapsed));
        let rest = vec![untried("192.0.2.2:443", UntriedReason::NotReached)];
        let hung = error(timeout(Some(Queries::NONE)), vec![hung], rest);
        assert_eq!(
            hung.to_string(),
            "could not connect to example.com:443: timed out after 5 s: 192.0.2.1:443 timed out after 5 s (1 address not tried)"
        );
        assert!(hung.is_connect() && hung.is_timeout() && !hung.is_dns());
    }

    #[test]
    fn no_address_and_unknown_addresses_are_different() {
        let none = error(Kind::NoAddresses, Vec::new(), Vec::new());
        assert_eq!(none.to_string(), "could not resolve example.com: the name has no addresses");
        assert!(none.source().is_none());
        let failures = vec![QueryError::new(Query::Aaaa, "SERVFAIL")];
        let unknown = error_with_failures(Kind::NoAddresses, Vec::new(), Vec::new(), failures);
        assert_eq!(unknown.to_string(), "could not resolve example.com: the look-up failed (AAAA)");
        assert_eq!(unknown.source().unwrap().to_string(), "SERVFAIL");
        assert_eq!(unknown.query_errors().len(), 1);
        assert!(unknown.is_dns());
    }

    #[test]
    fn how_a_look_up_failed_is_told_with_its_server() {
        let server = "192.0.2.53:53".parse().unwrap();
        let nothing = |query, kind| QueryError::new(query, "why").with_kind(kind).with_server(server);
        let text = |failures| error_with_failures(Kind::NoAddresses, Vec::new(), Vec::new(), failures).to_string();
        assert_eq!(
            text(vec![nothing(Query::Aaaa, QueryErrorKind::NxDomain), nothing(Query::A, QueryErrorKind::NxDomain)]),
            "could not resolve example.com: the name does not exist (NXDOMAIN from 192.0.2.53:53)"
        );
        assert_eq!(
            text(vec![nothing(Query::Https, QueryErrorKind::ServFail), nothing(Query::A, QueryErrorKind::NoData)]),
            "could not resolve example.com: the name has no addresses"
        );
        let timed_out = QueryError::new(Query::A, "why").with_kind(QueryErrorKind::TimedOut);
        assert_eq!(
            text(vec![nothing(Query::Aaaa, QueryErrorKind::ServFail), timed_out]),
            "could not resolve example.com: the look-up failed (AAAA: SERVFAIL from 192.0.2.53:53, A: timed out)"
        );
    }

    #[test]
    fn that_a_name_has_no_such_records_is_no_failure() {
        let attempts = vec![attempt(0, "192.0.2.1:443", 3, refused())];
        let nothing = vec![QueryError::new(Query::Aaaa, "why").with_kind(QueryErrorKind::NoData)];
        let error = error_with_failures(Kind::Connect { decided_by: 0 }, attempts, Vec::new(), nothing);
        assert_eq!(error.to_string(), "could not connect to example.com:443: 192.0.2.1:443 connection refused");
    }

    #[test]
    fn a_failed_look_up_is_told_even_if_another_gave_addresses() {
        let attempts = vec![attempt(0, "192.0.2.1:443", 3, refused())];
        let failures = vec![QueryError::new(Query::Aaaa, "SERVFAIL")];
        let error = error_with_failures(Kind::Connect { decided_by: 0 }, attempts, Vec::new(), failures);
        assert_eq!(
            error.to_string(),
            "could not connect to example.com:443: 192.0.2.1:443 connection refused; the look-up failed (AAAA)"
        );
    }

    fn asked(kind: Kind, asked: Queries, answered: Queries, query_errors: Vec<QueryError>) -> String {
        let mut error = error_with_failures(kind, Vec::new(), Vec::new(), query_errors);
        let Inner::Lost { report, .. } = &mut *error.inner else { unreachable!("there was a look-up") };
        (report.asked, report.answered) = (asked, answered);
        error.to_string()
    }

    #[test]
    fn what_was_not_asked_is_not_denied() {
        let nothing = |query, kind| vec![QueryError::new(query, "why").with_kind(kind)];
        let none = |one, errors| asked(Kind::NoAddresses, one, one, errors);
        for (one, errors, expected) in [
            (Query::A, vec![], "the name has no IPv4 addresses; AAAA was not asked for"),
            (Query::Aaaa, vec![], "the name has no IPv6 addresses; A was not asked for"),
            (
                Query::A,
                nothing(Query::A, QueryErrorKind::NoData),
                "the name has no IPv4 addresses; AAAA was not asked for",
            ),
            (
                Query::A,
                nothing(Query::A, QueryErrorKind::NotFound),
                "the name does not exist, or has no IPv4 addresses; AAAA was not asked for",
            ),
            (Query::A, nothing(Query::A, QueryErrorKind::NxDomain), "the name does not exist (NXDOMAIN)"),
            (
                Query::A,
                nothing(Query::A, QueryErrorKind::ServFail),
                "the look-up failed (A: SERVFAIL); AAAA was not asked for",
            ),
            (Query::Https, vec![], "the name has no known addresses; A was not asked for; AAAA was not asked for"),
        ] {
            assert_eq!(none(one.into(), errors), format!("could not resolve example.com: {expected}"));
        }
    }

    #[test]
    fn what_was_not_waited_for_is_not_denied() {
        assert_eq!(
            asked(Kind::NoAddresses, Queries::ADDRESSES, Query::A.into(), Vec::new()),
            "could not resolve example.com: the name has no IPv4 addresses; AAAA was not waited for"
        );
    }

    #[test]
    fn a_family_that_was_asked_for_in_vain_is_told_with_the_one_that_was_not() {
        assert_eq!(
            asked(Kind::NoUsableAddress, Query::Aaaa.into(), Query::Aaaa.into(), Vec::new()),
            "could not connect to example.com:443: the address family that was asked for may not be used; A was not asked for"
        );
    }

    #[test]
    fn an_answer_of_a_family_that_may_not_be_used_is_not_missed() {
        assert_eq!(
            asked(Kind::NoUsableAddress, Queries::ADDRESSES, Query::A.into(), Vec::new()),
            "could not connect to example.com:443: the address family that was asked for may not be used"
        );
    }

    #[test]
    fn a_local_address_that_nothing_matches_is_named_as_the_reason() {
        let rest = vec![untried("[2001:db8::1]:443", UntriedReason::NoLocalAddress)];
        let error = error(Kind::NoUsableAddress, Vec::new(), rest);
        assert_eq!(
            error.to_string(),
            "could not connect to example.com:443: no candidate matches the local address (1 address not tried)"
        );
        assert!(error.is_connect());
    }

    #[test]
    fn debug_has_the_whole_chain_of_causes() {
        let error = error(Kind::Connect { decided_by: 0 }, vec![attempt(0, "192.0.2.1:443", 3, refused())], Vec::new());
        let text = format!("{error:?}");
        assert!(text.starts_with("Error(could not connect to example.com:443"), "{text}");
        assert!(text.ends_with(": could not connect: connection refused)"), "{text}");
    }
}
