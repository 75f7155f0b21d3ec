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

/// Resolves with [hickory](hickory_resolver): HTTPS records, AAAA and A as separate queries, sent at the same time in
/// this order, each answer delivered as it comes.
///
/// HTTPS records are asked for where the URI is one of `https` or `wss` (RFC 9460 §9.1: for a port other than 443,
/// those of `_8443._https.example.com`). A family that this machine is not connected with, or that the caller cannot
/// use ([`Name::families`]), is not asked for at first (v3 §4.1); it is asked for before the name is given up.
///
/// 1. `/etc/hosts` goes first: what is said there of a name is all there is, and no server is asked. It is read when
///    the resolver is made, and counts with servers of one's own too, unless it is replaced: `.hosts(Hosts::default())`
///    is an empty one. `localhost` and the names below it are the loopback addresses.
/// 2. A name with a final dot is taken as it stands. Any other goes through the search domains, before or after it is
///    taken as it stands, depending on its dots (`ndots`). All queries are made for one name, and for the next one only
///    if that is no host: it has neither an address nor an HTTPS record, does not exist, or its server fails
///    (SERVFAIL). Where a server refuses a search domain, keeps silent or says anything else, the domains that are left
///    are not tried, and the name as it stands is. So all answers are those of one host. An address is delivered at once; that there is none, when the
///    search is over.
/// 3. CNAME records are followed. A chain of them without end is a failure.
/// 4. Answers are cached for as long as their TTL says, by all clones of a resolver. A cached answer is there at the
///    first poll, without a timer or a task.
/// 5. Equal look-ups at one time are one: a thousand connects to a name ask for each type once. A look-up goes on in a
///    task of its own for up to 1 s after nobody waits for it any more, to fill the cache (v3 §6).
///
/// # Servers
///
/// Servers are asked in the order of the configuration, as the system does: the first one is believed while it answers,
/// however slowly. The next one is asked where a server does not answer in time, is not reached, or says that it cannot
/// answer (SERVFAIL, REFUSED, NOTIMP and other such codes). That a name does not exist, or has no such records, is an
/// answer, unless [`NameServerConfig::trust_negative_responses`](hickory_resolver::config::NameServerConfig) is off. Each
/// server has a cache of its own. The time-outs of the second and third server are those of glibc. `rotate` in
/// `/etc/resolv.conf`, or [`ServerOrderingStrategy::RoundRobin`](hickory_resolver::config::ServerOrderingStrategy::RoundRobin) in the options, makes look-ups begin with each server in turn.
/// Any other ordering strategy, and [`ResolverOpts::num_concurrent_reqs`], means nothing here.
///
/// A server is put behind the others once a query has had no answer in time, and neither has any other query since. A query
/// for the name servers of the root, which every server has something to say to, is sent beside it to find out: at once to a UDP
/// server of several that has not answered within the last minute, and after 400 ms to any other UDP server. Where the system
/// says that nobody is there, the next server is asked at once. After 5 s the server is asked for the root again, and has
/// its place back as soon as it answers.
///
/// hickory sends a UDP query three times, 333 ms apart or more. Where the server has answered within the last minute,
/// the query is also sent again beside the one that waits: after 400 ms, 800 ms later, 1.6 s later, and so on. That is
/// up to 12 packets in 5 s.
///
/// The system's configuration is read by [`from_system_conf`](Self::from_system_conf), and again by the first look-up after a change of the network that
/// the connector was told of ([`network_changed`](crate::HappyEyeballsConnector::network_changed)). If it cannot be read then, everything stays as it was, and the
/// next look-up tries again. The servers of a configuration begin with empty caches and fresh connections then. A resolver of hickory's own making
/// ([`new`](Self::new)) has its cache emptied; its connections stay, and an answer of the old network that is still under way may be cached.
///
/// # The system's files
///
/// [`from_system_conf`](Self::from_system_conf) reads `/etc/hosts`, `/etc/resolv.conf`, `$RES_OPTIONS` and `$LOCALDOMAIN` as glibc does, and finds the host that
/// getaddrinfo finds. Of `resolv.conf` it honours `nameserver` (three at the most, with zones; 127.0.0.1 without one, or without the file), `search`, `domain` (or
/// else the domain of the machine's name), and the options `ndots`, `timeout`, `attempts`, `rotate`, `use-vc`, `edns0`, `no-aaaa` and `no-tld-query`; what the other options
/// ask for is so, or has no meaning here. Where it differs:
///
/// | setting | here | because |
/// |---|---|---|
/// | `/etc/nsswitch.conf` | not read: the table of hosts comes first, then the servers are asked, and nobody else | other sources are modules of the C library |
/// | `/etc/gai.conf` | not read: addresses are sorted by RFC 6724, or by [`policy_table`](crate::connect::Builder::policy_table) | they come one family at a time, and glibc sorts lists |
/// | `/etc/host.conf` | not read: all lines of the table that have a name count, as with `multi on` | a family that is in the table is not to be lost |
/// | `$HOSTALIASES` | not read | aliases are for the table |
/// | a final dot | does not keep a name out of the table of hosts | to DNS it is the same name |
/// | `localhost` in no table | the loopback addresses | RFC 6761 §6.3 |
/// | a search domain that is no name (`a..b`) | is left out | glibc ends the search there |
/// | `attempts:0` | counts as 1 | glibc would ask nobody |
/// | a nameserver with a zone (`fe80::1%eth0`) | is asked from the link-local address that the interface has when the configuration is read, and left out if it has none | hickory has no zones |
/// | a changed file | is read with the next resolver, or after a change of the network, except for the table of hosts | a look-up reads no files |
/// | a file that may not be read, or is a directory | counts as empty | glibc agrees but for a `resolv.conf` that is a directory |
///
/// On Windows, Apple's systems and Android, which keep their servers elsewhere, hickory finds them out.
///
/// # HTTPS records
///
/// Each record in ServiceMode becomes a [`ServiceRecord`](crate::race::ServiceRecord), those of equal priority in
/// random order (v3 §5.2). The addresses of TargetNames, up to 8 of them, are looked up too: the records are delivered
/// at once with their hints, and again with every answer for a target. Aliases are followed for up to 8 steps; the last
/// one, if it has no records of its own, is a record with that target and no parameters. Records with a mandatory key
/// that is not known are left out (RFC 9460 §8).
///
/// "`.`" for a TargetName is the name that owns the record (RFC 9460 §2.5.2). For port 443 that is the origin's own
/// name; for another it is `_8443._https.example.com`, whose addresses are then looked up. Where there are none, name
/// the origin.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | [`https_records`](Self::https_records) | on |
/// | [`families`](Self::families) | those that the machine is connected with, and the other one if they have no address |
/// | [`hosts`](Self::hosts) | those of the system, unless the options say otherwise |
/// | a query is given up after | 5 s ([`ResolverOpts::timeout`]) |
/// | all servers are asked | three times ([`ResolverOpts::attempts`] is how often *again*); with [`from_system_conf`](Self::from_system_conf), as often as `attempts` in `/etc/resolv.conf` says, twice by default |
/// | cached answers | 8,192 for each server ([`ResolverOpts::cache_size`]) |
/// | any other setting of a look-up | that of [`ResolverOpts`], or of `/etc/resolv.conf` |
///
/// # Cancel safety
///
/// A look-up that is dropped is not waited for. It ends within 1 s, or when the runtime does.
///
/// Clones in several runtimes share look-ups: whoever joins one that another runtime has begun waits for as long as
/// that runtime is not driven, and fails if it ends. Give each current-thread runtime a resolver of its own, made with
/// [`with_config`](Self::with_config) and not cloned.
///
/// # Errors
///
/// A [`QueryError`](super::QueryError) has the kind that the server's answer has, and what hickory said as its source.
/// The server is named if only one is configured.
///
/// # Panics
///
/// The call itself panics outside a Tokio runtime, before its future is polled: it sends the first queries. Only
/// literal addresses and the table of hosts need no runtime. It has to be one with I/O and time, unless all answers are
/// cached; hickory panics in one without, and the resolver and its clones are of no use after that.
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
    /// `None` if it could not be read so far.
    hosts: Option<Arc<Hosts>>,
    connectivity: Connectivity,
    /// Instead of those that the machine is connected with.
    families: Option<Families>,
    https_records: bool,
}

