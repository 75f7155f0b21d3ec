//! The store of idle connections: one slab for all of them, with a doubly linked list for each host and runtime.
//!
//! Every operation takes constant time. When a server restarts, all of its idle connections have events, and each of them has to be taken out of the
//! middle of its list.

/// Items in lists, each found by its key.
pub(super) struct Shelf<T> {
    cells: Vec<Cell<T>>,
    /// The first of the vacant cells. They are linked by their field `older`.
    vacant: usize,
    len: usize,
}

struct Cell<T> {
    /// `None` if the cell is vacant.
    item: Option<T>,
    newer: usize,
    older: usize,
}

/// A list of items of a [`Shelf`], in the order in which they were put there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    newest: usize,
    oldest: usize,
}

/// No cell.
const NONE: usize = usize::MAX;

/// A shelf with more cells than this frees its memory when it becomes empty.
const LARGE: usize = 1024;

impl<T> Shelf<T> {
    pub(super) fn new() -> Self {
        Self { cells: Vec::new(), vacant: NONE, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the key that the next item will get.
    #[inline]
    pub(super) fn next_key(&self) -> usize {
        if self.vacant == NONE { self.cells.len() } else { self.vacant }
    }

    /// Puts `item` at the new end of `row`, and returns its key.
    #[inline]
    pub(super) fn put(&mut self, row: &mut Row, item: T) -> usize {
        let key = self.next_key();
        let cell = Cell { item: Some(item), newer: NONE, older: row.newest };
        if let Some(vacant) = self.cells.get_mut(key) {
            self.vacant = vacant.older;
            *vacant = cell;
        } else {
            self.cells.push(cell);
        }
        match self.cells.get_mut(row.newest) {
            Some(before) => before.newer = key,
            None => row.oldest = key,
        }
        row.newest = key;
        self.len += 1;
        key
    }

    pub(super) fn get(&self, key: usize) -> Option<&T> {
        self.cells.get(key)?.item.as_ref()
    }

    /// Takes the item out of `row` that was put last.
    #[inline]
    pub(super) fn take_newest(&mut self, row: &mut Row) -> Option<T> {
        let cell = self.cells.get_mut(row.newest)?;
        let item = cell.item.take()?;
        let older = std::mem::replace(&mut cell.older, self.vacant);
        self.vacant = std::mem::replace(&mut row.newest, older);
        match self.cells.get_mut(older) {
            Some(older) => older.newer = NONE,
            None => row.oldest = NONE,
        }
        self.on_taken();
        Some(item)
    }

    /// Takes an item out of `row`, which must be its row.
    pub(super) fn take(&mut self, row: &mut Row, key: usize) -> Option<T> {
        let cell = self.cells.get_mut(key)?;
        let item = cell.item.take()?;
        let (newer, older) = (cell.newer, cell.older);
        cell.older = self.vacant;
        self.vacant = key;
        match self.cells.get_mut(newer) {
            Some(newer) => newer.older = older,
            None => row.newest = older,
        }
        match self.cells.get_mut(older) {
            Some(older) => older.newer = newer,
            None => row.oldest = newer,
        }
        self.on_taken();
        Some(item)
    }

    #[inline]
    fn on_taken(&mut self) {
        self.len -= 1;
        if self.len == 0 && self.cells.len() > LARGE {
            *self = Self::new();
        }
    }

    /// The items with their keys, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.cells.iter().enumerate().filter_map(|(key, cell)| Some((key, cell.item.as_ref()?)))
    }
}

impl Row {
    pub(super) fn new() -> Self {
        Self { newest: NONE, oldest: NONE }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.newest == NONE
    }

    /// The key of the item that was put first.
    pub(super) fn oldest(&self) -> Option<usize> {
        (!self.is_empty()).then_some(self.oldest)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// The items of a row, from the newest to the oldest, read in both directions.
    fn items(shelf: &Shelf<u32>, row: &Row) -> Vec<u32> {
        let step = |key: usize| (key != NONE).then_some(key);
        let walk = |from, next: fn(&Cell<u32>) -> usize| {
            std::iter::successors(from, |&key| step(next(&shelf.cells[key])))
                .map(|key| *shelf.get(key).unwrap())
                .collect::<Vec<_>>()
        };
        let (down, mut up) = (walk(step(row.newest), |cell| cell.older), walk(row.oldest(), |cell| cell.newer));
        up.reverse();
        assert_eq!(down, up);
        down
    }

    #[test]
    fn rows_behave_as_queues_do_from_whose_middle_items_are_taken() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut shelf = Shelf::new();
        let mut rows = [Row::new(); 3];
        let mut queues: [VecDeque<(usize, u32)>; 3] = Default::default();
        for number in 0..20_000 {
            let which = random.usize(..3);
            let (row, queue) = (&mut rows[which], &mut queues[which]);
            if random.u32(..20) < 11 && queue.len() < 40 {
                let key = shelf.next_key();
                assert_eq!(shelf.put(row, number), key);
                queue.push_front((key, number));
            } else if !queue.is_empty() {
                assert_eq!(Some(row.newest), queue.front().map(|(key, _)| *key));
                assert_eq!(row.oldest(), queue.back().map(|(key, _)| *key));
                let at = random.usize(..queue.len());
                let (key, item) = queue.remove(at).unwrap();
                let taken = if at == 0 && random.bool() { shelf.take_newest(row) } else { shelf.take(row, key) };
                assert_eq!(taken, Some(item));
                assert_eq!(shelf.take(row, key), None, "it is gone");
            }
            if number % 100 == 0 {
                for (row, queue) in rows.iter().zip(&queues) {
                    assert_eq!(items(&shelf, row), queue.iter().map(|(_, item)| *item).collect::<Vec<_>>());
                }
                assert_eq!(shelf.len(), queues.iter().map(VecDeque::len).sum::<usize>());
                assert_eq!(shelf.iter().count(), shelf.len());
            }
        }
    }

    #[test]
    fn an_empty_shelf_keeps_little_memory() {
        let (mut shelf, mut row) = (Shelf::new(), Row::new());
        for number in 0..10 * LARGE {
            shelf.put(&mut row, number);
        }
        while shelf.take_newest(&mut row).is_some() {}
        assert!(row.is_empty() && shelf.cells.capacity() == 0);
        shelf.put(&mut row, 1);
        assert_eq!(shelf.get(row.oldest().unwrap()), Some(&1));
    }
}
