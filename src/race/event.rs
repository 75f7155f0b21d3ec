//! The vocabulary of a race: queries ([`Query`]), inputs ([`Outcome`]) and outputs ([`Action`]).

use std::fmt;
use std::time::Duration;

use super::endpoint::{Endpoint, Family};
use super::memory::{AttemptDelay, Dead};

/// A query to the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Query {
    /// The IPv4 addresses of the name.
    A,
    /// The IPv6 addresses of the name.
    Aaaa,
    /// The HTTPS service records of the name (RFC 9460).
    Https,
    /// Both families in one answer, in the resolver's order, as getaddrinfo gives it.
    List,
}

impl Query {
    const ALL: [Self; 4] = [Self::A, Self::Aaaa, Self::Https, Self::List];

    /// Each address family with the query for it alone, IPv6 first.
    pub(crate) const OF_FAMILIES: [(Family, Self); 2] = [(Family::V6, Self::Aaaa), (Family::V4, Self::A)];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Https => "HTTPS",
            Self::List => "A and AAAA",
        })
    }
}

/// A set of [`Query`] values.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Queries(u8);

impl Queries {
    /// No query.
    pub const NONE: Self = Self(0);
    /// One look-up for both families ([`Query::List`]).
    pub const LIST: Self = Self(Query::List.bit());
    /// AAAA and A, as separate queries.
    pub const ADDRESSES: Self = Self(Query::Aaaa.bit() | Query::A.bit());

    /// Whether `query` is in the set.
    pub const fn contains(self, query: Query) -> bool {
        self.0 & query.bit() != 0
    }

    /// Whether no query is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with `query` added.
    #[must_use]
    pub const fn with(self, query: Query) -> Self {
        Self(self.0 | query.bit())
    }

    /// The set without `query`.
    #[must_use]
    pub const fn without(self, query: Query) -> Self {
        Self(self.0 & !query.bit())
    }

    /// The queries of the set: A, AAAA, HTTPS, then the list.
    pub fn iter(self) -> impl Iterator<Item = Query> {
        Query::ALL.into_iter().filter(move |query| self.contains(*query))
    }
}

impl From<Query> for Queries {
    fn from(query: Query) -> Self {
        Self::NONE.with(query)
    }
}

impl FromIterator<Query> for Queries {
    fn from_iter<I: IntoIterator<Item = Query>>(queries: I) -> Self {
        queries.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A list is a query for both families: readers see the two.
        let mut families = *self;
        if self.contains(Query::List) {
            families = self.without(Query::List).with(Query::A).with(Query::Aaaa);
        }
        for (i, query) in families.iter().enumerate() {
            let separator = if i > 0 { ", " } else { "" };
            write!(f, "{separator}{query}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Queries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The id of an attempt of one race. Attempts are numbered from 0 in start order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(usize);

impl AttemptId {
    /// The first attempt of a race.
    pub const FIRST: Self = Self::new(0);

    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// The place of the attempt in the order of starts, from 0.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// The result of an attempt, or its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A part of the attempt is done (the TCP handshake before TLS, say), and the rest is estimated to take `remaining`: [`Outcome::progress`].
    ///
    /// The next start is put off, to let the attempt finish (v3 §6.1): `remaining` is clamped to 100 ms ..= 2 s, and no start is put off past 2 s
    /// after the one before it. At the first such report, when the transport stands, the handshake time that a memory knows
    /// ([`Advice::handshake`](super::Advice::handshake)) replaces the estimate.
    #[non_exhaustive]
    Progress {
        /// How long the rest will take, as the attempt estimates.
        remaining: Duration,
    },
    /// The transport stands, and the attempt asks whether it may begin its handshake.
    ///
    /// The race answers with [`Action::Proceed`], or drops the attempt. While the attempt waits, the time to the next start stands still, until at
    /// most 2 s after the last start.
    AtGate,
    /// The transport stands and decides the race: this attempt wins unless it fails.
    ///
    /// Every other attempt in flight is dropped as [overtaken](DropReason::Overtaken), and none starts while this one is in flight. If it fails, the
    /// race goes on at once, and first tries the endpoints of the overtaken attempts again.
    Chosen,
    /// The connection is made.
    Connected,
    /// The attempt failed: [`Outcome::failed`], [`Outcome::failed_unsent`].
    #[non_exhaustive]
    Failed {
        /// Whether anything may have been sent. A failure to open, bind or configure a socket has sent nothing. Such an attempt does not count for
        /// the minimum of 10 ms between starts.
        sent: bool,
    },
    /// The attempt failed because the peer did not prove to be the host that is meant: its certificate was not accepted. Something was sent.
    ///
    /// The race goes on as after any failure. If it is lost, this attempt's error takes precedence over failed connections.
    Untrusted,
}

impl Outcome {
    /// Returns [`Outcome::Progress`]: a part of the attempt is done, and the rest is estimated to take `remaining`.
    pub fn progress(remaining: Duration) -> Self {
        Self::Progress { remaining }
    }

    /// Returns [`Outcome::Failed`] of an attempt that may have sent something.
    pub fn failed() -> Self {
        Self::Failed { sent: true }
    }

    /// Returns [`Outcome::Failed`] of an attempt that sent nothing, since opening, binding or configuring the socket failed.
    pub fn failed_unsent() -> Self {
        Self::Failed { sent: false }
    }
}

/// Why an attempt was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartReason {
    /// The attempt is the first of the race.
    First,
    /// The connection attempt delay (or the fallback delay) had passed.
    DelayElapsed,
    /// The attempt before it failed, or an attempt that was [chosen](Outcome::Chosen).
    PreviousFailed,
    /// An attempt was due, and a late answer brought an address. Or the HTTPS answer has no service at the endpoint of the newest attempt.
    AnswerArrived,
}

impl fmt::Display for StartReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::DelayElapsed => "delay elapsed",
            Self::PreviousFailed => "previous failed",
            Self::AnswerArrived => "answer arrived",
        })
    }
}

