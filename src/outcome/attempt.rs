//! The record of one attempt, and of an endpoint that had no attempt.

use std::fmt;
use std::time::{Duration, Instant};

use super::attempt_error::AttemptError;
use super::handshake::Handshake;
use super::placing::{Demotion, LearnedDelay, Placing};
use super::time::Time;
use crate::race::{AttemptDelay, AttemptId, DropReason, Endpoint, StartReason, UntriedReason};

/// One connection attempt of a race, from its start to its end.
#[derive(Clone)]
pub struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) endpoint: Endpoint,
    pub(crate) reason: StartReason,
    pub(crate) placing: Placing,
    pub(crate) race_began: Instant,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) outcome: AttemptOutcome,
    /// `None` if the attempt reported nothing before its end.
    pub(crate) phases: Option<Box<Phases>>,
}

/// What an attempt reported before its end.
#[derive(Debug, Clone)]
pub(crate) struct Phases {
    /// When its transport was connected.
    pub(crate) transport: Instant,
    /// When it asked whether it may begin its handshake.
    pub(crate) asked: Option<Instant>,
    /// When the race allowed that.
    pub(crate) admitted: Option<Instant>,
    pub(crate) handshake: Option<Handshake>,
}

impl Phases {
    /// The phases of an attempt whose transport was connected at `transport`.
    pub(crate) fn new(transport: Instant) -> Self {
        Self { transport, asked: None, admitted: None, handshake: None }
    }

    /// How long the attempt waited for admission to its handshake.
    pub(crate) fn waited(&self) -> Duration {
        match (self.asked, self.admitted) {
            (Some(asked), Some(admitted)) => admitted - asked,
            _ => Duration::ZERO,
        }
    }
}

impl Attempt {
    /// The endpoint that the attempt was made to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Why the attempt was started at this time: it was the first, the delay had elapsed, or another attempt had failed, say.
    pub fn reason(&self) -> StartReason {
        self.reason
    }

    /// The attempt delay: how long after this attempt the next one was to start, and what that was derived from. With
    /// [`Policy::Staggered`](crate::Policy::Staggered) a failure lets the next attempt start sooner, and progress of this attempt later.
    pub fn delay(&self) -> AttemptDelay {
        self.placing.delay()
    }

    /// Why the attempt was put behind others, if it was: its destination was believed to be dead when the attempt started.
    pub fn demoted(&self) -> Option<Demotion> {
        self.placing.demotion(self.started)
    }

    /// How long after the beginning of the race the attempt was started. The race begins with the look-up of the name.
    pub fn offset(&self) -> Duration {
        self.started - self.race_began
    }

    /// How long the attempt lasted.
    pub fn duration(&self) -> Duration {
        self.ended - self.started
    }

    /// How long it took until the transport was connected, with the handshake still to come. `None` if the attempt did not get so far, or its service
    /// did not report it.
    pub fn transport_after(&self) -> Option<Duration> {
        self.phases.as_ref().map(|phases| phases.transport - self.started)
    }

    /// What was negotiated in the handshake. `None` if there was no handshake, or the attempt service did not report it.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.phases.as_ref()?.handshake.as_ref()
    }

    /// How the attempt ended.
    pub fn outcome(&self) -> &AttemptOutcome {
        &self.outcome
    }

    /// The error, if the attempt failed by itself and was not dropped.
    pub fn error(&self) -> Option<&AttemptError> {
        match &self.outcome {
            AttemptOutcome::Failed(error) => Some(error),
            AttemptOutcome::Connected | AttemptOutcome::Dropped(_) => None,
        }
    }

    /// Whether a time limit ended the attempt: that of the connector, or its own.
    pub(crate) fn is_timeout(&self) -> bool {
        match &self.outcome {
            AttemptOutcome::Dropped(reason) => {
                matches!(reason, DropReason::SliceElapsed | DropReason::DeadlineElapsed)
            }
            AttemptOutcome::Failed(error) => error.is_timeout(),
            AttemptOutcome::Connected => false,
        }
    }

    /// Whether the attempt was dropped so that its endpoint could be tried again later. Such an outcome says nothing about the endpoint.
    pub(crate) fn was_put_off(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Dropped(DropReason::Overtaken | DropReason::Superseded))
    }
}

/// Writes the attempt in one line: `[2001:db8::1]:443 timed out after 2.1 s`. If the attempt reported its transport, the times of transport and
/// handshake follow: `[2001:db8::1]:443 connected after 14 ms (transport 5 ms, TLS 1.3 9 ms)`.
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

/// How an attempt ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The attempt won the race.
    Connected,
    /// The attempt failed by itself.
    Failed(AttemptError),
    /// The race dropped the attempt.
    Dropped(DropReason),
}

/// Writes the outcome in a few words: `connected`, `connection refused`, `timed out`.
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

    /// Why the endpoint was put behind others, if it was: its address was believed to be dead when the race was over. If the first attempt won the
    /// race, this is known only of addresses that would have been tried before it.
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
