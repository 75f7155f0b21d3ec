//! May an attempt that is ready for its handshake begin it, or is the answer to the HTTPS query worth waiting for (v3 §6.3)?

use std::time::{Duration, Instant};

use super::event::{Queries, Query};

/// How long an attempt that is ready for its handshake waits for the answer to the HTTPS query (RFC 9460, v3 §6.3).
///
/// The answer may bring what belongs into the handshake: a configuration for Encrypted ClientHello. An attempt that has no use for it need not
/// wait. No start waits for it longer than the resolution delay in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Patience {
    /// It does not wait.
    #[default]
    Off,
    /// Until so long after the first address was there; then it goes on without a service record. Less than the resolution delay is no time
    /// at all.
    Bounded(Duration),
    /// As long as the query is open: the deadline alone ends the wait.
    Strict,
}

/// Where the attempts of a race wait, all for the same answer.
///
/// 1. It is open where HTTPS records were not asked for, and once the query has any answer: a provisional, a negative or a failed
///    one too.
/// 2. Until then the patience decides.
/// 3. Once open, it stays open.
#[derive(Debug)]
pub(super) struct Gate {
    patience: Patience,
    /// The HTTPS query was asked, and has no answer.
    is_unanswered: bool,
    first_address: Option<Instant>,
}

impl Gate {
    pub(super) fn new(queries: Queries, patience: Patience) -> Self {
        Self { patience, is_unanswered: queries.contains(Query::Https), first_address: None }
    }

    pub(super) fn on_answer(&mut self, query: Query) {
        self.is_unanswered &= query != Query::Https;
    }

    /// There is at least one address now.
    pub(super) fn on_address(&mut self, now: Instant) {
        self.first_address.get_or_insert(now);
    }

    /// Whether an answer to the HTTPS query is still to come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Whether an answer that came after an attempt had started decides whether its handshake begins.
    pub(super) fn heeds_late_answers(&self) -> bool {
        self.patience != Patience::Off
    }

    /// Whether handshakes may begin.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        !self.is_unanswered
            || match self.patience {
                Patience::Off => true,
                Patience::Bounded(_) => self.opens_at().is_none_or(|at| at <= now),
                Patience::Strict => false,
            }
    }

    /// When it opens by itself, or did; `None` if only an answer can open it.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        match self.patience {
            Patience::Bounded(patience) => self.first_address.map(|at| at + patience),
            Patience::Off | Patience::Strict => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::invented_instant;
    use super::*;

    /// What is known of the HTTPS records.
    #[derive(Clone, Copy, Debug)]
    enum Known {
        NotAsked,
        Open,
        /// A provisional, a final, a negative or a failed answer.
        Answered,
    }

    #[test]
    fn the_gate_is_shut_only_while_the_query_is_open_and_there_is_patience() {
        let first_address = invented_instant();
        let after = |ms| first_address + Duration::from_millis(ms);
        let bounded = Patience::Bounded(Duration::from_millis(300));
        for (known, patience, now, expected) in [
            (Known::NotAsked, Patience::Off, 0, true),
            (Known::NotAsked, bounded, 0, true),
            (Known::NotAsked, Patience::Strict, 0, true),
            (Known::Open, Patience::Off, 0, true),
            (Known::Open, bounded, 0, false),
            (Known::Open, bounded, 299, false),
            (Known::Open, bounded, 300, true),
            (Known::Open, bounded, 301, true),
            (Known::Open, Patience::Strict, 0, false),
            (Known::Open, Patience::Strict, 1_000_000, false),
            (Known::Answered, Patience::Off, 0, true),
            (Known::Answered, bounded, 0, true),
            (Known::Answered, Patience::Strict, 0, true),
        ] {
            let queries = match known {
                Known::NotAsked => Queries::ADDRESSES,
                Known::Open | Known::Answered => Queries::ADDRESSES.with(Query::Https),
            };
            let mut gate = Gate::new(queries, patience);
            gate.on_answer(Query::Aaaa);
            gate.on_address(first_address);
            gate.on_address(after(200));
            if matches!(known, Known::Answered) {
                gate.on_answer(Query::Https);
            }
            assert_eq!(gate.is_open(after(now)), expected, "{known:?} {patience:?} {now}");
        }
    }
}