impl HickoryResolver {
    /// A resolver with the servers, search domains and options of the system, as they are now: those of
    /// `/etc/resolv.conf` on Unix, of the registry on Windows. [The system's files](#the-systems-files) has what counts.
    ///
    /// # Errors
    ///
    /// If they, or the table of hosts, are there and cannot be read now: there is no free descriptor, say.
    pub fn from_system_conf() -> Result<Self, NetError> {
        let hosts = hosts::of_system(ResolverOpts::default().use_hosts_file)?;
        Ok(Self::from_parts(Current::new(Origin::System)?, Some(hosts)))
    }

    /// A resolver with these servers and search domains. The domain of the configuration is searched if it has no
    /// search list.
    ///
    /// Servers may be asked over TLS (feature `hickory-dot`) or HTTPS (`hickory-doh`). DNSSEC is an option of
    /// hickory's, `validate` in [`ResolverOpts`], and needs a feature of `hickory-resolver` itself, such as
    /// `dnssec-ring`: name that crate in your `Cargo.toml` too.
    ///
    /// # Errors
    ///
    /// If hickory cannot make a resolver of them, or if the system's table of hosts is to be used, is there, and cannot be read now.
    pub fn with_config(config: ResolverConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let hosts = hosts::of_system(options.use_hosts_file)?;
        Ok(Self::from_parts(Current::new(Origin::Configuration(config, options))?, Some(hosts)))
    }

