//! One line of the drawing.

use std::time::Duration;

use super::marks::{Colour, Marks};
use crate::outcome::attempt::{Attempt, AttemptOutcome, Untried};
use crate::race::DropReason;

/// One line of the drawing.
pub(super) struct Row {
    pub(super) address: String,
    pub(super) why: String,
    /// The start and the end, since the beginning of the race.
    pub(super) span: Option<(Duration, Duration)>,
    /// When the transport of the attempt stood, since the beginning of the race.
    pub(super) transport_stood: Option<Duration>,
    /// The last character of the bar.
    pub(super) end: char,
    pub(super) took: Option<Duration>,
    pub(super) outcome: String,
    pub(super) colour: Colour,
}

impl Row {
    /// The line of the look-up: until there was an address, or until the end if there was none.
    pub(super) fn of_look_up(took: Duration, has_address: bool, marks: &Marks) -> Self {
        let (end, outcome, colour) = match has_address {
            true => (marks.won, "first address known", Colour::Plain),
            false => (marks.failed, "no address", Colour::Bad),
        };
        Self {
            address: "(name look-up)".into(),
            why: String::new(),
            span: Some((Duration::ZERO, took)),
            transport_stood: None,
            end,
            took: Some(took),
            outcome: outcome.into(),
            colour,
        }
    }

    pub(super) fn of_attempt(attempt: &Attempt, marks: &Marks) -> Self {
        let (end, colour) = match attempt.outcome() {
            AttemptOutcome::Connected => (marks.won, Colour::Good),
            AttemptOutcome::Dropped(DropReason::SliceElapsed | DropReason::DeadlineElapsed) => {
                (marks.failed, Colour::Bad)
            }
            AttemptOutcome::Dropped(_) => (marks.dropped, Colour::Plain),
            AttemptOutcome::Failed(_) => (marks.failed, Colour::Bad),
        };
        let reason = attempt.reason();
        Self {
            address: attempt.endpoint().to_string(),
            why: attempt.demoted().map_or_else(|| reason.to_string(), |why| format!("{reason}; {why}")),
            span: Some((attempt.offset(), attempt.offset() + attempt.duration())),
            transport_stood: attempt.transport_after().map(|after| attempt.offset() + after),
            end,
            took: Some(attempt.duration()),
            outcome: attempt.outcome().to_string(),
            colour,
        }
    }

    pub(super) fn of_untried(untried: &Untried) -> Self {
        Self {
            address: untried.endpoint().to_string(),
            why: "(not tried)".into(),
            span: None,
            transport_stood: None,
            end: ' ',
            took: None,
            outcome: untried.demoted().map_or_else(|| untried.reason().to_string(), |why| why.to_string()),
            colour: Colour::Faint,
        }
    }
}
