//! Why there is no connection: the error of the connector.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub(crate) use self::kind::Kind;
use self::kind::about_addresses;
use super::attempt::{Attempt, Untried};
use super::attempt_error::AttemptError;
use super::box_error::BoxError;
use super::causes::{Chain, causes};
use super::query_error::QueryError;
use super::report::{Destination, Report};
use super::timeline::Timeline;
use crate::race::{Families, Queries, UntriedReason};

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
/// It says no more than is known: where the addresses of a family were not asked for, it says so, and not that there are none.
///
/// It never has more of the URI than host and port. [`source`](StdError::source) is the error that decided: that of the
/// attempt, or of the look-up. `Debug` is the line and those of the causes that say more.
///
/// | predicate | true when |
/// |---|---|
/// | [`is_invalid_uri`](Self::is_invalid_uri) | The URI says nowhere to connect to. |
/// | [`is_unsupported`](Self::is_unsupported) | The connector cannot do what it is asked for. |
/// | [`is_dns`](Self::is_dns) | There was no address when the connect ended. |
/// | [`is_connect`](Self::is_connect) | There were addresses, and no connection to any of them. |
/// | [`is_timeout`](Self::is_timeout) | A time-out decided: the connector's, or that of an attempt's handshake; besides one of the two above. |
/// | [`is_not_allowed`](Self::is_not_allowed) | Nothing was dialled: none of the addresses may be used, and the connector does not allow at least one of them; besides `is_connect`. |
/// | [`is_untrusted`](Self::is_untrusted) | A certificate was not accepted, which decided; besides `is_connect`. |
/// | [`is_permanent`](Self::is_permanent) | The same connect would fail again; besides one of the first four. |
///
/// Exactly one of the first four is true. Whatever the error, nothing of a request was sent.
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
    /// What to set where `https` is refused for want of TLS.
    pub(crate) const TLS_HINT: &str = "(add .tls(…), or enforce_http(false) under a TLS layer)";

    /// `families` are those that the connector could use.
    pub(crate) fn lost(kind: Kind, families: Families, report: Report) -> Self {
        Self { inner: Box::new(Inner::Lost { kind, families, report }) }
    }

    pub(crate) fn invalid_uri(problem: impl Into<String>, source: Option<BoxError>) -> Self {
        Self { inner: Box::new(Inner::InvalidUri { problem: problem.into(), source }) }
    }

    /// `host` is without brackets.
    pub(crate) fn unsupported(host: &str, port: u16, problem: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner::Unsupported { host: host.to_owned(), port, problem: problem.into() }) }
    }

    /// The URI says nowhere to connect to: no host, a scheme or a port that cannot be, an unknown zone.
    pub fn is_invalid_uri(&self) -> bool {
        matches!(*self.inner, Inner::InvalidUri { .. })
    }

    /// The connector cannot do what it is asked for: it speaks none of the [protocols](crate::race::ConfigBuilder::protocols) that the
    /// client speaks, or the client asks for one that cannot be offered (RFC 7301 §3.1); or it does no TLS, and an `https` request would go out in
    /// clear text. Nothing was looked up.
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.inner, Inner::Unsupported { .. })
    }

    /// The name gave no address: it has none, the look-up failed, or it was not over when time was up.
    ///
    /// If it is known that there is none, [`is_permanent`](Self::is_permanent) is true as well.
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

    /// A time limit decided. The connector's `timeout`: time was up, or the attempt whose error counts had used up its share of that. Or a limit
    /// of the attempt whose error counts ([`AttemptError::is_timeout`]): its TLS handshake had no answer.
    ///
    /// A connect that the kernel gave up by itself is a failed attempt, and not meant here.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), Some(Kind::Timeout { .. })) || self.decided_by().is_some_and(Attempt::is_timeout)
    }

    /// The peer of the attempt that decided did not prove that it is the host that is meant ([`AttemptError::is_untrusted`]):
    /// its certificate was not accepted.
    ///
    /// The first attempt of which that is true decides, whatever the other attempts failed of. An address that refused may work
    /// later: [`is_permanent`](Self::is_permanent) is true only if every attempt would fail again.
    pub fn is_untrusted(&self) -> bool {
        self.decided_by().and_then(Attempt::error).is_some_and(AttemptError::is_untrusted)
    }

    /// The name or the URI has addresses, none of which may be used, and at least one of them is not allowed ([`ConfigBuilder::allow`](crate::race::ConfigBuilder::allow)): no
    /// attempt was made. [`untried`](Self::untried) says which they are, and why each of the others may not be used: its family is switched off, say.
    ///
    /// Where some addresses are allowed and no attempt to them succeeded, that is an error like any other, whose `untried` has the others.
    pub fn is_not_allowed(&self) -> bool {
        let is_refused = |untried: &Untried| untried.reason() == UntriedReason::NotAllowed;
        matches!(self.kind(), Some(Kind::NoUsableAddress)) && self.untried().iter().any(is_refused)
    }

    /// The same connect would fail again, until somebody changes the URI, the configuration, the server or the name's
    /// records. It is not worth a second try:
    ///
    /// - The [URI is invalid](Self::is_invalid_uri).
    /// - The connector [cannot do](Self::is_unsupported) what it is asked for.
    /// - The name has no address, and that is known: the answer to every query that was asked is that there is none
    ///   ([`QueryError::is_negative`]), and each family that may be used was [`asked`](Self::asked) for, or the name does not
    ///   exist at all (NXDOMAIN).
    /// - The name or the URI has addresses, but none that may be used, and that is known as well: their family is switched off
    ///   or has no local address, they are no addresses to connect to, or they are not [allowed](Self::is_not_allowed).
    /// - Every attempt failed with an error that is [permanent](AttemptError::is_permanent), a certificate that is not
    ///   accepted, say; and every address was tried.
    ///
    /// One thing that may be different next time makes the error one that may pass: a look-up that failed or was not over, an
    /// attempt that was refused or took too long, an address that the race did not come to.
    pub fn is_permanent(&self) -> bool {
        match &*self.inner {
            Inner::InvalidUri { .. } | Inner::Unsupported { .. } => true,
            Inner::Lost { kind, families, report } => {
                permanent::is_permanent(permanent::Facts::new(kind, *families, report))
            }
        }
    }

    /// The host of the URI, without brackets. `None` if the URI is invalid.
    pub fn host(&self) -> Option<&str> {
        match &*self.inner {
            Inner::InvalidUri { .. } => None,
            Inner::Unsupported { host, .. } => Some(host),
            Inner::Lost { report, .. } => Some(&report.host),
        }
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
    /// Empty where nothing was looked up (an invalid URI, a connector that cannot do what it is asked for, a host that is an
    /// address), and if the resolver failed before it said what it asks for.
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

    /// How long it took to fail. Zero for an invalid URI, and where the connector cannot do what it is asked for.
    pub fn elapsed(&self) -> Duration {
        self.report().map_or(Duration::ZERO, Report::elapsed)
    }

    /// How long it took until there was an address; `None` if there was none.
    pub fn resolved_after(&self) -> Option<Duration> {
        self.report()?.resolved_after()
    }

    /// A drawing of the race, for a log or a terminal: a line for each attempt.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(self.report())
    }

    /// This error among `error` and its causes, which is where a client keeps the error of its connector. One that is
    /// wrapped in an [`io::Error`](std::io::Error) is found too.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|error| error.downcast_ref())
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
