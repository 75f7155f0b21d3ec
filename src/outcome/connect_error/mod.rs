//! The error of the connector.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub(crate) use self::kind::Kind;
use self::kind::about_addresses;
use super::attempt::{Attempt, Untried};
use super::attempt_error::AttemptError;
use super::box_error::BoxError;
use super::causes::Chain;
use super::query_error::QueryError;
use super::report::{Destination, Report};
use super::timeline::Timeline;
use crate::race::{Families, Queries, UntriedReason};

// With the client, `client/error/find.rs` finds it inside the client's own error too.
#[cfg(not(feature = "client"))]
mod find;
mod kind;
mod permanent;
#[cfg(test)]
mod tests;

/// Why there is no connection.
///
/// `Display` is one line that names the addresses:
///
/// ```text
/// could not connect to example.com:443: [2001:db8::1]:443 host unreachable, 192.0.2.1:443 connection refused
/// ```
///
/// It says only what is known: if a family was not queried, it says so, and does not say that there are no such addresses.
///
/// Of the URI it shows only host and port. [`source`](StdError::source) is the error that decided: that of the attempt, or of the look-up. `Debug` is
/// the line, followed by the causes that add something.
///
/// | predicate | true when |
/// |---|---|
/// | [`is_invalid_uri`](Self::is_invalid_uri) | The URI says nowhere to connect to. |
/// | [`is_unsupported`](Self::is_unsupported) | The connector cannot do what it is asked for. |
/// | [`is_dns`](Self::is_dns) | There was no address when the connect ended. |
/// | [`is_connect`](Self::is_connect) | There were addresses, and no connection to any of them. |
/// | [`is_timeout`](Self::is_timeout) | A time-out decided: the connector's, or that of an attempt's handshake. `is_dns` or `is_connect` is true as well. |
/// | [`is_not_allowed`](Self::is_not_allowed) | Nothing was dialled: none of the addresses may be used, and the connector does not allow at least one of them. `is_connect` is true as well. |
/// | [`is_untrusted`](Self::is_untrusted) | A rejected certificate decided. `is_connect` is true as well. |
/// | [`is_permanent`](Self::is_permanent) | The same connect would fail again. One of the first four is true as well. |
///
/// Exactly one of the first four is true. In every case, nothing of a request was sent.
pub struct ConnectError {
    inner: Box<Inner>,
}

#[expect(clippy::large_enum_variant, reason = "it is always in a box")]
enum Inner {
    /// The URI says nowhere to connect to.
    InvalidUri { problem: String, source: Option<BoxError> },
    /// The connector cannot do what it is asked for. Nothing was looked up.
    Unsupported { host: String, port: u16, problem: String },
    /// There was a race, or at least a look-up for one.
    Lost { kind: Kind, families: Families, report: Report },
}

impl ConnectError {
    /// The hint in the error for an `https` URI without TLS.
    pub(crate) const TLS_HINT: &str = "(add .tls(…), or enforce_http(false) under a TLS layer)";

    /// The error of a lost race. `families` are those that the connector could use.
    pub(crate) fn lost(kind: Kind, families: Families, report: Report) -> Self {
        Self { inner: Box::new(Inner::Lost { kind, families, report }) }
    }

    pub(crate) fn invalid_uri(problem: impl Into<String>, source: Option<BoxError>) -> Self {
        Self { inner: Box::new(Inner::InvalidUri { problem: problem.into(), source }) }
    }

