//! [`Policy::TwoFamilies`](super::super::Policy::TwoFamilies) (RFC 6555) and [`Policy::Sequential`](super::super::Policy::Sequential): one or two
//! sequences of attempts, over a list that no longer changes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::attempts::Attempts;
use super::super::candidates::Candidates;
use super::super::endpoint::{Endpoint, Family};
use super::super::event::{AttemptId, DropReason, StartReason};
use super::step::Step;

/// The least slice of the remaining time that an address gets, if so much time remains.
const MINIMUM_SLICE: Duration = Duration::from_secs(2);

/// 1. Each sequence tries one address at a time. A failure starts the next one at once.
/// 2. With a deadline, each address has a slice of the remaining time ([`slice`]). An attempt that uses up its slice has failed.
/// 3. The endpoint of an attempt that was overtaken is tried again before those that were never tried.
/// 4. The sequence of the other family starts after the fallback delay, or at once when the whole primary sequence has failed.
#[derive(Debug)]
pub(in crate::race) struct Tracks {
    /// `None` if all addresses are one sequence.
    fallback_delay: Option<Duration>,
    frozen: Option<Frozen>,
}

#[derive(Debug)]
struct Frozen {
    /// The family of the primary sequence. `None` if it has both.
    family: Option<Family>,
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
    untried: VecDeque<Endpoint>,
    current: Option<Current>,
    started: bool,
    /// The attempt to the first of `untried` was overtaken.
    was_overtaken: bool,
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
        if let Some(step) = self.poll_slice(now) {
            return Some(step);
        }
        let Frozen { primary, fallback, .. } = self.frozen.as_mut()?;
        let id = attempts.next_id();
        if let Some(Fallback { track, .. }) = fallback.as_mut().filter(|fallback| fallback.track.was_overtaken) {
            if let Some(endpoint) = track.poll_start(id, deadline, now) {
                return Some(Step::Start(endpoint, StartReason::PreviousFailed));
            }
        }
        if let Some(endpoint) = primary.poll_start(id, deadline, now) {
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
        let endpoint = fallback.track.poll_start(id, deadline, now)?;
        Some(Step::Start(endpoint, reason))
    }

    /// Returns the step that drops an attempt whose slice is used up.
    pub(super) fn poll_slice(&mut self, now: Instant) -> Option<Step> {
        let id = self.tracks_mut().find_map(|track| track.poll_slice(now))?;
        Some(Step::Drop(id, DropReason::SliceElapsed))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let fallback = self.frozen.as_ref()?.fallback.as_ref();
        let opens = fallback.filter(|fallback| !fallback.track.started).map(|fallback| fallback.opens);
        self.slice_ends().into_iter().chain(opens).min()
    }

    /// Returns when the first slice ends.
    pub(super) fn slice_ends(&self) -> Option<Instant> {
        self.tracks().filter_map(|track| track.current.as_ref()?.slice_ends).min()
    }

    pub(super) fn on_failure(&mut self, id: AttemptId) {
        if let Some(track) = self.track_of(id) {
            track.current = None;
        }
    }

    /// The attempt was overtaken. Its endpoint, if given, is put back as the first of its sequence.
    pub(super) fn on_overtaken(&mut self, id: AttemptId, endpoint: Option<Endpoint>) {
        if let Some(track) = self.track_of(id) {
            track.current = None;
            if let Some(endpoint) = endpoint {
                track.untried.push_front(endpoint);
                track.was_overtaken = true;
            }
        }
    }

    /// Returns the first attempt of the primary sequence that failed.
    pub(super) fn primary_error(&self, attempts: &Attempts) -> Option<AttemptId> {
        let primary = self.frozen.as_ref()?.family;
        attempts.first_failed(|address| primary.is_none_or(|family| family == Family::of(address)))
    }

    /// The endpoints that have not been tried, those of the primary sequence first.
    pub(super) fn untried(&self) -> impl Iterator<Item = &Endpoint> {
        self.tracks().flat_map(|track| &track.untried)
    }

    /// The primary sequence, then the other one.
    fn tracks(&self) -> impl Iterator<Item = &Track> {
        let tracks = self.frozen.iter().flat_map(|f| [Some(&f.primary), f.fallback.as_ref().map(|f| &f.track)]);
        tracks.flatten()
    }

    fn tracks_mut(&mut self) -> impl Iterator<Item = &mut Track> {
        let tracks =
            self.frozen.iter_mut().flat_map(|f| [Some(&mut f.primary), f.fallback.as_mut().map(|f| &mut f.track)]);
        tracks.flatten()
    }

    /// Returns the sequence of this attempt, if the attempt is in flight.
    fn track_of(&mut self, id: AttemptId) -> Option<&mut Track> {
        self.tracks_mut().find(|track| track.current.as_ref().is_some_and(|current| current.id == id))
    }
}

fn freeze(candidates: &mut Candidates, fallback_delay: Option<Duration>, now: Instant) -> Option<Frozen> {
    let all = candidates.take_all();
    let first = all.front()?.family();
    let Some(delay) = fallback_delay else {
        return Some(Frozen { family: None, primary: Track::new(all), fallback: None });
    };
    let (primary, other): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(|e| e.family() == first);
    let fallback = (!other.is_empty()).then(|| Fallback { track: Track::new(other), opens: now + delay });
    Some(Frozen { family: Some(first), primary: Track::new(primary), fallback })
}

impl Track {
    fn new(untried: VecDeque<Endpoint>) -> Self {
        Self { untried, current: None, started: false, was_overtaken: false }
    }

    /// Returns the attempt whose slice is used up, and forgets it as the current one.
    fn poll_slice(&mut self, now: Instant) -> Option<AttemptId> {
        let elapsed = |current: &mut Current| current.slice_ends.is_some_and(|end| end <= now);
        self.current.take_if(elapsed).map(|current| current.id)
    }

    fn poll_start(&mut self, id: AttemptId, deadline: Option<Instant>, now: Instant) -> Option<Endpoint> {
        if self.current.is_some() || self.untried.is_empty() {
            return None;
        }
        let slice_ends = match slice(now, deadline, self.untried.len()) {
            Slice::Unlimited => None,
            // A slice that would end with the deadline is left to the deadline, so that the race ends as timed out.
            Slice::Until(end) => Some(end).filter(|_| deadline != Some(end)),
            Slice::DeadlinePassed => return None,
        };
        self.started = true;
        self.was_overtaken = false;
        self.current = Some(Current { id, slice_ends });
        self.untried.pop_front()
    }

    fn is_exhausted(&self) -> bool {
        self.current.is_none() && self.untried.is_empty()
    }
}

/// Until when an attempt may last.
#[derive(Debug, PartialEq, Eq)]
enum Slice {
    Unlimited,
    Until(Instant),
    DeadlinePassed,
}

/// Returns the slice of the next attempt. Each of the remaining addresses gets an equal share of the remaining time, but at least 2 s and never more
/// than remains. If shares are less than 2 s, the addresses at the end of the list get none.
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
