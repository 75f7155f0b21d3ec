//! The race of connection attempts as a state machine that does no I/O.
//!
//! [`Race`] decides when to start which attempt, without reading a clock or using a socket. Inputs say what happened and when
//! ([`Race::handle_answer`], [`Race::handle_outcome`]). Outputs say what to do ([`Race::poll_action`]) and when to poll again
//! ([`Race::poll_timeout`]). The same inputs give the same outputs on every run. The connector of this crate drives a race over TCP. Another stack,
//! such as QUIC, can drive one too.
//!
//! # How to drive it
//!
//! 1. When something has happened, read the clock once and report it: outcomes of attempts first, then answers.
//! 2. Call [`Race::poll_action`], and carry out each action, until it returns `None`.
//! 3. Sleep until [`Race::poll_timeout`], or until something happens. Then begin again. After a sleep, read the clock again.
//!
//! If the handshake of an attempt may depend on a service record, report [`Outcome::AtGate`] before it begins. The attempt goes on with
//! [`Action::Proceed`], which names the record.
//!
//! So at one instant outcomes count before answers, answers before timers, and timers before the deadline: a connection that is made exactly at the
//! deadline is a success.
//!
//! # Example
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use hyper_happy_eyeballs::race::{Action, Answer, Conclusion, Config, Outcome, Queries, Race};
//!
//! let t0 = Instant::now();
//! let mut race = Race::new(Config::default(), Queries::LIST, None);
//! let v6: std::net::SocketAddr = "[2001:db8::1]:443".parse()?;
//! let v4: std::net::SocketAddr = "192.0.2.1:443".parse()?;
//! race.handle_answer(Answer::list([v6, v4]), t0);
//!
//! let Some(Action::Start { id: first, endpoint, .. }) = race.poll_action(t0) else { panic!() };
//! assert_eq!(endpoint.address(), v6);
//! assert_eq!(race.poll_action(t0), None);
//!
//! // Nothing happens for 250 ms: the other address gets its chance, and the first attempt keeps running.
//! let t1 = t0 + Duration::from_millis(250);
//! assert_eq!(race.poll_timeout(), Some(t1));
//! let Some(Action::Start { id: second, .. }) = race.poll_action(t1) else { panic!() };
//!
//! race.handle_outcome(second, Outcome::Connected, t1);
//! assert!(matches!(race.poll_action(t1), Some(Action::Drop { id, .. }) if id == first));
//! assert_eq!(race.poll_action(t1), Some(Action::Finish(Conclusion::Connected(second))));
//! # Ok::<_, std::net::AddrParseError>(())
//! ```

mod answer;
mod attempts;
mod candidates;
mod choice;
mod config;
mod config_error;
mod endpoint;
mod event;
mod families;
mod gate;
mod memory;
mod opening;
mod pacing;
mod protocols;
mod resolution;
mod selection;
mod sorting;
mod untried;

use std::net::SocketAddr;
use std::time::Instant;

pub use answer::Answer;
use attempts::Attempts;
use candidates::Candidates;
use choice::Choice;
pub use config::{Config, ConfigBuilder, Order, Policy, public_addresses_only};
pub use config_error::ConfigError;
pub(crate) use endpoint::Port;
pub use endpoint::{Endpoint, Family, ServiceRecord};
pub use event::{Action, AttemptId, Conclusion, DropReason, Outcome, Queries, Query, StartReason};
pub use families::Families;
use gate::Gate;
pub use gate::Patience;
pub use memory::{
    Advice, AttemptDelay, Dead, DeadBy, DelayBasis, End, Ending, Memory, Observation, Partition, Place, Tried,
    Viewpoint,
};
pub(crate) use opening::Opening;
use pacing::{Pacing, Step};
use resolution::Resolution;
pub use selection::{PolicyEntry, PolicyTable, Source};
pub(crate) use sorting::Demotions;
pub use untried::UntriedReason;
#[cfg(feature = "connect")]
pub(crate) use {memory::Destination, protocols::Protocols};

