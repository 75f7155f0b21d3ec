//! The list of endpoints to try, kept sorted while answers come in.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::config::{Config, Order, Policy};
use super::endpoint::{Endpoint, Family, ServiceRecord};
use super::event::{Query, Records, UntriedReason};
use super::sorting::arrange;

/// The endpoints of all answers so far, in the order in which they are to be tried.
///
/// 1. Each answer sorts the whole list anew, endpoints already tried included (v3 §7).
/// 2. Hints stand in for a family until its address records are there; then a hint that they do not contain is dropped. A
///    failed query confirms nothing and drops nothing.
/// 3. The addresses of the name are endpoints of each of its services, and, at the origin's port, of none.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    entries: Vec<Entry>,
    /// No entry before this one is untried.
    next: usize,
    list: Vec<Endpoint>,
    aaaa: Vec<Endpoint>,
    a: Vec<Endpoint>,
    services: Vec<Arc<ServiceRecord>>,
    hints: Vec<Endpoint>,
    excluded: Vec<Endpoint>,
    withdrawn: Vec<Endpoint>,
}

#[derive(Debug)]
struct Entry {
    endpoint: Endpoint,
    tried: bool,
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
            Records::Negative => self.replace(query, Vec::new()),
            Records::Services { records, port } => self.set_services(records, port),
            Records::Failed => return,
        }
        self.rebuild(config, tried);
    }

    /// Whether there is no endpoint that may be tried, or has been.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there were endpoints, all of them excluded.
    pub(super) fn all_excluded(&self) -> bool {
        self.entries.is_empty() && !self.excluded.is_empty()
    }

    pub(super) fn has_untried(&self) -> bool {
        self.next < self.entries.len()
    }

    /// Takes the next untried endpoint.
    pub(super) fn take(&mut self) -> Option<Endpoint> {
        let entry = self.entries.get_mut(self.next)?;
        entry.tried = true;
        let endpoint = entry.endpoint.clone();
        self.skip_tried();
        Some(endpoint)
    }

    /// Takes the next untried endpoint of one family, at or after place `from`; says at which place it stood.
    pub(super) fn take_of(&mut self, family: Family, from: usize) -> Option<(usize, Endpoint)> {
        let mut rest = self.entries.iter_mut().enumerate().skip(from);
        let (place, entry) = rest.find(|(_, entry)| !entry.tried && entry.endpoint.family() == family)?;
        entry.tried = true;
        let endpoint = entry.endpoint.clone();
        self.skip_tried();
        Some((place, endpoint))
    }

    /// The family of the first endpoint, and how many there are of it and of the other.
    pub(super) fn families(&self) -> Option<(Family, usize, usize)> {
        let first = self.entries.first()?.endpoint.family();
        let of_first = self.entries.iter().filter(|entry| entry.endpoint.family() == first).count();
        Some((first, of_first, self.entries.len() - of_first))
    }

    /// The endpoints that were not tried, and why: those of the list in its order, then the others.
    pub(super) fn untried(&self, config: &Config) -> impl Iterator<Item = (&Endpoint, UntriedReason)> {
        let listed = self.entries.iter().filter(|entry| !entry.tried);
        let excluded = self.excluded.iter().filter_map(|e| Some((e, config.excludes(e.family())?)));
        listed
            .map(|entry| (&entry.endpoint, UntriedReason::NotReached))
            .chain(self.withdrawn.iter().map(|endpoint| (endpoint, UntriedReason::Withdrawn)))
            .chain(excluded)
    }

    /// Whether a hint offers an address of this family.
    pub(super) fn has_hint(&self, family: Family) -> bool {
        self.hints.iter().any(|hint| hint.family() == family)
    }

    fn replace(&mut self, query: Query, endpoints: Vec<Endpoint>) {
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

    fn set_services(&mut self, records: Vec<ServiceRecord>, port: u16) {
        self.services = records.into_iter().map(Arc::new).collect();
        self.hints.clear();
        let known = [Family::V6, Family::V4].map(|family| self.known().any(|real| real.family() == family));
        for service in &self.services {
            let v6 = service.ipv6_hints.iter().map(|&ip| Endpoint::hinted(ip.into(), port, service));
            let v4 = service.ipv4_hints.iter().map(|&ip| Endpoint::hinted(ip.into(), port, service));
            let [v6_known, v4_known] = known;
            self.hints.extend(v6.filter(|_| !v6_known));
            self.hints.extend(v4.filter(|_| !v4_known));
        }
    }

    /// The endpoints of the address answers.
    fn known(&self) -> impl Iterator<Item = &Endpoint> {
        self.list.iter().chain(&self.aaaa).chain(&self.a)
    }

    fn rebuild(&mut self, config: &Config, tried: impl Iterator<Item = SocketAddr>) {
        let tried: BTreeSet<SocketAddr> = tried.collect();
        // Real records go before the hints that they confirm: of two equal endpoints of a group, the first stays.
        let in_services = self.services.iter().flat_map(|service| self.known().map(|e| e.in_service(service)));
        let all: Vec<Endpoint> = in_services.chain(self.hints.iter().cloned()).chain(self.known().cloned()).collect();

        let (usable, excluded) = all.into_iter().partition(|e: &Endpoint| config.excludes(e.family()).is_none());
        // Separate answers have no order among them: IPv6 first.
        let order = match config.order {
            Order::Resolver if self.list.is_empty() => Order::PreferV6,
            order => order,
        };
        self.excluded = arrange(excluded, order, None);
        let interleave = (config.policy == Policy::Staggered).then_some(config.first_address_family_count);
        let sorted = arrange(usable, order, interleave);
        let entries = sorted
            .into_iter()
            .map(|endpoint| Entry { tried: !tried.is_empty() && tried.contains(&endpoint.address()), endpoint });
        let before = std::mem::replace(&mut self.entries, entries.collect());
        self.note_withdrawn(before);
        self.next = 0;
        self.skip_tried();
    }

    fn note_withdrawn(&mut self, before: Vec<Entry>) {
        if before.is_empty() && self.withdrawn.is_empty() {
            return;
        }
        let now: BTreeSet<SocketAddr> = self.entries.iter().map(|entry| entry.endpoint.address()).collect();
        self.withdrawn.extend(before.into_iter().filter(|entry| !entry.tried).map(|entry| entry.endpoint));
        self.withdrawn.retain(|endpoint| !now.contains(&endpoint.address()));
    }

    fn skip_tried(&mut self) {
        while self.entries.get(self.next).is_some_and(|entry| entry.tried) {
            self.next += 1;
        }
    }
}
