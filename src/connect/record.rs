//! Records what happens in a race, and emits events of `tracing`.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, field, warn};

use super::handshake_watch::HandshakeWatch;
use crate::attempt::{LastWords, Listener};
use crate::connection::ConnectInfo;
use crate::outcome::{
    Attempt, AttemptError, AttemptOutcome, Attempts, ConnectError, Kind, Leftover, Phases, Placing, QueryError, Report,
    Time,
};
use crate::race::{Answer, AttemptId, DropReason, Endpoint, Families, Queries, StartReason};

/// The record of a race that is not over.
#[derive(Debug)]
pub(super) struct Record {
    host: Arc<str>,
    port: u16,
    asked: Queries,
    answered: Queries,
    /// `None` until the future is polled.
    began: Option<Instant>,
    resolved: Option<Instant>,
    ended: Vec<Attempt>,
    query_errors: Vec<QueryError>,
    /// Is told how far TLS is. `None` if the client does not want to know.
    watch: Option<HandshakeWatch>,
}

/// An attempt that is in flight.
#[derive(Debug)]
pub(super) struct Begun {
    id: AttemptId,
    endpoint: Endpoint,
    reason: StartReason,
    placing: Placing,
    at: Instant,
    /// What the attempt has reported.
    phases: Option<Box<Phases>>,
}

impl Record {
    #[inline]
    pub(super) fn new(host: Arc<str>, port: u16, watch: Option<HandshakeWatch>) -> Self {
        if let Some(watch) = &watch {
            watch.begin();
        }
        Self {
            host,
            port,
            asked: Queries::NONE,
            answered: Queries::NONE,
            began: None,
            resolved: None,
            ended: Vec::new(),
            query_errors: Vec::new(),
            watch,
        }
    }

    /// The future is polled for the first time.
    #[inline]
    pub(super) fn begin(&mut self, now: Instant) {
        self.began = Some(now);
    }

    #[inline]
    pub(super) fn host(&self) -> Arc<str> {
        Arc::clone(&self.host)
    }

    #[inline]
    fn began(&self) -> Instant {
        self.began.expect("the future has been polled")
    }

    #[inline]
    pub(super) fn asked(&mut self, queries: Queries) {
        self.asked = queries;
    }

    #[inline]
    pub(super) fn answered(&mut self, answer: &Answer, now: Instant) {
        self.answered = self.answered.with(answer.query());
        let addresses = answer.addresses().len();
        match answer.ignored() {
            0 => {}
            ignored => {
                warn!(host = %self.host, query = %answer.query(), addresses, ignored, "an answer has too many addresses");
            }
        }
        debug!(host = %self.host, query = %answer.query(), addresses, "the resolver answered");
        if answer.offers_an_address() {
            self.resolved.get_or_insert(now);
        }
    }

    pub(super) fn query_failed(&mut self, error: QueryError) {
        let cause = &error as &dyn std::error::Error;
        if error.is_negative() {
            debug!(host = %self.host, query = %error.query(), error = cause, "a look-up found nothing");
        } else {
            debug!(host = %self.host, query = %error.query(), error = cause, "a look-up failed");
        }
        self.answered = self.answered.with(error.query());
        // A second error of a query replaces the first, as a second answer does.
        match self.query_errors.iter_mut().find(|earlier| earlier.query() == error.query()) {
            Some(earlier) => *earlier = error,
            None => self.query_errors.push(error),
        }
    }

    pub(super) fn too_many_answers(&self, answers: usize) {
        warn!(host = %self.host, answers, "the resolver goes on answering: no more of its answers are taken in");
    }

    #[inline]
    pub(super) fn started(
        &self,
        id: AttemptId,
        endpoint: Endpoint,
        reason: StartReason,
        placing: Placing,
        now: Instant,
    ) -> Begun {
        debug!(
            host = %self.host,
            attempt = id.index(),
            %endpoint,
            %reason,
            delay = placing.learned_delay().map(field::display),
            demoted = placing.demotion(now).map(field::display),
            "an attempt started"
        );
        Begun { id, endpoint, reason, placing, at: now, phases: None }
    }

    pub(super) fn progressed(&self, begun: &Begun, remaining: Duration, now: Instant) {
        if let (Some(watch), Some(by)) = (&self.watch, now.checked_add(remaining)) {
            watch.expect_by(by);
        }
        let Begun { id, endpoint, .. } = begun;
        debug!(host = %self.host, attempt = id.index(), %endpoint, remaining = %Time(remaining), "an attempt made progress");
    }

    pub(super) fn chosen(&self, begun: &Begun) {
        let Begun { id, endpoint, .. } = begun;
        debug!(host = %self.host, attempt = id.index(), %endpoint, "the transport of an attempt decides the race");
    }

