//! What the servers did with each request over HTTP/2, what its caller was told, and the verdict.
//!
//! A response has *arrived*, or is unacknowledged, as over HTTP/1.1. Those that are not acknowledged are more here: of many responses on one
//! connection, the last are still to be sent when a reset takes them away. A server *acts* on a request when its handler begins with it. It does not
//! act on one that it refuses, nor on one that no GOAWAY of it covers.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

use hyper_happy_eyeballs::client::Processing;

/// What the servers know of the requests, each by its number.
#[derive(Debug)]
pub(crate) struct Ledger {
    records: Vec<[AtomicU8; Event::COUNT]>,
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// It reads the head.
    Read,
    /// Its handler begins.
    Act,
    /// It begins to write a response.
    Begin,
    /// It has written a response that has arrived.
    Arrive,
    /// It has written a response that may not have arrived.
    Write,
    /// It decides that the request must not come again: it resets the stream, or ends a connection on which it never spoke HTTP/2.
    Decide,
}

/// The counts of each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen([u8; Event::COUNT]);

impl Event {
    const COUNT: usize = 6;
}

impl Ledger {
    pub(crate) fn new(requests: usize) -> Self {
        Self { records: (0..requests).map(|_| <[AtomicU8; Event::COUNT]>::default()).collect() }
    }

    pub(crate) fn note(&self, number: usize, event: Event) {
        self.records[number][event as usize].fetch_add(1, SeqCst);
    }

    /// Returns what is known once the servers are done.
    pub(crate) fn seen(&self, number: usize) -> Seen {
        Seen(self.records[number].each_ref().map(|count| count.load(SeqCst)))
    }
}

impl Seen {
    pub(crate) fn times(self, event: Event) -> u8 {
        self.0[event as usize]
    }

    fn has(self, event: Event) -> bool {
        self.times(event) > 0
    }
}

/// What the caller of a request was told.
pub(crate) type Outcome = crate::outcome::Outcome<Claims>;

/// The claims of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) processing: Processing,
    pub(crate) may_retry: bool,
    pub(crate) retries: u32,
}

/// The properties of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) is_idempotent: bool,
    /// Its body is available for a retry.
    pub(crate) has_copy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    /// An error that is true.
    Failed,
    /// A response was written, not acknowledged before the end of the connection, and not delivered.
    Unacknowledged,
    /// A response that had arrived was not delivered. So was a request with two answers: the first was overlooked.
    Lost,
    Pending,
    /// The response belongs to another request, or to none.
    Wrong,
    /// A server has acted twice on a request that must not be sent again, or more than twice on one that may be sent again once.
    ActedTwice,
    /// An error with a wrong claim, or of a request that should have been retried.
    Untrue,
}

impl Verdict {
    pub(crate) const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Failed,
        Self::Unacknowledged,
        Self::Lost,
        Self::Pending,
        Self::Wrong,
        Self::ActedTwice,
        Self::Untrue,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "true errors",
            Self::Unacknowledged => "unacknowledged",
            Self::Lost => "lost",
            Self::Pending => "pending",
            Self::Wrong => "wrong",
            Self::ActedTwice => "acted on twice",
            Self::Untrue => "untrue errors",
        }
    }

    pub(crate) fn is_violation(self) -> bool {
        !matches!(self, Self::Delivered | Self::Failed | Self::Unacknowledged)
    }
}

/// Judges one request.
pub(crate) fn judge(asked: Asked, seen: Seen, outcome: &Outcome) -> Verdict {
    let most_acts = if asked.is_idempotent { 2 } else { 1 };
    match outcome {
        Outcome::Pending => Verdict::Pending,
        _ if seen.times(Event::Act) > most_acts => Verdict::ActedTwice,
        _ if seen.times(Event::Arrive) > 1 => Verdict::Lost,
        Outcome::Wrong(_) => Verdict::Wrong,
        Outcome::Delivered => match seen.times(Event::Arrive) + seen.times(Event::Write) {
            0 => Verdict::Wrong,
            1 => Verdict::Delivered,
            _ => Verdict::Unacknowledged,
        },
        Outcome::Failed(..) if seen.has(Event::Arrive) => Verdict::Lost,
        Outcome::Failed(..) if seen.has(Event::Write) => Verdict::Unacknowledged,
        Outcome::Failed(claims, _) if is_true(asked, seen, *claims) => Verdict::Failed,
        Outcome::Failed(..) => Verdict::Untrue,
    }
}

