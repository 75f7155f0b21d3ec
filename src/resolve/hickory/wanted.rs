//! The keys and results of look-ups with hickory.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RecordType;

use super::names::DnsName;
use crate::race::{Families, Family, Query};

/// A look-up: the records of a type that a name has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) name: DnsName,
    pub(super) record_type: RecordType,
}

impl Wanted {
    pub(super) fn new(name: DnsName, record_type: RecordType) -> Self {
        Self { name, record_type }
    }
}

/// hickory's result.
pub(super) type Said = Result<Arc<Lookup>, NetError>;

/// hickory's result to come.
pub(super) type Pending = Pin<Box<dyn Future<Output = Said> + Send>>;

/// Returns the queries for these families, AAAA first.
pub(super) fn address_queries(families: Families) -> impl Iterator<Item = (Query, RecordType)> {
    let asked = Query::OF_FAMILIES.into_iter().filter(move |(family, _)| families.contains(*family));
    asked.map(|(family, query)| (query, if family == Family::V6 { RecordType::AAAA } else { RecordType::A }))
}

/// Returns the addresses of an answer.
pub(super) fn addresses(found: &Lookup, record_type: RecordType) -> impl Iterator<Item = IpAddr> {
    let records = found.answers().iter().filter(move |record| record.record_type() == record_type);
    records.filter_map(|record| record.data.ip_addr())
}
