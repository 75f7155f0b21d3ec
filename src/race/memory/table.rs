//! A bounded map (least recently used): if it is full, a new entry replaces the one that was used least recently.

use super::key::Key;

/// Entries by key, at most as many as the capacity.
///
/// A look-up compares one or two keys and allocates nothing. The entries are in the order of their use, which depends on nothing but the calls.
pub(super) struct Table<V> {
    capacity: u16,
    /// How many low bits of a hash are not used.
    shift: u32,
    entries: Vec<Entry<V>>,
    /// The buckets: for each value of the high bits of a hash, the first entry with that value. Empty before there is an entry.
    heads: Vec<u16>,
    newest: u16,
    oldest: u16,
}

struct Entry<V> {
    key: Key,
    value: V,
    /// The next entry with the same high bits.
    next: u16,
    newer: u16,
    older: u16,
}

/// No entry.
const NONE: u16 = u16::MAX;

impl<V: Default> Table<V> {
    pub(super) const fn new(capacity: u16) -> Self {
        assert!(capacity > 1 && capacity < NONE, "an entry can be told from none");
        let shift = u64::BITS - capacity.next_power_of_two().trailing_zeros();
        Self { capacity, shift, entries: Vec::new(), heads: Vec::new(), newest: NONE, oldest: NONE }
    }

    /// Returns the entry of this key, if there is one, and marks it as used.
    pub(super) fn get(&mut self, key: &Key) -> Option<&mut V> {
        let (place, _) = self.find(key)?;
        self.touch(place);
        Some(&mut self.entries[usize::from(place)].value)
    }

    /// Returns the entry of this key, if there is one, without marking it as used.
    #[inline]
    pub(super) fn peek(&self, key: &Key) -> Option<&V> {
        self.find(key).map(|(_, entry)| &entry.value)
    }

    /// Returns the entry that was used last, if it has this key. It is faster than [`get`](Self::get).
    #[inline]
    pub(super) fn newest(&mut self, key: &Key) -> Option<&mut V> {
        let newest = self.entries.get_mut(usize::from(self.newest))?;
        (newest.key == *key).then_some(&mut newest.value)
    }

