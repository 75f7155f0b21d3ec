//! The list of endpoints to try, kept sorted while answers come in.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{MAX_ADDRESSES, Records, Services};
use super::config::{Config, Order, Policy};
use super::endpoint::{Endpoint, Family, ServiceRecord};
use super::event::Query;
use super::memory::{Advice, AttemptDelay, Dead, delay};
use super::selection::Source;
use super::sorting::{Demotions, Selection, Told, arrange};
use super::untried::UntriedReason;

/// The endpoints of all answers so far, in the order in which they are to be tried.
///
/// 1. Each answer sorts the whole list anew, endpoints already tried included (v3 §7); those are left out only then.
/// 2. Hints stand in for a family until its address records are there; then a hint that they do not contain is dropped. A
///    failed query confirms nothing and drops nothing.
/// 3. The addresses of the name are endpoints of each of its services, and, at the origin's port, of none. A service at another
///    name has only its hints, for which that name's addresses do not stand in.
/// 4. Separate answers, and hints, are sorted by RFC 6724; a list keeps its order.
/// 5. An endpoint whose attempt was overtaken by another one's transport goes before those that were never tried, however often the list is sorted.
/// 6. All that answers can feed has a bound, however many answers there are: what was withdrawn, what was told of destinations, and how many
///    attempts a race makes.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// What to try, in order.
    untried: VecDeque<Endpoint>,
    list: Arc<[Endpoint]>,
    aaaa: Arc<[Endpoint]>,
    a: Arc<[Endpoint]>,
    services: Vec<Arc<ServiceRecord>>,
    hints: Vec<Endpoint>,
    sources: Told<Source>,
    advice: Told<Advice>,
    excluded: Vec<(Endpoint, UntriedReason)>,
    /// The first [`MAX_ADDRESSES`] of them.
    withdrawn: Vec<Endpoint>,
    /// The endpoints that were taken, and go first now.
    overtaken: BTreeSet<SocketAddr>,
}

/// How many attempts a race makes. What stands further down counts as beyond the limit of its answer.
pub(super) const MAX_ATTEMPTS: usize = 4 * MAX_ADDRESSES;

/// Of how many destinations something is kept that no address of the present answers needs.
const MAX_SPARE: usize = 4 * MAX_ADDRESSES;

impl Candidates {
    /// Takes in the source of a destination. It counts from the next answer on.
    pub(super) fn on_source(&mut self, destination: SocketAddr, source: Source) {
        self.sources.set(Endpoint::new(destination).address(), source);
    }

    /// Takes in what is known of a destination. It counts for the order from the next answer on.
    pub(super) fn on_advice(&mut self, destination: SocketAddr, advice: Advice) {
        self.advice.set(Endpoint::new(destination).address(), advice);
    }

    /// The delay of an attempt to this endpoint.
    pub(super) fn attempt_delay(&self, endpoint: &Endpoint, configured: Duration) -> AttemptDelay {
        delay::of_attempt(self.advice.of(endpoint.address()).delay, configured)
    }

    /// For how long the next start is put off when the transport of an attempt to this endpoint stands, if that is known.
    pub(super) fn rest_of_handshake(&self, endpoint: &Endpoint) -> Option<Duration> {
        self.advice.of(endpoint.address()).handshake
    }

