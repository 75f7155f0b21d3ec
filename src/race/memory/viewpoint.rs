//! The viewpoint from which a memory advises a race: the race's place, and whether it explores.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::destination::Destination;
use super::key::{FamilySources, Key, Partition};

/// Where races run from: a partition, and the source address of each family. It belongs to the memory that [made](super::Memory::place) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) memory: Unique,
    pub(super) partition: Partition,
    pub(super) sources: FamilySources,
}

/// The viewpoint of one race: its place, and whether it explores. It belongs to the memory that [made](super::Memory::begin_race) it.
#[derive(Clone, Copy, Debug)]
pub struct Viewpoint {
    partition: Partition,
    sources: FamilySources,
    pub(super) generation: Unique,
    /// Whether the race explores: it ignores what is known of its destinations, except which of them are dead.
    pub(super) explores: bool,
    pub(super) learned_delay: bool,
}

/// A number that is unique in this process, up to 2³² of them. Each memory has one, and a new one after each change of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unique(u32);

impl Viewpoint {
    #[inline]
    pub(super) fn new(Place { partition, sources, .. }: Place, generation: Unique, explores: bool) -> Self {
        Self { partition, sources, generation, explores, learned_delay: true }
    }

    /// Turns learned times off: attempt delays are the configured ones, and the attempt's own estimate of its handshake counts. Dead addresses still
    /// go last.
    #[must_use]
    pub fn with_configured_delay(self) -> Self {
        Self { learned_delay: false, ..self }
    }

    #[inline]
    pub(super) fn key(&self, destination: Destination) -> Key {
        Key::new(self.partition, self.sources, destination)
    }
}

impl Unique {
    pub(super) fn new() -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        Self(NUMBERS.fetch_add(1, Relaxed))
    }
}