    /// The error of an unsupported request. `host` has no brackets.
    pub(crate) fn unsupported(host: &str, port: u16, problem: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner::Unsupported { host: host.to_owned(), port, problem: problem.into() }) }
    }

    /// Whether the URI says nowhere to connect to: it has no host, an impossible scheme or port, or an unknown zone.
    pub fn is_invalid_uri(&self) -> bool {
        matches!(*self.inner, Inner::InvalidUri { .. })
    }

    /// Whether the connector cannot do what it is asked for. It speaks none of the [protocols](crate::race::ConfigBuilder::protocols) that the client
    /// speaks, or the client asks for one that cannot be offered (RFC 7301 §3.1). Or it does no TLS, and an `https` request would be sent in clear
    /// text. Nothing was looked up.
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.inner, Inner::Unsupported { .. })
    }

    /// Whether the name gave no address: it has none, the look-up failed, or it had not ended at the time limit.
    ///
    /// If it is known that there is none, [`is_permanent`](Self::is_permanent) is true as well.
    pub fn is_dns(&self) -> bool {
        match self.kind() {
            Some(Kind::NoAddresses | Kind::Resolver(_)) => true,
            Some(Kind::Timeout { .. }) => self.attempts().is_empty(),
            Some(Kind::NoUsableAddress | Kind::Connect { .. }) | None => false,
        }
    }

    /// Whether there were addresses, but no connection to any of them: the attempts failed or took too long, or no address may be used.
    pub fn is_connect(&self) -> bool {
        match self.kind() {
            Some(Kind::Connect { .. } | Kind::NoUsableAddress) => true,
            Some(Kind::Timeout { .. }) => !self.attempts().is_empty(),
            Some(Kind::NoAddresses | Kind::Resolver(_)) | None => false,
        }
    }

    /// Whether a time limit decided. It may be the connector's `timeout`: the time was over, or the deciding attempt had used up its share of it. Or
    /// it may be a limit of the deciding attempt itself ([`AttemptError::is_timeout`]): its TLS handshake had no answer.
    ///
    /// If the kernel gives up a connect, that is a failed attempt, and not such a time-out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), Some(Kind::Timeout { .. })) || self.decided_by().is_some_and(Attempt::is_timeout)
    }

    /// Whether the peer of the deciding attempt did not prove to be the host that is meant ([`AttemptError::is_untrusted`]): its certificate was not
    /// accepted.
    ///
    /// The first attempt with such an error decides, whatever the other attempts failed of. An address that refused may work later:
    /// [`is_permanent`](Self::is_permanent) is true only if every attempt would fail again.
    pub fn is_untrusted(&self) -> bool {
        self.decided_by().and_then(Attempt::error).is_some_and(AttemptError::is_untrusted)
    }

    /// Whether none of the addresses may be used, and at least one of them is not allowed
    /// ([`ConfigBuilder::allow`](crate::race::ConfigBuilder::allow)). No attempt was made. [`untried`](Self::untried) lists them, and says why each
    /// of the others may not be used: its family is switched off, say.
    ///
    /// If some addresses are allowed and all attempts to them failed, this is false, and `untried` has the addresses that are not allowed.
    pub fn is_not_allowed(&self) -> bool {
        let is_refused = |untried: &Untried| untried.reason() == UntriedReason::NotAllowed;
        matches!(self.kind(), Some(Kind::NoUsableAddress)) && self.untried().iter().any(is_refused)
    }

    /// Whether the same connect would fail again, until somebody changes the URI, the configuration, the server or the name's records. A retry is
    /// useless. This is so if:
    ///
    /// - The [URI is invalid](Self::is_invalid_uri).
    /// - The connector [cannot do](Self::is_unsupported) what it is asked for.
    /// - It is known that the name has no address: the answer to every query that was made is negative
    ///   ([`QueryError::is_negative`]), and each family that may be used was [queried](Self::asked), or the name does not
    ///   exist at all (NXDOMAIN).
    /// - It is known that none of the addresses may be used: their family is switched off
    ///   or has no local address, they cannot be connected to, or they are not [allowed](Self::is_not_allowed).
    /// - Every attempt failed with a [permanent](AttemptError::is_permanent) error, a rejected certificate, say, and every
    ///   address was tried.
    ///
    /// Anything that may differ next time makes the error temporary: a look-up that failed or had not ended, an attempt that was refused or took too
    /// long, an address that the race did not reach.
    pub fn is_permanent(&self) -> bool {
        match &*self.inner {
            Inner::InvalidUri { .. } | Inner::Unsupported { .. } => true,
            Inner::Lost { kind, families, report } => {
                permanent::is_permanent(permanent::Facts::new(kind, *families, report))
            }
        }
    }

    /// Returns the host of the URI, without brackets. `None` if the URI is invalid.
    pub fn host(&self) -> Option<&str> {
        match &*self.inner {
            Inner::InvalidUri { .. } => None,
            Inner::Unsupported { host, .. } => Some(host),
            Inner::Lost { report, .. } => Some(&report.host),
        }
    }

    /// Returns every attempt that was made, in start order.
    pub fn attempts(&self) -> &[Attempt] {
        self.report().map_or(&[], |report| report.attempts.as_slice())
    }

    /// Returns the addresses that no attempt was made to, and why.
    pub fn untried(&self) -> Vec<Untried> {
        self.report().map_or_else(Vec::new, |report| report.untried())
    }

    /// Returns the queries that the resolver made. It may leave out a family that this machine has no address of: then that family's addresses are
    /// not known.
    ///
    /// Empty if nothing was looked up (the URI is invalid, the connector cannot do what it is asked for, or the host is an address), or if the
    /// resolver failed before it returned its queries.
    pub fn asked(&self) -> Queries {
        self.report().map_or(Queries::NONE, Report::asked)
    }

    /// Returns the queries that had no answer at the time limit. Empty for every other error, and if the resolver had not returned its queries.
    pub fn waiting_for(&self) -> Queries {
        match self.kind() {
            Some(Kind::Timeout { waiting_for }) => waiting_for.unwrap_or_default(),
            _ => Queries::NONE,
        }
    }

    /// Returns the errors of queries without records, whether or not another query gave addresses.
    pub fn query_errors(&self) -> &[QueryError] {
        self.report().map_or(&[], |report| &report.query_errors)
    }

    /// Returns how long it took to fail. Zero if the URI is invalid or the connector cannot do what it is asked for.
    pub fn elapsed(&self) -> Duration {
        self.report().map_or(Duration::ZERO, Report::elapsed)
    }

    /// Returns how long it took until there was an address; `None` if there was none.
    pub fn resolved_after(&self) -> Option<Duration> {
        self.report()?.resolved_after()
    }

    /// Returns a drawing of the race for a log or a terminal: a line for each attempt.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(self.report())
    }

    fn kind(&self) -> Option<&Kind> {
        match &*self.inner {
            Inner::InvalidUri { .. } | Inner::Unsupported { .. } => None,
            Inner::Lost { kind, .. } => Some(kind),
        }
    }

    fn report(&self) -> Option<&Report> {
        match &*self.inner {
            Inner::InvalidUri { .. } | Inner::Unsupported { .. } => None,
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

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.inner {
            Inner::InvalidUri { problem, .. } => write!(f, "invalid URI: {problem}"),
            Inner::Unsupported { host, port, problem } => {
                write!(f, "could not connect to {}: {problem}", Destination { host, port: *port })
            }
            Inner::Lost { kind, report, .. } => kind.fmt(report, f),
        }
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectError({})", Chain(self))
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        if let Inner::InvalidUri { source, .. } = &*self.inner {
            return source.as_deref().map(|error| error as _);
        }
        match self.kind()? {
            // This error itself says which look-up failed.
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
