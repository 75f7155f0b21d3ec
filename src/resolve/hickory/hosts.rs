//! The table of hosts: names that are known without asking a server.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::Hosts;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::failure;
use super::names::{self, DnsName};
use super::platform::resolves_by_files;
use super::system;
use super::wanted::Said;
use crate::resolve::system::hosts;
use crate::resolve::{Query, system_files};

/// Reads the system's table of hosts, if it is to be used.
///
/// # Errors
///
/// The table exists, and cannot be read now. Its names must not be looked up at a server instead.
pub(super) fn of_system(are_used: ResolveHosts) -> io::Result<Hosts> {
    match are_used {
        ResolveHosts::Never => Ok(Hosts::default()),
        // hickory knows where these systems keep the table.
        ResolveHosts::Always | ResolveHosts::Auto if !resolves_by_files() => Hosts::from_system(),
        ResolveHosts::Always | ResolveHosts::Auto => {
            let text = system::read(system_files::HOSTS)?;
            Ok(of_text(text.as_deref().unwrap_or_default()))
        }
    }
}

/// Parses a table of hosts. hickory's own parser stops at a byte that is not UTF-8, and skips names with an underscore.
fn of_text(text: &str) -> Hosts {
    let mut hosts = Hosts::default();
    for (address, names) in hosts::entries(text) {
        // A line that does not begin with an address is ignored.
        let Ok(address) = address.parse::<IpAddr>() else { continue };
        let record_type = if address.is_ipv6() { RecordType::AAAA } else { RecordType::A };
        for mut name in names.filter(|name| is_literal(name)).filter_map(|name| names::parse(name).ok()) {
            name.set_fqdn(true);
            let record = Record::from_rdata(name.clone(), MAX_TTL, RData::from(address));
            let found = Lookup::new_with_max_ttl(names::query(name.clone(), record_type), [record]);
            hosts.insert(name, record_type, found);
        }
    }
    hosts
}

/// Whether the name means the same in the DNS as in the table. The system compares names with the table letter by letter.
fn is_literal(name: &str) -> bool {
    name.is_ascii() && !name.contains('\\') && !name.ends_with('.')
}

/// The TTL of entries of the table, which do not expire.
const MAX_TTL: u32 = 86_400;

/// Returns what the table says of a name, if the name is there. A family without an entry has a negative answer.
///
/// hickory's own table will not do: hickory would look there only for the first name of a search, and would ask a server for the other family.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_none_leaves_the_others() {
        let hosts =
            of_text("localhost 127.0.0.1\n192.0.2.300 a\nfe80::1%lo b\n\u{feff}192.0.2.1 c\n127.1 d\n192.0.2.2 e");
        let is_there = |name: &&str| find(&hosts, &names::parse(name).unwrap()).is_some();
        assert_eq!(
            ["a", "b", "c", "d", "e", "127.0.0.1"].iter().filter(|name| is_there(name)).collect::<Vec<_>>(),
            [&"e"]
        );
    }

    #[test]
    fn a_table_is_read_whatever_bytes_are_in_it() {
        let text = String::from_utf8_lossy(
            b"# Schr\xf6der\n192.0.2.1 my_db Db.Example b\xfccher\x0bafter\n192.0.2.2 my_db\n2001:db8::1 my_db\n",
        );
        let hosts = of_text(&text);
        let found = |name: &str| -> Vec<String> {
            let both = find(&hosts, &names::parse(name).unwrap()).into_iter().flatten();
            let found = both.filter_map(|(_, said)| said.ok());
            found
                .flat_map(|found| found.answers().iter().map(|record| record.data.to_string()).collect::<Vec<_>>())
                .collect()
        };
        assert_eq!(found("MY_DB"), ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
        assert_eq!(found("db.example"), ["192.0.2.1"]);
        assert_eq!(found("after"), ["192.0.2.1"]);
        assert!(found("xn--bcher-kva").is_empty());
    }
}
