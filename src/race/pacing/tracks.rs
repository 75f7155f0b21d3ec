//! RFC 6555 and serial dialing: sequences of attempts over a list that no longer changes.

use std::time::{Duration, Instant};

use super::super::attempts::Attempts;
use super::super::candidates::Candidates;
use super::super::endpoint::{Endpoint, Family};
use super::super::event::{AttemptId, DropReason, StartReason};
use super::super::later;
use super::Step;

/// No address gets a smaller slice of the time that remains, as long as so much does remain.
const MINIMUM_SLICE: Duration = Duration::from_secs(2);

/// 1. Each sequence tries one address at a time; a failure starts the next at once.
/// 2. With a deadline, each address has a slice of what remains ([`slice`]); an attempt that uses it up has failed.
/// 3. The other family's sequence starts after the fallback delay, or at once when the whole primary sequence has failed.
#[derive(Debug)]
pub(in crate::race) struct Tracks {
    /// `None` has all addresses in one sequence.
    fallback_delay: Option<Duration>,
    frozen: Option<Frozen>,
}

#[derive(Debug)]
struct Frozen {
    primary: Track,
    fallback: Option<Fallback>,
}

#[derive(Debug)]
struct Fallback {
    track: Track,
    opens: Instant,
}

#[derive(Debug)]
struct Track {
    /// `None` is both.
    family: Option<Family>,
    /// Where in the list to look for the next address.
    from: usize,
    /// How many addresses have not been tried.
    remaining: usize,
    current: Option<Current>,
    started: bool,
}

#[derive(Debug)]
struct Current {
    id: AttemptId,
    slice_ends: Option<Instant>,
}

impl Tracks {
    pub(super) fn two_families(fallback_delay: Duration) -> Self {
        Self { fallback_delay: Some(fallback_delay), frozen: None }
    }

    pub(super) fn sequential() -> Self {
        Self { fallback_delay: None, frozen: None }
    }

    pub(super) fn poll_step(
        &mut self,
        candidates: &mut Candidates,
        attempts: &Attempts,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<Step> {
        let fallback_delay = self.fallback_delay;
        if self.frozen.is_none() {
            self.frozen = freeze(candidates, fallback_delay, now);
        }
        let Frozen { primary, fallback } = self.frozen.as_mut()?;

        if let Some(id) = primary.poll_slice(now).or_else(|| fallback.as_mut()?.track.poll_slice(now)) {
            return Some(Step::Drop(id, DropReason::SliceElapsed));
        }
        let id = attempts.next_id();
        if let Some(endpoint) = primary.poll_start(candidates, id, deadline, now) {
            let reason = if id == AttemptId::FIRST { StartReason::First } else { StartReason::PreviousFailed };
            return Some(Step::Start(endpoint, reason));
        }
        let fallback = fallback.as_mut()?;
        let primary_failed = primary.is_exhausted();
        if now < fallback.opens && !primary_failed {
            return None;
        }
        let reason = if fallback.track.started || primary_failed {
            StartReason::PreviousFailed
        } else {
            StartReason::DelayElapsed
        };
        let endpoint = fallback.track.poll_start(candidates, id, deadline, now)?;
        Some(Step::Start(endpoint, reason))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let Frozen { primary, fallback } = self.frozen.as_ref()?;
        let slice_ends = |track: &Track| track.current.as_ref()?.slice_ends;
        let Some(Fallback { track, opens }) = fallback else {
            return slice_ends(primary);
        };
        let opens = (!track.started).then_some(*opens);
        slice_ends(primary).into_iter().chain(slice_ends(track)).chain(opens).min()
    }

    pub(super) fn on_failure(&mut self, id: AttemptId) {
        let Some(Frozen { primary, fallback }) = &mut self.frozen else {
            return;
        };
        for track in [Some(primary), fallback.as_mut().map(|f| &mut f.track)].into_iter().flatten() {
            if track.current.as_ref().is_some_and(|current| current.id == id) {
                track.current = None;
            }
        }
    }

    /// The first failure of the primary sequence.
    pub(super) fn primary_error(&self, attempts: &Attempts) -> Option<AttemptId> {
        let primary = &self.frozen.as_ref()?.primary;
        attempts.first_failed(|address| primary.family.is_none_or(|family| family == Family::of(address)))
    }
}

fn freeze(candidates: &Candidates, fallback_delay: Option<Duration>, now: Instant) -> Option<Frozen> {
    let (first, of_first, of_other) = candidates.families()?;
    Some(match fallback_delay {
        None => Frozen { primary: Track::new(None, of_first + of_other), fallback: None },
        Some(delay) => Frozen {
            primary: Track::new(Some(first), of_first),
            fallback: (of_other > 0)
                .then(|| Fallback { track: Track::new(Some(first.other()), of_other), opens: later(now, delay) }),
        },
    })
}

impl Track {
    fn new(family: Option<Family>, remaining: usize) -> Self {
        Self { family, from: 0, remaining, current: None, started: false }
    }

