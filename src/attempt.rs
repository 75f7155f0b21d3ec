//! What a caller learns about one attempt, and about the addresses that never had one.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::iter;
use std::time::{Duration, Instant};

use crate::error::BoxError;
use crate::race::{AttemptId, DropReason, Endpoint, StartReason, UntriedReason};

/// One connection attempt of a race, from its start to its end.
pub struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) endpoint: Endpoint,
    pub(crate) reason: StartReason,
    pub(crate) race_began: Instant,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: AttemptOutcome,
}

impl Attempt {
    /// Where it went.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why it was started when it was.
    pub fn reason(&self) -> StartReason {
        self.reason
    }

    /// How long after the beginning of the race it was started. The race begins with the look-up of the name.
    pub fn offset(&self) -> Duration {
        self.started - self.race_began
    }

    /// How long it lasted.
    pub fn duration(&self) -> Duration {
        self.ended - self.started
    }

    /// What came of it.
    pub fn outcome(&self) -> &AttemptOutcome {
        &self.outcome
    }

    /// The error, if it failed by itself.
    pub fn error(&self) -> Option<&AttemptError> {
        match &self.outcome {
            AttemptOutcome::Failed(error) => Some(error),
            AttemptOutcome::Connected | AttemptOutcome::Dropped(_) => None,
        }
    }

    pub(crate) fn timed_out(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Dropped(DropReason::SliceElapsed | DropReason::DeadlineElapsed))
    }
}

/// `[2001:db8::1]:443 timed out after 2.1 s`: one attempt in a line.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.endpoint, self.outcome)?;
        match &self.outcome {
            AttemptOutcome::Connected | AttemptOutcome::Dropped(_) => write!(f, " after {}", Time(self.duration())),
            AttemptOutcome::Failed(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("endpoint", &self.endpoint)
            .field("reason", &self.reason)
            .field("offset", &self.offset())
            .field("duration", &self.duration())
            .field("outcome", &self.outcome)
            .finish()
    }
}

/// What came of an attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It won the race.
    Connected,
    /// It failed by itself.
    Failed(AttemptError),
    /// It was abandoned.
    Dropped(DropReason),
}

/// `connected`, `connection refused`, `timed out`: in a few words.
impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Failed(error) => error.fmt_cause(f),
            Self::Dropped(reason) => fmt::Display::fmt(reason, f),
        }
    }
}

/// An endpoint that no attempt was made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untried {
    pub(crate) endpoint: Endpoint,
    pub(crate) reason: UntriedReason,
}

impl Untried {
    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why it was not tried.
    pub fn reason(&self) -> UntriedReason {
        self.reason
    }
}

impl fmt::Display for Untried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.endpoint, self.reason)
    }
}

/// Why one attempt failed.
///
/// An attempt service may fail with any error; with this one it can also say that nothing was sent, which spares the
/// next attempt the wait of 10 ms that RFC 8305 §5 demands between starts.
pub struct AttemptError {
    /// In a box, to keep the record of an attempt that succeeds small.
    inner: Box<Inner>,
}

struct Inner {
    step: Option<&'static str>,
    sent: bool,
    source: BoxError,
}

impl AttemptError {
    /// An attempt that failed while it connected. It counts as one that sent something.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { inner: Box::new(Inner { step: None, sent: true, source: source.into() }) }
    }

    /// Says which step failed, in the form "could not open a socket".
    #[must_use]
    pub fn at_step(mut self, step: &'static str) -> Self {
        self.inner.step = Some(step);
        self
    }

    /// Says that nothing was sent.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.inner.sent = false;
        self
    }

    /// Whether something may have been sent.
    pub fn was_sent(&self) -> bool {
        self.inner.sent
    }

    /// Takes any error for an attempt's: itself if it is one. If one is among its causes, that one says whether anything was
    /// sent; otherwise something may have been.
    pub fn from_any(error: impl Into<BoxError>) -> Self {
        let error = match error.into().downcast::<Self>() {
            Ok(own) => return *own,
            Err(other) => other,
        };
        let own = causes(&*error).find_map(|cause| cause.downcast_ref::<Self>());
        match own.map(Self::was_sent) {
            Some(sent) => Self { inner: Box::new(Inner { step: None, sent, source: error }) },
            None => Self::new(error),
        }
    }

    /// Whether it contradicts what is believed of routes and local addresses: there is no route or no such local address, the network or
    /// the host is not reached, or the system has given the connect up. A peer that refuses was reached, and contradicts nothing.
    pub(crate) fn contradicts_routes(&self) -> bool {
        let mut kinds = causes(&*self.inner.source).filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
        kinds.any(|kind| match kind {
            io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut => true,
            // What connect(2) says of routes that lead nowhere on purpose: `blackhole` and `prohibit`.
            io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied => !self.was_sent(),
            _ => false,
        })
    }

    /// The cause in a few words, for a line that names several.
    pub(crate) fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = self.inner.step {
            write!(f, "{step}: ")?;
        }
        // The kind is shorter than the system's own words; an error that has no kind of its own keeps those.
        let io = self.inner.source.downcast_ref::<io::Error>().filter(|error| error.get_ref().is_none());
        match io.map(|error| error.kind().to_string()) {
            Some(kind) if kind != "uncategorized error" => f.write_str(&kind),
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
        let Inner { step, sent, source } = &*self.inner;
        f.debug_struct("AttemptError").field("step", step).field("sent", sent).field("source", source).finish()
    }
}

impl StdError for AttemptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.inner.source)
    }
}

/// An error and what is behind it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| {
        // An I/O error leaves what it wraps out of its causes.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|error| error as _).or_else(|| error.source())
    })
}

/// A time with as many digits as a reader wants: `2.1 s`, `800 ms`, `0.4 ms`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        if milliseconds >= 999.5 {
            let tenths = (milliseconds / 100.0).round() / 10.0;
            write!(f, "{tenths} s")
        } else if milliseconds >= 9.95 {
            write!(f, "{milliseconds:.0} ms")
        } else {
            let tenths = (milliseconds * 10.0).round() / 10.0;
            write!(f, "{tenths} ms")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_error::QueryError;
    use crate::race::Query;

    #[test]
    fn a_time_has_as_many_digits_as_a_reader_wants() {
        let text = |microseconds| Time(Duration::from_micros(microseconds)).to_string();
        assert_eq!(text(2_140_000), "2.1 s");
        assert_eq!(text(5_000_000), "5 s");
        assert_eq!(text(999_800), "1 s");
        assert_eq!(text(800_200), "800 ms");
        assert_eq!(text(9_960), "10 ms");
        assert_eq!(text(420), "0.4 ms");
        assert_eq!(text(0), "0 ms");
    }

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
