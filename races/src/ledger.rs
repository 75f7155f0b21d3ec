//! What the server did with each request, what its caller was told, and the verdict.
//!
//! A response has *arrived* when the client's system has all of it: the server has written it in full, and then either ended the
//! connection in order with nothing unread (the systems deliver it then, whatever the processes do), or seen every byte acknowledged
//! before its reset. A response that was written in full and not acknowledged when the reset went out may have been lost between the two
//! systems; it is counted apart.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

/// What the server knows of the requests, each by its number.
#[derive(Debug)]
pub(crate) struct Ledger {
    records: Vec<Record>,
    late: AtomicUsize,
}

#[derive(Debug, Default)]
struct Record {
    read: AtomicU8,
    arrived: AtomicU8,
    unacknowledged: AtomicU8,
}

/// What the server knows of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How often its head was read.
    pub(crate) read: u8,
    /// How many responses to it have arrived.
    pub(crate) arrived: u8,
    /// How many more were written completely.
    pub(crate) unacknowledged: u8,
}

impl Ledger {
    pub(crate) fn new(requests: usize) -> Self {
        Self { records: (0..requests).map(|_| Record::default()).collect(), late: AtomicUsize::new(0) }
    }

    /// The head of a request was read.
    pub(crate) fn read(&self, number: usize) {
        self.records[number].read.fetch_add(1, SeqCst);
    }

    /// A response was written in full, and has arrived or not.
    pub(crate) fn answered(&self, number: usize, has_arrived: bool) {
        let record = &self.records[number];
        let count = if has_arrived { &record.arrived } else { &record.unacknowledged };
        count.fetch_add(1, SeqCst);
    }

    /// A request came to a connection that the server had decided to end.
    pub(crate) fn came_late(&self) {
        self.late.fetch_add(1, SeqCst);
    }

    pub(crate) fn late(&self) -> usize {
        self.late.load(SeqCst)
    }

    /// Returns what is known once the server is done.
    pub(crate) fn seen(&self, number: usize) -> Seen {
        let Record { read, arrived, unacknowledged } = &self.records[number];
        Seen { read: read.load(SeqCst), arrived: arrived.load(SeqCst), unacknowledged: unacknowledged.load(SeqCst) }
    }
}

/// What the caller of a request was told.
pub(crate) type Outcome = crate::outcome::Outcome<Claims>;

/// The claims of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) is_closed_before_response: bool,
    pub(crate) was_reused: bool,
    pub(crate) is_unsent: bool,
    pub(crate) retries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    /// A true error of a request that must not be sent again, and met the end of a reused connection.
    Excused,
    /// A response was written, not acknowledged before the reset, and not delivered.
    Unacknowledged,
    /// A response that had arrived was not delivered. So was a request with two answers: the first was overlooked.
    Lost,
    Pending,
    /// The response belongs to another request, or to none.
    Wrong,
    /// The server has read a request twice that must not be sent again.
    SentTwice,
    /// An error that no rule allows, or with a wrong claim.
    Untrue,
}

impl Verdict {
    pub(crate) const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Excused,
        Self::Unacknowledged,
        Self::Lost,
        Self::Pending,
        Self::Wrong,
        Self::SentTwice,
        Self::Untrue,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Excused => "true errors",
            Self::Unacknowledged => "unacknowledged",
            Self::Lost => "lost",
            Self::Pending => "pending",
            Self::Wrong => "wrong",
            Self::SentTwice => "sent twice",
            Self::Untrue => "untrue errors",
        }
    }

    pub(crate) fn is_violation(self) -> bool {
        !matches!(self, Self::Delivered | Self::Excused | Self::Unacknowledged)
    }
}

