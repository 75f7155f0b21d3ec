//! One DNS server: how long it is waited for, when a query is sent again, and whether the server is alive.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ProtocolConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RecordType;
use tokio::time::sleep;
use tracing::debug;

use super::failure;
use super::liveness::Address;
use super::names::DnsName;
use super::wanted::{Pending, Said, Wanted};
use crate::lock::{Guard, Lock};
use crate::timer::read_clock;

/// How long a query is waited for before it is sent again beside hickory's own retransmissions, or a quarter of its time-out if that is shorter. Each
/// further wait is twice as long.
const PATIENCE: Duration = Duration::from_millis(400);

/// A server that has answered within this time counts as alive: if it does not answer now, a packet may have been lost.
const IS_THERE: Duration = Duration::from_secs(60);

/// How long a server that does not answer stays behind the others, before it gets a liveness query.
const SET_BACK: Duration = Duration::from_secs(5);

/// A server of a configuration, or all servers of a resolver of hickory.
pub(super) struct Server {
    /// Has a cache of its own, so that no server answers for another.
    resolver: Arc<TokioResolver>,
    /// The same server without a cache, for queries beside one that `resolver` waits for: `resolver` would join them to the first one. `None` for a
    /// resolver of hickory.
    beside: Option<Arc<TokioResolver>>,
    /// The address, if the server is asked over UDP: packets may be lost, or refused without notice.
    udp: Option<Address>,
    trusts_nxdomain: bool,
    /// Guards the two instants. Nothing else runs under the lock.
    health: Lock<Health>,
}

#[derive(Clone, Copy, Default)]
struct Health {
    /// When the server last answered.
    answered: Option<Instant>,
    /// When the server was found not to answer. `None` if it has answered since.
    silent: Option<Instant>,
}

impl Server {
    /// Wraps a resolver of hickory, with its own servers and rules.
    pub(super) fn of_hickory(resolver: TokioResolver) -> Self {
        let resolver = Arc::new(resolver);
        Self { resolver, beside: None, udp: None, trusts_nxdomain: true, health: Lock::default() }
    }

    /// A stand-in for a configuration without servers.
    pub(super) fn none(options: ResolverOpts) -> Result<Self, NetError> {
        Ok(Self::of_hickory(build(Vec::new(), options)?))
    }

    pub(super) fn new(config: NameServerConfig, options: ResolverOpts) -> Result<Self, NetError> {
        let udp =
            config.connections.first().filter(|first| matches!(first.protocol, ProtocolConfig::Udp)).map(|first| {
                let server = SocketAddr::new(config.ip, first.port);
                Address { server, local: first.bind_addr }
            });
        let trusts_nxdomain = config.trust_negative_responses;
        let mut without_cache = options.clone();
        without_cache.cache_size = 0;
        let beside = Some(Arc::new(build(vec![config.clone()], without_cache)?));
        let resolver = Arc::new(build(vec![config], options)?);
        Ok(Self { resolver, beside, udp, trusts_nxdomain, health: Lock::default() })
    }

    /// Asks this server. A cached answer is ready at the first poll, without a timer.
    pub(super) async fn ask(&self, wanted: &Wanted, has_others: bool) -> Said {
        let mut query = pin!(look_up(Arc::clone(&self.resolver), wanted.clone()));
        // The waker is not kept: a pending query is polled again below.
        if let Poll::Ready(said) = query.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return said;
        }
        let began = read_clock();
        let mut other_query: Pending = Box::pin(pending());
        // If there is another server, a dead server should be noticed at once.
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
                    // A repeated query that is still running is dropped, since its packets may be lost too. The first query goes on.
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
        said.map_err(|error| match (&error, self.udp) {
            (NetError::NoConnections, Some(address)) => address.why_unreached().map_or(error, NetError::from),
            _ => error,
        })
    }

    /// Sends a liveness query over UDP. Without a response it stays pending.
    fn answers(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        match self.udp {
            Some(address) => Box::pin(address.answers()),
            None => Box::pin(pending()),
        }
    }

    /// Whether the server responds now, whatever it says.
    pub(super) async fn is_back(&self) -> bool {
        if self.udp.is_some() {
            // After that time the next liveness query is due.
            let limit = self.resolver.options().timeout.min(SET_BACK);
            return matches!(tokio::time::timeout(limit, self.answers()).await, Ok(Ok(())));
        }
        let resolver = self.beside.as_ref().unwrap_or(&self.resolver);
        is_answer(&look_up(Arc::clone(resolver), Wanted::new(DnsName::root(), RecordType::NS)).await)
    }

    pub(super) fn is_final(&self, error: &NetError) -> bool {
        failure::is_negative(error) && (self.trusts_nxdomain || !failure::is_nxdomain(error))
    }

    /// Whether the server has answered lately.
    fn is_there(&self, now: Instant) -> bool {
        self.health().answered.is_some_and(|at| now.saturating_duration_since(at) < IS_THERE)
    }

    pub(super) fn note_answer(&self) {
        *self.lock() = Health { answered: Some(read_clock()), silent: None };
    }

    /// Whether the server stays behind the others.
    pub(super) fn is_silent(&self) -> bool {
        self.health().silent.is_some()
    }

    /// Whether a liveness query is due. Returns `true` once in each such period.
    pub(super) fn is_to_be_asked_whether_it_answers(&self, now: Instant) -> bool {
        let mut health = self.lock();
        let is_due = health.silent.is_some_and(|since| now.saturating_duration_since(since) >= SET_BACK);
        if is_due {
            health.silent = Some(now);
        }
        is_due
    }

    /// Puts the server behind the others, if it has answered nothing since `began`.
    pub(super) fn note_silence(&self, began: Instant, now: Instant) {
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

    fn lock(&self) -> Guard<'_, Health> {
        self.health.lock()
    }
}

fn build(name_servers: Vec<NameServerConfig>, options: ResolverOpts) -> Result<TokioResolver, NetError> {
    let config = ResolverConfig::from_name_servers(name_servers);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

async fn look_up(resolver: Arc<TokioResolver>, wanted: Wanted) -> Said {
    resolver.lookup(wanted.name, wanted.record_type).await.map(Arc::new)
}

/// Whether the server has responded, even if it said that it cannot answer.
fn is_answer(said: &Said) -> bool {
    matches!(said, Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_) | DnsError::ResponseCode(_))))
}