/// One race: from the first answer to the first connection.
#[derive(Debug)]
pub struct Race {
    config: Config,
    deadline: Option<Instant>,
    /// No query is for a family that may be used.
    asked_in_vain: bool,
    resolution: Resolution,
    candidates: Candidates,
    attempts: Attempts,
    gate: Gate,
    choice: Choice,
    pacing: Pacing,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Running,
    /// Attempts before `next` are no longer in flight; the others are being dropped.
    Ending {
        next: AttemptId,
        reason: DropReason,
        conclusion: Conclusion,
    },
    Ended,
}

impl Race {
    /// Makes a race that waits for answers to `queries`, and ends at `deadline` at the latest.
    pub fn new(config: Config, queries: Queries, deadline: Option<Instant>) -> Self {
        let resolution = Resolution::new(queries, &config);
        Self {
            asked_in_vain: resolution.outstanding().is_empty() && !queries.is_empty(),
            pacing: Pacing::new(&config),
            gate: Gate::new(queries, config.handshake_patience),
            config,
            deadline,
            resolution,
            candidates: Candidates::default(),
            attempts: Attempts::default(),
            choice: Choice::default(),
            stage: Stage::Running,
        }
    }

    /// The resolver has answered.
    ///
    /// The race ignores this once it is over. With a policy that freezes its list, it also ignores this once attempts have begun.
    pub fn handle_answer(&mut self, answer: Answer, now: Instant) {
        let frozen = self.config.policy.freezes_the_list() && self.attempts.newest().is_some();
        if frozen || !matches!(self.stage, Stage::Running) {
            return;
        }
        if self.attempts.newest().is_some() && !self.candidates.has_untried() {
            self.pacing.on_answer_while_starved(now);
        }
        self.resolution.on_answer(answer.query, answer.is_final);
        self.gate.on_answer(answer.query);
        let (tried, made) = (self.attempts.addresses(), self.attempts.made());
        self.candidates.on_answer(answer.query, answer.records, &self.config, tried, made);
        for (family, query) in Query::OF_FAMILIES {
            if self.candidates.has_hint(family, &self.config) {
                self.resolution.on_hint(query);
            }
        }
        if self.candidates.has_untried() {
            self.resolution.on_address(now);
            self.gate.on_address(now);
        }
    }

    /// Sets the address that the system would connect from to `destination`. The port does not matter.
    ///
    /// Separate answers are sorted by it (RFC 6724 §6), from the next answer on: so set the sources of an answer's
    /// [`destinations`](Answer::destinations) before the answer. A destination without a source counts as if its source had the same scope and label.
    pub fn handle_source(&mut self, destination: SocketAddr, source: Source) {
        self.candidates.on_source(destination, source);
    }

    /// Sets what a [`Memory`] knows of `destination`. The port does not matter.
    ///
    /// It affects the order from the next answer on: so set the advice for an answer's [`destinations`](Answer::destinations) before the answer. The
    /// delay of an attempt is the one that was set last. The default is that nothing is known.
    pub fn handle_advice(&mut self, destination: SocketAddr, advice: Advice) {
        self.candidates.on_advice(destination, advice);
    }

    /// An attempt has succeeded, failed or made progress, decides the race, or asks whether it may begin its handshake.
    ///
    /// The race ignores this if the attempt is unknown or no longer in flight.
    pub fn handle_outcome(&mut self, id: AttemptId, outcome: Outcome, now: Instant) {
        if !self.attempts.is_in_flight(id) {
            return;
        }
        if !matches!(self.stage, Stage::Running) {
            // It failed at the instant at which the race ended: there is nothing to drop.
            if matches!(outcome, Outcome::Failed { .. } | Outcome::Untrusted) {
                self.attempts.on_failed(id);
            }
            return;
        }
        match outcome {
            Outcome::Progress { remaining } => {
                let learned = self.attempts.on_progress(id).and_then(|place| self.candidates.rest_of_handshake(place));
                self.pacing.on_progress(learned.unwrap_or(remaining), now);
            }
            Outcome::AtGate => {
                self.attempts.on_gate(id);
                if !self.gate.is_open(now) {
                    self.pacing.on_wait(now);
                }
            }
            Outcome::Chosen => self.choice.on_chosen(id),
            Outcome::Connected => {
                self.attempts.on_over(id);
                self.end(Conclusion::Connected(id), DropReason::Lost);
            }
            Outcome::Failed { sent } => {
                self.attempts.on_failed(id);
                self.pacing.on_failure(id, sent, &self.attempts, now);
                self.reopen(id, StartReason::PreviousFailed, now);
            }
            Outcome::Untrusted => {
                self.attempts.on_untrusted(id);
                self.pacing.on_failure(id, true, &self.attempts, now);
                self.reopen(id, StartReason::PreviousFailed, now);
            }
        }
    }

