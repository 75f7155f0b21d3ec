//! Queries on the log of a simulated race.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use hyper_happy_eyeballs::race::{AttemptDelay, AttemptId, Conclusion, DropReason, StartReason, UntriedReason};

use super::simulation::{Event, Log};

/// Queries on an event.
pub(crate) trait Reading {
    fn ends(&self, id: AttemptId) -> bool;
    fn is_failure_of(&self, id: AttemptId) -> bool;
    fn is_distrust_of(&self, id: AttemptId) -> bool;
    fn sent_nothing(&self) -> bool;
    fn is_drop(&self, why: DropReason) -> bool;
    fn is_action(&self) -> bool;
    fn is_start(&self) -> bool;
    fn untried(&self) -> Option<&[SocketAddr]>;
}

impl Reading for Event {
    fn ends(&self, attempt: AttemptId) -> bool {
        match *self {
            Self::Failed { id, .. } | Self::Untrusted { id, .. } | Self::Drop { id, .. } => id == attempt,
            Self::Finish { conclusion, .. } => conclusion == Conclusion::Connected(attempt),
            _ => false,
        }
    }

    /// A slice that is used up counts as a failure.
    fn is_failure_of(&self, attempt: AttemptId) -> bool {
        match *self {
            Self::Failed { id, .. }
            | Self::Untrusted { id, .. }
            | Self::Drop { id, reason: DropReason::SliceElapsed, .. } => id == attempt,
            _ => false,
        }
    }

    fn is_distrust_of(&self, attempt: AttemptId) -> bool {
        matches!(*self, Self::Untrusted { id, .. } if id == attempt)
    }

    fn sent_nothing(&self) -> bool {
        matches!(self, Self::Failed { sent: false, .. })
    }

    fn is_drop(&self, why: DropReason) -> bool {
        matches!(self, Self::Drop { reason, .. } if *reason == why)
    }

    fn is_action(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Proceed { .. } | Self::Drop { .. } | Self::Finish { .. })
    }

    fn is_start(&self) -> bool {
        matches!(self, Self::Start { .. })
    }

    fn untried(&self) -> Option<&[SocketAddr]> {
        match self {
            Self::Untried { addresses, .. } => Some(addresses),
            _ => None,
        }
    }
}

/// Returns the attempts in start order.
pub(crate) fn attempts(log: &Log) -> impl Iterator<Item = AttemptId> {
    log.events.iter().filter_map(|(_, event)| match *event {
        Event::Start { id, .. } => Some(id),
        _ => None,
    })
}

/// Returns when the attempt ended.
pub(crate) fn end_of(log: &Log, id: AttemptId) -> Option<Duration> {
    log.events.iter().find(|(_, event)| event.ends(id)).map(|(at, _)| *at)
}

/// Returns the choices: where in the log the attempt was chosen, and where it ended without a connection. A choice that ended the race has no second
/// place.
pub(crate) fn choices(log: &Log) -> Vec<(usize, Option<usize>)> {
    let mut choices: Vec<(usize, Option<usize>)> = Vec::new();
    for (place, (_, event)) in log.events.iter().enumerate() {
        let Event::Chosen { id, .. } = *event else { continue };
        let is_in_force = choices.last().is_some_and(|(_, end)| end.is_none_or(|end| place < end));
        if !is_in_force {
            let rest = log.events.iter().enumerate().skip(place);
            let mut ends = rest.filter(|(_, (_, event))| event.ends(id) && !matches!(event, Event::Finish { .. }));
            choices.push((place, ends.next().map(|(end, _)| end)));
        }
    }
    choices
}

/// A start in a race with staggered attempts.
pub(crate) struct Started {
    pub(crate) id: AttemptId,
    pub(crate) at: Duration,
    pub(crate) address: SocketAddr,
    pub(crate) reason: StartReason,
    pub(crate) delay: AttemptDelay,
    /// Whether the start need not wait: the attempt before it has failed, or one that had decided the race.
    pub(crate) is_free: bool,
}

/// Returns the starts in order.
pub(crate) fn starts(log: &Log) -> Vec<Started> {
    let choices = choices(log);
    let (mut starts, mut is_free) = (Vec::<Started>::new(), false);
    for (place, (at, event)) in log.events.iter().enumerate() {
        is_free |= choices.iter().any(|(_, end)| *end == Some(place));
        match *event {
            Event::Start { id, address, reason, delay, .. } => {
                starts.push(Started { id, at: *at, address, reason, delay, is_free });
                is_free = false;
            }
            Event::Failed { id, .. }
            | Event::Untrusted { id, .. }
            | Event::Drop { id, reason: DropReason::Superseded, .. } => {
                is_free |= starts.last().is_some_and(|newest| newest.id == id);
            }
            _ => {}
        }
    }
    starts
}

/// Returns how many attempts for which `counts` is true are in flight after each event.
pub(crate) fn in_flight(log: &Log, counts: impl Fn(SocketAddr) -> bool) -> Vec<usize> {
    let mut running: BTreeSet<AttemptId> = BTreeSet::new();
    let after = |(_, event): &(Duration, Event)| {
        match *event {
            Event::Start { id, address, .. } if counts(address) => drop(running.insert(id)),
            _ => running.retain(|id| !event.ends(*id)),
        }
        running.len()
    };
    log.events.iter().map(after).collect()
}

/// Returns the addresses that the race did not reach.
pub(crate) fn not_reached(log: &Log) -> Vec<SocketAddr> {
    let of = |(_, event): &(Duration, Event)| match event {
        Event::Untried { reason: UntriedReason::NotReached, addresses } => addresses.clone(),
        _ => Vec::new(),
    };
    log.events.iter().flat_map(of).collect()
}

/// Returns the untried addresses with their reasons, each once.
pub(crate) fn untried(log: &Log) -> BTreeMap<SocketAddr, UntriedReason> {
    let mut untried = BTreeMap::new();
    for (_, event) in &log.events {
        if let Event::Untried { reason, addresses } = event {
            for address in addresses {
                assert_eq!(untried.insert(*address, *reason), None, "{address} is untried twice");
            }
        }
    }
    untried
}

/// Whether the race ended because nothing was left to try.
pub(crate) fn is_lost(conclusion: Conclusion) -> bool {
    matches!(conclusion, Conclusion::Exhausted { .. } | Conclusion::NoAddresses | Conclusion::NoUsableAddress)
}