    /// Which endpoints stand behind others of their group, since they are believed to be dead.
    pub(super) fn demotions(&self, config: &Config) -> Demotions<'_> {
        // It takes all endpoints to say, and hardly ever is one dead.
        let all = if self.advice.is_empty() { Vec::new() } else { self.all() };
        let usable = all.iter().filter(|endpoint| config.excludes_endpoint(endpoint).is_none());
        Demotions::new(usable, &self.advice)
    }

    /// Why this endpoint stands there, if it does.
    pub(super) fn demotion(&self, endpoint: &Endpoint, config: &Config) -> Option<Dead> {
        self.advice.of(endpoint.address()).dead.and_then(|_| self.demotions(config).of(endpoint))
    }

    /// Takes in the records of an answer. `tried` are the addresses that attempts were made to, and are not to be tried again; `made` is the
    /// number of attempts.
    pub(super) fn on_answer(
        &mut self,
        query: Query,
        records: Records,
        config: &Config,
        tried: impl Iterator<Item = SocketAddr>,
        made: usize,
    ) {
        match records {
            Records::Endpoints(endpoints) => self.replace(query, endpoints),
            Records::Negative => self.replace(query, Arc::default()),
            Records::Services(services) => self.set_services(&services, config),
            Records::Failed => return,
        }
        self.rebuild(config, tried, made);
    }

    /// Whether there are endpoints that may not be used.
    pub(super) fn has_excluded(&self) -> bool {
        !self.excluded.is_empty()
    }

    pub(super) fn has_untried(&self) -> bool {
        !self.untried.is_empty()
    }

    /// Takes the next untried endpoint.
    pub(super) fn take(&mut self) -> Option<Endpoint> {
        let endpoint = self.untried.pop_front()?;
        self.overtaken.remove(&endpoint.address());
        Some(endpoint)
    }

    /// Puts an endpoint back that was taken, unless it has left its answer: it goes before those that were never taken. `made` is the
    /// number of attempts.
    pub(super) fn put_first(&mut self, endpoint: Endpoint, made: usize) {
        let address = endpoint.address();
        let is_offered = self.all().iter().any(|offered| offered.address() == address);
        if is_offered && made + self.untried.len() < MAX_ATTEMPTS {
            let is_overtaken = |endpoint: &&Endpoint| self.overtaken.contains(&endpoint.address());
            let place = self.untried.iter().take_while(is_overtaken).count();
            self.untried.insert(place, endpoint);
            self.overtaken.insert(address);
        }
    }

    /// Puts an endpoint of no service back that was taken, unless it has left its answer: it goes last. `made` is the number of attempts.
    pub(super) fn put_back(&mut self, endpoint: Endpoint, made: usize) {
        let is_known = self.known().any(|known| known.address() == endpoint.address());
        if is_known && made + self.untried.len() < MAX_ATTEMPTS {
            self.untried.push_back(endpoint);
        }
    }

    /// Whether there are service records.
    pub(super) fn has_services(&self) -> bool {
        !self.services.is_empty()
    }

    /// An endpoint of no service as an endpoint of the best service that has it (RFC 9460 §5.1): its address and port must be that service's.
    pub(super) fn in_its_service(&self, endpoint: &Endpoint) -> Option<Endpoint> {
        let port = endpoint.address().port();
        let has_it = |service: &&Arc<ServiceRecord>| {
            service.target.is_none() && service.port.is_none_or(|of_service| of_service == port)
        };
        let by_name = self.services.iter().find(has_it).map(|service| endpoint.in_service(service));
        let by_hint = self.hints.iter().find(|hint| hint.address() == endpoint.address()).cloned();
        let priority = |endpoint: &Endpoint| endpoint.service().map(|service| service.priority);
        by_name.into_iter().chain(by_hint).min_by_key(priority)
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> VecDeque<Endpoint> {
        mem::take(&mut self.untried)
    }

    /// The endpoints that were not taken, and why: those of the list in its order, then the others.
    /// `tried` are the addresses that attempts were made to.
    pub(super) fn untried(
        &self,
        tried: impl Iterator<Item = SocketAddr>,
    ) -> impl Iterator<Item = (&Endpoint, UntriedReason)> {
        let listed = self.untried.iter().map(|endpoint| (endpoint, UntriedReason::NotReached));
        let withdrawn = self.withdrawn.iter().map(|endpoint| (endpoint, UntriedReason::Withdrawn));
        let excluded = self.excluded.iter().map(|(endpoint, reason)| (endpoint, *reason));
        let over_limit = self.over_limit(tried).into_iter().map(|endpoint| (endpoint, UntriedReason::OverLimit));
        listed.chain(withdrawn).chain(excluded).chain(over_limit)
    }

    /// Whether a hint offers an address of this family that may be used.
    pub(super) fn has_hint(&self, family: Family, config: &Config) -> bool {
        self.hints.iter().any(|hint| hint.family() == family && config.excludes_endpoint(hint).is_none())
    }

    /// Whether an A answer would go before the endpoint that is to be tried first, whatever its addresses are: an IPv6 one that RFC 6724
    /// puts behind any IPv4 address of its group, since it is believed to be dead, say.
    pub(super) fn is_behind_ipv4(&self, config: &Config) -> bool {
        let Some(first) = self.untried.front() else { return false };
        // A service at another name has its hints alone.
        let takes_addresses_of_the_name = |group: &ServiceRecord| {
            let mut services = self.services.iter().filter(|service| service.priority == group.priority);
            services.any(|service| service.target.is_none())
        };
        let (ip, source) = (first.address().ip(), self.sources.of(first.address()));
        // A list keeps its order. Other orders than the resolver's say outright which family goes first, but what is dead goes last whatever they say.
        self.list.is_empty()
            && first.family() == Family::V6
            && first.service().is_none_or(takes_addresses_of_the_name)
            && (self.advice.of(first.address()).dead.is_some()
                || config.order == Order::Resolver && config.policy_table.is_behind_ipv4(ip, source))
    }

    /// The endpoints that stand too far down in their answers, each once, and not if they stand further up too, or did before.
    fn over_limit(&self, tried: impl Iterator<Item = SocketAddr>) -> Vec<&Endpoint> {
        let mut over_limit: Vec<_> = self.answers().flat_map(|answer| answer.iter().skip(MAX_ADDRESSES)).collect();
        if !over_limit.is_empty() {
            let used = self.known().chain(&self.withdrawn).map(Endpoint::address);
            let mut seen: BTreeSet<SocketAddr> = used.chain(tried).collect();
            over_limit.retain(|endpoint| seen.insert(endpoint.address()));
        }
        over_limit
    }

    fn replace(&mut self, query: Query, endpoints: Arc<[Endpoint]>) {
        let answered_for = |family| match query {
            Query::List => true,
            Query::Aaaa => family == Family::V6,
            Query::A => family == Family::V4,
            Query::Https => false,
        };
        self.hints.retain(|hint| {
            let is_of_another_name = hint.service().is_some_and(|service| service.target.is_some());
            let confirmed = || endpoints.iter().any(|real| real.address().ip() == hint.address().ip());
            is_of_another_name || !answered_for(hint.family()) || confirmed()
        });
        match query {
            Query::List => self.list = endpoints,
            Query::Aaaa => self.aaaa = endpoints,
            Query::A => self.a = endpoints,
            Query::Https => {
                self.services.clear();
                self.hints.clear();
            }
        }
    }

    fn set_services(&mut self, services: &Services, config: &Config) {
        let spoken = services.used().iter().filter(|service| config.speaks_with(service));
        self.services = spoken.cloned().map(Arc::new).collect();
        self.hints.clear();
        // A list speaks for both families.
        let listed = !self.list.is_empty();
        let known = [Family::V6, Family::V4].map(|family| listed || self.known().any(|real| real.family() == family));
        let [v6_known, v4_known] = known;
        for service in &self.services {
            let hints = service.hints().map(|ip| Endpoint::hinted(ip, services.port, service));
            self.hints.extend(hints.filter(|hint| {
                let is_known = if hint.family() == Family::V6 { v6_known } else { v4_known };
                service.target.is_some() || !is_known
            }));
        }
        self.hints.truncate(MAX_ADDRESSES);
    }

    fn answers(&self) -> impl Iterator<Item = &Arc<[Endpoint]>> {
        [&self.list, &self.aaaa, &self.a].into_iter()
    }

    /// The endpoints of the address answers.
    fn known(&self) -> impl Iterator<Item = &Endpoint> {
        self.answers().flat_map(|answer| answer.iter().take(MAX_ADDRESSES))
    }

    fn rebuild(&mut self, config: &Config, tried: impl Iterator<Item = SocketAddr>, made: usize) {
        let mut usable = self.all();
        self.excluded.clear();
        if usable.iter().any(|endpoint| config.excludes_endpoint(endpoint).is_some()) {
            let excluded;
            (usable, excluded) = usable.into_iter().partition(|e| config.excludes_endpoint(e).is_none());
            let excluded = arrange(excluded, config.order, None, None).into_iter();
            self.excluded = excluded.filter_map(|e| config.excludes_endpoint(&e).map(|reason| (e, reason))).collect();
        }
        let selection = Selection {
            table: &config.policy_table,
            sources: &self.sources,
            advice: &self.advice,
            keeps_records: !self.list.is_empty(),
        };
        let interleave = (config.policy == Policy::Staggered).then_some(config.first_address_family_count);
        let mut sorted = arrange(usable, config.order, interleave, Some(&selection));

        if self.sources.len() > MAX_SPARE {
            self.sources.keep_only(sorted.iter().map(Endpoint::address));
        }
        if self.advice.len() > MAX_SPARE {
            self.advice.keep_only(sorted.iter().map(Endpoint::address));
        }

        let tried: BTreeSet<SocketAddr> = tried.collect();
        sorted.retain(|endpoint| !tried.contains(&endpoint.address()));
        sorted.sort_by_key(|endpoint| !self.overtaken.contains(&endpoint.address()));
        let beyond = sorted.split_off(sorted.len().min(MAX_ATTEMPTS.saturating_sub(made)));
        let before = mem::replace(&mut self.untried, sorted.into());
        let now: BTreeSet<SocketAddr> = self.untried.iter().chain(&beyond).map(Endpoint::address).collect();
        self.excluded.extend(beyond.into_iter().map(|endpoint| (endpoint, UntriedReason::OverLimit)));
        self.withdrawn.extend(before);
        self.withdrawn.retain(|endpoint| !now.contains(&endpoint.address()));
        self.withdrawn.truncate(MAX_ADDRESSES);
    }

    /// Every endpoint there is, duplicates included. Real records go before the hints that they confirm: of two equal
    /// endpoints of a group, the first stays.
    fn all(&self) -> Vec<Endpoint> {
        let mut all = Vec::new();
        for service in self.services.iter().filter(|service| service.target.is_none()) {
            all.extend(self.known().map(|endpoint| endpoint.in_service(service)));
        }
        all.extend_from_slice(&self.hints);
        all.extend(self.known().cloned());
        all
    }
}
