//! The attempts of a race and the state of each.

use std::net::SocketAddr;

use super::endpoint::Endpoint;
use super::event::AttemptId;

/// The attempts made so far, in start order.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: Vec<Attempt>,
    in_flight: usize,
    at_gate: usize,
    /// Whether any attempt was superseded or overtaken, so that its endpoint may be tried again.
    has_unsettled: bool,
}

#[derive(Debug)]
struct Attempt {
    endpoint: Endpoint,
    phase: Phase,
    /// The attempt was started while the HTTPS query had no answer.
    is_early: bool,
    has_progressed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    InFlight,
    /// In flight, and waiting at the gate for its handshake.
    AtGate,
    Failed,
    /// The attempt failed, since the peer did not prove that it is the host that is meant.
    Untrusted,
    /// The attempt was dropped at the gate: the service records have no place for its endpoint. That may be tried once more, without a record.
    Superseded,
    /// The attempt was dropped since the transport of another one decided the race. Its endpoint may be tried again.
    Overtaken,
    /// The attempt won, or was dropped for any other reason.
    Over,
}

impl Attempts {
    /// The id that the next attempt gets.
    pub(super) fn next_id(&self) -> AttemptId {
        AttemptId::new(self.all.len())
    }

    /// Returns how many attempts were started so far.
    pub(super) fn made(&self) -> usize {
        self.all.len()
    }

    pub(super) fn on_start(&mut self, endpoint: &Endpoint, is_early: bool) {
        self.in_flight += 1;
        self.all.push(Attempt { endpoint: endpoint.clone(), phase: Phase::InFlight, is_early, has_progressed: false });
    }

    /// The attempt has made progress. Returns its endpoint if this is its first progress: then its transport has just been connected.
    pub(super) fn on_progress(&mut self, id: AttemptId) -> Option<&Endpoint> {
        let attempt = &mut self.all[id.index()];
        let is_first = !std::mem::replace(&mut attempt.has_progressed, true);
        is_first.then_some(&attempt.endpoint)
    }

    /// The attempt asks whether it may begin its handshake. It is in flight.
    pub(super) fn on_gate(&mut self, id: AttemptId) {
        let phase = &mut self.all[id.index()].phase;
        if *phase == Phase::InFlight {
            *phase = Phase::AtGate;
            self.at_gate += 1;
        }
    }

    /// The attempt, which waits at the gate, may go on.
    pub(super) fn on_proceed(&mut self, id: AttemptId) {
        self.at_gate -= 1;
        self.all[id.index()].phase = Phase::InFlight;
    }

    pub(super) fn on_failed(&mut self, id: AttemptId) {
        self.leave_flight(id, Phase::Failed);
    }

    pub(super) fn on_untrusted(&mut self, id: AttemptId) {
        self.leave_flight(id, Phase::Untrusted);
    }

    pub(super) fn on_superseded(&mut self, id: AttemptId) {
        self.has_unsettled = true;
        self.leave_flight(id, Phase::Superseded);
    }

    /// The attempt was dropped since the transport of another one decided the race. Returns its endpoint.
    pub(super) fn on_overtaken(&mut self, id: AttemptId) -> Endpoint {
        self.has_unsettled = true;
        self.leave_flight(id, Phase::Overtaken);
        self.all[id.index()].endpoint.clone()
    }

    /// The attempt won, or was dropped.
    pub(super) fn on_over(&mut self, id: AttemptId) {
        self.leave_flight(id, Phase::Over);
    }

    pub(super) fn is_in_flight(&self, id: AttemptId) -> bool {
        self.all.get(id.index()).is_some_and(Attempt::is_in_flight)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Returns the attempt that was started first, of those in flight with an id of at least `from`.
    pub(super) fn oldest_in_flight(&self, from: AttemptId) -> Option<AttemptId> {
        let rest = &self.all[from.index()..];
        let place = rest.iter().position(Attempt::is_in_flight)?;
        Some(AttemptId::new(from.index() + place))
    }

    /// Returns the first attempt in start order that waits at the gate, its endpoint, and whether it was started while the HTTPS query had no answer.
    pub(super) fn oldest_at_gate(&self) -> Option<(AttemptId, &Endpoint, bool)> {
        if self.at_gate == 0 {
            return None;
        }
        let (place, attempt) = self.all.iter().enumerate().find(|(_, attempt)| attempt.phase == Phase::AtGate)?;
        Some((AttemptId::new(place), &attempt.endpoint, attempt.is_early))
    }

    pub(super) fn newest(&self) -> Option<AttemptId> {
        self.all.len().checked_sub(1).map(AttemptId::new)
    }

    /// The first attempt in start order that failed, of those whose address passes `filter`.
    pub(super) fn first_failed(&self, filter: impl Fn(&SocketAddr) -> bool) -> Option<AttemptId> {
        self.first(|attempt| attempt.has_failed() && filter(&attempt.endpoint.address()))
    }

    /// The first attempt in start order whose peer was untrusted.
    pub(super) fn first_untrusted(&self) -> Option<AttemptId> {
        self.first(|attempt| attempt.phase == Phase::Untrusted)
    }

    /// The first attempt in start order that was superseded.
    pub(super) fn first_superseded(&self) -> Option<AttemptId> {
        self.first(|attempt| attempt.phase == Phase::Superseded)
    }

    /// Every address that was tried and is not to be tried again.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let settled = self.all.iter().filter(|attempt| !attempt.is_unsettled());
        settled.map(|attempt| attempt.endpoint.address())
    }

    /// Whether this address may be tried again, after an attempt that was superseded or overtaken.
    pub(super) fn is_unsettled(&self, address: SocketAddr) -> bool {
        let of_address = |attempt: &Attempt| attempt.is_unsettled() && attempt.endpoint.address() == address;
        self.has_unsettled && self.all.iter().any(of_address)
    }

    fn first(&self, is_it: impl Fn(&Attempt) -> bool) -> Option<AttemptId> {
        self.all.iter().position(is_it).map(AttemptId::new)
    }

    fn leave_flight(&mut self, id: AttemptId, phase: Phase) {
        debug_assert!(self.is_in_flight(id), "an attempt ends once");
        self.in_flight -= 1;
        let attempt = &mut self.all[id.index()];
        self.at_gate -= usize::from(attempt.phase == Phase::AtGate);
        attempt.phase = phase;
    }
}

impl Attempt {
    fn is_in_flight(&self) -> bool {
        matches!(self.phase, Phase::InFlight | Phase::AtGate)
    }

    fn is_unsettled(&self) -> bool {
        matches!(self.phase, Phase::Superseded | Phase::Overtaken)
    }

    fn has_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Untrusted)
    }
}
