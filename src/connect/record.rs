//! Writes down what happens to a race, and tells `tracing`.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use crate::attempt::{Attempt, AttemptError, AttemptOutcome, Time};
use crate::error::QueryError;
use crate::race::{Answer, AttemptId, DropReason, Endpoint, StartReason};
use crate::report::{Attempts, Leftover, Report};

/// The record of a race that is not over.
#[derive(Debug)]
pub(super) struct Record {
    host: Arc<str>,
    port: u16,
    began: Instant,
    resolved: Option<Instant>,
    ended: Attempts,
}

/// An attempt that is in flight.
#[derive(Debug)]
pub(super) struct Begun {
    id: AttemptId,
    endpoint: Endpoint,
    reason: StartReason,
    at: Instant,
}

impl Record {
    pub(super) fn new(host: Arc<str>, port: u16, now: Instant) -> Self {
        Self { host, port, began: now, resolved: None, ended: Attempts::None }
    }

    pub(super) fn answered(&mut self, answer: &Answer, now: Instant) {
        let addresses = answer.addresses().len();
        debug!(host = %self.host, query = %answer.query(), addresses, "the resolver answered");
        if addresses > 0 {
            self.resolved.get_or_insert(now);
        }
    }

    pub(super) fn query_failed(&self, error: &QueryError) {
        debug!(host = %self.host, query = %error.query(), error = error as &dyn std::error::Error, "a look-up failed");
    }

    pub(super) fn started(&self, id: AttemptId, endpoint: &Endpoint, reason: StartReason, now: Instant) -> Begun {
        debug!(host = %self.host, attempt = id.index(), %endpoint, %reason, "an attempt started");
        Begun { id, endpoint: endpoint.clone(), reason, at: now }
    }

    pub(super) fn failed(&mut self, begun: Begun, error: AttemptError, now: Instant) {
        let cause = &error as &dyn std::error::Error;
        debug!(host = %self.host, attempt = begun.id.index(), endpoint = %begun.endpoint, error = cause, "an attempt failed");
        self.ended(begun, AttemptOutcome::Failed(error), now);
    }

    pub(super) fn dropped(&mut self, begun: Begun, reason: DropReason, now: Instant) {
        debug!(host = %self.host, attempt = begun.id.index(), endpoint = %begun.endpoint, %reason, "an attempt was dropped");
        self.ended(begun, AttemptOutcome::Dropped(reason), now);
    }

    pub(super) fn connected(&mut self, begun: Begun, now: Instant) {
        debug!(
            host = %self.host,
            attempt = begun.id.index(),
            endpoint = %begun.endpoint,
            elapsed = %Time(now - self.began),
            "connected"
        );
        self.ended(begun, AttemptOutcome::Connected, now);
    }

    /// Closes the record.
    pub(super) fn finish(&mut self, untried: Leftover, now: Instant) -> Report {
        let mut attempts = mem::take(&mut self.ended);
        attempts.sort();
        Report {
            host: Arc::clone(&self.host),
            port: self.port,
            began: self.began,
            resolved: self.resolved,
            ended: now,
            attempts,
            untried,
        }
    }

    fn ended(&mut self, begun: Begun, outcome: AttemptOutcome, now: Instant) {
        let Begun { id, endpoint, reason, at } = begun;
        let race_began = self.began;
        self.ended.push(Attempt { id, endpoint, reason, race_began, started: at, ended: now, outcome });
    }
}

impl Begun {
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn id(&self) -> AttemptId {
        self.id
    }
}