    /// Returns what to do now. Call it until it returns `None`.
    ///
    /// After [`Action::Finish`] it always returns `None`. An extra call changes nothing.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if matches!(self.stage, Stage::Running) {
            let action = self.poll_choice().or_else(|| self.poll_gate(now)).or_else(|| self.poll_pacing(now));
            if action.is_some() {
                return action;
            }
            if let Some(conclusion) = self.failure() {
                self.end(conclusion, DropReason::Lost);
            } else if self.deadline.is_some_and(|deadline| deadline <= now) {
                let error = self.pacing.error_when_timed_out(&self.attempts).map(|error| self.outranked(error));
                self.end(Conclusion::TimedOut { error }, DropReason::DeadlineElapsed);
            }
        }
        self.poll_ending()
    }

    /// Returns when to call [`Race::poll_action`] again if nothing happens before.
    ///
    /// `None` if only an input can help, or the race is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !matches!(self.stage, Stage::Running) {
            return None;
        }
        let gate = self.attempts.oldest_at_gate().and_then(|_| self.gate.opens_at());
        let timer = match self.resolution.delay_ends() {
            Some(delay_ends) if self.candidates.has_untried() => Some(delay_ends),
            _ if self.choice.is_made() => self.pacing.slice_ends(),
            _ => self.pacing.poll_timeout(&self.candidates),
        };
        timer.into_iter().chain(gate).chain(self.deadline).min()
    }

    /// Returns the queries without an answer.
    pub fn waiting_for(&self) -> Queries {
        self.resolution.outstanding()
    }

    /// Returns the endpoints that no attempt was made to, and why.
    pub fn untried(&self) -> impl Iterator<Item = (&Endpoint, UntriedReason)> {
        let handed_over = self.pacing.untried().map(|endpoint| (endpoint, UntriedReason::NotReached));
        let untried = handed_over.chain(self.candidates.untried(self.attempts.addresses()));
        // A superseded or overtaken endpoint was tried, even if it might have been tried once more.
        untried.filter(|(endpoint, _)| !self.attempts.is_unsettled(endpoint.address()))
    }

    /// Tells which endpoints go behind others of their group.
    pub(crate) fn demotions(&self) -> Demotions<'_> {
        self.candidates.demotions(&self.config)
    }

    /// Drops the attempts that the chosen one has overtaken, before anything else happens.
    fn poll_choice(&mut self) -> Option<Action> {
        let id = self.choice.overtaken(&self.attempts)?;
        let endpoint = self.attempts.on_overtaken(id);
        self.pacing.on_overtaken(id, endpoint, &mut self.candidates, self.attempts.made());
        Some(Action::Drop { id, reason: DropReason::Overtaken })
    }

    /// An attempt has ended without a connection. If it was the chosen one, the race is open again.
    fn reopen(&mut self, id: AttemptId, reason: StartReason, now: Instant) {
        if self.choice.on_over(id) {
            self.pacing.on_choice_over(reason, now);
        }
    }

    /// Returns the action for an attempt that waits at the gate.
    fn poll_gate(&mut self, now: Instant) -> Option<Action> {
        let Some((id, endpoint, is_early)) = self.attempts.oldest_at_gate() else {
            self.pacing.on_wait_over(now);
            return None;
        };
        if !self.gate.is_open(now) {
            return None;
        }
        let with_record = if endpoint.service().is_some() { None } else { self.candidates.in_its_service(endpoint) };
        let endpoint = match with_record {
            Some(with_record) => with_record,
            None if is_early && self.gate.heeds_late_answers() && self.candidates.has_services() => {
                let endpoint = endpoint.clone();
                self.attempts.on_superseded(id);
                self.candidates.put_back(endpoint, self.attempts.made());
                self.pacing.on_superseded(id, &self.attempts, now);
                self.reopen(id, StartReason::AnswerArrived, now);
                return Some(Action::Drop { id, reason: DropReason::Superseded });
            }
            None => endpoint.clone(),
        };
        self.attempts.on_proceed(id);
        Some(Action::Proceed { id, endpoint })
    }

    fn poll_pacing(&mut self, now: Instant) -> Option<Action> {
        let nothing_begun = self.attempts.newest().is_none() && !self.candidates.has_untried();
        let is_behind_ipv4 = || self.candidates.is_behind_ipv4(&self.config);
        if nothing_begun || !self.resolution.may_start(now, is_behind_ipv4) {
            return None;
        }
        let step = if self.choice.is_made() {
            self.pacing.poll_slice(now)
        } else {
            self.pacing.poll_step(&mut self.candidates, &self.attempts, self.deadline, now)
        };
        Some(match step? {
            Step::Start(endpoint, reason) => {
                let id = self.attempts.next_id();
                self.attempts.on_start(&endpoint, self.gate.is_unanswered());
                let delay = self.candidates.attempt_delay(&endpoint, self.config.connection_attempt_delay);
                let demoted = self.candidates.demotion(&endpoint, &self.config);
                Action::Start { id, endpoint, reason, delay, demoted }
            }
            Step::Drop(id, reason) => {
                match reason {
                    DropReason::SliceElapsed => {
                        self.attempts.on_failed(id);
                        self.reopen(id, StartReason::PreviousFailed, now);
                    }
                    _ => self.attempts.on_over(id),
                }
                Action::Drop { id, reason }
            }
        })
    }

    /// Returns the failure, if nothing is in flight, nothing is untried and no query is outstanding.
    fn failure(&self) -> Option<Conclusion> {
        let untried = self.candidates.has_untried() || self.pacing.has_untried();
        let hope = self.attempts.in_flight() > 0 || untried || !self.resolution.outstanding().is_empty();
        if hope {
            return None;
        }
        let error = self.pacing.error_when_exhausted(&self.attempts);
        // If the race may make no more attempts, the first sequence may have only overtaken attempts.
        let error = error.or_else(|| self.attempts.first_failed(|_| true));
        // A superseded endpoint may leave its answer before its second turn. Then its attempt counts as failed.
        let error = error.or_else(|| self.attempts.first_superseded());
        Some(match error {
            Some(error) => Conclusion::Exhausted { error: self.outranked(error) },
            None if self.asked_in_vain || self.candidates.has_excluded() => Conclusion::NoUsableAddress,
            None => Conclusion::NoAddresses,
        })
    }

    /// Returns the attempt whose error takes precedence over that of `error`: an untrusted peer says more than a failed connection.
    fn outranked(&self, error: AttemptId) -> AttemptId {
        self.attempts.first_untrusted().unwrap_or(error)
    }

    fn end(&mut self, conclusion: Conclusion, reason: DropReason) {
        self.stage = Stage::Ending { next: AttemptId::FIRST, reason, conclusion };
    }

    fn poll_ending(&mut self) -> Option<Action> {
        let Stage::Ending { next, reason, conclusion } = self.stage else {
            return None;
        };
        let Some(id) = self.attempts.oldest_in_flight(next) else {
            self.stage = Stage::Ended;
            return Some(Action::Finish(conclusion));
        };
        self.attempts.on_over(id);
        self.stage = Stage::Ending { next: id, reason, conclusion };
        Some(Action::Drop { id, reason })
    }
}

/// Returns an arbitrary instant.
#[cfg(test)]
fn invented_instant() -> Instant {
    crate::test_support::some_instant()
}