    /// A resolver around one of hickory's, for what only its builder can do: trust anchors, a TLS configuration of
    /// one's own.
    ///
    /// Which of its servers is asked, and when, is for hickory to say: it prefers those that answer fastest, and asks two at a time.
    ///
    /// Its search domains are applied by hickory, to each query by itself: one that finds nothing goes on to the next
    /// domain, though another query may have found something, so that answers may be those of different hosts. With
    /// [`with_config`](Self::with_config) they never are. If the system's table of hosts cannot be read now, look-ups fail until it can be. If a table of hosts was put into it by hand, hand it to
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

    /// Whether HTTPS records are asked for where the URI is one of `https` or `wss`. Without them a connect makes two
    /// queries and not three, and knows nothing of services at other names and ports.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn https_records(mut self, ask: bool) -> Self {
        self.https_records = ask;
        self
    }

    /// The names that are known without asking a server.
    ///
    /// Defaults to those of the system's file, or to none if the options say so.
    #[must_use]
    pub fn hosts(mut self, hosts: impl Into<Arc<Hosts>>) -> Self {
        self.hosts = Some(hosts.into());
        self
    }

    /// The address families to ask for, and no other, whatever the machine is connected with. `None` is to find out.
    ///
    /// To ask for one that is not connected is a query in vain, and an address that no connection can be made to.
    ///
    /// Defaults to `None`.
    #[must_use]
    pub fn families(mut self, families: impl Into<Option<Families>>) -> Self {
        self.families = families.into();
        self
    }

    /// Those that the caller can use, as far as the machine is connected with them.
    fn connected_families(&self, name: &Name) -> Families {
        name.families().among(self.connectivity.families_for(name.as_str(), name.heard(), read_clock()))
    }

    /// What the table of hosts says of a name, if it is there.
    ///
    /// # Errors
    ///
    /// If there is a table that cannot be read.
    fn known(&mut self, host: &DnsName, epoch: Epoch) -> Result<Option<HickoryAnswers>, NetError> {
        let hosts = match &mut self.hosts {
            Some(hosts) => hosts,
            unread @ None => unread.insert(Arc::new(hosts::of_system(ResolverOpts::default().use_hosts_file)?)),
        };
        let Some(addresses) = hosts::find(hosts, host) else { return Ok(None) };
        let addresses = addresses.map(|(query, said)| (query, LookUp::over(said)));
        Ok(Some(HickoryAnswers::known(self.current.at(epoch).look_ups, addresses.into())))
    }

    /// Makes the queries for a name that the table does not have.
    fn ask(&self, name: &Name, host: &DnsName) -> (Queries, HickoryAnswers) {
        let Asked { look_ups, search, server, families } = self.current.at(name.epoch());
        let families = self.families.or(families);
        let asker = Asker {
            look_ups,
            families: families.unwrap_or_else(|| self.connected_families(name)),
            no_other_family: families.is_some(),
            // `localhost` has no such records.
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
