//! What blocks: getaddrinfo, and the files that it reads.

use std::io;
use std::net::SocketAddr;
use std::{env, fs};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use super::plan::{Files, Plan, plan};
use crate::resolve::{Answer, Query, QueryError, QueryErrorKind};

/// What a look-up came to.
pub(super) type Said = Result<Answer, QueryError>;

/// The system, or what a test says in its place. Every call may block.
pub(super) trait System: Send + Sync {
    fn plan(&self, host: &str) -> Plan;
    fn look_up(&self, host: &str, query: Query) -> Said;
}

pub(super) struct Getaddrinfo;

impl System for Getaddrinfo {
    fn plan(&self, host: &str) -> Plan {
        // A system without these files has no such tables.
        let hosts = fs::read("/etc/hosts").unwrap_or_default();
        let mut resolv_conf = fs::read("/etc/resolv.conf").unwrap_or_default();
        if let Some(options) = env::var_os("RES_OPTIONS") {
            resolv_conf.extend_from_slice(b"\noptions ");
            resolv_conf.extend_from_slice(options.as_encoded_bytes());
        }
        let nsswitch = fs::read("/etc/nsswitch.conf").unwrap_or_default();
        let [hosts, nsswitch, resolv_conf] =
            [&hosts, &nsswitch, &resolv_conf].map(|file| String::from_utf8_lossy(file));
        plan(host, Files { hosts: &hosts, nsswitch: &nsswitch, resolv_conf: &resolv_conf })
    }

    /// [`Query::List`] is for the name as getaddrinfo understands it; a family by itself is for the complete name.
    fn look_up(&self, host: &str, query: Query) -> Said {
        let family = match query {
            Query::Aaaa => AddrFamily::Inet6.into(),
            Query::A => AddrFamily::Inet.into(),
            _ => 0,
        };
        // A final dot keeps the search domains out.
        let complete = (query != Query::List && !host.ends_with('.')).then(|| format!("{host}."));
        let hints = AddrInfoHints { socktype: SockType::Stream.into(), address: family, ..AddrInfoHints::default() };
        let found = match getaddrinfo(Some(complete.as_deref().unwrap_or(host)), None, Some(hints)) {
            Ok(found) => found,
            Err(error) => return Err(query_error(query, error)),
        };
        // An address of a kind that the wrapper does not know is none that can be connected to.
        let addresses: Vec<SocketAddr> = found.filter_map(Result::ok).map(|found| found.sockaddr).collect();
        Ok(match query {
            Query::Aaaa => Answer::aaaa(addresses),
            Query::A => Answer::a(addresses),
            _ => Answer::list(addresses),
        })
    }
}

/// The host has no address of the family, as glibc has it. Other systems have no error with this number.
const EAI_ADDRFAMILY: i32 = -9;

fn query_error(query: Query, error: LookupError) -> QueryError {
    let kind = match error.kind() {
        LookupErrorKind::NoName => QueryErrorKind::NotFound,
        LookupErrorKind::NoData => QueryErrorKind::NoData,
        LookupErrorKind::Again => QueryErrorKind::Temporary,
        _ if error.error_num() == EAI_ADDRFAMILY => QueryErrorKind::NoData,
        _ => QueryErrorKind::Other,
    };
    QueryError::new(query, io::Error::from(error)).with_kind(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_looked_up_is_a_failure_and_no_panic() {
        for host in ["a\0b", ""] {
            assert!(Getaddrinfo.look_up(host, Query::A).is_err());
            assert!(Getaddrinfo.look_up(host, Query::List).is_err());
        }
    }

    #[test]
    fn an_address_is_its_own_answer() {
        let found: Vec<SocketAddr> = Getaddrinfo.look_up("127.0.0.1", Query::List).unwrap().addresses().collect();
        assert_eq!(found, ["127.0.0.1:0".parse().unwrap()]);
    }
}
