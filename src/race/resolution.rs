//! May the first attempt start, or is an answer still worth waiting for (RFC 8305 §3, v3 §4.2)?

use std::time::{Duration, Instant};

use super::config::{Config, Order};
use super::endpoint::Family;
use super::event::{Queries, Query};
use super::later;

/// Knows which queries are outstanding, and for how long to wait for them.
///
/// 1. Nothing starts without an address.
/// 2. With one, the wait is over when the preferred family, the HTTPS query and a list have been answered, whatever the
///    answers say, provisional ones included. An address hint answers for its family.
/// 3. It is over in any case one resolution delay after the first answer that had an address.
/// 4. Once over, it stays over.
///
/// [`Resolution::wait_for_all`] is the stricter form of the policies that freeze their list.
#[derive(Debug)]
pub(super) struct Resolution {
    outstanding: Queries,
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    /// For every query.
    All,
    /// For the queries in `preferred`, `delay` at most.
    Delay {
        preferred: Queries,
        delay: Duration,
        ends: Option<Instant>,
    },
    Over,
}

impl Resolution {
    pub(super) fn new(queries: Queries, config: &Config) -> Self {
        let family = preferred_query(config);
        let preferred = Queries::from(family).with(Query::Https).with(Query::List);
        Self { outstanding: queries, wait: Wait::Delay { preferred, delay: config.resolution_delay, ends: None } }
    }

    pub(super) fn wait_for_all(queries: Queries) -> Self {
        Self { outstanding: queries, wait: Wait::All }
    }

    /// The queries without an answer.
    pub(super) fn outstanding(&self) -> Queries {
        self.outstanding
    }

    pub(super) fn on_answer(&mut self, query: Query, is_final: bool) {
        if is_final {
            self.outstanding = self.outstanding.without(query);
        } else if let Wait::Delay { preferred, .. } = &mut self.wait {
            *preferred = preferred.without(query);
        }
    }

    /// There is an address for this query's family, though the query itself may be outstanding.
    pub(super) fn on_hint(&mut self, query: Query) {
        if let Wait::Delay { preferred, .. } = &mut self.wait {
            if preferred.contains(query) {
                *preferred = preferred.without(query).without(Query::List);
            }
        }
    }

    /// There is at least one address now.
    pub(super) fn on_address(&mut self, now: Instant) {
        if let Wait::Delay { delay, ends, .. } = &mut self.wait {
            ends.get_or_insert(later(now, *delay));
        }
    }

    /// Whether attempts may start, given that there is an address.
    pub(super) fn may_start(&mut self, now: Instant) -> bool {
        let over = match &self.wait {
            Wait::Over => return true,
            Wait::All => self.outstanding.is_empty(),
            Wait::Delay { preferred, ends, .. } => {
                let answered = !preferred.iter().any(|query| self.outstanding.contains(query));
                answered || ends.is_some_and(|end| end <= now)
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
fn preferred_query(config: &Config) -> Query {
    let prefers_v4 = config.order == Order::PreferV4 || config.excludes(Family::V6).is_some();
    if prefers_v4 && config.excludes(Family::V4).is_none() { Query::A } else { Query::Aaaa }
}
