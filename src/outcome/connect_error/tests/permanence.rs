//! Tests: which errors are worth a retry.

use super::*;

/// Whether the error of a look-up with these queries and errors is permanent, for a connector that can use these families.
fn looked_up(kind: Kind, families: Families, asked: Queries, errors: Vec<QueryError>, rest: Vec<Untried>) -> bool {
    let mut error = error_with_failures(kind, Vec::new(), rest, errors);
    let Inner::Lost { families: usable, report, .. } = &mut *error.inner else { unreachable!("there was a look-up") };
    (*usable, report.asked, report.answered) = (families, asked, asked);
    error.is_permanent()
}

fn nothing(query: Query, kind: QueryErrorKind) -> QueryError {
    QueryError::new(query, "why").with_kind(kind)
}

#[test]
fn an_invalid_uri_is_permanent() {
    assert!(ConnectError::invalid_uri("it has no host", None).is_permanent());
}

#[test]
fn a_name_that_is_known_to_have_no_addresses_is_permanent() {
    let none = |asked, errors| looked_up(Kind::NoAddresses, Families::Both, asked, errors, Vec::new());
    let (both, a) = (Queries::ADDRESSES, Queries::from(Query::A));
    assert!(none(both, vec![]) && none(Queries::LIST, vec![]));
    assert!(none(both.with(Query::Https), vec![nothing(Query::Https, QueryErrorKind::NoData)]));
    assert!(none(Queries::LIST, vec![nothing(Query::List, QueryErrorKind::NotFound)]));
    assert!(none(both, vec![nothing(Query::A, QueryErrorKind::NoData)]));
    // Nothing is known of the other family, unless the name does not exist.
    assert!(!none(a, vec![]) && !none(a, vec![nothing(Query::A, QueryErrorKind::NoData)]));
    assert!(none(a, vec![nothing(Query::A, QueryErrorKind::NxDomain)]));
    assert!(!none(Queries::NONE, vec![]));
    for kind in [QueryErrorKind::ServFail, QueryErrorKind::Refused, QueryErrorKind::TimedOut, QueryErrorKind::Temporary]
    {
        let [aaaa, https] = [Query::Aaaa, Query::Https].map(|query| nothing(query, kind));
        assert!(!none(both, vec![aaaa.clone()]) && !none(both.with(Query::Https), vec![https]), "{kind}");
        assert!(!none(both, vec![aaaa, nothing(Query::A, QueryErrorKind::NxDomain)]), "{kind}");
    }
}

#[test]
fn a_family_that_may_not_be_used_need_not_be_asked_for() {
    let none = |families, asked: Query| looked_up(Kind::NoAddresses, families, asked.into(), Vec::new(), Vec::new());
    assert!(none(Families::V4Only, Query::A) && none(Families::V6Only, Query::Aaaa));
    assert!(!none(Families::V4Only, Query::Aaaa) && !none(Families::V6Only, Query::A));
}

#[test]
fn addresses_that_may_not_be_used_are_permanent() {
    let unusable = |families, asked, errors, (address, reason)| {
        looked_up(Kind::NoUsableAddress, families, asked, errors, vec![untried(address, reason)])
    };
    let v6 = |reason| ("[2001:db8::1]:443", reason);
    for reason in [UntriedReason::FamilyDisabled, UntriedReason::NoLocalAddress] {
        // In order: the host is an address; both families were queried; the usable one was not.
        assert!(unusable(Families::V4Only, Queries::NONE, vec![], v6(reason)), "{reason}");
        assert!(unusable(Families::V4Only, Queries::ADDRESSES, vec![], v6(reason)), "{reason}");
        assert!(!unusable(Families::V4Only, Query::Aaaa.into(), vec![], v6(reason)), "{reason}");
        let failed = vec![nothing(Query::A, QueryErrorKind::ServFail)];
        assert!(!unusable(Families::V4Only, Queries::ADDRESSES, failed, v6(reason)), "{reason}");
    }
    let unspecified = ("0.0.0.0:443", UntriedReason::Unspecified);
    assert!(unusable(Families::Both, Queries::LIST, vec![], unspecified));
    assert!(unusable(Families::V4Only, Query::A.into(), vec![], unspecified));
    assert!(!unusable(Families::Both, Query::A.into(), vec![], unspecified));
}

