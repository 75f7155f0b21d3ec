//! Why one attempt failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::box_error::BoxError;
use super::causes::causes;

/// Why one attempt failed.
///
/// An attempt service may fail with any error. With this type it can also say four things:
///
/// | builder | says | what it changes | default |
/// |---|---|---|---|
/// | [`unsent`](Self::unsent) | Nothing was sent. | The next attempt does not wait for the 10 ms that RFC 8305 §5 demands between starts. | something may have been sent |
/// | [`permanent`](Self::permanent) | The same attempt would fail again. | [`ConnectError::is_permanent`](super::ConnectError::is_permanent), if every attempt of the race says so. | it may succeed later |
/// | [`untrusted`](Self::untrusted) | The peer did not prove that it is the host that is meant. | If the race is lost, this error comes before those of connections that failed, and [`ConnectError::is_untrusted`](super::ConnectError::is_untrusted) is true. It is permanent. | no question of trust |
/// | [`timed_out`](Self::timed_out) | A time limit of the attempt itself was reached. | [`ConnectError::is_timeout`](super::ConnectError::is_timeout), if the attempt decides. | no limit of its own |
///
/// A clone shares the error behind it.
#[derive(Clone)]
pub struct AttemptError {
    /// In a box, so that the record of an attempt that succeeds is small.
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    step: Option<&'static str>,
    said: Said,
    source: Arc<dyn StdError + Send + Sync>,
}

/// What the attempt service says about its failure.
#[derive(Clone, Copy)]
struct Said {
    sent: bool,
    permanent: bool,
    untrusted: bool,
    timed_out: bool,
}

impl Said {
    const NOTHING: Self = Self { sent: true, permanent: false, untrusted: false, timed_out: false };
}

impl AttemptError {
    /// The error of an attempt that may have sent something, and may succeed later.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { inner: Box::new(Inner { step: None, said: Said::NOTHING, source: source.into().into() }) }
    }

    /// Sets which step failed, in the form "could not open a socket".
    #[must_use]
    pub fn at_step(mut self, step: &'static str) -> Self {
        self.inner.step = Some(step);
        self
    }

    /// Says that nothing was sent.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.inner.said.sent = false;
        self
    }

    /// Says that the same attempt would fail again, until somebody changes the server or the configuration. An example is a proxy that refuses the
    /// credentials. The race still goes on, since another address may be another server.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.inner.said.permanent = true;
        self
    }

    /// Says that the peer did not prove to be the host that is meant: its certificate was not accepted. Something was sent then, and the error is
    /// [permanent](Self::permanent). The race still goes on: the certificate of another address is verified for the same name.
    #[must_use]
    pub fn untrusted(mut self) -> Self {
        self.inner.said.untrusted = true;
        self
    }

    /// Says that a time limit of the attempt itself was reached, such as that of a handshake. It is not meant for a connect that the system has
    /// given up.
    #[must_use]
    pub fn timed_out(mut self) -> Self {
        self.inner.said.timed_out = true;
        self
    }

    /// Whether something may have been sent.
    pub fn was_sent(&self) -> bool {
        self.inner.said.sent || self.inner.said.untrusted
    }

    /// Whether the same attempt would fail again: [`permanent`](Self::permanent) or [`untrusted`](Self::untrusted) was called. No error of this
    /// crate's [`TcpConnector`](crate::tcp::TcpConnector) is permanent: the server of a port that refuses may be started later.
    pub fn is_permanent(&self) -> bool {
        self.inner.said.permanent || self.inner.said.untrusted
    }

    /// Whether the peer did not prove to be the host that is meant: [`untrusted`](Self::untrusted) was called.
    pub fn is_untrusted(&self) -> bool {
        self.inner.said.untrusted
    }

    /// Whether a time limit of the attempt itself was reached: [`timed_out`](Self::timed_out) was called.
    pub fn is_timeout(&self) -> bool {
        self.inner.said.timed_out
    }

    /// Makes an `AttemptError` of any error. An `AttemptError` stays as it is. If there is one among the causes of the error, or wrapped in an
    /// [`io::Error`], its four properties are taken over. Otherwise they have their defaults.
    pub fn from_any(error: impl Into<BoxError>) -> Self {
        let error = match error.into().downcast::<Self>() {
            Ok(own) => return *own,
            Err(other) => other,
        };
        let own = causes(&*error).find_map(|cause| cause.downcast_ref::<Self>());
        let said = own.map_or(Said::NOTHING, |own| own.inner.said);
        Self { inner: Box::new(Inner { step: None, said, source: error.into() }) }
    }

    /// Whether the error contradicts what is believed of routes and local addresses: there is no route, or no such local address; the network or the
    /// host was not reached; or the system has given up the connect. A refusal comes from the peer, and contradicts nothing.
    pub(crate) fn contradicts_routes(&self) -> bool {
        let mut kinds = causes(&*self.inner.source).filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
        kinds.any(|kind| match kind {
            io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut => true,
            // The errors of connect(2) for `blackhole` and `prohibit` routes.
            io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied => !self.was_sent(),
            _ => false,
        })
    }

    /// Writes the cause in a few words, for a line with several attempts.
    pub(crate) fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.inner.step {
            write!(f, "{step}: ")?;
        }
        let io = self.inner.source.downcast_ref::<io::Error>().filter(|error| error.get_ref().is_none());
        match io.map(io::Error::kind) {
            Some(kind) if is_word_of_the_network(kind) => write!(f, "{kind}"),
            _ => write!(f, "{}", self.inner.source),
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.step.unwrap_or("could not connect"))
    }
}

