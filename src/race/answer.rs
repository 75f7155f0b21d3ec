//! What the resolver says: the records of one query.

use std::net::SocketAddr;
use std::sync::Arc;

use super::endpoint::{Endpoint, Port, ServiceRecord};
use super::event::Query;

/// How many addresses of one answer are used. An honest name has a few; an answer of 64 KiB has room for 4,000.
pub(super) const MAX_ADDRESSES: usize = 1024;
/// How many service records of one answer are used: each has every address of the name.
const MAX_SERVICES: usize = 16;

/// What the resolver says to one [`Query`].
///
/// A clone shares the records.
///
/// A second answer to the same query replaces the first: an endpoint that is gone and has not been tried will not be, one
/// that is new joins the race, and a running attempt goes on (RFC 8305 §6).
///
/// Of one answer, the first 1,024 addresses are used, and the first 16 service records of the highest priorities. However many answers
/// there are, a race makes 4,096 attempts at most, and remembers 1,024 addresses that have left an answer. Addresses that
/// no connection can be made to (unspecified, multicast, link-local without a scope) are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(super) query: Query,
    pub(super) records: Records,
    /// Whether it is all there is to say.
    pub(super) is_final: bool,
}

/// The content of an [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Records {
    /// At least one endpoint, for an address query.
    Endpoints(Arc<[Endpoint]>),
    Services(Arc<Services>),
    /// The name has no such records.
    Negative,
    /// The query failed: nothing is known.
    Failed,
}

/// Service records, and the port that their hints have unless a record names another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Services {
    pub(super) records: Vec<ServiceRecord>,
    pub(super) port: u16,
}

impl Services {
    /// The records that are used: the first of those with the highest priority.
    pub(super) fn used(&self) -> &[ServiceRecord] {
        &self.records[..self.records.len().min(MAX_SERVICES)]
    }
}

impl Answer {
    /// An answer to [`Query::A`]. No endpoints make it a negative answer.
    pub fn a(endpoints: impl IntoIterator<Item = impl Into<Endpoint>>) -> Self {
        Self::endpoints(Query::A, endpoints)
    }

    /// An answer to [`Query::Aaaa`]. No endpoints make it a negative answer.
    pub fn aaaa(endpoints: impl IntoIterator<Item = impl Into<Endpoint>>) -> Self {
        Self::endpoints(Query::Aaaa, endpoints)
    }

    /// An answer to [`Query::List`], in the resolver's order of preference. No endpoints make it a negative answer.
    pub fn list(endpoints: impl IntoIterator<Item = impl Into<Endpoint>>) -> Self {
        Self::endpoints(Query::List, endpoints)
    }

    /// An answer to [`Query::Https`]. `port` is the one in the URI, which hints have unless their record names another; a
    /// resolver under the connector passes 0, and the connector fills it in.
    ///
    /// The records are those of the URI's scheme and port (RFC 9460 §9.1): they have no place in an answer for an `http` URI.
    ///
    /// Beside a record in AliasMode (priority 0), which offers no endpoint, the others do not count (RFC 9460 §2.4.1): the answer is
    /// negative.
    pub fn https(records: impl IntoIterator<Item = ServiceRecord>, port: u16) -> Self {
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_by_key(|record| record.priority);
        let records = match records.first().is_none_or(|record| record.priority == 0) {
            true => Records::Negative,
            false => Records::Services(Arc::new(Services { records, port })),
        };
        Self::new(Query::Https, records)
    }

    /// The name has no records of this type (NODATA), or does not exist (NXDOMAIN).
    pub fn negative(query: Query) -> Self {
        Self::new(query, Records::Negative)
    }

    /// The query failed (a SERVFAIL, a time-out, an unreachable server): nothing is known.
    pub fn failed(query: Query) -> Self {
        Self::new(query, Records::Failed)
    }

    /// The same answer, and another one to the same query is to come: cached records that are being refreshed (v3 §4.4), or
    /// service records whose TargetName is still being looked up.
    ///
    /// It counts as an answer when it comes to starting, and the race does not fail before the last one is there.
    /// [`Policy::TwoFamilies`](super::Policy::TwoFamilies) and [`Policy::Sequential`](super::Policy::Sequential) wait for that one.
    #[must_use]
    pub fn provisional(mut self) -> Self {
        self.is_final = false;
        self
    }

