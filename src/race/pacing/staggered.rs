//! [`Policy::Staggered`](super::super::Policy::Staggered): one list, and the next attempt starts while earlier ones run (RFC 8305 §5).

use std::time::{Duration, Instant};

use super::super::attempts::Attempts;
use super::super::candidates::Candidates;
use super::super::config::{ABSOLUTE_MINIMUM_DELAY, Config, MAXIMUM_DELAY, MINIMUM_DERIVED_DELAY};
use super::super::endpoint::Endpoint;
use super::super::event::{AttemptId, DropReason, StartReason};
use super::step::Step;

/// 1. The next start falls due when the attempt delay of the last attempt has passed, or when the *newest* attempt fails. The failure of an older
///    attempt changes nothing. Each destination may have its own delay.
/// 2. A start that is due stays due while there is nothing to try.
/// 3. The floor: at least 10 ms pass between starts that send packets. A start to a loopback address sends none, nor does one whose attempt failed
///    before anything was sent.
/// 4. Progress of any attempt puts the next start off until the attempt's own estimate has passed, at most to 2 s after the last start. A start that
///    is due already is not put off.
/// 5. While an attempt waits at the gate, the time to the next start stands still: another connection would not bring the HTTPS answer. The start is
///    not put off past 2 s after the last one. After the wait as much time is left as before it.
/// 6. An attempt that is superseded counts as failed: if it is the newest, the next start falls due at once.
/// 7. When the attempt whose transport had decided the race has failed, the next start falls due at once.
/// 8. At the cap on concurrent attempts, the oldest one is dropped for the next.
#[derive(Debug)]
pub(in crate::race) struct Staggered {
    configured_delay: Duration,
    cap: Option<usize>,
    last: Option<LastStart>,
    last_on_wire: Option<(AttemptId, Instant)>,
    /// How much of the delay was left when an attempt began to wait at the gate.
    held: Option<Duration>,
}

#[derive(Debug)]
struct LastStart {
    at: Instant,
    next_due: Instant,
    next_reason: StartReason,
}

impl Staggered {
    #[inline]
    pub(in crate::race) fn new(config: &Config) -> Self {
        Self {
            configured_delay: config.connection_attempt_delay,
            cap: config.max_concurrent_attempts,
            last: None,
            last_on_wire: None,
            held: None,
        }
    }

    pub(super) fn poll_step(
        &mut self,
        candidates: &mut Candidates,
        attempts: &Attempts,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<Step> {
        let too_late = deadline.is_some_and(|deadline| deadline < now);
        let too_early = self.next_start().is_some_and(|next| now < next);
        if too_late || too_early || !candidates.has_untried() {
            return None;
        }
        if self.cap.is_some_and(|cap| attempts.in_flight() >= cap) {
            let oldest = attempts.oldest_in_flight(AttemptId::FIRST)?;
            return Some(Step::Drop(oldest, DropReason::Pruned));
        }
        let endpoint = candidates.take()?;
        let reason = self.last.as_ref().map_or(StartReason::First, |last| last.next_reason);
        let delay = candidates.attempt_delay(&endpoint, self.configured_delay).length();
        self.on_start(attempts.next_id(), &endpoint, delay, now);
        Some(Step::Start(endpoint, reason))
    }

    /// An attempt with this delay starts.
    #[inline]
    pub(in crate::race) fn on_start(&mut self, id: AttemptId, endpoint: &Endpoint, delay: Duration, now: Instant) {
        self.held = None;
        self.last = Some(LastStart { at: now, next_due: now + delay, next_reason: StartReason::DelayElapsed });
        if !endpoint.is_loopback() {
            self.last_on_wire = Some((id, now));
        }
    }

    pub(super) fn poll_timeout(&self, candidates: &Candidates) -> Option<Instant> {
        if candidates.has_untried() { self.next_start() } else { None }
    }

    pub(super) fn on_answer_while_starved(&mut self, now: Instant) {
        let due = self.next_start().is_some_and(|next| next <= now);
        if let Some(last) = self.last.as_mut().filter(|_| due) {
            last.next_reason = StartReason::AnswerArrived;
        }
    }

    pub(super) fn on_progress(&mut self, remaining: Duration, now: Instant) {
        let remaining = remaining.clamp(MINIMUM_DERIVED_DELAY, MAXIMUM_DELAY);
        if let Some(rest) = &mut self.held {
            *rest = remaining.max(*rest);
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.delay_runs(now)) {
            last.next_due = last.next_due.max((now + remaining).min(last.at + MAXIMUM_DELAY));
        }
    }

    pub(super) fn on_wait(&mut self, now: Instant) {
        if let Some(last) = self.last.as_mut().filter(|last| self.held.is_none() && last.delay_runs(now)) {
            self.held = Some(last.next_due - now);
            last.next_due = last.next_due.max(last.at + MAXIMUM_DELAY);
        }
    }

    pub(super) fn on_wait_over(&mut self, now: Instant) {
        if let (Some(rest), Some(last)) = (self.held.take(), &mut self.last) {
            last.next_due = last.next_due.min(now + rest);
        }
    }

    pub(super) fn on_superseded(&mut self, id: AttemptId, attempts: &Attempts, now: Instant) {
        self.start_next_after(id, StartReason::AnswerArrived, attempts, now);
    }

    pub(super) fn on_failure(&mut self, id: AttemptId, sent: bool, attempts: &Attempts, now: Instant) {
        if !sent && self.last_on_wire.is_some_and(|(last, _)| last == id) {
            // Safe to forget: the starts before this one are at least one floor older, and the next start comes later than this one.
            self.last_on_wire = None;
        }
        self.start_next_after(id, StartReason::PreviousFailed, attempts, now);
    }

    pub(super) fn on_choice_over(&mut self, reason: StartReason, now: Instant) {
        self.held = None;
        if let Some(last) = &mut self.last {
            last.next_due = last.next_due.min(now);
            last.next_reason = reason;
        }
    }

    /// The next start falls due at once, if `id` is the newest attempt and no start is due already.
    fn start_next_after(&mut self, id: AttemptId, reason: StartReason, attempts: &Attempts, now: Instant) {
        let is_newest = attempts.newest() == Some(id);
        if let Some(last) = self.last.as_mut().filter(|last| is_newest && now <= last.next_due) {
            last.next_due = now;
            last.next_reason = reason;
        }
    }

    /// Returns the earliest instant of the next start. `None` is at once.
    #[inline]
    pub(in crate::race) fn next_start(&self) -> Option<Instant> {
        let due = self.last.as_ref()?.next_due;
        let floor = self.last_on_wire.map(|(_, at)| at + ABSOLUTE_MINIMUM_DELAY);
        Some(floor.map_or(due, |floor| due.max(floor)))
    }
}

impl LastStart {
    /// Whether the next start still waits for the delay.
    fn delay_runs(&self, now: Instant) -> bool {
        self.next_reason == StartReason::DelayElapsed && now <= self.next_due
    }
}
