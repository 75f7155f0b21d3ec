//! The record of one race.

use std::fmt;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Untried};
use super::placing::Demotion;
use super::query_error::QueryError;
use crate::race::{Advice, Config, Endpoint, Opening, Port, Queries, Query, Race, UntriedReason};

/// The record of one race.
pub(crate) struct Report {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// The queries that the resolver has returned. Empty before that.
    pub(crate) asked: Queries,
    /// The queries that have an answer, or have failed.
    pub(crate) answered: Queries,
    /// When the look-up began.
    pub(crate) began: Instant,
    /// When the first address was known.
    pub(crate) resolved: Option<Instant>,
    pub(crate) ended: Instant,
    /// In start order.
    pub(crate) attempts: Attempts,
    pub(crate) untried: Leftover,
    /// The look-ups that failed.
    pub(crate) query_errors: Vec<QueryError>,
}

impl Report {
    /// The endpoints that were not tried, and why.
    pub(crate) fn untried(&self) -> Vec<Untried> {
        self.untried.list(self.attempts.as_slice())
    }

    /// Returns the queries that the resolver has asked, with those that it has answered without having returned them.
    pub(crate) fn asked(&self) -> Queries {
        self.asked.iter().chain(self.answered.iter()).collect()
    }

    /// Whether this query for one family has an answer or has failed. An answer to a list is one.
    pub(crate) fn has_answer_of(&self, query: Query) -> bool {
        self.answered.contains(query) || self.answered.contains(Query::List)
    }

    /// Returns the queries for addresses that were not asked, and those that were asked and have no answer. Both are empty if the host is an address.
    pub(crate) fn unknown(&self) -> (Queries, Queries) {
        let asked = self.asked();
        if asked.is_empty() {
            return (Queries::NONE, Queries::NONE);
        }
        let was_asked = |query: &Query| asked.contains(*query) || asked.contains(Query::List);
        let unanswered = || Queries::ADDRESSES.iter().filter(|query| !self.has_answer_of(*query));
        (unanswered().filter(|query| !was_asked(query)).collect(), unanswered().filter(was_asked).collect())
    }

    pub(crate) fn resolved_after(&self) -> Option<Duration> {
        self.resolved.map(|resolved| resolved - self.began)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.ended - self.began
    }

    /// Returns host and port for a text: `example.com:443`, `[::1]:80`. No other part of the URI is ever shown.
    pub(crate) fn destination(&self) -> impl fmt::Display {
        Destination { host: &self.host, port: self.port }
    }
}

/// Attempts that are over, in start order. Most races have one.
pub(crate) enum Attempts {
    One(Attempt),
    Many(Vec<Attempt>),
}

impl Attempts {
    pub(crate) fn as_slice(&self) -> &[Attempt] {
        match self {
            Self::One(attempt) => slice::from_ref(attempt),
            Self::Many(all) => all,
        }
    }
}

/// The endpoints that were not tried.
pub(crate) enum Leftover {
    Nothing,
    /// The first attempt has won. The other endpoints are computed only when they are read.
    Opening {
        opening: Opening,
        config: Arc<Config>,
        port: Port,
    },
    Listed(Vec<Untried>),
}

impl Leftover {
    #[inline]
    pub(crate) fn of_opening(opening: Opening, config: &Arc<Config>, port: Port) -> Self {
        if opening.has_more() { Self::Opening { opening, config: Arc::clone(config), port } } else { Self::Nothing }
    }

    /// The endpoints that a race has not tried which is over at `now`.
    pub(crate) fn of_race(race: &Race, now: Instant) -> Self {
        let demotions = race.demotions();
        let untried = |(endpoint, reason): (&Endpoint, UntriedReason)| {
            let demoted = demotions.of(endpoint).map(|dead| Demotion::new(dead, now));
            Untried { endpoint: endpoint.clone(), reason, demoted }
        };
        Self::Listed(race.untried().map(untried).collect())
    }

    fn list(&self, attempts: &[Attempt]) -> Vec<Untried> {
        match (self, attempts) {
            (Self::Opening { opening, config, port }, [first]) => {
                let race = opening.clone().into_race(
                    config,
                    &first.endpoint,
                    *port,
                    |_| Advice::default(),
                    None,
                    first.started,
                );
                Self::of_race(&race, first.ended).list(attempts)
            }
            (Self::Listed(untried), _) => untried.clone(),
            (Self::Nothing | Self::Opening { .. }, _) => Vec::new(),
        }
    }
}

/// Writes a host, which is given without brackets, and a port.
pub(crate) struct Destination<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_destination_has_brackets() {
        let destination = |host| Destination { host, port: 80 }.to_string();
        assert_eq!(destination("example.com"), "example.com:80");
        assert_eq!(destination("fe80::1%eth0"), "[fe80::1%eth0]:80");
    }
}
