//! From where a memory is looked at.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::destination::Destination;
use super::key::{FamilySources, Key, Partition};

/// Where races run from: a partition, and the source of each family. It is one of the memory that [made](super::Memory::place) it, and of no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) memory: Unique,
    pub(super) partition: Partition,
    pub(super) sources: FamilySources,
}

/// How one race looks at its destinations: from where, and whether it explores. It is one of the memory that [made](super::Memory::begin_race) it, and of no other.
#[derive(Clone, Copy, Debug)]
pub struct Viewpoint {
    partition: Partition,
    sources: FamilySources,
    pub(super) generation: Unique,
    /// Whether its turn has come to do as one that knows nothing.
    pub(super) explores: bool,
    pub(super) learned_delay: bool,
}

/// A number that nothing else of this process has, unless there are 2³² of them: one for each memory, and for each change of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unique(u32);

impl Viewpoint {
    #[inline]
    pub(super) fn new(Place { partition, sources, .. }: Place, generation: Unique, explores: bool) -> Self {
        Self { partition, sources, generation, explores, learned_delay: true }
    }

    /// The same, but attempt delays are the configured ones whatever is known, and what an attempt says of its handshake holds. What is dead goes last all the
    /// same.
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
