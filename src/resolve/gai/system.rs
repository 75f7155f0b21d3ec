//! What blocks: getaddrinfo, and the files that it reads.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use std::{env, fs};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use super::plan::{Files, Plan, plan};
use crate::resolve::{Answer, Query, QueryError, QueryErrorKind};
use crate::timer::read_clock;

/// What a look-up came to.
pub(super) type Said = Result<Answer, QueryError>;

/// The system, or what a test says in its place. Every call may block.
pub(super) trait System: Send + Sync {
    fn plan(&self, host: &str) -> Plan;
    fn look_up(&self, host: &str, query: Query) -> Said;
    fn now(&self) -> Instant;
}

pub(super) struct Getaddrinfo;

impl System for Getaddrinfo {
    fn plan(&self, host: &str) -> Plan {
        // A system without these files has no such tables.
        let hosts = fs::read("/etc/hosts").unwrap_or_default();
        let mut resolv_conf = fs::read("/etc/resolv.conf").unwrap_or_default();
        for (variable, line) in [("RES_OPTIONS", "\noptions "), ("LOCALDOMAIN", "\nsearch ")] {
            if let Some(value) = env::var_os(variable) {
                resolv_conf.extend_from_slice(line.as_bytes());
                resolv_conf.extend_from_slice(value.as_encoded_bytes());
            }
        }
        let nsswitch = fs::read("/etc/nsswitch.conf").unwrap_or_default();
        // What gethostname(2) says on Linux. Elsewhere there is no such rule.
        let hostname = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
        let [hosts, nsswitch, resolv_conf, hostname] =
            [&hosts, &nsswitch, &resolv_conf, &hostname].map(|file| String::from_utf8_lossy(file));
        plan(host, Files { hosts: &hosts, nsswitch: &nsswitch, resolv_conf: &resolv_conf, hostname: &hostname })
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

    fn now(&self) -> Instant {
        read_clock()
    }
}

/// A failure that took so long was silence: no server says that it cannot answer as slowly as the shortest time-out of resolv.conf(5).
const SILENCE: Duration = Duration::from_millis(900);

/// Looks `host` up in `domains`, for both families, until one has an address. Where no server answers, the search is over, as that
/// of the system is.
pub(super) fn search(system: &dyn System, host: &str, domains: &[String]) -> Said {
    let mut said = Err(QueryError::new(Query::List, "there are no search domains"));
    for domain in domains {
        let began = system.now();
        said = system.look_up(&format!("{host}.{domain}."), Query::List);
        let goes_on = match &said {
            Ok(answer) => answer.addresses().len() == 0,
            Err(error) => error.is_negative() || system.now().saturating_duration_since(began) < SILENCE,
        };
        if !goes_on {
            break;
        }
    }
    said
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
