//! The list of endpoints to try, kept sorted while answers come in.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use super::config::{Config, Order, Policy};
use super::endpoint::{Endpoint, Family, ServiceRecord};
use super::event::{Query, Records, Services, UntriedReason};
use super::sorting::arrange;

/// The endpoints of all answers so far, in the order in which they are to be tried.
///
/// 1. Each answer sorts the whole list anew, endpoints already tried included (v3 §7); those are left out only then.
/// 2. Hints stand in for a family until its address records are there; then a hint that they do not contain is dropped. A
///    failed query confirms nothing and drops nothing.
/// 3. The addresses of the name are endpoints of each of its services, and, at the origin's port, of none.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// What to try, in order.
    untried: VecDeque<Endpoint>,
    list: Arc<[Endpoint]>,
    aaaa: Arc<[Endpoint]>,
    a: Arc<[Endpoint]>,
    services: Vec<Arc<ServiceRecord>>,
    hints: Vec<Endpoint>,
    excluded: Vec<Endpoint>,
    withdrawn: Vec<Endpoint>,
}

impl Candidates {
    /// Takes in the records of an answer. `tried` are the addresses that attempts were made to.
    pub(super) fn on_answer(
        &mut self,
        query: Query,
        records: Records,
        config: &Config,
        tried: impl Iterator<Item = SocketAddr>,
    ) {
        match records {
            Records::Endpoints(endpoints) => self.replace(query, endpoints),
            Records::Negative => self.replace(query, Arc::default()),
            Records::Services(services) => self.set_services(&services),
            Records::Failed => return,
        }
        self.rebuild(config, tried);
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
        self.untried.pop_front()
    }

    /// Takes all of them.
    pub(super) fn take_all(&mut self) -> VecDeque<Endpoint> {
        mem::take(&mut self.untried)
    }

    /// The endpoints that were not taken, and why: those of the list in its order, then the others.
    pub(super) fn untried(&self, config: &Config) -> impl Iterator<Item = (&Endpoint, UntriedReason)> {
        let listed = self.untried.iter().map(|endpoint| (endpoint, UntriedReason::NotReached));
        let withdrawn = self.withdrawn.iter().map(|endpoint| (endpoint, UntriedReason::Withdrawn));
        let excluded = self.excluded.iter().filter_map(|e| Some((e, config.excludes(e.family())?)));
        listed.chain(withdrawn).chain(excluded)
    }

    /// Whether a hint offers an address of this family.
    pub(super) fn has_hint(&self, family: Family) -> bool {
        self.hints.iter().any(|hint| hint.family() == family)
    }

    fn replace(&mut self, query: Query, endpoints: Arc<[Endpoint]>) {
        let answered_for = |family| match query {
            Query::List => true,
            Query::Aaaa => family == Family::V6,
            Query::A => family == Family::V4,
            Query::Https => false,
        };
        self.hints.retain(|hint| {
            let confirmed = || endpoints.iter().any(|real| real.address().ip() == hint.address().ip());
            !answered_for(hint.family()) || confirmed()
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

    fn set_services(&mut self, Services { records, port }: &Services) {
        self.services = records.iter().cloned().map(Arc::new).collect();
        self.hints.clear();
        // A list speaks for both families.
        let listed = !self.list.is_empty();
        let known = [Family::V6, Family::V4].map(|family| listed || self.known().any(|real| real.family() == family));
        for service in &self.services {
            let v6 = service.ipv6_hints.iter().map(|&ip| Endpoint::hinted(ip.into(), *port, service));
            let v4 = service.ipv4_hints.iter().map(|&ip| Endpoint::hinted(ip.into(), *port, service));
            let [v6_known, v4_known] = known;
            self.hints.extend(v6.filter(|_| !v6_known));
            self.hints.extend(v4.filter(|_| !v4_known));
        }
    }

    /// The endpoints of the address answers.
    fn known(&self) -> impl Iterator<Item = &Endpoint> {
        [&self.list, &self.aaaa, &self.a].into_iter().flat_map(|answer| answer.iter())
    }

    fn rebuild(&mut self, config: &Config, tried: impl Iterator<Item = SocketAddr>) {
        let mut usable = self.all();
        if config.excludes(Family::V6).is_some() || config.excludes(Family::V4).is_some() {
            let is_usable = |endpoint: &Endpoint| config.excludes(endpoint.family()).is_none();
            let excluded;
            (usable, excluded) = usable.into_iter().partition(is_usable);
            self.excluded = arrange(excluded, config.order, None);
        }
        // Separate answers have no order among them: IPv6 first.
        let order = match config.order {
            Order::Resolver if self.list.is_empty() => Order::PreferV6,
            order => order,
        };
        let interleave = (config.policy == Policy::Staggered).then_some(config.first_address_family_count);
        let mut sorted = arrange(usable, order, interleave);

        let tried: BTreeSet<SocketAddr> = tried.collect();
        sorted.retain(|endpoint| !tried.contains(&endpoint.address()));
        let before = mem::replace(&mut self.untried, sorted.into());
        let now: BTreeSet<SocketAddr> = self.untried.iter().map(Endpoint::address).collect();
        self.withdrawn.extend(before);
        self.withdrawn.retain(|endpoint| !now.contains(&endpoint.address()));
    }

    /// Every endpoint there is, duplicates included. Real records go before the hints that they confirm: of two equal
    /// endpoints of a group, the first stays.
    fn all(&self) -> Vec<Endpoint> {
        let mut all = Vec::new();
        for service in &self.services {
            all.extend(self.known().map(|endpoint| endpoint.in_service(service)));
        }
        all.extend_from_slice(&self.hints);
        all.extend(self.known().cloned());
        all
    }
}