/// Whether the claims are true, and the client has retried where it could.
fn is_true(asked: Asked, seen: Seen, claims: Claims) -> bool {
    let processing_is_true = match claims.processing {
        Processing::Unsent => !seen.has(Event::Read),
        Processing::Unprocessed => !seen.has(Event::Act),
        Processing::Answered => seen.has(Event::Begin),
        // If a server has read the request and its connection ended, it is retried once.
        _ => {
            let should_have_been_sent_again = asked.is_idempotent && asked.has_copy && !seen.has(Event::Decide);
            !(should_have_been_sent_again && claims.retries == 0 && seen.has(Event::Read))
        }
    };
    let may_be_sent_again = asked.is_idempotent || !seen.has(Event::Act);
    processing_is_true && (may_be_sent_again || !claims.may_retry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Asked = Asked { is_idempotent: true, has_copy: true };
    const POST: Asked = Asked { is_idempotent: false, has_copy: true };

    fn seen(events: &[Event]) -> Seen {
        let ledger = Ledger::new(1);
        events.iter().for_each(|event| ledger.note(0, *event));
        ledger.seen(0)
    }

    fn failed(processing: Processing) -> Outcome {
        Outcome::Failed(Claims { processing, may_retry: false, retries: 0 }, String::new())
    }

    use Event::{Act, Arrive, Begin, Decide, Read, Write};

    #[test]
    fn what_was_answered_must_be_delivered_once() {
        for asked in [GET, POST] {
            let judged = |events: &[Event], outcome| judge(asked, seen(events), &outcome);
            assert_eq!(judged(&[Read, Act, Begin, Arrive], Outcome::Delivered), Verdict::Delivered);
            assert_eq!(judged(&[Read, Act, Begin, Write], Outcome::Delivered), Verdict::Delivered);
            assert_eq!(judged(&[Read, Act, Begin, Arrive], failed(Processing::Answered)), Verdict::Lost);
            assert_eq!(judged(&[Read, Act, Begin, Write], failed(Processing::Answered)), Verdict::Unacknowledged);
            assert_eq!(judged(&[Read, Act, Begin, Arrive], Outcome::Pending), Verdict::Pending);
            assert_eq!(judged(&[Read, Act, Begin, Arrive], Outcome::Wrong(String::new())), Verdict::Wrong);
            assert_eq!(judged(&[Read, Act], Outcome::Delivered), Verdict::Wrong);
        }
        assert_eq!(judge(GET, seen(&[Arrive, Arrive]), &Outcome::Delivered), Verdict::Lost, "the retry hides the loss");
        assert_eq!(judge(GET, seen(&[Write, Arrive]), &Outcome::Delivered), Verdict::Unacknowledged);
    }

    #[test]
    fn a_server_acts_once_and_twice_where_that_does_no_harm() {
        let judged =
            |asked, acts| judge(asked, seen(&[[Act].repeat(acts), vec![Arrive]].concat()), &Outcome::Delivered);
        assert_eq!([1, 2].map(|acts| judged(POST, acts)), [Verdict::Delivered, Verdict::ActedTwice]);
        assert_eq!([2, 3].map(|acts| judged(GET, acts)), [Verdict::Delivered, Verdict::ActedTwice]);
    }

    #[test]
    fn what_an_error_says_must_be_true() {
        use Processing::{Answered, Unknown, Unprocessed, Unsent};
        let all = [Unsent, Unprocessed, Unknown, Answered];
        for (events, expected) in [
            (&[][..], [true, true, true, false]),
            (&[Read], [false, true, true, false]),
            (&[Read, Act], [false, false, true, false]),
            (&[Read, Act, Begin], [false, false, true, true]),
        ] {
            let is_true = |processing| judge(POST, seen(events), &failed(processing)) == Verdict::Failed;
            assert_eq!(all.map(is_true), expected, "{events:?}");
        }
        let inviting = Claims { processing: Unknown, may_retry: true, retries: 1 };
        let judged = |asked| judge(asked, seen(&[Read, Act]), &Outcome::Failed(inviting, String::new()));
        assert_eq!([GET, POST].map(judged), [Verdict::Failed, Verdict::Untrue]);
    }

    #[test]
    fn what_is_unknown_and_idempotent_must_have_been_sent_again() {
        let unknown = |retries| {
            Outcome::Failed(Claims { processing: Processing::Unknown, may_retry: true, retries }, String::new())
        };
        assert_eq!(judge(GET, seen(&[Read, Act]), &unknown(0)), Verdict::Untrue);
        assert_eq!(judge(GET, seen(&[Read, Act, Read]), &unknown(1)), Verdict::Failed);
        assert_eq!(judge(GET, seen(&[Read, Act, Decide]), &unknown(0)), Verdict::Failed);
        assert_eq!(judge(Asked { has_copy: false, ..GET }, seen(&[Read, Act]), &unknown(0)), Verdict::Failed);
    }
}