/// Why an attempt was dropped before it had an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Another attempt won.
    Lost,
    /// The attempt was the oldest, and made room for the next at the limit of concurrent attempts.
    Pruned,
    /// The attempt used up its slice of the deadline (`TwoFamilies` and `Sequential`). This counts as its failure.
    SliceElapsed,
    /// The race ended at its deadline.
    DeadlineElapsed,
    /// The attempt was ready for its handshake, but the answer to the HTTPS query has no service at its endpoint (RFC 9460 §5.1). The endpoint is
    /// tried once more when nothing else is left.
    Superseded,
    /// The transport of another attempt decided the race ([`Outcome::Chosen`]). If that one fails, this endpoint is tried again.
    Overtaken,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost to another attempt",
            Self::Pruned => "made room for the next attempt",
            Self::SliceElapsed | Self::DeadlineElapsed => "timed out",
            Self::Superseded => "superseded by a service record",
            Self::Overtaken => "another transport stood first",
        })
    }
}

/// What the driver of a race must do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an action that is not carried out stalls the race"]
#[non_exhaustive]
pub enum Action {
    /// Start an attempt, and report its outcome under `id`.
    #[non_exhaustive]
    Start {
        /// The id of the attempt.
        id: AttemptId,
        /// Where to connect to.
        endpoint: Endpoint,
        /// Why it starts now.
        reason: StartReason,
        /// The attempt delay: how long it may be silent before the next start.
        delay: AttemptDelay,
        /// Why it was put behind others of its group, if it was: its destination is believed to be dead.
        demoted: Option<Dead>,
    },
    /// Let an attempt that asked ([`Outcome::AtGate`]) begin its handshake.
    #[non_exhaustive]
    Proceed {
        /// The id of the attempt.
        id: AttemptId,
        /// The endpoint of the attempt, with the service record that applies now.
        endpoint: Endpoint,
    },
    /// Drop an attempt and close its socket. If it still reports an outcome, the race ignores it.
    #[non_exhaustive]
    Drop {
        /// The id of the attempt.
        id: AttemptId,
        /// Why.
        reason: DropReason,
    },
    /// The race is over. This is the last action: every attempt but the winner has failed or was dropped.
    Finish(Conclusion),
}

/// How a race ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conclusion {
    /// This attempt won.
    Connected(AttemptId),
    /// Every query is answered, and no answer had an address.
    NoAddresses,
    /// There were addresses, but none that may be tried: [`Race::untried`](super::Race::untried) says why.
    NoUsableAddress,
    /// Every address was tried, and every attempt failed.
    #[non_exhaustive]
    Exhausted {
        /// The attempt whose error is the error of the race: the first in start order whose peer was [untrusted](Outcome::Untrusted); if there is
        /// none, the first in start order (of the primary family, in `TwoFamilies`) that failed.
        error: AttemptId,
    },
    /// The deadline passed.
    #[non_exhaustive]
    TimedOut {
        /// The attempt whose error is the error of the race: in `TwoFamilies` and `Sequential`, if an attempt of the primary sequence failed, the
        /// same as in [`Exhausted`](Self::Exhausted). `None` if the time-out itself is the error.
        error: Option<AttemptId>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_queries_reads_as_the_record_types_a_caller_waits_for() {
        assert_eq!(Queries::ADDRESSES.to_string(), "A, AAAA");
        assert_eq!(Queries::LIST.to_string(), "A, AAAA");
        assert_eq!(Queries::from(Query::Https).with(Query::A).to_string(), "A, HTTPS");
        assert_eq!(Queries::ADDRESSES.without(Query::A).iter().collect::<Vec<_>>(), [Query::Aaaa]);
    }
}
