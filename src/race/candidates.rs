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
/// 1. Each answer sorts the whole list anew, with the endpoints that were tried already (v3 §7). Those are removed after sorting.
/// 2. Hints stand in for the addresses of a family until its address records are there. Then a hint that they do not contain is dropped. A query that
///    failed confirms no hint and drops none.
/// 3. The addresses of the name are endpoints of each service record without a TargetName, and, at the port of the URI, endpoints without a record. A
///    record with a TargetName has only its hints: the addresses of the name are not its endpoints.
/// 4. Separate answers, and hints, are sorted by RFC 6724. A list keeps its order.
/// 5. An endpoint whose attempt was overtaken goes before those that were never tried, however often the list is sorted.
/// 6. Everything that grows with the answers has a bound, however many answers there are: the endpoints that were withdrawn, what is known of
///    destinations, and the number of attempts.
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
    /// Untried endpoints that have left their answer, the first [`MAX_ADDRESSES`] of them.
    withdrawn: Vec<Endpoint>,
    /// The addresses that were put back after their attempt was overtaken. They go before addresses that were never tried.
    overtaken: BTreeSet<SocketAddr>,
}

/// The most attempts that a race makes. Endpoints beyond that are left out like those beyond the limit of an answer.
pub(super) const MAX_ATTEMPTS: usize = 4 * MAX_ADDRESSES;

/// The most destinations that something is known of before those that no present answer has are forgotten.
const MAX_SPARE: usize = 4 * MAX_ADDRESSES;

impl Candidates {
    /// Notes the source address of a destination. It counts from the next answer on.
    pub(super) fn on_source(&mut self, destination: SocketAddr, source: Source) {
        self.sources.set(Endpoint::new(destination).address(), source);
    }

    /// Notes what a memory knows of a destination. For the order it counts from the next answer on.
    pub(super) fn on_advice(&mut self, destination: SocketAddr, advice: Advice) {
        self.advice.set(Endpoint::new(destination).address(), advice);
    }

    /// Returns the attempt delay of an attempt to this endpoint.
    pub(super) fn attempt_delay(&self, endpoint: &Endpoint, configured: Duration) -> AttemptDelay {
        delay::of_attempt(self.advice.of(endpoint.address()).delay, configured)
    }

    /// Returns how long the handshake of an attempt to this endpoint is expected to take, if a memory knows that. The next start is put off so long
    /// when the transport is connected.
    pub(super) fn rest_of_handshake(&self, endpoint: &Endpoint) -> Option<Duration> {
        self.advice.of(endpoint.address()).handshake
    }

    /// Tells which endpoints go behind others of their group, since they are believed to be dead.
    pub(super) fn demotions(&self, config: &Config) -> Demotions<'_> {
        // Skips the work where nothing is known of any address.
        let all = if self.advice.is_empty() { Vec::new() } else { self.all() };
        let usable = all.iter().filter(|endpoint| config.excludes_endpoint(endpoint).is_none());
        Demotions::new(usable, &self.advice)
    }

    /// Returns why this endpoint goes behind others of its group, if it does.
    pub(super) fn demotion(&self, endpoint: &Endpoint, config: &Config) -> Option<Dead> {
        self.advice.of(endpoint.address()).dead.and_then(|_| self.demotions(config).of(endpoint))
    }

    /// Takes in the records of an answer. `tried` are the addresses that were tried and are not to be tried again. `made` is the number of attempts
    /// so far.
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

    /// Whether some endpoints of the answers may not be used.
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

    /// Puts back an endpoint that was [taken](Self::take), before those that were never taken. If it has left its answer, nothing happens. `made` is
    /// the number of attempts so far.
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

    /// Puts back an endpoint without a service record that was [taken](Self::take), as the last. If it has left its answer, nothing happens. `made`
    /// is the number of attempts so far.
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

    /// Returns an endpoint without a service record as an endpoint of the best record that has its address and port (RFC 9460 §5.1). `None` if no
    /// record has them.
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

    /// Takes all untried endpoints.
    pub(super) fn take_all(&mut self) -> VecDeque<Endpoint> {
        mem::take(&mut self.untried)
    }

    /// The endpoints that were not tried, and why: first those that are still in the list, in its order. `tried` are the addresses that were tried.
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

    /// Whether any IPv4 address that an A answer may bring would be tried before the endpoint that is first now. This is so for an IPv6 address that
    /// RFC 6724 puts behind all IPv4 addresses of its group, because it is believed to be dead, say.
    pub(super) fn is_behind_ipv4(&self, config: &Config) -> bool {
        let Some(first) = self.untried.front() else { return false };
        // A service record with a TargetName has only its hints.
        let takes_addresses_of_the_name = |group: &ServiceRecord| {
            let mut services = self.services.iter().filter(|service| service.priority == group.priority);
            services.any(|service| service.target.is_none())
        };
        let (ip, source) = (first.address().ip(), self.sources.of(first.address()));
        // A list keeps its order. `PreferV6` and `PreferV4` fix which family goes first, but dead addresses go last with them too.
        self.list.is_empty()
            && first.family() == Family::V6
            && first.service().is_none_or(takes_addresses_of_the_name)
            && (self.advice.of(first.address()).dead.is_some()
                || config.order == Order::Resolver && config.policy_table.is_behind_ipv4(ip, source))
    }

    /// The endpoints beyond the limit of their answers, each once. Those that are, or were, within the limit of some answer are left out.
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
        // A list is an answer for both families.
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

    /// Every endpoint there is, with duplicates. Address records go before the hints that they confirm, since of two equal endpoints of a group the
    /// first one stays.
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
