//! Which DNS server is asked, and when the next one is.
//!
//! As the system does: the first server of the configuration is believed while it answers. The next one is asked only where a
//! server does not answer, or says that it cannot. hickory itself would prefer the fastest one, which is wrong where servers
//! differ in what they know: a VPN, a split DNS.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    NameServerConfig, ProtocolConfig, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RecordType;
use tokio::time::sleep;
use tracing::debug;

use super::failure;
use super::liveness::Address;
use super::look_up::{Pending, Said, Wanted};
use super::names::DnsName;
use crate::timer::read_clock;

/// How long a query is waited for before it is sent again by other means than hickory's own, unless a quarter of its time-out is
/// shorter. Each further time is twice as long.
const PATIENCE: Duration = Duration::from_millis(400);

/// A server that has answered within this time is there: where it keeps silent, a packet may have been lost.
const IS_THERE: Duration = Duration::from_secs(60);

/// How long a server that does not answer is put behind the others, before it is asked again whether it does.
const SET_BACK: Duration = Duration::from_secs(5);

/// The DNS servers of a configuration, in their order.
pub(super) struct Servers {
    each: Vec<Server>,
    /// How often all of them are asked.
    rounds: usize,
    /// The server that a look-up begins with, where they are to take turns.
    turn: Option<AtomicUsize>,
}

struct Server {
    /// With a cache of its own, so that no server answers for another.
    resolver: Arc<TokioResolver>,
    /// The same without a cache, for queries beside one that `resolver` is waiting for: it would join them. Not there where
    /// hickory decides alone.
    beside: Option<Arc<TokioResolver>>,
    /// Where it is asked over UDP, so that a packet may be lost, or refused without notice.
    udp: Option<Address>,
    trusts_nxdomain: bool,
    /// Guards the two instants, and nothing runs under the lock.
    health: Mutex<Health>,
}

#[derive(Clone, Copy, Default)]
struct Health {
    /// When it last answered.
    answered: Option<Instant>,
    /// When it was found not to answer. `None` if it has answered since.
    silent: Option<Instant>,
}

impl Servers {
    /// One of hickory's, with servers and rules of its own.
    pub(super) fn of_hickory(resolver: TokioResolver) -> Self {
        let server = Server {
            resolver: Arc::new(resolver),
            beside: None,
            udp: None,
            trusts_nxdomain: true,
            health: Mutex::default(),
        };
        Self { each: vec![server], rounds: 1, turn: None }
    }

    /// The servers of a configuration.
    ///
    /// # Errors
    ///
    /// If hickory cannot make a resolver of them.
    pub(super) fn new(config: ResolverConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let ResolverConfig { name_servers, .. } = config;
        let count = name_servers.len();
        if count == 0 {
            return Ok(Self::of_hickory(build(Vec::new(), options)?));
        }
        let turn =
            matches!(options.server_ordering_strategy, ServerOrderingStrategy::RoundRobin).then(AtomicUsize::default);
        let rounds = options.attempts.saturating_add(1);
        let server = |(place, config): (usize, NameServerConfig)| {
            let mut options = options.clone();
            options.timeout = time_out(options.timeout, place, count);
            options.attempts = 0;
            Server::new(config, options)
        };
        let each = name_servers.into_iter().enumerate().map(server).collect::<Result<_, _>>()?;
        Ok(Self { each, rounds, turn })
    }

    /// Asks the servers, each as often as it may be, until one of them knows.
    pub(super) async fn look_up(self: Arc<Self>, wanted: Wanted) -> Said {
        let mut failure = None;
        for server in (0..self.rounds).flat_map(|_| self.order(read_clock())) {
            let Some(server) = self.each.get(server) else { continue };
            let said = server.ask(&wanted, self.each.len() > 1).await;
            match said {
                Err(error) if !server.is_final(&error) => failure = Some(more_telling(failure, error)),
                said => return said,
            }
        }
        Err(failure.unwrap_or(NetError::NoConnections))
    }

    /// The servers in the order in which they are to be asked now: those that do not answer last.
    fn order(self: &Arc<Self>, now: Instant) -> impl Iterator<Item = usize> + use<> {
        let count = self.each.len();
        let first = self.turn.as_ref().map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed) % count);
        // A bit for each server, as they are now: one that falls silent meanwhile is not asked twice.
        let mut silent = 0_u64;
        if count > 1 {
            for (place, server) in self.each.iter().enumerate().take(64) {
                silent |= u64::from(server.health().silent.is_some()) << place;
                self.ask_whether_it_answers(place, now);
            }
        }
        let is_silent = move |place: usize| place < 64 && silent >> place & 1 == 1;
        let in_turn = move || (0..count).map(move |place| (first + place) % count);
        in_turn().filter(move |place| !is_silent(*place)).chain(in_turn().filter(move |place| is_silent(*place)))
    }

    /// Asks a server that has been set back for long enough whether it answers again. No look-up waits for that.
    #[expect(clippy::disallowed_methods, reason = "whether a server answers is for the look-ups to come")]
    fn ask_whether_it_answers(self: &Arc<Self>, place: usize, now: Instant) {
        let Some(server) = self.each.get(place) else { return };
        let is_due = {
            let mut health = server.lock();
            let is_due = health.silent.is_some_and(|since| now.saturating_duration_since(since) >= SET_BACK);
            if is_due {
                // For this time it is asked once.
                health.silent = Some(now);
            }
            is_due
        };
        if is_due {
            let servers = Arc::clone(self);
            drop(tokio::spawn(async move {
                if let Some(server) = servers.each.get(place) {
                    if server.is_back().await {
                        server.note_answer();
                    }
                }
            }));
        }
    }
}