    /// The attempt whose slice is used up, which then is no longer the current one.
    fn poll_slice(&mut self, now: Instant) -> Option<AttemptId> {
        let elapsed = |current: &mut Current| current.slice_ends.is_some_and(|end| end <= now);
        self.current.take_if(elapsed).map(|current| current.id)
    }

    fn poll_start(
        &mut self,
        candidates: &mut Candidates,
        id: AttemptId,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<Endpoint> {
        if self.current.is_some() || self.remaining == 0 {
            return None;
        }
        let slice_ends = match slice(now, deadline, self.remaining) {
            Slice::Unlimited => None,
            // The last of the time is the deadline's to end, not the slice's.
            Slice::Until(end) => Some(end).filter(|_| deadline != Some(end)),
            Slice::DeadlinePassed => return None,
        };
        let endpoint = match self.family {
            Some(family) => {
                let (place, endpoint) = candidates.take_of(family, self.from)?;
                self.from = place + 1;
                endpoint
            }
            None => candidates.take()?,
        };
        self.remaining -= 1;
        self.started = true;
        self.current = Some(Current { id, slice_ends });
        Some(endpoint)
    }

    fn is_exhausted(&self) -> bool {
        self.current.is_none() && self.remaining == 0
    }
}

/// Until when an attempt may last.
#[derive(Debug, PartialEq, Eq)]
enum Slice {
    Unlimited,
    Until(Instant),
    DeadlinePassed,
}

/// Each of the remaining addresses gets an equal share of the remaining time, but at least 2 s, taken from those at the end of
/// the list, and never more than remains.
fn slice(now: Instant, deadline: Option<Instant>, remaining_addresses: usize) -> Slice {
    let Some(deadline) = deadline else {
        return Slice::Unlimited;
    };
    let remains = deadline.saturating_duration_since(now);
    if remains.is_zero() {
        return Slice::DeadlinePassed;
    }
    let share = remains / u32::try_from(remaining_addresses).unwrap_or(u32::MAX);
    Slice::Until(now + share.max(MINIMUM_SLICE).min(remains))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::race::invented_instant;

    #[test]
    fn the_deadline_is_shared_out_with_a_floor_of_two_seconds() {
        let now = invented_instant();
        let seconds = Duration::from_secs_f64;
        let sliced = |deadline, addresses| match slice(now, Some(now + seconds(deadline)), addresses) {
            Slice::Until(end) => end - now,
            other => panic!("{other:?}"),
        };
        assert_eq!(sliced(12.0, 1), seconds(12.0));
        assert_eq!(sliced(12.0, 2), seconds(6.0));
        assert_eq!(sliced(12.0, 3), seconds(4.0));
        assert_eq!(sliced(12.0, 999), seconds(2.0));
        assert_eq!(sliced(1.9, 999), seconds(1.9));
        assert_eq!(slice(now, None, 1), Slice::Unlimited);
    }

    #[test]
    fn a_deadline_is_passed_when_nothing_remains() {
        let deadline = invented_instant() + Duration::from_secs(1);
        let just_before = deadline - Duration::from_millis(1);
        assert_eq!(slice(just_before, Some(deadline), 1), Slice::Until(deadline));
        assert_eq!(slice(deadline, Some(deadline), 1), Slice::DeadlinePassed);
        assert_eq!(slice(deadline + Duration::from_millis(1), Some(deadline), 1), Slice::DeadlinePassed);
    }
}
