//! A resolver that asks DNS servers itself.

mod alias;
mod answers;
mod current;
mod failure;
mod hosts;
mod liveness;
mod look_up;
mod names;
mod platform;
mod search;
mod server;
mod servers;
mod service_record;
mod system;
mod wanted;

use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::{Hosts, TokioResolver};
use tower_service::Service;

pub use self::answers::HickoryAnswers;
use self::current::{Asked, Current, Origin};
use self::look_up::LookUp;
use self::names::DnsName;
use self::search::{Asker, Searching};
use super::connectivity::Connectivity;
use super::{Answer, Answers, Epoch, Name, Queries};
use crate::race::Families;
use crate::timer::read_clock;

/// Resolves with [hickory](hickory_resolver): sends queries for HTTPS records, AAAA and A at the same time, in this order, and delivers each answer
/// as it arrives.
///
/// HTTPS records are queried for `https` and `wss` URIs (RFC 9460 §9.1: for a port other than 443, those of `_8443._https.example.com`). A family
/// that this machine is not connected with, or that the caller cannot use ([`Name::families`]), is not queried at first (v3 §4.1). It is queried
/// before the look-up fails.
///
/// 1. `/etc/hosts` is searched first. If the name is there, no server is asked, and a family without an entry has no addresses. The file is read when
///    the resolver is made, also for a resolver with configured servers. `.hosts(Hosts::default())` replaces it with an empty table. `localhost`
///    and the names below it are the loopback addresses.
/// 2. A name with a final dot is looked up as it stands. Any other is looked up in the search domains, before or after it is looked up as it
///    stands, depending on its dots (`ndots`). All queries are made for one name. The next name is tried only if this one is no host: it has neither
///    an address nor an HTTPS record, does not exist, or its server fails (SERVFAIL). After a search domain for which the server refuses, does not
///    answer, or says anything else, the remaining domains are skipped, and the name as it stands is tried. So all answers are of one host. Addresses
///    are delivered at once, negative answers when the search is over.
///    search is over.
/// 3. CNAME records are followed. A chain of them without an end is a failure.
/// 4. All clones of a resolver share a cache, which keeps answers for their TTL. A cached answer is ready at the first poll, without a timer or a
///    task.
/// 5. Equal look-ups share one query (single flight): a thousand connects to a name query each type once. A look-up goes on in a task of its own for
///    up to 1 s after nobody waits for it any more, to fill the cache (v3 §6).
///
/// # Servers
///
/// Servers are asked in the order of the configuration, as by the system: the first one is used as long as it answers, however slowly. The next one
/// is asked if a server does not answer in time, cannot be reached, or says that it cannot answer (SERVFAIL, REFUSED, NOTIMP and other such codes).
/// That a name does not exist, or has no such records, is an answer, unless
/// [`NameServerConfig::trust_negative_responses`](hickory_resolver::config::NameServerConfig) is off. Each server has a cache of its own. The second
/// and the third server have the time-outs that glibc has for them. With `rotate` in `/etc/resolv.conf`, or
/// [`ServerOrderingStrategy::RoundRobin`](hickory_resolver::config::ServerOrderingStrategy::RoundRobin) in the options, look-ups begin with each
/// server in turn. Any other ordering strategy, and [`ResolverOpts::num_concurrent_reqs`], has no effect.
///
/// A server goes behind the others if a query has had no answer in time, and no other query has had one since. To find out sooner, a liveness query
/// for the name servers of the root, which every server responds to, is sent as well: at once to a UDP server that is one of several and has not
/// answered within the last minute, and after 400 ms to any other UDP server. If the system reports that no server is there, the next server is asked
/// at once. After 5 s the liveness query is sent again, and the server has its place back as soon as it answers.
///
/// hickory sends a UDP query three times, at least 333 ms apart. If the server has answered within the last minute, the query is also sent again on
/// its own: after 400 ms, 800 ms later, 1.6 s later, and so on. That is up to 12 packets in 5 s.
///
/// [`from_system_conf`](Self::from_system_conf) reads the system's configuration. The first look-up after a change of the network that the connector
/// was told of ([`network_changed`](crate::HappyEyeballsConnector::network_changed)) reads it again, and then the servers begin with empty caches and
/// new connections. If it cannot be read then, the earlier servers stay, and the next look-up tries again. For a resolver of hickory itself
/// ([`new`](Self::new)), only the cache is emptied: its connections stay, and an answer of the old network that is still under way may be cached.
///
/// # The system's files
///
/// [`from_system_conf`](Self::from_system_conf) reads `/etc/hosts`, `/etc/resolv.conf`, `$RES_OPTIONS` and `$LOCALDOMAIN` as glibc does, and finds
/// the host that getaddrinfo finds. Of `resolv.conf` it honours `nameserver` (at most three, with zones; 127.0.0.1 if there is none, or no file),
/// `search`, `domain` (else the domain of the machine's name), and the options `ndots`, `timeout`, `attempts`, `rotate`, `use-vc`, `edns0`, `no-aaaa`
/// and `no-tld-query`. The other options ask for what this resolver does anyway, or have no meaning here. The differences are:
///
/// | setting | here | because |
/// |---|---|---|
/// | `/etc/nsswitch.conf` | not read: the table of hosts comes first, then the servers, and no other source | other sources are modules of the C library |
/// | `/etc/gai.conf` | not read: addresses are sorted by RFC 6724, or by [`policy_table`](crate::connect::Builder::policy_table) | each family arrives on its own, and glibc sorts lists |
/// | `/etc/host.conf` | not read: all lines of the table that have a name count, as with `multi on` | otherwise a family in the table would be lost |
/// | `$HOSTALIASES` | not read | aliases are for the table |
/// | a final dot | does not keep a name out of the table of hosts | to DNS it is the same name |
/// | `localhost` in no table | the loopback addresses | RFC 6761 §6.3 |
/// | a search domain that is no name (`a..b`) | is left out | glibc ends the search there |
/// | `attempts:0` | counts as 1 | glibc would ask nobody |
/// | a nameserver with a zone (`fe80::1%eth0`) | is asked from the link-local address that the interface has when the configuration is read, and left out if it has none | hickory has no zones |
/// | a changed file | is read with the next resolver, or after a change of the network, except for the table of hosts | a look-up reads no files |
/// | a file that may not be read, or is a directory | counts as empty | glibc agrees but for a `resolv.conf` that is a directory |
///
/// On Windows, Apple's systems and Android, which keep their configuration elsewhere, hickory reads it.
///
/// # HTTPS records
///
/// Each record in ServiceMode becomes a [`ServiceRecord`](crate::race::ServiceRecord). Records of equal priority are in random order (v3 §5.2). The
/// addresses of up to 8 TargetNames are looked up too: the records are delivered at once with their hints, and again with every answer for a target.
/// Aliases are followed for up to 8 steps. If the last one has no records of its own, it becomes a record with that target and no parameters. Records
/// with an unknown mandatory key are left out (RFC 9460 §8).
///
/// The TargetName "`.`" stands for the owner of the record (RFC 9460 §2.5.2). For port 443 that is the origin's own name. For another port it is
/// `_8443._https.example.com`, whose addresses are then looked up: if it has none, name the origin in the record.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | [`https_records`](Self::https_records) | on |
/// | [`families`](Self::families) | those that the machine is connected with, and the other one if those have no address |
/// | [`hosts`](Self::hosts) | the system's table, unless the options say otherwise |
/// | a query is given up after | 5 s ([`ResolverOpts::timeout`]) |
/// | all servers are asked | three times ([`ResolverOpts::attempts`] is how often *again*); with [`from_system_conf`](Self::from_system_conf), as often as `attempts` in `/etc/resolv.conf` says, twice by default |
/// | cached answers | 8,192 for each server ([`ResolverOpts::cache_size`]) |
/// | any other setting of a look-up | that of [`ResolverOpts`], or of `/etc/resolv.conf` |
///
/// # Cancel safety
///
/// Dropping a look-up does not wait for it. It ends within 1 s, or with the runtime.
///
/// Clones in several runtimes share look-ups. A look-up that another runtime has begun waits while that runtime is not driven, and fails if it ends.
/// So give each current-thread runtime a resolver of its own, made with [`with_config`](Self::with_config) and not cloned.
///
/// # Errors
///
/// A [`QueryError`](super::QueryError) has the kind of the server's answer, and hickory's error as its source. It names the server if only one is
/// configured.
///
/// # Panics
///
/// The call itself, not its future, panics outside a Tokio runtime, since it sends the first queries. Only literal addresses and names in the table
/// of hosts need no runtime. The runtime must have I/O and time enabled, unless all answers are cached: without them hickory panics, and the resolver
/// and its clones are of no use after that.
///
/// # Rust version
///
/// hickory needs Rust 1.88.
///
/// # Examples
///
/// ```
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use hyper_happy_eyeballs::resolve::HickoryResolver;
/// use hyper_happy_eyeballs::resolve::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
///
/// // The servers of /etc/resolv.conf:
/// # fn of_system() -> Result<HickoryResolver, hyper_happy_eyeballs::resolve::hickory_resolver::net::NetError> {
/// let resolver = HickoryResolver::from_system_conf()?;
/// # Ok(resolver)
/// # }
///
/// // Or another, at a port of its own:
/// let mut server = NameServerConfig::udp_and_tcp([192, 0, 2, 53].into());
/// for connection in &mut server.connections {
///     connection.port = 5353;
/// }
/// let config = ResolverConfig::from_name_servers(vec![server]);
/// let resolver = HickoryResolver::with_config(config, ResolverOpts::default())?;
/// let connector = HappyEyeballsConnector::builder().resolver(resolver).build()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// DNS over TLS, with the feature `hickory-dot`:
///
/// ```
/// # #[cfg(feature = "hickory-dot")] {
/// use hyper_happy_eyeballs::resolve::HickoryResolver;
/// use hyper_happy_eyeballs::resolve::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
///
/// let server = NameServerConfig::tls([192, 0, 2, 53].into(), "dns.example".into());
/// let config = ResolverConfig::from_name_servers(vec![server]);
/// let resolver = HickoryResolver::with_config(config, ResolverOpts::default())?;
/// # drop(resolver);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "hickory_dns")]
#[derive(Clone)]
pub struct HickoryResolver {
    current: Current,
    /// The table of hosts. `None` until it can be read.
    hosts: Option<Arc<Hosts>>,
    connectivity: Connectivity,
    /// The families to ask for, instead of those that the machine is connected with.
    families: Option<Families>,
    https_records: bool,
}