    /// Returns the entry of this key, which is made if there is none, and marks it as used.
    #[inline]
    pub(super) fn get_or_insert(&mut self, key: &Key) -> &mut V {
        let place = match self.find(key) {
            Some((place, _)) => {
                self.touch(place);
                place
            }
            None => self.insert(*key, V::default()),
        };
        &mut self.entries[usize::from(place)].value
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries, the one used last first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        let mut place = self.newest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(usize::from(place))?;
            place = entry.older;
            Some((&entry.key, &entry.value))
        })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// Removes the entries whose keys do not pass. The others keep their order.
    pub(super) fn retain(&mut self, keep: impl Fn(&Key) -> bool) {
        let order: Vec<Key> = self.iter().map(|(key, _)| *key).filter(keep).collect();
        let mut before = std::mem::replace(self, Self::new(self.capacity));
        for key in order.into_iter().rev() {
            let value = before.get(&key).map(std::mem::take);
            self.insert(key, value.unwrap_or_default());
        }
    }

    #[inline]
    fn find(&self, key: &Key) -> Option<(u16, &Entry<V>)> {
        let mut place = *self.heads.get(self.bucket(key))?;
        loop {
            let entry = self.entries.get(usize::from(place))?;
            if entry.key == *key {
                return Some((place, entry));
            }
            place = entry.next;
        }
    }

    #[inline]
    fn bucket(&self, key: &Key) -> usize {
        (key.hash() >> self.shift) as usize
    }

    /// Makes an entry the newest.
    #[inline]
    fn touch(&mut self, place: u16) {
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
    }

    /// Adds an entry for a key that has none. If the table is full, the new entry replaces the oldest.
    #[cold]
    fn insert(&mut self, key: Key, value: V) -> u16 {
        if self.heads.is_empty() {
            self.heads = vec![NONE; usize::from(self.capacity.next_power_of_two())];
        }
        let entry = Entry { key, value, next: NONE, newer: NONE, older: NONE };
        let place = if self.entries.len() < usize::from(self.capacity) {
            self.entries.push(entry);
            // The length is less than the capacity, which is a `u16`.
            (self.entries.len() - 1) as u16
        } else {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.leave_bucket(oldest);
            self.entries[usize::from(oldest)] = entry;
            oldest
        };
        let bucket = self.bucket(&key);
        self.entries[usize::from(place)].next = std::mem::replace(&mut self.heads[bucket], place);
        self.link(place);
        place
    }

    fn leave_bucket(&mut self, place: u16) {
        let Entry { key, next, .. } = self.entries[usize::from(place)];
        let bucket = self.bucket(&key);
        if self.heads[bucket] == place {
            self.heads[bucket] = next;
            return;
        }
        let mut before = self.heads[bucket];
        while let Some(entry) = self.entries.get_mut(usize::from(before)) {
            if entry.next == place {
                entry.next = next;
                return;
            }
            before = entry.next;
        }
    }

    fn unlink(&mut self, place: u16) {
        let Entry { newer, older, .. } = self.entries[usize::from(place)];
        match self.entries.get_mut(usize::from(newer)) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(usize::from(older)) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Makes an entry the newest that is in no list.
    fn link(&mut self, place: u16) {
        let older = std::mem::replace(&mut self.newest, place);
        match self.entries.get_mut(usize::from(older)) {
            Some(entry) => entry.newer = place,
            None => self.oldest = place,
        }
        let entry = &mut self.entries[usize::from(place)];
        (entry.newer, entry.older) = (NONE, older);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::super::selection::Source;
    use super::super::destination::Destination;
    use super::super::key::{Partition, SourceKeys};
    use super::*;

    fn key(number: u32) -> Key {
        let from = SourceKeys::default().of(Source::Unknown, Source::Unknown);
        Key::new(Partition::default(), from, Destination::of(Ipv4Addr::from_bits(number).into()))
    }

    fn values(table: &Table<u32>) -> Vec<u32> {
        table.iter().map(|(_, value)| *value).collect()
    }

    fn table(capacity: u16, numbers: impl IntoIterator<Item = u32>) -> Table<u32> {
        let mut table = Table::new(capacity);
        for number in numbers {
            *table.get_or_insert(&key(number)) = number;
        }
        table
    }

    #[test]
    fn the_entry_that_was_used_least_recently_makes_room() {
        let mut table = table(3, [1, 2, 3]);
        assert_eq!(values(&table), [3, 2, 1]);
        assert_eq!((table.peek(&key(2)), table.peek(&key(4))), (Some(&2), None));
        assert_eq!((table.newest(&key(3)).copied(), table.newest(&key(2))), (Some(3), None));
        assert_eq!(table.get(&key(1)), Some(&mut 1));
        *table.get_or_insert(&key(4)) = 4;
        assert_eq!(values(&table), [4, 1, 3]);
        assert_eq!(table.get(&key(2)), None);
        assert_eq!(*table.get_or_insert(&key(3)), 3);
        assert_eq!(values(&table), [3, 4, 1]);
    }

    /// Compares the table with a list that is searched from end to end.
    #[test]
    fn a_table_is_a_list_in_the_order_of_use() {
        for capacity in [2, 3, 7, 64] {
            let mut table = Table::<u32>::new(capacity);
            let mut list: Vec<(u32, u32)> = Vec::new();
            let mut random = 1_u32;
            for step in 0..5_000 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let number = (random >> 16) % 100;
                let at = list.iter().position(|(other, _)| *other == number);
                if random & 0x8000 == 0 {
                    assert_eq!(table.get(&key(number)).copied(), at.map(|at| list[at].1));
                } else {
                    *table.get_or_insert(&key(number)) = step;
                }
                match at {
                    Some(at) => {
                        let entry = list.remove(at);
                        list.insert(0, entry);
                    }
                    None if random & 0x8000 != 0 => list.insert(0, (number, step)),
                    None => continue,
                }
                if random & 0x8000 != 0 {
                    list[0].1 = step;
                }
                list.truncate(capacity.into());
                assert_eq!(values(&table), list.iter().map(|(_, value)| *value).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_is_kept_keeps_its_order_and_its_value() {
        let mut table = table(8, 0..8);
        table.get(&key(2));
        table.retain(|kept| [2, 5, 6].iter().any(|number| key(*number) == *kept));
        assert_eq!(values(&table), [2, 6, 5]);
        assert_eq!(table.get(&key(5)), Some(&mut 5));
        table.clear();
        assert_eq!((table.len(), table.peek(&key(5))), (0, None));
    }
}
