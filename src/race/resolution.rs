//! Decides whether the first attempt may start, or waits for another answer (RFC 8305 §3, v3 §4.2).

use std::time::{Duration, Instant};

use super::config::{Config, Order};
use super::endpoint::Family;
use super::event::{Queries, Query};

/// Knows which queries are outstanding, and for how long to wait for them.
///
/// 1. Nothing starts without an address.
/// 2. If there is an address, the wait is over when the query for the preferred family, the HTTPS query and the query for a list have answers: any
///    answers, negative, failed and provisional ones too. An address hint counts as an answer for its family.
/// 3. If the first address to try is an IPv6 address that RFC 6724 puts behind any IPv4 address, the wait lasts until the A query has an answer too.
/// 4. In any case the wait is over one resolution delay after the first answer that had an address.
/// 5. A wait that is over stays over.
///
/// A policy that freezes its list waits for the final answers to all queries, without a limit.
#[derive(Debug)]
pub(super) struct Resolution {
    /// The queries without a final answer.
    outstanding: Queries,
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    /// For every query.
    All,
    /// For those of `unanswered` that rules 2 and 3 name, at most for `delay`.
    Delay {
        /// The queries to which neither an answer nor a hint has come.
        unanswered: Queries,
        /// The query for the preferred family.
        preferred: Query,
        delay: Duration,
        ends: Option<Instant>,
    },
    Over,
}

impl Resolution {
    /// Waits for the answers to `queries`, without those for addresses of a family that may not be used.
    #[inline]
    pub(super) fn new(mut queries: Queries, config: &Config) -> Self {
        for (family, query) in Query::OF_FAMILIES {
            if config.excludes(family).is_some() {
                queries = queries.without(query);
            }
        }
        let wait = if config.policy.freezes_the_list() {
            Wait::All
        } else {
            let (preferred, delay) = (preferred_query(config), config.resolution_delay);
            Wait::Delay { unanswered: queries, preferred, delay, ends: None }
        };
        Self { outstanding: queries, wait }
    }

    /// Returns the queries without a final answer.
    #[inline]
    pub(super) fn outstanding(&self) -> Queries {
        self.outstanding
    }

    #[inline]
    pub(super) fn on_answer(&mut self, query: Query, is_final: bool) {
        if is_final {
            self.outstanding = self.outstanding.without(query);
        }
        if let Wait::Delay { unanswered, .. } = &mut self.wait {
            *unanswered = unanswered.without(query);
        }
    }

    /// A hint has given an address of this query's family. The query itself may be outstanding.
    pub(super) fn on_hint(&mut self, query: Query) {
        if let Wait::Delay { unanswered, preferred, .. } = &mut self.wait {
            *unanswered = unanswered.without(query);
            if *preferred == query {
                *unanswered = unanswered.without(Query::List);
            }
        }
    }

    /// The first address is known. Later calls change nothing.
    pub(super) fn on_address(&mut self, now: Instant) {
        if let Wait::Delay { delay, ends, .. } = &mut self.wait {
            ends.get_or_insert(now + *delay);
        }
    }

    /// Whether attempts may start, if there is an address. `is_behind_ipv4` returns whether an IPv4 address would be tried before the address that is
    /// first now.
    pub(super) fn may_start(&mut self, now: Instant, is_behind_ipv4: impl FnOnce() -> bool) -> bool {
        let over = match &self.wait {
            Wait::Over => return true,
            Wait::All => self.outstanding.is_empty(),
            Wait::Delay { unanswered, preferred, ends, .. } => {
                let waits_for = |query| unanswered.contains(query);
                let answered = !waits_for(*preferred) && !waits_for(Query::Https) && !waits_for(Query::List);
                let delay_is_over = || ends.is_some_and(|end| end <= now);
                (answered && !(waits_for(Query::A) && is_behind_ipv4())) || delay_is_over()
            }
        };
        if over {
            self.wait = Wait::Over;
        }
        over
    }

    /// Returns when the wait ends by itself. `None` if only an answer can end it, or if it is over.
    pub(super) fn delay_ends(&self) -> Option<Instant> {
        match self.wait {
            Wait::Delay { ends, .. } => ends,
            Wait::All | Wait::Over => None,
        }
    }
}

/// Returns the query for the preferred family, which is IPv6 unless the order prefers IPv4 or IPv6 may not be used.
#[inline]
fn preferred_query(config: &Config) -> Query {
    let prefers_v4 = config.order == Order::PreferV4 || config.excludes(Family::V6).is_some();
    if prefers_v4 && config.excludes(Family::V4).is_none() { Query::A } else { Query::Aaaa }
}

#[cfg(test)]
mod tests {
    use super::super::invented_instant;
    use super::*;

    const BEHIND_IPV4: fn() -> bool = || true;
    const BEFORE_IPV4: fn() -> bool = || false;

    fn resolution(queries: Queries) -> Resolution {
        Resolution::new(queries, &Config::default())
    }

    #[test]
    fn an_address_that_goes_before_ipv4_waits_for_the_preferred_family_alone() {
        let now = invented_instant();
        let mut resolution = resolution(Queries::ADDRESSES);
        resolution.on_address(now);
        assert!(!resolution.may_start(now, BEFORE_IPV4));
        resolution.on_answer(Query::Aaaa, true);
        assert!(resolution.may_start(now, BEFORE_IPV4));
    }

    #[test]
    fn an_address_behind_ipv4_waits_for_the_a_answer() {
        for is_final in [true, false] {
            let now = invented_instant();
            let mut resolution = resolution(Queries::ADDRESSES);
            resolution.on_answer(Query::Aaaa, true);
            resolution.on_address(now);
            assert!(!resolution.may_start(now, BEHIND_IPV4));
            resolution.on_answer(Query::A, is_final);
            assert!(resolution.may_start(now, BEHIND_IPV4));
        }
    }

    #[test]
    fn an_address_behind_ipv4_waits_no_longer_than_the_resolution_delay() {
        let now = invented_instant();
        let mut resolution = resolution(Queries::ADDRESSES);
        resolution.on_answer(Query::Aaaa, true);
        resolution.on_address(now);
        let ends = now + Duration::from_millis(50);
        assert_eq!(resolution.delay_ends(), Some(ends));
        assert!(!resolution.may_start(ends - Duration::from_nanos(1), BEHIND_IPV4));
        assert!(resolution.may_start(ends, BEHIND_IPV4));
        assert_eq!(resolution.delay_ends(), None);
    }

    #[test]
    fn an_a_query_that_nobody_asked_is_not_waited_for() {
        let mut resolution = resolution(Queries::from(Query::Aaaa));
        resolution.on_answer(Query::Aaaa, true);
        assert!(resolution.may_start(invented_instant(), BEHIND_IPV4));
    }
}