impl HickoryResolver {
    /// Makes a resolver with the present servers, search domains and options of the system: those of `/etc/resolv.conf` on Unix, of the registry on
    /// Windows. See [The system's files](#the-systems-files).
    ///
    /// # Errors
    ///
    /// The configuration or the table of hosts exists, and cannot be read now: there is no free descriptor, say.
    pub fn from_system_conf() -> Result<Self, NetError> {
        let hosts = hosts::of_system(ResolverOpts::default().use_hosts_file)?;
        Ok(Self::from_parts(Current::new(Origin::System)?, Some(hosts)))
    }

    /// Makes a resolver with these servers and search domains. If there is no search list, the configuration's domain is searched.
    ///
    /// Servers may be asked over TLS (feature `hickory-dot`) or HTTPS (`hickory-doh`). DNSSEC is an option of hickory, `validate` in
    /// [`ResolverOpts`], and needs a feature of `hickory-resolver` itself, such as `dnssec-ring`: name that crate in your `Cargo.toml` too.
    ///
    /// # Errors
    ///
    /// hickory cannot make a resolver of the configuration, or the system's table of hosts is to be used, exists, and cannot be read now.
    pub fn with_config(config: ResolverConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let hosts = hosts::of_system(options.use_hosts_file)?;
        Ok(Self::from_parts(Current::new(Origin::Configuration(config, options))?, Some(hosts)))
    }