    /// The query that this answers.
    pub fn query(&self) -> Query {
        self.query
    }

    /// Whether nothing is known: the query failed.
    pub fn is_failed(&self) -> bool {
        self.records == Records::Failed
    }

    /// Whether there is an address in it, if only a hint.
    pub(crate) fn offers_an_address(&self) -> bool {
        match &self.records {
            Records::Endpoints(_) => true,
            Records::Services(services) => services.records.iter().any(ServiceRecord::has_hints),
            Records::Negative | Records::Failed => false,
        }
    }

    /// The addresses that the race will use of the answer, hints included, for [`Race::handle_source`](super::Race::handle_source).
    pub fn destinations(&self) -> impl Iterator<Item = SocketAddr> {
        let services = match &self.records {
            Records::Services(services) => services.used(),
            Records::Endpoints(_) | Records::Negative | Records::Failed => &[],
        };
        let hints = services.iter().flat_map(ServiceRecord::hints).map(|ip| SocketAddr::new(ip, 0));
        let addresses = self.as_endpoints().iter().map(Endpoint::address);
        addresses.take(MAX_ADDRESSES).chain(hints.take(MAX_ADDRESSES))
    }

    /// Whether no other answer to the query is to come: it is not [`provisional`](Self::provisional).
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// How many addresses of the answer are too many to be used.
    pub(crate) fn ignored(&self) -> usize {
        self.as_endpoints().len().saturating_sub(MAX_ADDRESSES)
    }

    /// The addresses of the answer, none if it has none.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        self.as_endpoints().iter().map(Endpoint::address)
    }

    /// The same answer with every port rewritten by `rule`, which is given the port that the resolver supplied.
    #[must_use]
    pub fn map_ports(mut self, rule: impl Fn(u16) -> u16) -> Self {
        match &mut self.records {
            Records::Endpoints(endpoints) => {
                *endpoints = endpoints.iter().map(|endpoint| endpoint.clone().map_port(&rule)).collect();
            }
            Records::Services(services) => {
                let services = Arc::make_mut(services);
                services.port = rule(services.port);
            }
            Records::Negative | Records::Failed => {}
        }
        self
    }

    /// The same answer with every port as the URI has it.
    #[must_use]
    pub(crate) fn at(self, port: Port) -> Self {
        self.map_ports(|supplied| port.or_supplied(supplied))
    }

    /// The endpoints of the answer, none if it has none.
    pub(super) fn as_endpoints(&self) -> &[Endpoint] {
        match &self.records {
            Records::Endpoints(endpoints) => endpoints,
            Records::Services(_) | Records::Negative | Records::Failed => &[],
        }
    }

    fn endpoints(query: Query, endpoints: impl IntoIterator<Item = impl Into<Endpoint>>) -> Self {
        let endpoints: Arc<[_]> = endpoints.into_iter().map(Into::into).collect();
        Self::new(query, if endpoints.is_empty() { Records::Negative } else { Records::Endpoints(endpoints) })
    }

    fn new(query: Query, records: Records) -> Self {
        Self { query, records, is_final: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_records_is_negative() {
        assert_eq!(Answer::a(Vec::<Endpoint>::new()), Answer::negative(Query::A));
        assert_eq!(Answer::https([ServiceRecord::new(0)], 443), Answer::negative(Query::Https));
    }

    #[test]
    fn ports_are_rewritten_where_there_are_any() {
        let supplied: [SocketAddr; 2] = ["192.0.2.1:0".parse().unwrap(), "192.0.2.2:8443".parse().unwrap()];
        let ports = |answer: Answer| answer.addresses().map(|address| address.port()).collect::<Vec<_>>();
        let rule = |port| if port == 0 { 80 } else { port };
        assert_eq!(ports(Answer::list(supplied).map_ports(rule)), [80, 8443]);
        assert_eq!(
            Answer::https([ServiceRecord::new(1)], 0).map_ports(rule),
            Answer::https([ServiceRecord::new(1)], 80)
        );
    }
}
