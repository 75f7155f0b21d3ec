//! What blocks: getaddrinfo, and the files that it reads.

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
    /// Where it is not known what the files say, both families are looked up in one call: whatever they say holds for that.
    fn plan(&self, host: &str) -> Plan {
        match Texts::read() {
            Ok(Some(texts)) => plan(host, texts.files()),
            // The tables are elsewhere.
            Ok(None) => Plan::Together,
            Err(error) => {
                debug!(%error, "the files of the system cannot be read");
                Plan::Together
            }
        }
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
            Err(error) => return Err(believable(query_error(query, error))),
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

/// The names in `/etc/hosts`, kept for all resolvers of the process: the file may have hundreds of thousands of lines.
static HOSTS: KeptFile<Names> = KeptFile::new(system_files::HOSTS, Names::of);

/// The files as they are now.
struct Texts {
    hosts: Option<Arc<Names>>,
    nsswitch: String,
    resolv_conf: String,
    gai_conf: String,
    hostname: String,
}

impl Texts {
    /// `None` on a system that has no such files.
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

/// That a name does not exist is no answer of a system that cannot open its files.
fn believable(error: QueryError) -> QueryError {
    let cause = if error.is_negative() { system_files::what_keeps_files_closed() } else { None };
    match cause {
        Some(cause) => QueryError::new(error.query(), cause),
        None => error,
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
