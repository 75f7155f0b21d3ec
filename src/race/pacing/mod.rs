//! Decides when the next attempt starts. One interface over the three policies.

mod staggered;
mod step;
mod tracks;

use std::time::{Duration, Instant};

use super::attempts::Attempts;
use super::candidates::{Candidates, MAX_ATTEMPTS};
use super::config::{Config, Policy};
use super::endpoint::Endpoint;
use super::event::{AttemptId, StartReason};
pub(super) use staggered::Staggered;
pub(super) use step::Step;
use tracks::Tracks;

/// Paces the attempts of one race. It is not asked before [`Resolution`](super::resolution::Resolution) lets attempts start.
#[derive(Debug)]
pub(super) enum Pacing {
    Staggered(Staggered),
    Tracks(Tracks),
}

impl Pacing {
    pub(super) fn new(config: &Config) -> Self {
        match config.policy {
            Policy::Staggered => Self::Staggered(Staggered::new(config)),
            Policy::TwoFamilies => Self::Tracks(Tracks::two_families(config.fallback_delay)),
            Policy::Sequential => Self::Tracks(Tracks::sequential()),
        }
    }

    /// Returns the next step that is due. Call it until it returns `None`. The attempt of a [`Step::Start`] counts as started.
    pub(super) fn poll_step(
        &mut self,
        candidates: &mut Candidates,
        attempts: &Attempts,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<Step> {
        match self {
            Self::Staggered(pacing) => pacing.poll_step(candidates, attempts, deadline, now),
            Self::Tracks(pacing) => pacing.poll_step(candidates, attempts, deadline, now),
        }
    }

    /// Returns the step that is due while the transport of an attempt has decided the race. Nothing starts then, but that attempt may have used up
    /// its slice of the deadline.
    pub(super) fn poll_slice(&mut self, now: Instant) -> Option<Step> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.poll_slice(now),
        }
    }

    /// Whether the pacing has taken addresses from the candidates that were not tried yet.
    pub(super) fn has_untried(&self) -> bool {
        self.untried().next().is_some()
    }

    /// The endpoints that the pacing has taken from the candidates and that were not tried yet.
    pub(super) fn untried(&self) -> impl Iterator<Item = &Endpoint> {
        let tracks = match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => Some(pacing),
        };
        tracks.into_iter().flat_map(Tracks::untried)
    }

    /// Returns when the next step falls due by itself. The deadline of the race does not count.
    pub(super) fn poll_timeout(&self, candidates: &Candidates) -> Option<Instant> {
        match self {
            Self::Staggered(pacing) => pacing.poll_timeout(candidates),
            Self::Tracks(pacing) => pacing.poll_timeout(),
        }
    }

    /// Returns when the slice of an attempt in flight ends, the earliest if there are two.
    pub(super) fn slice_ends(&self) -> Option<Instant> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.slice_ends(),
        }
    }

    /// An answer has come while attempts were in flight and nothing was untried.
    pub(super) fn on_answer_while_starved(&mut self, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_answer_while_starved(now),
            Self::Tracks(_) => {}
        }
    }

    pub(super) fn on_progress(&mut self, remaining: Duration, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_progress(remaining, now),
            Self::Tracks(_) => {}
        }
    }

    /// An attempt waits at the gate. With a policy that freezes its list nothing waits there, and nothing is superseded: all answers come before the
    /// first start.
    pub(super) fn on_wait(&mut self, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_wait(now),
            Self::Tracks(_) => {}
        }
    }

    /// No attempt waits at the gate any more. It may be called when none did.
    pub(super) fn on_wait_over(&mut self, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_wait_over(now),
            Self::Tracks(_) => {}
        }
    }

    /// An attempt that waited at the gate was superseded: the HTTPS answer does not have its endpoint.
    pub(super) fn on_superseded(&mut self, id: AttemptId, attempts: &Attempts, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_superseded(id, attempts, now),
            Self::Tracks(_) => {}
        }
    }

    /// The attempt to `endpoint` was overtaken: the transport of another one decided the race. `made` is the number of attempts so far.
    pub(super) fn on_overtaken(&mut self, id: AttemptId, endpoint: Endpoint, candidates: &mut Candidates, made: usize) {
        let has_room = made + self.untried().count() < MAX_ATTEMPTS;
        match self {
            Self::Staggered(_) => candidates.put_first(endpoint, made),
            Self::Tracks(pacing) => pacing.on_overtaken(id, Some(endpoint).filter(|_| has_room)),
        }
    }

    /// The attempt whose transport had decided the race has ended without a connection. The next one starts at once, for this reason.
    pub(super) fn on_choice_over(&mut self, reason: StartReason, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_choice_over(reason, now),
            // A sequence whose attempt has ended starts its next one by itself.
            Self::Tracks(_) => {}
        }
    }

    pub(super) fn on_failure(&mut self, id: AttemptId, sent: bool, attempts: &Attempts, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_failure(id, sent, attempts, now),
            Self::Tracks(pacing) => pacing.on_failure(id),
        }
    }

    /// Returns the attempt whose error is the error of the race if all attempts have failed and no peer was untrusted.
    pub(super) fn error_when_exhausted(&self, attempts: &Attempts) -> Option<AttemptId> {
        match self {
            Self::Staggered(_) => attempts.first_failed(|_| true),
            Self::Tracks(pacing) => pacing.primary_error(attempts),
        }
    }

    /// Returns the attempt whose error is that of the race if the deadline ends it and no peer was untrusted. `None` if the error is the time-out.
    pub(super) fn error_when_timed_out(&self, attempts: &Attempts) -> Option<AttemptId> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.primary_error(attempts),
        }
    }
}