impl fmt::Debug for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { step, said: Said { sent: _, permanent: _, untrusted, timed_out }, source } = &*self.inner;
        f.debug_struct("AttemptError")
            .field("step", step)
            .field("sent", &self.was_sent())
            .field("permanent", &self.is_permanent())
            .field("untrusted", untrusted)
            .field("timed_out", timed_out)
            .field("source", source)
            .finish()
    }
}

impl StdError for AttemptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.inner.source)
    }
}

/// Whether the kind of an error says everything: it is an answer of the network or of the peer. The kind of any other error may be misleading
/// ("invalid input parameter" for a `blackhole` route), so that the text of the system is used.
fn is_word_of_the_network(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::super::query_error::QueryError;
    use super::*;
    use crate::race::Query;

    #[test]
    fn an_error_of_any_type_counts_as_sent_unless_it_says_otherwise() {
        assert!(AttemptError::from_any("a custom failure").was_sent());
        assert!(!AttemptError::from_any(AttemptError::new("no socket").unsent()).was_sent());
        let wrapped = QueryError::new(Query::A, AttemptError::new("no socket").unsent());
        assert!(!AttemptError::from_any(wrapped).was_sent());
        let wrapped = io::Error::other(AttemptError::new("no socket").unsent());
        assert!(!AttemptError::from_any(wrapped).was_sent());
    }

    #[test]
    fn an_error_of_any_type_may_pass_unless_it_says_otherwise() {
        assert!(!AttemptError::from_any("a custom failure").is_permanent());
        let permanent = || AttemptError::new("the proxy does not know us").permanent();
        assert!(permanent().was_sent() && AttemptError::from_any(permanent()).is_permanent());
        let wrapped = AttemptError::from_any(io::Error::other(permanent().unsent()));
        assert!(wrapped.is_permanent() && !wrapped.was_sent());
        assert!(AttemptError::from_any(QueryError::new(Query::A, permanent())).is_permanent());
    }

    #[test]
    fn an_untrusted_peer_was_sent_something_and_stays_untrusted() {
        let untrusted = || AttemptError::new("the certificate is not accepted").untrusted();
        for error in [untrusted(), untrusted().unsent(), AttemptError::new("expired").unsent().untrusted()] {
            assert!(error.is_untrusted() && error.is_permanent() && error.was_sent(), "{error:?}");
            let wrapped = AttemptError::from_any(io::Error::other(error));
            assert!(wrapped.is_untrusted() && wrapped.is_permanent() && wrapped.was_sent(), "{wrapped:?}");
        }
        assert!(!AttemptError::from_any("a custom failure").is_untrusted());
        assert!(!AttemptError::new("the proxy does not know us").permanent().is_untrusted());
    }

    #[test]
    fn a_time_limit_that_was_reached_is_told_by_the_error_that_wraps_it() {
        let late = || AttemptError::new("no answer").timed_out();
        assert!(late().is_timeout() && AttemptError::from_any(late()).is_timeout());
        assert!(AttemptError::from_any(io::Error::other(late())).is_timeout());
        assert!(!late().is_permanent() && late().was_sent());
        assert!(!AttemptError::new(io::Error::from(io::ErrorKind::TimedOut)).is_timeout());
    }

    #[test]
    fn an_error_of_a_route_contradicts_what_is_believed_of_routes_and_a_refusal_does_not() {
        let error = |kind| AttemptError::new(io::Error::from(kind));
        for kind in [
            io::ErrorKind::AddrNotAvailable,
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::TimedOut,
        ] {
            assert!(error(kind).contradicts_routes() && error(kind).unsent().contradicts_routes(), "{kind}");
        }
        assert!(error(io::ErrorKind::InvalidInput).unsent().contradicts_routes());
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::ConnectionReset, io::ErrorKind::InvalidInput] {
            assert!(!error(kind).contradicts_routes(), "{kind}");
        }
        let wrapped = AttemptError::from_any(io::Error::other(error(io::ErrorKind::NetworkUnreachable).unsent()));
        assert!(wrapped.contradicts_routes());
    }

    #[test]
    fn a_clone_has_the_same_cause_and_says_what_is_added_to_it_alone() {
        let error = AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused)).at_step("could not bind");
        let clone = error.clone().permanent();
        assert!(clone.is_permanent() && !error.is_permanent());
        assert_eq!(clone.to_string(), "could not bind");
        let causes = [&error, &clone].map(|error| error.source().unwrap().downcast_ref::<io::Error>().unwrap());
        assert!(std::ptr::eq(causes[0], causes[1]));
        assert_eq!(causes[0].kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_cause_is_short_where_the_system_has_a_word_for_it() {
        struct Cause(AttemptError);
        impl fmt::Display for Cause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_cause(f)
            }
        }
        let refused = AttemptError::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(Cause(refused).to_string(), "connection refused");
        let custom = AttemptError::new(io::Error::other("handshake failed"));
        assert_eq!(Cause(custom).to_string(), "handshake failed");
        let step = AttemptError::new(io::Error::from(io::ErrorKind::AddrNotAvailable)).at_step("could not bind");
        assert_eq!(Cause(step).to_string(), "could not bind: address not available");
    }
}
