//! The order of attempts: endpoints are grouped by service record, sorted, and their families made to alternate (RFC 8305 §4, v3 §5).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::config::Order;
use super::endpoint::Endpoint;
use super::memory::{Advice, Dead};
use super::selection::{PolicyTable, Source};

/// Puts `endpoints`, which come in the resolver's order, into the order in which they are to be tried.
///
/// 1. Endpoints of a service record are grouped by its priority, lowest number first. Endpoints without a record are the last group. Records of equal
///    priority share a group, in the order of the answer.
/// 2. An address that is in several groups stays in the first.
/// 3. Within a group, if there is a `selection`, the destinations are sorted by RFC 6724. Then the preferred family goes first, and the addresses of
///    a family keep their order.
/// 4. Whatever the order, addresses that are believed to be dead go last in their group, unless the whole group is dead (RFC 6724 §6, rule 1).
/// 5. With `interleave`, that many addresses of the group's first family are followed by one of the other, and from there on the families alternate.
///    Dead addresses alternate among themselves.
pub(super) fn arrange(
    mut endpoints: Vec<Endpoint>,
    order: Order,
    interleave: Option<usize>,
    selection: Option<&Selection<'_>>,
) -> Vec<Endpoint> {
    if endpoints.iter().any(|endpoint| endpoint.service().is_some()) {
        endpoints.sort_by_key(group);
    }
    remove_duplicates(&mut endpoints);
    endpoints.chunk_by_mut(|a, b| group(a) == group(b)).for_each(|group| {
        if let Some(selection) = selection {
            selection.sort(group);
        }
        group.sort_by_key(|endpoint| order.puts_behind(endpoint.family()));
        let alive = selection.map_or(group.len(), |selection| selection.put_dead_behind(group));
        if let Some(first_address_family_count) = interleave {
            let (alive, dead) = group.split_at_mut(alive);
            alternate_families(alive, first_address_family_count);
            alternate_families(dead, first_address_family_count);
        }
    });
    endpoints
}

/// Returns the endpoint that [`arrange`] would put first in a list without service records, which is sorted by nothing but `order` and by what is
/// dead.
///
/// `is_dead` is called in the order of the attempts, until it returns `false`.
#[inline]
pub(super) fn first_of_list<'a>(
    endpoints: impl Iterator<Item = &'a Endpoint> + Clone,
    order: Order,
    mut is_dead: impl FnMut(&Endpoint) -> bool,
) -> Option<&'a Endpoint> {
    let goes_behind = |endpoint: &&Endpoint| order.puts_behind(endpoint.family());
    let in_front = endpoints.clone().filter(|endpoint| !goes_behind(endpoint));
    let mut in_order = in_front.chain(endpoints.filter(goes_behind));
    let first = in_order.next()?;
    if !is_dead(first) {
        return Some(first);
    }
    in_order.find(|endpoint| !is_dead(endpoint)).or(Some(first))
}

/// Tells which endpoints go last in their groups, since they are believed to be dead and others of the group are not.
pub(crate) struct Demotions<'a> {
    advice: &'a Told<Advice>,
    /// The groups that have an endpoint which is not dead.
    living: BTreeSet<u32>,
}

impl<'a> Demotions<'a> {
    pub(super) fn new<'e>(endpoints: impl Iterator<Item = &'e Endpoint>, advice: &'a Told<Advice>) -> Self {
        let is_alive = |endpoint: &&Endpoint| advice.of(endpoint.address()).dead.is_none();
        Self { advice, living: endpoints.filter(is_alive).map(group).collect() }
    }

    /// Returns why this endpoint goes last in its group, if it does.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> Option<Dead> {
        self.advice.of(endpoint.address()).dead.filter(|_| self.living.contains(&group(endpoint)))
    }
}

/// What destinations are sorted by: the policy table, and for each destination its source address and what a memory knows of it.
pub(super) struct Selection<'a> {
    pub(super) table: &'a PolicyTable,
    pub(super) sources: &'a Told<Source>,
    pub(super) advice: &'a Told<Advice>,
    /// Whether the records are a list, which the resolver has sorted already.
    pub(super) keeps_records: bool,
}

impl Selection<'_> {
    fn sort(&self, endpoints: &mut [Endpoint]) {
        let keeps_order = self.keeps_records && endpoints.iter().any(|endpoint| !endpoint.is_hint());
        if endpoints.len() > 1 && !keeps_order {
            self.table.sort_advised(endpoints, |endpoint| {
                let address = endpoint.address();
                (address.ip(), self.sources.of(address), self.advice.of(address))
            });
        }
    }

    /// Puts the dead endpoints of a group behind the others. Returns how many others there are. If all are dead, nothing moves, and all count as
    /// others.
    fn put_dead_behind(&self, group: &mut [Endpoint]) -> usize {
        if self.advice.is_empty() {
            return group.len();
        }
        let is_dead = |endpoint: &Endpoint| self.advice.of(endpoint.address()).dead.is_some();
        group.sort_by_cached_key(is_dead);
        match group.iter().take_while(|endpoint| !is_dead(endpoint)).count() {
            0 => group.len(),
            alive => alive,
        }
    }
}

