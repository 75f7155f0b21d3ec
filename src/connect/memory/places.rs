//! Caches the places of connectors, as long as the system's answer about its default routes is believed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::network::{Heard, Observed};
use crate::race::Place;

/// The number of a connector, which its clones share. Connectors may have different places, since their sockets may be bound to addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u64);

impl Owner {
    pub(super) fn new() -> Self {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        Self(OWNERS.fetch_add(1, Relaxed))
    }
}

/// The places of the connectors that share a memory, in the order in which they were set.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Vec<(Owner, Observed, Place)>,
}

/// The most connectors whose places are kept. The system is asked again for the place of any other.
const MAX_PLACES: usize = 16;

impl Places {
    /// Returns the place of this connector, if it is still believed: it is not too old, and nothing newer was heard of the network.
    #[inline]
    pub(super) fn get(&self, owner: Owner, heard: Heard, now: Instant) -> Option<Place> {
        // Nearly every memory has one place.
        let (_, observed, place) = self.all.iter().find(|(of, ..)| *of == owner)?;
        observed.is_believed(heard, now).then_some(*place)
    }

    pub(super) fn set(&mut self, owner: Owner, observed: Observed, place: Place) {
        self.all.retain(|(of, ..)| *of != owner);
        if self.all.len() >= MAX_PLACES {
            self.all.remove(0);
        }
        self.all.push((owner, observed, place));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::network::Epoch;
    use crate::race::{Memory, Partition, Source};
    use crate::test_support::some_instant;

    /// Returns places of one memory, by the number of their partition.
    fn places_of_a_memory() -> impl FnMut(u64) -> Place {
        let mut memory = Memory::new();
        move |partition| memory.place(Partition::new(partition), Source::Unknown, Source::Unknown)
    }

    #[test]
    fn a_place_is_believed_for_five_seconds_of_its_own_and_earlier_epochs() {
        let (mut places, owner, now) = (Places::default(), Owner::new(), some_instant());
        let mut place = places_of_a_memory();
        let [first, second] = [Epoch::begin(), Epoch::begin()];
        let at =
            |places: &Places, epoch: Epoch, after| places.get(owner, epoch.into(), now + Duration::from_millis(after));
        assert_eq!(at(&places, first, 0), None);
        places.set(owner, Observed::new(now, first.into()), place(1));
        assert_eq!(at(&places, first, 4_999), Some(place(1)));
        assert_eq!((at(&places, first, 5_000), at(&places, second, 0)), (None, None));
        places.set(owner, Observed::new(now, second.into()), place(2));
        assert_eq!(at(&places, second, 0), Some(place(2)));
    }

    #[test]
    fn each_connector_has_its_own_and_there_is_a_bound() {
        let (mut places, now, heard) = (Places::default(), some_instant(), Heard::default());
        let mut place = places_of_a_memory();
        let owners: Vec<_> = (0..=MAX_PLACES).map(|_| Owner::new()).collect();
        for (number, owner) in owners.iter().enumerate() {
            places.set(*owner, Observed::new(now, heard), place(number as u64));
        }
        let known: Vec<_> = owners.iter().map(|owner| places.get(*owner, heard, now)).collect();
        assert_eq!(known[0], None);
        assert!((1..=MAX_PLACES).all(|number| known[number] == Some(place(number as u64))), "{known:?}");
    }
}