impl Server {
    fn new(config: NameServerConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let udp =
            config.connections.first().filter(|first| matches!(first.protocol, ProtocolConfig::Udp)).map(|first| {
                let server = SocketAddr::new(config.ip, first.port);
                Address { server, local: first.bind_addr.map(|local| local.ip()) }
            });
        let trusts_nxdomain = config.trust_negative_responses;
        let mut without_cache = options.clone();
        without_cache.cache_size = 0;
        let beside = Some(Arc::new(build(vec![config.clone()], without_cache)?));
        let resolver = Arc::new(build(vec![config], options)?);
        Ok(Self { resolver, beside, udp, trusts_nxdomain, health: Mutex::default() })
    }

    /// Asks this server. What is cached is there at the first poll, without a timer.
    async fn ask(&self, wanted: &Wanted, has_others: bool) -> Said {
        let mut query = pin!(look_up(Arc::clone(&self.resolver), wanted.clone()));
        // The waker is not kept: whoever is pending is polled again below.
        if let Poll::Ready(said) = query.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return said;
        }
        let began = read_clock();
        let mut other_query: Pending = Box::pin(pending());
        // Where another server can be asked, that nobody is at this one is worth knowing at once.
        let mut answers = if has_others && !self.is_there(began) { self.answers() } else { Box::pin(pending()) };
        let mut asks_whether_it_answers = true;
        let mut patience = PATIENCE.min(self.resolver.options().timeout / 4);
        let mut timer = pin!(sleep(patience));
        let said = poll_fn(|cx| {
            loop {
                if let Poll::Ready(said) = query.as_mut().poll(cx) {
                    return Poll::Ready(said);
                }
                if let Poll::Ready(said) = other_query.as_mut().poll(cx) {
                    if is_answer(&said) {
                        return Poll::Ready(said);
                    }
                    other_query = Box::pin(pending());
                }
                if let Poll::Ready(result) = answers.as_mut().poll(cx) {
                    answers = Box::pin(pending());
                    match result {
                        Ok(()) => self.note_answer(),
                        Err(error) => return Poll::Ready(Err(error.into())),
                    }
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if let (Some(beside), true) = (&self.beside, self.udp.is_some() && self.is_there(read_clock())) {
                    // One that is running is given up: its packets may be lost too. The first query goes on.
                    other_query = Box::pin(look_up(Arc::clone(beside), wanted.clone()));
                }
                if mem::take(&mut asks_whether_it_answers) {
                    answers = self.answers();
                }
                patience *= 2;
                timer.set(sleep(patience));
            }
        })
        .await;
        if is_answer(&said) {
            self.note_answer();
        } else if has_others && matches!(said, Err(NetError::Timeout | NetError::Io(_))) {
            self.note_silence(began, read_clock());
        }
        said
    }

    /// Whether anybody is there who answers UDP queries; without an answer, this does not end.
    fn answers(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        match self.udp {
            Some(address) => Box::pin(address.answers()),
            None => Box::pin(pending()),
        }
    }

    /// Whether the server answers by now, whatever it says.
    async fn is_back(&self) -> bool {
        if self.udp.is_some() {
            let limit = self.resolver.options().timeout;
            return matches!(tokio::time::timeout(limit, self.answers()).await, Ok(Ok(())));
        }
        let resolver = self.beside.as_ref().unwrap_or(&self.resolver);
        is_answer(&look_up(Arc::clone(resolver), Wanted::new(DnsName::root(), RecordType::NS)).await)
    }

    fn is_final(&self, error: &NetError) -> bool {
        failure::is_negative(error) && (self.trusts_nxdomain || !failure::is_nxdomain(error))
    }

    /// Whether the server has answered lately.
    fn is_there(&self, now: Instant) -> bool {
        self.health().answered.is_some_and(|at| now.saturating_duration_since(at) < IS_THERE)
    }

    fn note_answer(&self) {
        *self.lock() = Health { answered: Some(read_clock()), silent: None };
    }

    /// Sets the server back, if it has answered nothing since `began`.
    fn note_silence(&self, began: Instant, now: Instant) {
        let mut health = self.lock();
        if health.answered.is_none_or(|at| at < began) {
            health.silent = Some(now);
            drop(health);
            debug!("a DNS server does not answer: the next one is asked first");
        }
    }