/// What the race was told of each destination: its source address, or what a memory knows. Ports do not count.
#[derive(Debug)]
pub(super) struct Told<T>(BTreeMap<SocketAddr, T>);

impl<T: Copy + Default + PartialEq> Told<T> {
    /// Sets what is known of a destination. A default value is not stored.
    pub(super) fn set(&mut self, destination: SocketAddr, told: T) {
        if told == T::default() {
            self.0.remove(&portless(destination));
        } else {
            self.0.insert(portless(destination), told);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all destinations but these.
    pub(super) fn keep_only(&mut self, destinations: impl Iterator<Item = SocketAddr>) {
        let kept: BTreeSet<SocketAddr> = destinations.map(portless).collect();
        self.0.retain(|destination, _| kept.contains(destination));
    }

    pub(super) fn of(&self, destination: SocketAddr) -> T {
        self.0.get(&portless(destination)).copied().unwrap_or_default()
    }
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

fn portless(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    address
}

/// Returns the group of an endpoint: the priority of its service record, or a number behind all of them.
fn group(endpoint: &Endpoint) -> u32 {
    endpoint.service().map_or(u32::MAX, |service| service.priority.into())
}

fn remove_duplicates(endpoints: &mut Vec<Endpoint>) {
    if let [a, b] = &endpoints[..] {
        // The most frequent answer is one address of each family. It needs no set.
        if a.address() != b.address() {
            return;
        }
    }
    let mut seen = BTreeSet::new();
    endpoints.retain(|endpoint| seen.insert(endpoint.address()));
}

fn alternate_families(endpoints: &mut [Endpoint], first_address_family_count: usize) {
    let Some(first) = endpoints.first() else { return };
    let family = first.family();
    if endpoints.len() <= 2 || endpoints.iter().all(|endpoint| endpoint.family() == family) {
        return;
    }
    let (leading, other): (Vec<_>, Vec<_>) =
        endpoints.iter().cloned().partition(|endpoint| endpoint.family() == family);
    let (mut leading, mut other) = (leading.into_iter(), other.into_iter());
    for (place, slot) in endpoints.iter_mut().enumerate() {
        let others_turn = place >= first_address_family_count && (place - first_address_family_count) % 2 == 0;
        let next =
            if others_turn { other.next().or_else(|| leading.next()) } else { leading.next().or_else(|| other.next()) };
        *slot = next.expect("the two families together fill the group");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::endpoint::ServiceRecord;
    use super::super::memory::DeadBy;
    use super::*;

    /// Returns the endpoint with this name: a letter and a family, so that `A6` is 2001:db8::a and `B4` is 192.0.2.11.
    fn endpoint(name: &str) -> Endpoint {
        let host = u32::from_str_radix(&name[..1], 36).unwrap();
        let address = match &name[1..] {
            "6" => format!("[2001:db8::{host:x}]:443"),
            _ => format!("192.0.2.{host}:443"),
        };
        Endpoint::new(address.parse().unwrap())
    }

    fn endpoints(names: &str) -> Vec<Endpoint> {
        names.split_whitespace().map(endpoint).collect()
    }

    #[track_caller]
    fn assert_arranged(names: &str, order: Order, count: usize, expected: &str) {
        assert_eq!(arrange(endpoints(names), order, Some(count), None), endpoints(expected));
    }

    #[test]
    fn families_alternate_and_the_rest_follows() {
        assert_arranged("A4 B4 C6 D6", Order::Resolver, 1, "A4 C6 B4 D6");
        assert_arranged("A4 B4 C4 D6", Order::Resolver, 1, "A4 D6 B4 C4");
        assert_arranged("A6", Order::Resolver, 1, "A6");
        assert_arranged("A6 B4 C4 D4", Order::Resolver, 1, "A6 B4 C4 D4");
        assert_arranged("A4 B4 C4 D6 E6", Order::PreferV6, 1, "D6 A4 E6 B4 C4");
        assert_arranged("A6 B6 C4", Order::PreferV4, 1, "C4 A6 B6");
    }

    #[test]
    fn the_first_family_can_be_favoured() {
        assert_arranged("A6 B6 C4", Order::Resolver, 2, "A6 B6 C4");
        assert_arranged("A6 B6 C6 D6 E4 F4", Order::Resolver, 2, "A6 B6 E4 C6 F4 D6");
        assert_arranged("A6 B4 C4", Order::Resolver, 9, "A6 B4 C4");
    }

    #[test]
    fn without_interleaving_the_order_policy_alone_decides() {
        assert_eq!(arrange(endpoints("A4 B4 C6"), Order::Resolver, None, None), endpoints("A4 B4 C6"));
        assert_eq!(arrange(endpoints("A4 B4 C6"), Order::PreferV6, None, None), endpoints("C6 A4 B4"));
    }

    #[test]
    fn a_duplicate_stays_where_it_stood_first() {
        assert_arranged("A4 A4", Order::Resolver, 1, "A4");
        assert_arranged("A4 B4 A4 C6 B4", Order::Resolver, 1, "A4 C6 B4");
    }

    /// Asserts that a list with these `dead` addresses is arranged as expected, and opened with the first of them.
    #[track_caller]
    fn assert_arranged_with_dead(names: &str, dead: &str, order: Order, expected: &str) {
        let mut advice = Told::default();
        let until = crate::test_support::some_instant();
        for dead in endpoints(dead) {
            let dead_for_a_while = Some(Dead::new(until, DeadBy::Address));
            advice.set(dead.address(), Advice { dead: dead_for_a_while, ..Advice::default() });
        }
        let (table, sources) = (PolicyTable::default(), Told::default());
        let selection = Selection { table: &table, sources: &sources, advice: &advice, keeps_records: true };
        let (listed, expected) = (endpoints(names), endpoints(expected));
        assert_eq!(arrange(listed.clone(), order, Some(1), Some(&selection)), expected);
        let is_dead = |endpoint: &Endpoint| endpoints(dead).contains(endpoint);
        assert_eq!(first_of_list(listed.iter(), order, is_dead), expected.first());
        let demotions = Demotions::new(listed.iter(), &advice);
        let put_behind = listed.iter().filter(|endpoint| demotions.of(endpoint).is_some());
        let all_are_dead = listed.iter().all(is_dead);
        assert_eq!(put_behind.count(), if all_are_dead { 0 } else { endpoints(dead).len() });
    }

    #[test]
    fn what_is_dead_goes_last_whatever_the_order_and_alternates_by_itself() {
        assert_arranged_with_dead("A6 A4", "A6", Order::Resolver, "A4 A6");
        assert_arranged_with_dead("A6 A4", "A6", Order::PreferV6, "A4 A6");
        assert_arranged_with_dead("A6 A4", "A4", Order::PreferV4, "A6 A4");
        assert_arranged_with_dead("A6 B6 A4 B4", "A6", Order::Resolver, "B6 A4 B4 A6");
        assert_arranged_with_dead("A6 A4 B4", "A6", Order::Resolver, "A4 B4 A6");
        assert_arranged_with_dead("A6 B6 A4 B4", "A6 B6 B4", Order::Resolver, "A4 A6 B4 B6");
        assert_arranged_with_dead("A4 A6 B4 B6", "A6 B6 B4", Order::PreferV6, "A4 A6 B4 B6");
    }

    #[test]
    fn where_all_are_dead_none_is_put_behind() {
        assert_arranged_with_dead("A6 B6 A4", "A6 B6 A4", Order::Resolver, "A6 A4 B6");
        assert_arranged_with_dead("A6 B6 A4", "A6 B6 A4", Order::PreferV4, "A4 A6 B6");
    }

    #[test]
    fn what_is_dead_stays_before_the_next_group() {
        let service = Arc::new(ServiceRecord::new(1));
        let (v6, v4) = (endpoint("A6"), Endpoint::new("192.0.2.10:8443".parse().unwrap()));
        let in_group = [v6.in_service(&service), v4.in_service(&service), endpoint("B6")];
        let mut advice = Told::default();
        let dead = Some(Dead::new(crate::test_support::some_instant(), DeadBy::Family));
        advice.set(v6.address(), Advice { dead, ..Advice::default() });
        let (table, sources) = (PolicyTable::default(), Told::default());
        let selection = Selection { table: &table, sources: &sources, advice: &advice, keeps_records: false };
        let sorted = [v4.in_service(&service), v6.in_service(&service), endpoint("B6")];
        assert_eq!(arrange(in_group.to_vec(), Order::Resolver, Some(1), Some(&selection)), sorted);
        assert_eq!(Demotions::new(in_group.iter(), &advice).of(&in_group[0]), dead);
        assert_eq!(Demotions::new(in_group[..2].iter(), &advice).of(&v6), None, "the others are of another group");
    }

    #[test]
    fn services_go_by_priority_and_addresses_of_no_service_come_last() {
        let service = |priority, port| {
            let mut record = ServiceRecord::new(priority);
            record.port = Some(port);
            Arc::new(record)
        };
        let (first, second) = (service(1, 8443), service(2, 9443));
        let (v6, v4) = (endpoint("A6"), endpoint("A4"));
        let unsorted = vec![
            v6.clone(),
            v4.clone(),
            v4.in_service(&second),
            v6.in_service(&second),
            v4.in_service(&first),
            v6.in_service(&first),
            v6.in_service(&first),
        ];
        let sorted =
            [v6.in_service(&first), v4.in_service(&first), v6.in_service(&second), v4.in_service(&second), v6, v4];
        assert_eq!(arrange(unsorted, Order::PreferV6, Some(1), None), sorted);
    }
}
