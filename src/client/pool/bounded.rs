//! A bounded map of what is remembered of hosts.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::client::destination::Destination;

/// What is remembered of hosts. If there is no room for another one, the half of the entries that was used least recently is removed.
pub(super) struct Bounded<V> {
    capacity: usize,
    /// How often any entry was used.
    uses: u64,
    entries: HashMap<Destination, Entry<V>, RandomState>,
}

struct Entry<V> {
    value: V,
    used: u64,
}

impl<V> Bounded<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, uses: 0, entries: HashMap::default() }
    }

    /// Returns what is remembered of a host, and marks it as used.
    pub(super) fn get(&mut self, destination: &Destination) -> Option<&mut V> {
        let entry = self.entries.get_mut(destination)?;
        self.uses += 1;
        entry.used = self.uses;
        Some(&mut entry.value)
    }

    /// Sets what is remembered of a host.
    pub(super) fn insert(&mut self, destination: &Destination, value: V) {
        if let Some(known) = self.get(destination) {
            *known = value;
            return;
        }
        if self.entries.len() >= self.capacity {
            self.forget_half();
        }
        self.uses += 1;
        self.entries.insert(destination.without_path(), Entry { value, used: self.uses });
    }

    fn forget_half(&mut self) {
        let mut uses: Vec<_> = self.entries.values().map(|entry| entry.used).collect();
        let half = uses.len() / 2;
        let (_, &mut median, _) = uses.select_nth_unstable(half);
        self.entries.retain(|_, entry| entry.used > median);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn no_more_hosts_are_remembered_than_there_is_room_for_and_the_latest_are() {
        let destination = |number: usize| {
            let uri = format!("http://{number}.test/path");
            Destination::take_from(&mut Request::get(uri).body(()).unwrap()).unwrap()
        };
        let mut known = Bounded::new(64);
        for number in 0..1000 {
            known.insert(&destination(number), number);
            assert!(known.len() <= 64);
            assert_eq!(known.get(&destination(number)), Some(&mut number.clone()));
            // An entry that is used again and again stays.
            assert_eq!(known.get(&destination(0)), Some(&mut 0));
        }
        assert!(known.len() >= 31, "{}", known.len());
        assert_eq!(known.get(&destination(1)), None);
        known.insert(&destination(0), 7);
        assert_eq!(known.get(&destination(0)), Some(&mut 7));
    }
}
