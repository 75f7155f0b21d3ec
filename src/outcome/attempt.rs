//! What a caller learns about one attempt, and about the addresses that never had one.

use std::fmt;
use std::time::{Duration, Instant};

use super::attempt_error::AttemptError;
use super::handshake::Handshake;
use super::placing::{Demotion, LearnedDelay, Placing};
use super::time::Time;
use crate::race::{AttemptDelay, AttemptId, DropReason, Endpoint, StartReason, UntriedReason};

/// One connection attempt of a race, from its start to its end.
pub struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) endpoint: Endpoint,
    pub(crate) reason: StartReason,
    pub(crate) placing: Placing,
    pub(crate) race_began: Instant,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: AttemptOutcome,
    /// `None` of an attempt that said nothing.
    pub(crate) phases: Option<Box<Phases>>,
}

/// What an attempt said of itself before it was over.
#[derive(Debug, Clone)]
pub(crate) struct Phases {
    /// When its transport stood.
    pub(crate) transport: Instant,
    /// When it asked whether it might begin its handshake.
    pub(crate) asked: Option<Instant>,
    /// When it was told that it might.
    pub(crate) admitted: Option<Instant>,
    pub(crate) handshake: Option<Handshake>,
}

impl Phases {
    /// Its transport stands.
    pub(crate) fn new(transport: Instant) -> Self {
        Self { transport, asked: None, admitted: None, handshake: None }
    }

    /// For how long it waited for admission to its handshake.
    pub(crate) fn waited(&self) -> Duration {
        match (self.asked, self.admitted) {
            (Some(asked), Some(admitted)) => admitted - asked,
            _ => Duration::ZERO,
        }
    }
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

    /// How long it might be silent, and what that was derived from: with [`Policy::Staggered`](crate::Policy::Staggered) the next attempt started
    /// then, unless this one had failed or its transport stood.
    pub fn delay(&self) -> AttemptDelay {
        self.placing.delay()
    }

    /// Why it stood behind others, if it did: its destination was believed to be dead as it started.
    pub fn demoted(&self) -> Option<Demotion> {
        self.placing.demotion(self.started)
    }

    /// How long after the beginning of the race it was started. The race begins with the look-up of the name.
    pub fn offset(&self) -> Duration {
        self.started - self.race_began
    }

    /// How long it lasted.
    pub fn duration(&self) -> Duration {
        self.ended - self.started
    }

    /// How long it took until its transport stood, with the rest still to come: a TLS handshake, say. `None` if it did not get so far, or did not say.
    pub fn transport_after(&self) -> Option<Duration> {
        self.phases.as_ref().map(|phases| phases.transport - self.started)
    }

    /// What was negotiated in its handshake. `None` if there was none, or it did not say.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.phases.as_ref()?.handshake.as_ref()
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

    /// Whether a time limit ended it: the connector's, or its own.
    pub(crate) fn is_timeout(&self) -> bool {
        match &self.outcome {
            AttemptOutcome::Dropped(reason) => {
                matches!(reason, DropReason::SliceElapsed | DropReason::DeadlineElapsed)
            }
            AttemptOutcome::Failed(error) => error.is_timeout(),
            AttemptOutcome::Connected => false,
        }
    }

    /// Whether it made room for another attempt to the same endpoint, if one was made: what came of it says nothing.
    pub(crate) fn was_put_off(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Dropped(DropReason::Overtaken | DropReason::Superseded))
    }
}

/// `[2001:db8::1]:443 timed out after 2.1 s`: one attempt in a line. Where it said how far it came, that follows:
/// `[2001:db8::1]:443 connected after 14 ms (transport 5 ms, TLS 1.3 9 ms)`.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.endpoint, self.outcome)?;
        match &self.outcome {
            AttemptOutcome::Connected | AttemptOutcome::Dropped(_) => write!(f, " after {}", Time(self.duration()))?,
            AttemptOutcome::Failed(_) => return Ok(()),
        }
        let Some(phases) = &self.phases else { return Ok(()) };
        let (transport, rest) = (Time(phases.transport - self.started), Time(self.ended - phases.transport));
        match &phases.handshake {
            Some(handshake) => write!(f, " (transport {transport}, {handshake} {rest})"),
            None => write!(f, " (transport {transport}, handshake {rest})"),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("endpoint", &self.endpoint)
            .field("reason", &self.reason)
            .field("offset", &self.offset())
            .field("delay", &format_args!("{}", LearnedDelay(self.delay())))
            .field("demoted", &self.demoted())
            .field("duration", &self.duration())
            .field("transport_after", &self.transport_after())
            .field("handshake", &self.handshake())
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
    pub(crate) demoted: Option<Demotion>,
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

    /// Why it stood behind others, if it did: it was believed to be dead when the race was over. Of a race that its first attempt won, that is known only of
    /// addresses that would have gone before it.
    pub fn demoted(&self) -> Option<Demotion> {
        self.demoted
    }
}

impl fmt::Display for Untried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.endpoint, self.reason)?;
        self.demoted.map_or(Ok(()), |demotion| write!(f, " ({demotion})"))
    }
}
