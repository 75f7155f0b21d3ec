//! The gate: decides whether an attempt that is ready for its handshake may begin it, or waits for the answer to the HTTPS query (v3 §6.3).

use std::time::{Duration, Instant};

use super::event::{Queries, Query};

/// How long an attempt that is ready for its handshake waits for the answer to the HTTPS query (RFC 9460, v3 §6.3).
///
/// The answer may bring something that the handshake needs: a configuration for Encrypted ClientHello. An attempt that does not need it should not
/// wait. Whatever is set here, the *start* of an attempt waits for the answer no longer than the resolution delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Patience {
    /// The attempt does not wait.
    #[default]
    Off,
    /// The attempt waits until this time after the first address was known, and then goes on without a service record. A time that is less than the
    /// resolution delay has no effect: while the query has no answer, no attempt starts before that.
    Bounded(Duration),
    /// The attempt waits for an answer. Only the deadline ends the wait otherwise.
    Strict,
}

/// Where the attempts of a race wait for the HTTPS answer before their handshakes.
///
/// 1. The gate is open if there is no HTTPS query, or if the query has any answer: a provisional, a negative or a failed one too.
/// 2. Until then the [`Patience`] decides.
/// 3. A gate that is open stays open.
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

    /// The first address is known. Later calls change nothing.
    pub(super) fn on_address(&mut self, now: Instant) {
        self.first_address.get_or_insert(now);
    }

    /// Whether an answer to the HTTPS query is still to come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }

    /// Whether an answer that comes after the start of an attempt may supersede the attempt. Without patience it does not.
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

    /// Returns when the gate opens by itself, or did so. `None` if only an answer can open it.
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
