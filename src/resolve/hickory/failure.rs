//! Translates hickory's errors.

use std::net::SocketAddr;

use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::proto::rr::domain::usage::{INVALID, LOCALHOST, ONION};

use super::names::{self, DnsName};
use crate::resolve::{Query, QueryError, QueryErrorKind};

/// Translates an error of hickory. `server` is the configured server, if there is only one.
pub(super) fn query_error(query: Query, error: NetError, server: Option<SocketAddr>) -> QueryError {
    let kind = kind(&error);
    let told = match kind {
        // The server did not answer, or did not say this.
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

/// Whether hickory gave this negative answer without asking a server (RFC 6761, RFC 7686).
fn is_known_without_a_server(error: &NetError) -> bool {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let name = none.query.name();
            [&*LOCALHOST, &*INVALID, &*ONION].into_iter().any(|zone| zone.zone_of(name))
        }
        _ => false,
    }
}

/// What an answer without records means for a search, ordered by how much it leaves open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    NxDomain,
    NoData,
    /// The name may have records, but the server failed. It may still know another name.
    ServFail,
    /// No server answered, or it refused. The remaining search domains are not tried.
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

/// Whether a server said that this name, or its canonical name, has no such records.
pub(super) fn is_negative(error: &NetError) -> bool {
    matches!(kind(error), QueryErrorKind::NxDomain | QueryErrorKind::NoData)
}

/// Whether a server said that the name does not exist.
pub(super) fn is_nxdomain(error: &NetError) -> bool {
    kind(error) == QueryErrorKind::NxDomain
}

/// Returns the name at which hickory may have stopped in a chain of CNAME records.
///
/// hickory follows 8 CNAME records, and then says that there are no records. That looks like a negative answer without an SOA record.
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

/// Returns the error for a name without records of this type.
pub(super) fn no_data(name: DnsName, record_type: RecordType) -> NetError {
    NoRecords::new(names::query(name, record_type), ResponseCode::NoError).into()
}
