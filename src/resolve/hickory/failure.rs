//! What hickory's errors mean.

use std::net::SocketAddr;

use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::proto::rr::domain::usage::{INVALID, LOCALHOST, ONION};

use super::names::{self, DnsName};
use crate::resolve::{Query, QueryError, QueryErrorKind};

/// `error`, in the words of this crate. `server` is the only one that can have said so.
pub(super) fn query_error(query: Query, error: NetError, server: Option<SocketAddr>) -> QueryError {
    let kind = kind(&error);
    let told = match kind {
        // There was no answer, or none that says so.
        QueryErrorKind::TimedOut | QueryErrorKind::Other => None,
        _ => server.filter(|_| !is_known_without_a_server(&error)),
    };
    let query_error = QueryError::new(query, error).with_kind(kind);
    match told {
        Some(server) => query_error.with_server(server),
        None => query_error,
    }
}

fn kind(error: &NetError) -> QueryErrorKind {
    match error {
        NetError::Timeout => QueryErrorKind::TimedOut,
        NetError::Dns(DnsError::NoRecordsFound(none)) => of_code(none.response_code, QueryErrorKind::NoData),
        NetError::Dns(DnsError::ResponseCode(code)) => of_code(*code, QueryErrorKind::Other),
        _ => QueryErrorKind::Other,
    }
}

fn of_code(code: ResponseCode, no_error: QueryErrorKind) -> QueryErrorKind {
    match code {
        ResponseCode::NoError => no_error,
        ResponseCode::NXDomain => QueryErrorKind::NxDomain,
        ResponseCode::ServFail => QueryErrorKind::ServFail,
        ResponseCode::Refused => QueryErrorKind::Refused,
        _ => QueryErrorKind::Other,
    }
}

/// Whether hickory knows by itself that there is nothing (RFC 6761, RFC 7686).
fn is_known_without_a_server(error: &NetError) -> bool {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let name = none.query.name();
            [&*LOCALHOST, &*INVALID, &*ONION].into_iter().any(|zone| zone.zone_of(name))
        }
        _ => false,
    }
}

/// What a search makes of an answer without records, those last that leave most open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    NxDomain,
    NoData,
    /// It is not known that there is nothing, though another name may be known to the server.
    ServFail,
    /// Nobody answered, or said more than that: the domains that are left are none to go on with.
    Failed,
}

pub(super) fn finding(error: &NetError) -> Finding {
    match kind(error) {
        QueryErrorKind::NxDomain => Finding::NxDomain,
        QueryErrorKind::NoData => Finding::NoData,
        QueryErrorKind::ServFail => Finding::ServFail,
        _ => Finding::Failed,
    }
}

/// Whether there are no such records, of this name or of its canonical one.
pub(super) fn is_negative(error: &NetError) -> bool {
    matches!(kind(error), QueryErrorKind::NxDomain | QueryErrorKind::NoData)
}

/// Whether there is no such name.
pub(super) fn is_nxdomain(error: &NetError) -> bool {
    kind(error) == QueryErrorKind::NxDomain
}

/// The name that a chain of CNAME records may not have ended with.
///
/// hickory follows 8 of them, and then says that there are no records, which looks like the answer of a server that
/// sends no SOA record along.
pub(super) fn may_be_unfollowed(error: &NetError) -> Option<&DnsName> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if none.response_code == ResponseCode::NoError && none.soa.is_none() =>
        {
            Some(none.query.name())
        }
        _ => None,
    }
}

/// The name has no records of this type.
pub(super) fn no_data(name: DnsName, record_type: RecordType) -> NetError {
    NoRecords::new(names::query(name, record_type), ResponseCode::NoError).into()
}
