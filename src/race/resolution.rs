//! May the first attempt start, or is an answer still worth waiting for (RFC 8305 §3, v3 §4.2)?

use std::time::{Duration, Instant};

use super::config::{Config, Order};
use super::endpoint::Family;
use super::event::{Queries, Query};

/// Knows which queries are outstanding, and for how long to wait for them.
///
/// 1. Nothing starts without an address.
/// 2. With one, the wait is over when the preferred family, the HTTPS query and a list have been answered, whatever the
///    answers say, provisional ones included. An address hint answers for its family.
/// 3. If the address to start with is an IPv6 address that RFC 6724 puts behind any IPv4 address, the wait lasts until the A query
///    has been answered too.
/// 4. It is over in any case one resolution delay after the first answer that had an address.
/// 5. Once over, it stays over.
///
/// A policy that freezes its list waits for every query, and without a limit.
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
    /// For those of the queries in `unanswered` that matter, `delay` at most.
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
    /// Waits for the answers to `queries`, but for those that speak of a family that may not be used alone.
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

    /// The queries without an answer.
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

    /// There is an address for this query's family, though the query itself may be outstanding.
    pub(super) fn on_hint(&mut self, query: Query) {
        if let Wait::Delay { unanswered, preferred, .. } = &mut self.wait {
            *unanswered = unanswered.without(query);
            if *preferred == query {
                *unanswered = unanswered.without(Query::List);
            }
        }
    }

    /// There is at least one address now.
    pub(super) fn on_address(&mut self, now: Instant) {
        if let Wait::Delay { delay, ends, .. } = &mut self.wait {
            ends.get_or_insert(now + *delay);
        }
    }

    /// Whether attempts may start, given that there is an address. `is_behind_ipv4` says whether an A answer would go before the
    /// address to start with.
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

    /// When the wait ends by itself; `None` if only an answer can end it, or it is over.
    pub(super) fn delay_ends(&self) -> Option<Instant> {
        match self.wait {
            Wait::Delay { ends, .. } => ends,
            Wait::All | Wait::Over => None,
        }
    }
}

/// The query for the preferred family: IPv6, unless the order says otherwise or only IPv4 may be used.
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
