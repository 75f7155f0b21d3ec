//! The names that are known without asking a server.

use std::sync::Arc;

use hickory_resolver::Hosts;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::proto::rr::RecordType;
use tracing::debug;

use super::failure;
use super::names::{self, DnsName};
use super::wanted::Said;
use crate::resolve::Query;

/// The system's table, if it is to be used, and can be.
pub(super) fn of_system(are_used: ResolveHosts) -> Hosts {
    match are_used {
        ResolveHosts::Never => Hosts::default(),
        ResolveHosts::Always | ResolveHosts::Auto => Hosts::from_system().unwrap_or_else(|error| {
            debug!(%error, "the table of hosts cannot be read");
            Hosts::default()
        }),
    }
}

/// What the table says of a name, if it is there: a family that is not is known to have nothing.
///
/// hickory has a table too. It would look there for the first name of a search alone, and ask a server for the other
/// family.
pub(super) fn find(hosts: &Hosts, name: &DnsName) -> Option<[(Query, Said); 2]> {
    let find = |record_type| hosts.lookup_static_host(&names::query(name.clone(), record_type));
    let (aaaa, a) = (find(RecordType::AAAA), find(RecordType::A));
    if aaaa.is_none() && a.is_none() {
        return None;
    }
    let said = |found: Option<_>, record_type| match found {
        Some(found) => Ok(Arc::new(found)),
        None => Err(failure::no_data(name.clone(), record_type)),
    };
    Some([(Query::Aaaa, said(aaaa, RecordType::AAAA)), (Query::A, said(a, RecordType::A))])
}