    pub(super) fn at_gate(&self, begun: &Begun) {
        let Begun { id, endpoint, .. } = begun;
        debug!(host = %self.host, attempt = id.index(), %endpoint, "an attempt is ready for its handshake");
    }

    pub(super) fn proceeds(&self, begun: &Begun, endpoint: &Endpoint) {
        let service = endpoint.service().map(|service| service.priority);
        debug!(host = %self.host, attempt = begun.id.index(), %endpoint, service, "an attempt may begin its handshake");
    }

    pub(super) fn failed(&mut self, begun: Begun, error: AttemptError, now: Instant) {
        let cause = &error as &dyn std::error::Error;
        debug!(host = %self.host, attempt = begun.id.index(), endpoint = %begun.endpoint, error = cause, "an attempt failed");
        self.end(begun, AttemptOutcome::Failed(error), now);
    }

    pub(super) fn dropped(&mut self, begun: Begun, reason: DropReason, now: Instant) {
        debug!(host = %self.host, attempt = begun.id.index(), endpoint = %begun.endpoint, %reason, "an attempt was dropped");
        self.end(begun, AttemptOutcome::Dropped(reason), now);
    }

    pub(super) fn connected(&mut self, begun: Begun, now: Instant) {
        self.say_connected(&begun, now);
        self.end(begun, AttemptOutcome::Connected, now);
    }

    /// The first attempt succeeded before there was a race. Closes the record.
    #[inline]
    pub(super) fn won_alone(&mut self, begun: Begun, untried: Leftover, now: Instant) -> ConnectInfo {
        self.say_connected(&begun, now);
        let attempt = begun.end(AttemptOutcome::Connected, self.began(), now);
        ConnectInfo::new(self.report(Attempts::One(attempt), untried, now))
    }

    /// The race was won. Closes the record.
    pub(super) fn won(&mut self, untried: Leftover, now: Instant) -> ConnectInfo {
        ConnectInfo::new(self.finish(untried, now))
    }

    /// The race was lost. Closes the record.
    pub(super) fn lost(&mut self, kind: Kind, families: Families, untried: Leftover, now: Instant) -> ConnectError {
        let error = ConnectError::lost(kind, families, self.finish(untried, now));
        debug!(%error, "no connection");
        error
    }

    /// The attempts that are over.
    pub(super) fn ended(&self) -> &[Attempt] {
        &self.ended
    }

    fn finish(&mut self, untried: Leftover, now: Instant) -> Report {
        let mut attempts = mem::take(&mut self.ended);
        attempts.sort_unstable_by_key(|attempt| attempt.id);
        self.report(Attempts::Many(attempts), untried, now)
    }

    #[inline]
    fn report(&mut self, attempts: Attempts, untried: Leftover, now: Instant) -> Report {
        Report {
            host: Arc::clone(&self.host),
            port: self.port,
            asked: self.asked,
            answered: self.answered,
            began: self.began(),
            resolved: self.resolved,
            ended: now,
            attempts,
            untried,
            query_errors: mem::take(&mut self.query_errors),
        }
    }

    fn end(&mut self, begun: Begun, outcome: AttemptOutcome, now: Instant) {
        self.ended.push(begun.end(outcome, self.began(), now));
    }

    #[inline]
    fn say_connected(&self, begun: &Begun, now: Instant) {
        let Begun { id, endpoint, .. } = begun;
        let elapsed = || Time(now - self.began());
        debug!(host = %self.host, attempt = id.index(), %endpoint, elapsed = %elapsed(), "connected");
    }
}

impl Begun {
    pub(super) fn id(&self) -> AttemptId {
        self.id
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The transport of the attempt is connected. Later calls change nothing.
    pub(super) fn on_transport(&mut self, now: Instant) {
        self.phases.get_or_insert_with(|| Box::new(Phases::new(now)));
    }

    /// The attempt asks whether it may begin its handshake.
    pub(super) fn on_gate(&mut self, now: Instant) {
        if let Some(phases) = &mut self.phases {
            phases.asked = Some(now);
        }
    }

    /// The attempt may begin its handshake.
    pub(super) fn on_admission(&mut self, now: Instant) {
        if let Some(phases) = &mut self.phases {
            phases.admitted = Some(now);
        }
    }

    /// The attempt is over: takes in what it reported last.
    #[inline]
    pub(super) fn hear_last(&mut self, listener: &Listener, now: Instant) {
        if let Some(LastWords { transport_stands, handshake }) = listener.last_words() {
            if transport_stands || handshake.is_some() {
                self.on_transport(now);
            }
            if let Some(phases) = &mut self.phases {
                phases.handshake = handshake;
            }
        }
    }

    #[inline]
    fn end(self, outcome: AttemptOutcome, race_began: Instant, now: Instant) -> Attempt {
        let Self { id, endpoint, reason, placing, at, phases } = self;
        Attempt { id, endpoint, reason, placing, race_began, started: at, ended: now, outcome, phases }
    }
}
