//! The deadlines of a request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::error::{Limit, Phase, TimedOut};
use super::pool::{RuntimeId, current_runtime};
use super::time_limits::Limits;
use crate::timer::{Timer, read_clock};

pin_project! {
    /// The deadlines of a request. A request without limits has none.
    pub(super) struct Deadlines {
        // The next deadline.
        at: Instant,
        next: Reached,
        // The deadline of the whole request, which is the only one for the body.
        total: Option<(Instant, Duration)>,
        // Made anew when another runtime polls it: a timer panics if its runtime has ended.
        #[pin]
        timer: Timer,
        runtime: Option<RuntimeId>,
    }
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    limit: Limit,
    after: Duration,
}

impl Reached {
    pub(super) fn during(self, phase: Phase) -> TimedOut {
        TimedOut { limit: self.limit, after: self.after, phase }
    }
}

impl Deadlines {
    /// Returns the deadlines of a request that begins now.
    pub(super) fn begin(limits: Limits) -> Option<Pin<Box<Self>>> {
        let now = read_clock();
        // A deadline that is too far for an `Instant` never comes.
        let deadline = |limit: Option<Duration>| limit.and_then(|after| Some((now.checked_add(after)?, after)));
        let total = deadline(limits.total);
        let first = match (deadline(limits.head), total) {
            (Some(head), total) if total.is_none_or(|total| head < total) => (Limit::Head, head),
            (_, total) => (Limit::Total, total?),
        };
        let (limit, (at, after)) = first;
        Some(Box::pin(Self { at, next: Reached { limit, after }, total, timer: Timer::new(), runtime: None }))
    }

    /// The head of the response has arrived. Returns the deadline of its body, if there is one.
    pub(super) fn on_head(mut self: Pin<Box<Self>>) -> Option<Pin<Box<Self>>> {
        let this = self.as_mut().project();
        let (at, after) = (*this.total)?;
        (*this.at, *this.next) = (at, Reached { limit: Limit::Total, after });
        Some(self)
    }

    /// Ready when the next deadline has come.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reached> {
        let mut this = self.project();
        let runtime = current_runtime();
        if this.runtime.replace(runtime) != Some(runtime) {
            this.timer.set(Timer::new());
        }
        this.timer.poll(Some(*this.at), cx).map(|()| *this.next)
    }

    /// Checks the next deadline without a timer.
    pub(super) fn look(&self) -> Poll<Reached> {
        if self.at <= read_clock() { Poll::Ready(self.next) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Duration = Duration::from_secs(1);
    const TWO: Duration = Duration::from_secs(2);

    fn next(limits: Limits) -> Option<(Limit, Duration)> {
        Deadlines::begin(limits).map(|deadlines| (deadlines.next.limit, deadlines.next.after))
    }

    #[test]
    fn the_first_limit_comes_first_and_the_body_has_that_of_the_whole() {
        let (of_head, of_all) = (Some((Limit::Head, ONE)), Some((Limit::Total, ONE)));
        assert_eq!(next(Limits { total: None, head: Some(ONE) }), of_head);
        assert_eq!(next(Limits { total: Some(TWO), head: Some(ONE) }), of_head);
        assert_eq!(next(Limits { total: Some(ONE), head: Some(ONE) }), of_all, "the error says the larger part");
        assert_eq!(next(Limits { total: Some(ONE), head: Some(TWO) }), of_all);
        assert_eq!(next(Limits { total: Some(ONE), head: None }), of_all);
        let body = |limits| Deadlines::begin(limits).unwrap().on_head().map(|deadlines| deadlines.next.after);
        assert_eq!(body(Limits { total: None, head: Some(ONE) }), None);
        assert_eq!(body(Limits { total: Some(TWO), head: Some(ONE) }), Some(TWO));
    }

    #[test]
    fn what_the_clock_does_not_have_never_comes() {
        assert_eq!(next(Limits { total: Some(Duration::MAX), head: None }), None);
        assert_eq!(next(Limits { total: Some(Duration::MAX), head: Some(ONE) }), Some((Limit::Head, ONE)));
    }
}
