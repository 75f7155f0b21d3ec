//! The error of a query without records.

use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::box_error::BoxError;
use super::causes::Chain;
use crate::race::{Answer, Query};

/// A query without records.
///
/// Either the name is known to have none ([`is_negative`](Self::is_negative)), or nothing is known. The [`source`](StdError::source) is the error of
/// the resolver.
#[derive(Clone, Debug)]
pub struct QueryError {
    query: Query,
    kind: QueryErrorKind,
    server: Option<SocketAddr>,
    /// Shared by all callers of one look-up.
    source: Arc<dyn StdError + Send + Sync>,
}

/// How a query failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryErrorKind {
    /// The name does not exist (NXDOMAIN).
    NxDomain,
    /// The name exists, and has no record of this type (NODATA).
    NoData,
    /// The name does not exist, or has no record of this type: the resolver does not tell which.
    NotFound,
    /// The server could not answer (SERVFAIL).
    ServFail,
    /// The server would not answer (REFUSED).
    Refused,
    /// There was no answer in time.
    TimedOut,
    /// A temporary failure. The resolver does not tell whether the server could not answer or was not reached.
    Temporary,
    /// Any other failure: see the source.
    Other,
}

impl QueryError {
    /// The error of `query`, with the kind [`QueryErrorKind::Other`].
    pub fn new(query: Query, source: impl Into<BoxError>) -> Self {
        Self { query, kind: QueryErrorKind::Other, server: None, source: Arc::from(source.into()) }
    }

    /// Sets the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: QueryErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the server that has said so.
    #[must_use]
    pub fn with_server(mut self, server: SocketAddr) -> Self {
        self.server = Some(server);
        self
    }

    /// Returns the query.
    pub fn query(&self) -> Query {
        self.query
    }

    /// Returns why there are no records.
    pub fn kind(&self) -> QueryErrorKind {
        self.kind
    }

    /// Returns the server that has said so, if the resolver knows it.
    pub fn server(&self) -> Option<SocketAddr> {
        self.server
    }

    /// Whether the name is known to have no such records, so that asking again soon is of no use. To the race this is [`Answer::negative`]; any
    /// other kind is [`Answer::failed`].
    pub fn is_negative(&self) -> bool {
        matches!(self.kind, QueryErrorKind::NxDomain | QueryErrorKind::NoData | QueryErrorKind::NotFound)
    }

    /// Converts the error into an answer for the race.
    pub(crate) fn to_answer(&self) -> Answer {
        if self.is_negative() { Answer::negative(self.query) } else { Answer::failed(self.query) }
    }

    /// Returns the cause as a text: `SERVFAIL from 192.0.2.53:53`. `None` if the kind has no name.
    pub(crate) fn cause(&self) -> Option<impl fmt::Display> {
        Some(Cause { name: self.kind.name()?, server: self.server })
    }

    /// Writes why there are no records, for a line without the source: the [`cause`](Self::cause), or else the error of the resolver.
    pub(crate) fn fmt_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Some(cause) => write!(f, "{cause}"),
            None => write!(f, "{}", Chain(&*self.source)),
        }
    }
}

impl QueryErrorKind {
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NxDomain => "NXDOMAIN",
            Self::NoData => "no data",
            Self::NotFound => "not found",
            Self::ServFail => "SERVFAIL",
            Self::Refused => "REFUSED",
            Self::TimedOut => "timed out",
            Self::Temporary => "temporary failure",
            Self::Other => return None,
        })
    }
}

impl fmt::Display for QueryErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("failed"))
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_negative() { "found nothing" } else { "failed" };
        write!(f, "the look-up of {} {what}", self.query)?;
        match self.cause() {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl StdError for QueryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

struct Cause {
    name: &'static str,
    server: Option<SocketAddr>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.server {
            Some(server) => write!(f, " from {server}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_and_the_server_are_told() {
        let error = QueryError::new(Query::Aaaa, "the message");
        assert_eq!(error.to_string(), "the look-up of AAAA failed");
        let error = error.with_kind(QueryErrorKind::ServFail).with_server("192.0.2.53:53".parse().unwrap());
        assert_eq!(error.to_string(), "the look-up of AAAA failed (SERVFAIL from 192.0.2.53:53)");
        assert_eq!(error.source().unwrap().to_string(), "the message");
        let error = error.with_kind(QueryErrorKind::NxDomain);
        assert_eq!(error.to_string(), "the look-up of AAAA found nothing (NXDOMAIN from 192.0.2.53:53)");
    }

    #[test]
    fn what_is_known_not_to_exist_is_a_negative_answer_and_anything_else_a_failure() {
        let answer = |kind| QueryError::new(Query::A, "x").with_kind(kind).to_answer();
        for kind in [QueryErrorKind::NxDomain, QueryErrorKind::NoData, QueryErrorKind::NotFound] {
            assert_eq!(answer(kind), Answer::negative(Query::A));
        }
        for kind in [QueryErrorKind::ServFail, QueryErrorKind::Refused, QueryErrorKind::TimedOut, QueryErrorKind::Other]
        {
            assert_eq!(answer(kind), Answer::failed(Query::A));
        }
    }
}
