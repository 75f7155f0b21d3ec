//! One DNS server: how long it is waited for, when a query is sent again, and whether it answers at all.

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

/// How long a query is waited for before it is sent again by other means than hickory's own, unless a quarter of its time-out is
/// shorter. Each further time is twice as long.
const PATIENCE: Duration = Duration::from_millis(400);

/// A server that has answered within this time is there: where it keeps silent, a packet may have been lost.
const IS_THERE: Duration = Duration::from_secs(60);

/// How long a server that does not answer is put behind the others, before it is asked again whether it does.
const SET_BACK: Duration = Duration::from_secs(5);

/// A server of a configuration, or all of those of a resolver that hickory made.
pub(super) struct Server {
    /// With a cache of its own, so that no server answers for another.
    resolver: Arc<TokioResolver>,
    /// The same without a cache, for queries beside one that `resolver` is waiting for: it would join them. Not there where
    /// hickory decides alone.
    beside: Option<Arc<TokioResolver>>,
    /// Where it is asked over UDP, so that a packet may be lost, or refused without notice.
    udp: Option<Address>,
    trusts_nxdomain: bool,
    /// Guards the two instants, and nothing runs under the lock.
    health: Lock<Health>,
}

#[derive(Clone, Copy, Default)]
struct Health {
    /// When it last answered.
    answered: Option<Instant>,
    /// When it was found not to answer. `None` if it has answered since.
    silent: Option<Instant>,
}

impl Server {
    /// One of hickory's, with servers and rules of its own.
    pub(super) fn of_hickory(resolver: TokioResolver) -> Self {
        let resolver = Arc::new(resolver);
        Self { resolver, beside: None, udp: None, trusts_nxdomain: true, health: Lock::default() }
    }

    /// What stands for the servers of a configuration that has none.
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

    /// Asks this server. What is cached is there at the first poll, without a timer.
    pub(super) async fn ask(&self, wanted: &Wanted, has_others: bool) -> Said {
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
        said.map_err(|error| match (&error, self.udp) {
            (NetError::NoConnections, Some(address)) => address.why_unreached().map_or(error, NetError::from),
            _ => error,
        })
    }

    /// Whether anybody is there who answers UDP queries; without an answer, this does not end.
    fn answers(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        match self.udp {
            Some(address) => Box::pin(address.answers()),
            None => Box::pin(pending()),
        }
    }

    /// Whether the server answers by now, whatever it says.
    pub(super) async fn is_back(&self) -> bool {
        if self.udp.is_some() {
            // By then it is asked again.
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

    /// Whether it is set back.
    pub(super) fn is_silent(&self) -> bool {
        self.health().silent.is_some()
    }

    /// Whether it has been set back for long enough. For this time it is asked once.
    pub(super) fn is_to_be_asked_whether_it_answers(&self, now: Instant) -> bool {
        let mut health = self.lock();
        let is_due = health.silent.is_some_and(|since| now.saturating_duration_since(since) >= SET_BACK);
        if is_due {
            health.silent = Some(now);
        }
        is_due
    }

    /// Sets the server back, if it has answered nothing since `began`.
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

/// Whether the server has said something, be it that it cannot answer.
fn is_answer(said: &Said) -> bool {
    matches!(said, Ok(_) | Err(NetError::Dns(DnsError::NoRecordsFound(_) | DnsError::ResponseCode(_))))
}
