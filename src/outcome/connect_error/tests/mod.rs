use std::io;

use super::super::attempt::AttemptOutcome;
use super::super::attempt_error::AttemptError;
use super::super::placing::Placing;
use super::super::query_error::QueryErrorKind;
use super::super::report::{Attempts, Leftover};
use super::kind::NAMED_ATTEMPTS;
use super::*;
use crate::race::{
    AttemptDelay, AttemptId, DelayBasis, DropReason, Endpoint, Families, Query, StartReason, UntriedReason,
};
use crate::test_support::some_instant;

mod permanence;

fn attempt(index: usize, address: &str, duration: u64, outcome: AttemptOutcome) -> Attempt {
    let began = some_instant();
    Attempt {
        id: AttemptId::new(index),
        endpoint: Endpoint::new(address.parse().unwrap()),
        reason: StartReason::First,
        placing: Placing::new(AttemptDelay::new(Duration::from_millis(250), DelayBasis::Configured), None),
        race_began: began,
        started: began,
        ended: began + Duration::from_millis(duration),
        outcome,
        phases: None,
    }
}

fn refused() -> AttemptOutcome {
    AttemptOutcome::Failed(AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused)))
}

fn error(kind: Kind, attempts: Vec<Attempt>, untried: Vec<Untried>) -> ConnectError {
    error_with_failures(kind, attempts, untried, Vec::new())
}

fn error_with_failures(
    kind: Kind,
    attempts: Vec<Attempt>,
    untried: Vec<Untried>,
    query_errors: Vec<QueryError>,
) -> ConnectError {
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
    ConnectError::lost(kind, Families::Both, report)
}

fn report_of(error: &mut ConnectError) -> &mut Report {
    match &mut *error.inner {
        Inner::Lost { report, .. } => report,
        Inner::InvalidUri { .. } | Inner::Unsupported { .. } => unreachable!("there was a look-up"),
    }
}

fn untried(address: &str, reason: UntriedReason) -> Untried {
    Untried { endpoint: Endpoint::new(address.parse().unwrap()), reason, demoted: None }
}

#[test]
fn a_lost_race_names_every_address_and_its_cause() {
    let timed_out = AttemptOutcome::Dropped(DropReason::SliceElapsed);
    let attempts = vec![attempt(0, "[2001:db8::1]:443", 2100, timed_out), attempt(1, "192.0.2.1:443", 3, refused())];
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
fn an_untrusted_peer_is_told_if_its_attempt_decided() {
    let untrusted = || AttemptOutcome::Failed(AttemptError::new("the certificate has expired").untrusted());
    let decided_by = |decided_by| {
        let attempts = vec![attempt(0, "[2001:db8::1]:443", 3, refused()), attempt(1, "192.0.2.1:443", 9, untrusted())];
        error(Kind::Connect { decided_by }, attempts, Vec::new())
    };
    let error = decided_by(1);
    assert_eq!(
        error.to_string(),
        "could not connect to example.com:443: [2001:db8::1]:443 connection refused, \
         192.0.2.1:443 the certificate has expired"
    );
    assert!(error.is_untrusted() && error.is_connect() && !error.is_timeout() && !error.is_permanent());
    let cause = error.source().unwrap().downcast_ref::<AttemptError>().unwrap();
    assert!(cause.is_untrusted());
    assert!(!decided_by(0).is_untrusted());
    assert!(!ConnectError::invalid_uri("it has no host", None).is_untrusted());
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
    assert_eq!(unknown.to_string(), "could not resolve example.com: the look-up failed (AAAA: SERVFAIL)");
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
        "could not connect to example.com:443: 192.0.2.1:443 connection refused; the look-up failed (AAAA: SERVFAIL)"
    );
}

fn asked(kind: Kind, asked: Queries, answered: Queries, query_errors: Vec<QueryError>) -> String {
    let mut error = error_with_failures(kind, Vec::new(), Vec::new(), query_errors);
    let report = report_of(&mut error);
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
        (Query::A, nothing(Query::A, QueryErrorKind::NoData), "the name has no IPv4 addresses; AAAA was not asked for"),
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
fn of_addresses_that_are_refused_three_are_named() {
    let refused = |last: usize| untried(&format!("10.0.0.{last}:443"), UntriedReason::NotAllowed);
    let line = |rest| error(Kind::NoUsableAddress, Vec::new(), rest).to_string();
    let begin = "could not connect to example.com:443: no candidate is an address that is allowed";
    assert_eq!(line(vec![refused(1)]), format!("{begin} (10.0.0.1:443 not tried: not allowed)"));
    let three = "10.0.0.1:443 not allowed, 10.0.0.2:443 not allowed, 10.0.0.3:443 not allowed";
    assert_eq!(line((1..4).map(refused).collect()), format!("{begin} (3 addresses not tried: {three})"));
    assert_eq!(line((1..9).map(refused).collect()), format!("{begin} (8 addresses not tried: {three} and 5 more)"));
    // Other untried addresses are only counted, wherever they are in the list.
    let other = untried("192.0.2.1:443", UntriedReason::FamilyDisabled);
    assert_eq!(
        line(vec![other, refused(1)]),
        "could not connect to example.com:443: no candidate may be used (2 addresses not tried: 10.0.0.1:443 not allowed and 1 more)"
    );
}

#[test]
fn the_rule_of_what_is_allowed_is_the_reason_only_if_it_is_so_for_all() {
    let refused = ("192.0.2.1:443", UntriedReason::NotAllowed);
    for (other, line) in [
        (UntriedReason::NotAllowed, "no candidate is an address that is allowed"),
        (UntriedReason::FamilyDisabled, "no candidate may be used"),
        (UntriedReason::NoLocalAddress, "no candidate may be used"),
        (UntriedReason::Multicast, "no candidate may be used"),
    ] {
        let rest = [("[2001:db8::1]:443", other), refused].map(|(address, reason)| untried(address, reason));
        let error = error(Kind::NoUsableAddress, Vec::new(), rest.into());
        let begin = format!("could not connect to example.com:443: {line} (2 addresses not tried: ");
        assert!(error.to_string().starts_with(&begin), "{error}");
        assert!(error.is_not_allowed() && error.is_connect());
    }
}

#[test]
fn debug_has_the_causes_that_say_more_than_the_line() {
    let said = |error: AttemptError| {
        let attempts = vec![attempt(0, "192.0.2.1:443", 3, AttemptOutcome::Failed(error))];
        format!("{:?}", self::error(Kind::Connect { decided_by: 0 }, attempts, Vec::new()))
    };
    let line = "ConnectError(could not connect to example.com:443: 192.0.2.1:443";
    let refused = AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused));
    assert_eq!(said(refused), format!("{line} connection refused)"));
    let handshake = QueryError::new(Query::A, "no key").with_kind(QueryErrorKind::Other);
    assert_eq!(said(AttemptError::new(handshake)), format!("{line} the look-up of A failed: no key)"));
}