    fn health(&self) -> Health {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the server at this place is waited for, as glibc has it: of several, the later ones get a share of twice the time,
/// and of four times the time.
fn time_out(time_out: Duration, place: usize, count: usize) -> Duration {
    let share = u32::try_from(count).unwrap_or(u32::MAX);
    match place {
        0 => time_out,
        _ => (time_out.saturating_mul(1 << place.min(2)) / share).max(time_out.min(Duration::from_secs(1))),
    }
}

/// Whether the options of resolv.conf(5) say that servers are to take turns.
pub(super) fn take_turns(resolv_conf: &[u8]) -> bool {
    let text = String::from_utf8_lossy(resolv_conf);
    let mut options = text.lines().filter_map(|line| line.trim_start().strip_prefix("options"));
    options.any(|options| options.split_ascii_whitespace().any(|option| option == "rotate"))
}

fn build(name_servers: Vec<NameServerConfig>, options: ResolverOpts) -> Result<TokioResolver, NetError> {
    let config = ResolverConfig::from_name_servers(name_servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

async fn look_up(resolver: Arc<TokioResolver>, wanted: Wanted) -> Said {
    resolver.lookup(wanted.name, wanted.record_type).await.map(Arc::new)
}

/// Whether the server has said something, be it that it cannot answer.
fn is_answer(said: &Said) -> bool {
    matches!(said, Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_) | DnsError::ResponseCode(_))))
}

/// Of two failures the one that a server has told of; else the later one.
fn more_telling(one: Option<NetError>, other: NetError) -> NetError {
    match one {
        Some(one) if matches!(one, NetError::Dns(_)) && !matches!(other, NetError::Dns(_)) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;
    use crate::test_support::some_instant;

    fn servers(count: u8, ordering: ServerOrderingStrategy) -> Arc<Servers> {
        let configs = (0..count).map(|n| NameServerConfig::udp_and_tcp([192, 0, 2, n].into())).collect();
        let mut options = ResolverOpts::default();
        options.server_ordering_strategy = ordering;
        Arc::new(Servers::new(ResolverConfig::from_name_servers(configs), options).unwrap())
    }

    #[test]
    fn servers_that_do_not_answer_come_last_until_they_do() {
        let (servers, now) = (servers(3, ServerOrderingStrategy::default()), some_instant());
        let order = || servers.order(now).collect::<Vec<_>>();
        assert_eq!(order(), [0, 1, 2]);
        servers.each[0].note_silence(now, now);
        assert_eq!(order(), [1, 2, 0]);
        for server in &servers.each {
            server.note_silence(now, now);
        }
        assert_eq!(order(), [0, 1, 2]);
        servers.each[2].note_answer();
        assert_eq!(order(), [2, 0, 1]);
        // Another query that was answered meanwhile shows that this server lives.
        servers.each[2].note_silence(now, now);
        assert_eq!(order(), [2, 0, 1]);
    }

    #[tokio::test]
    async fn a_server_that_was_set_back_is_asked_again_after_a_while() {
        let (servers, now) = (servers(2, ServerOrderingStrategy::default()), some_instant());
        servers.each[0].note_silence(now, now);
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let order = |seconds| servers.order(now + Duration::from_secs(seconds)).collect::<Vec<_>>();
        assert_eq!((order(4), tasks()), (vec![1, 0], 0));
        // It is asked once, and no look-up begins with it before it has answered.
        assert_eq!((order(5), tasks()), (vec![1, 0], 1));
        assert_eq!((order(6), tasks()), (vec![1, 0], 1));
    }

    #[test]
    fn servers_take_turns_where_they_are_to() {
        let (servers, now) = (servers(3, ServerOrderingStrategy::RoundRobin), some_instant());
        let order = || servers.order(now).collect::<Vec<_>>();
        assert_eq!([order(), order(), order(), order()], [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
    }

    #[test]
    fn the_time_outs_of_several_servers_are_those_of_glibc() {
        let of = |count| -> Vec<u128> {
            (0..count).map(|place| time_out(Duration::from_secs(5), place, count).as_millis()).collect()
        };
        assert_eq!(of(1), [5_000]);
        assert_eq!(of(2), [5_000, 5_000]);
        assert_eq!(of(3), [5_000, 3_333, 6_666]);
        let short = |count| (0..count).map(|place| time_out(Duration::from_millis(300), place, count)).max();
        assert_eq!(short(3), Some(Duration::from_millis(400)));
    }

    #[test]
    fn the_servers_of_the_system_take_turns_if_its_options_say_so() {
        assert!(take_turns(b"nameserver 192.0.2.53\noptions timeout:1 rotate\n"));
        for text in ["", "options timeout:1", "# options rotate", "search rotate"] {
            assert!(!take_turns(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_a_server_has_said_tells_more_than_silence() {
        let refused = || NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused));
        assert!(matches!(more_telling(None, NetError::Timeout), NetError::Timeout));
        assert!(matches!(more_telling(Some(refused()), NetError::Timeout), NetError::Dns(_)));
        assert!(matches!(more_telling(Some(NetError::Timeout), refused()), NetError::Dns(_)));
    }
}
