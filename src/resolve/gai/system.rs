//! The calls that block: getaddrinfo, and reading the system's files.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use tracing::debug;

use super::plan::{Files, Plan, plan};
use crate::resolve::kept_file::KeptFile;
use crate::resolve::system::hosts::Names;
use crate::resolve::{Answer, Query, QueryError, QueryErrorKind, system_files};
use crate::timer::read_clock;

/// The result of a look-up.
pub(super) type Said = Result<Answer, QueryError>;

/// The system, or a test's replacement for it. Every call may block.
pub(super) trait System: Send + Sync {
    fn plan(&self, host: &str) -> Plan;
    fn look_up(&self, host: &str, query: Query) -> Said;
    fn now(&self) -> Instant;
}

pub(super) struct Getaddrinfo;

impl System for Getaddrinfo {
    /// If the files cannot be read, both families are looked up in one call, which is right whatever the files say.
    fn plan(&self, host: &str) -> Plan {
        match Texts::read() {
            Ok(Some(texts)) => plan(host, texts.files()),
            // The system keeps its configuration elsewhere.
            Ok(None) => Plan::Together,
            Err(error) => {
                debug!(%error, "the files of the system cannot be read");
                Plan::Together
            }
        }
    }

    /// Looks up the name as getaddrinfo understands it for [`Query::List`], and the complete name for a single family.
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
            Err(error) => return Err(believable(query_error(query, error))),
        };
        // The wrapper returns an error for an address of an unknown kind. Nothing could connect to it.
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

/// The names in `/etc/hosts`, cached for all resolvers of the process: the file may have hundreds of thousands of lines.
static HOSTS: KeptFile<Names> = KeptFile::new(system_files::HOSTS, Names::of);

/// The present text of the system's files.
struct Texts {
    hosts: Option<Arc<Names>>,
    nsswitch: String,
    resolv_conf: String,
    gai_conf: String,
    hostname: String,
}

impl Texts {
    /// Returns `None` on a system that has no such files.
    fn read() -> io::Result<Option<Self>> {
        let read = |path| Ok::<_, io::Error>(system_files::read(path)?.unwrap_or_default());
        let Some(resolv_conf) = system_files::resolv_conf(system_files::read)? else { return Ok(None) };
        Ok(Some(Self {
            hosts: HOSTS.read()?,
            nsswitch: read(system_files::NSSWITCH)?,
            resolv_conf,
            gai_conf: read(system_files::GAI_CONF)?,
            hostname: system_files::hostname()?,
        }))
    }

    fn files(&self) -> Files<'_> {
        let Self { hosts, nsswitch, resolv_conf, gai_conf, hostname } = self;
        Files { hosts: hosts.as_deref(), nsswitch, resolv_conf, gai_conf, hostname }
    }
}

/// A failure that took as long means that no server answered. It is less than the shortest time-out of resolv.conf(5), and no server takes as long to
/// say that it cannot answer.
const SILENCE: Duration = Duration::from_millis(900);

/// Looks `host` up in `domains`, for both families, until one has an address. Like the system's search, it ends when no server answers.
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

/// Replaces a negative answer by an error while the process cannot open files: getaddrinfo then says of any name that it does not exist.
fn believable(error: QueryError) -> QueryError {
    let cause = if error.is_negative() { system_files::what_keeps_files_closed() } else { None };
    match cause {
        Some(cause) => QueryError::new(error.query(), cause),
        None => error,
    }
}

/// glibc's error for a host without an address of the family. Other systems have no error with this number.
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