    /// Wraps a resolver of hickory, for what only its builder can set: trust anchors, or your own TLS configuration.
    ///
    /// hickory decides which server is asked, and when: it prefers the fastest ones, and asks two at a time.
    ///
    /// hickory applies its search domains to each query separately: a query without an answer goes on to the next domain, although another query may
    /// have found something. So the answers may be of different hosts. With [`with_config`](Self::with_config) they never are. If the system's table
    /// of hosts cannot be read now, look-ups fail until it can be. If you have put a table of hosts into the resolver, pass it to
    /// [`hosts`](Self::hosts) too.
    pub fn new(resolver: TokioResolver) -> Self {
        let hosts = hosts::of_system(resolver.options().use_hosts_file).ok();
        Self::from_parts(Current::of_hickory(resolver), hosts)
    }

    fn from_parts(current: Current, hosts: Option<Hosts>) -> Self {
        Self {
            current,
            hosts: hosts.map(Arc::new),
            connectivity: Connectivity::default(),
            families: None,
            https_records: true,
        }
    }

    /// Whether HTTPS records are queried for `https` and `wss` URIs. Without them a connect makes two queries instead of three, and does not learn of
    /// services at other names and ports.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn https_records(mut self, ask: bool) -> Self {
        self.https_records = ask;
        self
    }

    /// The table of hosts: names that are known without asking a server.
    ///
    /// Defaults to the system's table, or to an empty one if the options say so.
    #[must_use]
    pub fn hosts(mut self, hosts: impl Into<Arc<Hosts>>) -> Self {
        self.hosts = Some(hosts.into());
        self
    }

    /// The only address families to ask for, whatever the machine is connected with. With `None`, the resolver asks for those that the machine is
    /// connected with.
    ///
    /// A query for a family that is not connected is useless: no connection can be made to its addresses.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn families(mut self, families: impl Into<Option<Families>>) -> Self {
        self.families = families.into();
        self
    }

    /// Returns the families that the caller can use and the machine is connected with.
    fn connected_families(&self, name: &Name) -> Families {
        name.families().among(self.connectivity.families_for(name.as_str(), name.heard(), read_clock()))
    }

    /// Returns the answers from the table of hosts, if the name is there.
    ///
    /// # Errors
    ///
    /// The table exists, and cannot be read.
    fn known(&mut self, host: &DnsName, epoch: Epoch) -> Result<Option<HickoryAnswers>, NetError> {
        let hosts = match &mut self.hosts {
            Some(hosts) => hosts,
            unread @ None => unread.insert(Arc::new(hosts::of_system(ResolverOpts::default().use_hosts_file)?)),
        };
        let Some(addresses) = hosts::find(hosts, host) else { return Ok(None) };
        let addresses = addresses.map(|(query, said)| (query, LookUp::over(said)));
        Ok(Some(HickoryAnswers::known(self.current.at(epoch).look_ups, addresses.into())))
    }

    /// Queries for a name that is not in the table.
    fn ask(&self, name: &Name, host: &DnsName) -> (Queries, HickoryAnswers) {
        let Asked { look_ups, search, server, families } = self.current.at(name.epoch());
        let families = self.families.or(families);
        let asker = Asker {
            look_ups,
            families: families.unwrap_or_else(|| self.connected_families(name)),
            no_other_family: families.is_some(),
            // `localhost` has no HTTPS records.
            https_port: name.https_port().filter(|_| self.https_records && !host.is_localhost()),
            server,
        };
        let queries = asker.queries();
        let searching = Searching::start(asker, search.candidates(host));
        (queries, HickoryAnswers::of_search(searching))
    }
}

impl From<TokioResolver> for HickoryResolver {
    fn from(resolver: TokioResolver) -> Self {
        Self::new(resolver)
    }
}

impl Service<Name> for HickoryResolver {
    type Response = Answers<HickoryAnswers>;
    type Error = NetError;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Ok(address) = name.as_str().parse::<IpAddr>() {
            return ready(Ok(Answers::immediate(Answer::list([SocketAddr::new(address, 0)]))));
        }
        ready(names::parse(name.as_str()).and_then(|host| {
            let (queries, answers) = match self.known(&host, name.epoch())? {
                Some(answers) => (Queries::ADDRESSES, answers),
                None => self.ask(&name, &host),
            };
            Ok(Answers::new(queries, answers))
        }))
    }
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { look_ups, search, server, families: _ } = self.current.at(Epoch::default());
        f.debug_struct("HickoryResolver")
            .field("look_ups", &look_ups)
            .field("search", &search)
            .field("server", &server)
            .field("https_records", &self.https_records)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
