//! What is known of the attempts of a race.

use std::net::SocketAddr;

use super::endpoint::Endpoint;
use super::event::AttemptId;

/// The attempts made so far, in start order.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: Vec<Attempt>,
    in_flight: usize,
}

#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    InFlight,
    Failed,
    /// It won, or was dropped.
    Over,
}

impl Attempts {
    /// The id that the next attempt gets.
    pub(super) fn next_id(&self) -> AttemptId {
        AttemptId::new(self.all.len())
    }

    pub(super) fn on_start(&mut self, endpoint: &Endpoint) {
        self.in_flight += 1;
        self.all.push(Attempt { address: endpoint.address(), phase: Phase::InFlight });
    }

    pub(super) fn on_failed(&mut self, id: AttemptId) {
        self.leave_flight(id, Phase::Failed);
    }

    /// The attempt won, or was dropped.
    pub(super) fn on_over(&mut self, id: AttemptId) {
        self.leave_flight(id, Phase::Over);
    }

    pub(super) fn is_in_flight(&self, id: AttemptId) -> bool {
        self.all.get(id.index()).is_some_and(|attempt| attempt.phase == Phase::InFlight)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The attempt that has been in flight for the longest time, of those with an id of at least `from`.
    pub(super) fn oldest_in_flight(&self, from: AttemptId) -> Option<AttemptId> {
        let rest = &self.all[from.index()..];
        let place = rest.iter().position(|attempt| attempt.phase == Phase::InFlight)?;
        Some(AttemptId::new(from.index() + place))
    }

    pub(super) fn newest(&self) -> Option<AttemptId> {
        self.all.len().checked_sub(1).map(AttemptId::new)
    }

    /// The first attempt in start order that failed, of those whose address passes `filter`.
    pub(super) fn first_failed(&self, filter: impl Fn(&SocketAddr) -> bool) -> Option<AttemptId> {
        let failed = |attempt: &Attempt| attempt.phase == Phase::Failed && filter(&attempt.address);
        self.all.iter().position(failed).map(AttemptId::new)
    }

    /// Every address that was tried.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.all.iter().map(|attempt| attempt.address)
    }

    fn leave_flight(&mut self, id: AttemptId, phase: Phase) {
        debug_assert!(self.is_in_flight(id), "an attempt ends once");
        self.in_flight -= 1;
        self.all[id.index()].phase = phase;
    }
}
