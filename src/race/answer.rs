//! What the resolver says: the records of one query.

use std::net::SocketAddr;
use std::sync::Arc;

use super::endpoint::{Endpoint, Port, ServiceRecord};
use super::event::Query;

/// The most addresses of one answer that are used. Real names have a few; an answer of 64 KiB has room for 4,000.
pub(super) const MAX_ADDRESSES: usize = 1024;
/// The most service records of one answer that are used. Each of them multiplies the endpoints: it has every address of the name.
const MAX_SERVICES: usize = 16;

/// What the resolver says to one [`Query`].
///
/// Clones share the records.
///
/// A second answer to the same query replaces the first: an endpoint that is no longer there is not tried any more, a new one joins the race, and
/// running attempts go on (RFC 8305 §6).
///
/// Of one answer, the first 1,024 addresses and the first 16 service records by priority are used. However many answers there are, a race makes at
/// most 4,096 attempts, and remembers 1,024 addresses that have left an answer. Addresses that cannot be connected to (unspecified, multicast,
/// link-local without a scope) are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(super) query: Query,
    pub(super) records: Records,
    /// `false` if another answer to the same query is to come.
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
    /// The query failed: it is not known whether there are records.
    Failed,
}

/// Service records, and the port of the endpoints that come from their hints, unless a record names another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Services {
    pub(super) records: Vec<ServiceRecord>,
    pub(super) port: u16,
}

impl Services {
    /// Returns the records that are used: the first [`MAX_SERVICES`], which are sorted by priority.
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

    /// An answer to [`Query::Https`]. `port` is the port of the URI: endpoints from hints have it, unless their record names another. A resolver
    /// under the connector passes 0, and the connector fills in the port.
    ///
    /// The records must be those of the URI's scheme and port (RFC 9460 §9.1). An answer for an `http` URI must not have any.
    ///
    /// If there is a record in AliasMode (priority 0), which offers no endpoint, the others are ignored (RFC 9460 §2.4.1): the answer is negative.
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

    /// The query failed (SERVFAIL, a time-out, an unreachable server): it is not known whether there are records.
    pub fn failed(query: Query) -> Self {
        Self::new(query, Records::Failed)
    }

    /// Marks the answer as provisional: another one to the same query is to come. Examples are cached records that are being refreshed (v3 §4.4), and
    /// service records whose TargetName is still being looked up.
    ///
    /// A provisional answer lets attempts start as any other, and the race does not fail before the final answer.
    /// [`Policy::TwoFamilies`](super::Policy::TwoFamilies) and [`Policy::Sequential`](super::Policy::Sequential) start with the final answer.
    #[must_use]
    pub fn provisional(mut self) -> Self {
        self.is_final = false;
        self
    }

    /// The query that this answers.
    pub fn query(&self) -> Query {
        self.query
    }

    /// Whether the query failed.
    pub fn is_failed(&self) -> bool {
        self.records == Records::Failed
    }

    /// Whether the answer has an address. A hint is one.
    pub(crate) fn offers_an_address(&self) -> bool {
        match &self.records {
            Records::Endpoints(_) => true,
            Records::Services(services) => services.records.iter().any(ServiceRecord::has_hints),
            Records::Negative | Records::Failed => false,
        }
    }

    /// The addresses of the answer that the race will use, hints included. [`Race::handle_source`](super::Race::handle_source) is called for each of
    /// them before the answer is given to the race.
    pub fn destinations(&self) -> impl Iterator<Item = SocketAddr> {
        let services = match &self.records {
            Records::Services(services) => services.used(),
            Records::Endpoints(_) | Records::Negative | Records::Failed => &[],
        };
        let hints = services.iter().flat_map(ServiceRecord::hints).map(|ip| SocketAddr::new(ip, 0));
        let addresses = self.as_endpoints().iter().map(Endpoint::address);
        addresses.take(MAX_ADDRESSES).chain(hints.take(MAX_ADDRESSES))
    }

    /// Whether this is the last answer to its query, and not a [`provisional`](Self::provisional) one.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// Returns how many addresses of the answer are beyond the limit, and so not used.
    pub(crate) fn ignored(&self) -> usize {
        self.as_endpoints().len().saturating_sub(MAX_ADDRESSES)
    }

    /// The addresses of the answer, without hints. Empty if there are none.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        self.as_endpoints().iter().map(Endpoint::address)
    }

    /// Replaces every port by what `rule` returns for the port that the resolver supplied.
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

    /// Replaces every port by the port to connect to: see [`Port::or_supplied`].
    #[must_use]
    pub(crate) fn at(self, port: Port) -> Self {
        self.map_ports(|supplied| port.or_supplied(supplied))
    }

    /// The endpoints of the answer, without hints. Empty if there are none.
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