/// Judges one request, which may be sent again or not.
pub(crate) fn judge(is_retryable: bool, seen: Seen, outcome: &Outcome) -> Verdict {
    if let Outcome::Pending = outcome {
        return Verdict::Pending;
    }
    if !is_retryable && seen.read > 1 {
        return Verdict::SentTwice;
    }
    if seen.arrived > 1 {
        return Verdict::Lost;
    }
    match outcome {
        Outcome::Pending | Outcome::Wrong(_) => Verdict::Wrong,
        Outcome::Delivered => match seen.arrived + seen.unacknowledged {
            0 => Verdict::Wrong,
            1 => Verdict::Delivered,
            _ => Verdict::Unacknowledged,
        },
        Outcome::Failed(..) if seen.arrived > 0 => Verdict::Lost,
        Outcome::Failed(..) if seen.unacknowledged > 0 => Verdict::Unacknowledged,
        Outcome::Failed(claims, _) => {
            let is_allowed = !is_retryable && claims.is_closed_before_response && claims.was_reused;
            let is_true = claims.retries == 0 && (!claims.is_unsent || seen.read == 0);
            if is_allowed && is_true { Verdict::Excused } else { Verdict::Untrue }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Seen = Seen { read: 1, arrived: 0, unacknowledged: 0 };
    const ANSWERED: Seen = Seen { arrived: 1, ..READ };
    const WRITTEN: Seen = Seen { unacknowledged: 1, ..READ };
    const CLOSED: Claims = Claims { is_closed_before_response: true, was_reused: true, is_unsent: false, retries: 0 };

    fn failed(claims: Claims) -> Outcome {
        Outcome::Failed(claims, String::new())
    }

    #[test]
    fn what_was_answered_must_be_delivered_once() {
        for is_retryable in [false, true] {
            let judged = |seen, outcome| judge(is_retryable, seen, &outcome);
            assert_eq!(judged(ANSWERED, Outcome::Delivered), Verdict::Delivered);
            assert_eq!(judged(WRITTEN, Outcome::Delivered), Verdict::Delivered);
            assert_eq!(judged(ANSWERED, failed(CLOSED)), Verdict::Lost);
            assert_eq!(judged(WRITTEN, failed(CLOSED)), Verdict::Unacknowledged);
            assert_eq!(judged(ANSWERED, Outcome::Pending), Verdict::Pending);
            assert_eq!(judged(ANSWERED, Outcome::Wrong(String::new())), Verdict::Wrong);
            assert_eq!(judged(READ, Outcome::Delivered), Verdict::Wrong);
        }
        let twice = Seen { read: 2, arrived: 2, unacknowledged: 0 };
        assert_eq!(judge(true, twice, &Outcome::Delivered), Verdict::Lost, "the retry hides the loss");
        let once_more = Seen { read: 2, arrived: 1, unacknowledged: 1 };
        assert_eq!(judge(true, once_more, &Outcome::Delivered), Verdict::Unacknowledged);
    }

    #[test]
    fn an_error_must_be_allowed_and_true() {
        assert_eq!(judge(false, READ, &failed(CLOSED)), Verdict::Excused);
        assert_eq!(judge(true, READ, &failed(CLOSED)), Verdict::Untrue, "it can be sent again");
        let unsent = Claims { is_unsent: true, ..CLOSED };
        assert_eq!(judge(false, Seen::default(), &failed(unsent)), Verdict::Excused);
        assert_eq!(judge(false, READ, &failed(unsent)), Verdict::Untrue, "the server has read it");
        for claims in [
            Claims { was_reused: false, ..CLOSED },
            Claims { is_closed_before_response: false, ..CLOSED },
            Claims { retries: 1, ..CLOSED },
        ] {
            assert_eq!(judge(false, READ, &failed(claims)), Verdict::Untrue, "{claims:?}");
        }
    }

    #[test]
    fn what_must_not_be_sent_again_is_read_once() {
        let twice = Seen { read: 2, ..ANSWERED };
        assert_eq!(judge(false, twice, &Outcome::Delivered), Verdict::SentTwice);
        assert_eq!(judge(true, twice, &Outcome::Delivered), Verdict::Delivered);
    }
}
