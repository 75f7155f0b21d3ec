//! When may the next attempt start? One interface over the three policies.

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

/// Paces the attempts of one race. Resolution has the first word: nothing here is asked before attempts may start.
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

    /// The next step that is due, until `None`. After [`Step::Start`] the attempt counts as started.
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

    /// The step that is due while the transport of an attempt has decided the race: nothing starts, but that attempt may have used up its
    /// slice of the deadline.
    pub(super) fn poll_slice(&mut self, now: Instant) -> Option<Step> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.poll_slice(now),
        }
    }

    /// Whether some address that was handed over to the pacing has not been tried.
    pub(super) fn has_untried(&self) -> bool {
        self.untried().next().is_some()
    }

    /// The endpoints that were handed over to the pacing and have not been tried.
    pub(super) fn untried(&self) -> impl Iterator<Item = &Endpoint> {
        let tracks = match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => Some(pacing),
        };
        tracks.into_iter().flat_map(Tracks::untried)
    }

    /// When the next step falls due by itself; the deadline of the race is not counted.
    pub(super) fn poll_timeout(&self, candidates: &Candidates) -> Option<Instant> {
        match self {
            Self::Staggered(pacing) => pacing.poll_timeout(candidates),
            Self::Tracks(pacing) => pacing.poll_timeout(),
        }
    }

    /// When the first slice of an attempt in flight ends.
    pub(super) fn slice_ends(&self) -> Option<Instant> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.slice_ends(),
        }
    }

    /// An answer arrived while attempts were under way and nothing was untried.
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

    /// An attempt waits for its handshake. The policies that freeze their list have every answer before their first start: nothing
    /// waits there, and nothing is superseded.
    pub(super) fn on_wait(&mut self, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_wait(now),
            Self::Tracks(_) => {}
        }
    }

    /// No attempt waits for its handshake any more, if any did.
    pub(super) fn on_wait_over(&mut self, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_wait_over(now),
            Self::Tracks(_) => {}
        }
    }

    /// The HTTPS answer left no place for an attempt that waited for its handshake.
    pub(super) fn on_superseded(&mut self, id: AttemptId, attempts: &Attempts, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_superseded(id, attempts, now),
            Self::Tracks(_) => {}
        }
    }

    /// The attempt, whose endpoint this is, was dropped for the transport of another one. `made` is the number of attempts.
    pub(super) fn on_overtaken(&mut self, id: AttemptId, endpoint: Endpoint, candidates: &mut Candidates, made: usize) {
        let has_room = made + self.untried().count() < MAX_ATTEMPTS;
        match self {
            Self::Staggered(_) => candidates.put_first(endpoint, made),
            Self::Tracks(pacing) => pacing.on_overtaken(id, Some(endpoint).filter(|_| has_room)),
        }
    }

    /// The attempt whose transport had decided the race has ended without a connection: the next one starts at once, for this reason.
    pub(super) fn on_choice_over(&mut self, reason: StartReason, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_choice_over(reason, now),
            // A sequence without an attempt goes on by itself.
            Self::Tracks(_) => {}
        }
    }

    pub(super) fn on_failure(&mut self, id: AttemptId, sent: bool, attempts: &Attempts, now: Instant) {
        match self {
            Self::Staggered(pacing) => pacing.on_failure(id, sent, attempts, now),
            Self::Tracks(pacing) => pacing.on_failure(id),
        }
    }

    /// The attempt whose error is the error when all have failed, if no peer was untrusted.
    pub(super) fn error_when_exhausted(&self, attempts: &Attempts) -> Option<AttemptId> {
        match self {
            Self::Staggered(_) => attempts.first_failed(|_| true),
            Self::Tracks(pacing) => pacing.primary_error(attempts),
        }
    }

    /// The attempt whose error is the error when the deadline ends the race, if no peer was untrusted; `None` if that is the time-out itself.
    pub(super) fn error_when_timed_out(&self, attempts: &Attempts) -> Option<AttemptId> {
        match self {
            Self::Staggered(_) => None,
            Self::Tracks(pacing) => pacing.primary_error(attempts),
        }
    }
}