#[test]
fn a_lost_race_is_permanent_if_each_of_its_attempts_is() {
    let bad_certificate = || AttemptOutcome::Failed(AttemptError::new("the certificate is not accepted").untrusted());
    let dropped = AttemptOutcome::Dropped;
    let is_permanent = |outcomes: Vec<AttemptOutcome>, rest, errors| {
        let attempts = outcomes.into_iter().enumerate().map(|(i, outcome)| attempt(i, "192.0.2.1:443", 3, outcome));
        error_with_failures(Kind::Connect { decided_by: 0 }, attempts.collect(), rest, errors).is_permanent()
    };
    let refused_by_proxy = AttemptOutcome::Failed(AttemptError::new("the proxy does not know us").permanent());
    assert!(is_permanent(vec![bad_certificate(), bad_certificate(), refused_by_proxy], vec![], vec![]));
    assert!(!is_permanent(vec![bad_certificate(), refused()], vec![], vec![]));
    assert!(!is_permanent(vec![refused(), bad_certificate()], vec![], vec![]));
    for reason in [DropReason::SliceElapsed, DropReason::DeadlineElapsed, DropReason::Pruned] {
        assert!(!is_permanent(vec![bad_certificate(), dropped(reason)], vec![], vec![]), "{reason:?}");
    }
    let rest = |reason| vec![untried("192.0.2.2:443", reason)];
    for (reason, expected) in [
        (UntriedReason::NotReached, false),
        (UntriedReason::OverLimit, false),
        (UntriedReason::Withdrawn, true),
        (UntriedReason::FamilyDisabled, true),
        (UntriedReason::Multicast, true),
        (UntriedReason::NotAllowed, true),
    ] {
        assert_eq!(is_permanent(vec![bad_certificate()], rest(reason), vec![]), expected, "{reason:?}");
    }
    let errors = |kind| vec![nothing(Query::Aaaa, kind)];
    assert!(is_permanent(vec![bad_certificate()], vec![], errors(QueryErrorKind::NoData)));
    assert!(!is_permanent(vec![bad_certificate()], vec![], errors(QueryErrorKind::ServFail)));
}

#[test]
fn an_attempt_that_made_room_for_another_counts_by_the_one_that_came_after_it() {
    let bad_certificate = || AttemptOutcome::Failed(AttemptError::new("the certificate is not accepted").untrusted());
    let is_permanent = |attempts: Vec<(&str, AttemptOutcome)>| {
        let attempts = attempts.into_iter().enumerate().map(|(i, (address, outcome))| attempt(i, address, 3, outcome));
        error(Kind::Connect { decided_by: 1 }, attempts.collect(), vec![]).is_permanent()
    };
    let [first, second] = ["[2001:db8::1]:443", "192.0.2.1:443"];
    for reason in [DropReason::Overtaken, DropReason::Superseded] {
        let put_off = || (first, AttemptOutcome::Dropped(reason));
        let again = |outcome| (first, outcome);
        assert!(is_permanent(vec![put_off(), (second, bad_certificate()), again(bad_certificate())]), "{reason:?}");
        assert!(!is_permanent(vec![put_off(), (second, bad_certificate()), again(refused())]), "{reason:?}");
        assert!(!is_permanent(vec![put_off(), (second, bad_certificate())]), "{reason:?}");
    }
    let ended = (first, AttemptOutcome::Dropped(DropReason::SliceElapsed));
    assert!(!is_permanent(vec![ended, (second, bad_certificate()), (first, bad_certificate())]));
}

#[test]
fn what_was_not_found_out_may_pass() {
    let failed = AttemptOutcome::Failed(AttemptError::new("the certificate is not accepted").untrusted());
    let attempts = vec![attempt(0, "192.0.2.1:443", 3, failed)];
    assert!(!error(Kind::Timeout { waiting_for: Some(Query::A.into()) }, attempts, vec![]).is_permanent());
    assert!(!error(Kind::Resolver("no server".into()), vec![], vec![]).is_permanent());
}
