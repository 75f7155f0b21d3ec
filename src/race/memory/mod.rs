//! What a network has taught, so that it is not paid for twice: which destinations are dead, how far away they are, which were used.
//!
//! [`Memory`] is bounded, does no I/O and looks at no clock. Races that share one learn from each other. The same calls leave the same memory.
//!
//! # How a driver uses it
//!
//! 1. When a race begins, [`Memory::begin_race`] takes its partition and the source address of each family, and gives its [`Viewpoint`].
//! 2. Before each answer is reported to the race, [`Memory::advise`] says what is known of each of its
//!    [destinations](super::Answer::destinations), and [`Race::handle_advice`](super::Race::handle_advice) takes it.
//! 3. [`Action::Start`](super::Action::Start) tells the delay of an attempt. The driver keeps it beside when the attempt started, when its transport
//!    stood and how it ended ([`Tried`]).
//! 4. When the race is over, or is cancelled, [`Memory::learn`] takes all of its attempts, and how it ended.
//!
//! [`Memory::network_changed`] forgets everything. A race that began before it neither gets advice any more nor teaches anything.
//!
//! # What is remembered
//!
//! Of each address, seen from each source: the smoothed round trip, when it was used, and whether it is believed to be dead. Of each prefix the round
//! trip; of each family and source whether it is cut off, and the least round trip of the last ten minutes. Loopback and link-local addresses are never
//! remembered, nor is anything of a family without a source. An IPv6 source counts as its /64; a private IPv4 source that was away counts as
//! another one.

mod address;
mod advice;
mod bucket;
pub(super) mod delay;
mod episodes;
mod family;
mod key;
mod least;
mod mark;
mod moment;
mod observation;
mod prefix;
mod rtt;
mod scope;
mod table;
#[cfg(test)]
mod tests;
mod turn;

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use super::families::Families;
use super::selection::Source;
use address::Address;
pub use advice::{Advice, AttemptDelay, Dead, DeadBy, DelayBasis};
pub use key::Partition;
use key::{Key, SourceKey, SourceKeys};
use moment::{Era, Moment};
pub use observation::{End, Ending, Observation, Tried};
use rtt::{Rtt, Sample};
use table::Table;
use turn::Turns;

/// What is known of destinations: see the [module](self).
///
/// It has room for 1,024 addresses, 256 prefixes, and 256 pairs of a source and a partition; the least recently used makes room.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | learned delay | on |
/// | families of which addresses that were used go first | [`Families::V6Only`] |
pub struct Memory {
    learned_delay: bool,
    prefer_used: Families,
    era: Era,
    sources: SourceKeys,
    /// How often everything was forgotten.
    generation: u32,
    addresses: Table<Address>,
    prefixes: Table<Option<Rtt>>,
    families: Table<family::Family>,
    turns: Table<Turns>,
}

/// From where a race looks at its destinations: its partition, its sources, and whether it explores.
#[derive(Clone, Copy, Debug)]
pub struct Viewpoint {
    generation: u32,
    partition: Partition,
    v6: Option<SourceKey>,
    v4: Option<SourceKey>,
    /// Whether the race does as one that knows nothing of its destinations, but for which are dead: every 20th does.
    explores: bool,
}

impl Memory {
    /// A memory that knows nothing.
    pub fn new() -> Self {
        Self {
            learned_delay: true,
            prefer_used: Families::V6Only,
            era: Era::default(),
            sources: SourceKeys::default(),
            generation: 0,
            addresses: Table::new(MAX_ADDRESSES),
            prefixes: Table::new(MAX_PREFIXES),
            families: Table::new(MAX_SOURCES),
            turns: Table::new(MAX_SOURCES),
        }
    }

    /// Whether attempt delays follow what was learned. Without, the configured delay holds whatever is known; dead addresses go last all the same.
    ///
    /// Defaults to `true`.
    #[must_use]
    pub fn learned_delay(mut self, is_on: bool) -> Self {
        self.learned_delay = is_on;
        self
    }

    /// The families of which an address that was used goes before its equals. For IPv4 this undoes the rotation of DNS answers, which shares
    /// out the load of a service.
    ///
    /// Defaults to [`Families::V6Only`].
    #[must_use]
    pub fn prefer_used(mut self, families: Families) -> Self {
        self.prefer_used = families;
        self
    }

    /// A race begins, for this partition, which would connect from these sources: those of the default route of each family.
    ///
    /// Of a family without a route nothing is known or learned. Where a source is [unknown](Source::Unknown), all networks are one until
    /// [`network_changed`](Self::network_changed) is called.
    pub fn begin_race(&mut self, partition: Partition, v6: Source, v4: Source) -> Viewpoint {
        let (v6, v4) = (self.sources.of(v6), self.sources.of(v4));
        let explores = self.turns.get_or_insert(&Key::of_races(partition, v6, v4)).next();
        Viewpoint { generation: self.generation, partition, v6, v4, explores }
    }

    /// What is known of a destination. It counts as used.
    pub fn advise(&mut self, from: &Viewpoint, destination: IpAddr, now: Instant) -> Advice {
        let Some(key) = self.key(from, destination) else { return Advice::default() };
        let (instant, now) = (now, self.era.moment(now));
        let mut advice = Advice::default();
        let address = self.addresses.get(&key);
        let mut dead = address.as_ref().and_then(|address| address.dead_until(now)).map(|at| (at, DeadBy::Address));
        let has_answered = address.as_ref().is_some_and(|address| address.has_answered());
        if !has_answered && dead.is_none() {
            let family = self.families.get(&key.of_family());
            dead = family.and_then(|family| family.health.dead_until(now)).map(|at| (at, DeadBy::Family));
        }
        advice.dead = dead.map(|(until, by)| Dead::new(instant + until.since(now), by));
        if !from.explores {
            if let Some(address) = &address {
                let rtt = address.rtt.filter(|rtt| rtt.is_recent(now));
                advice.rtt_bucket = rtt.map_or(0, |rtt| bucket::of(rtt.smoothed()));
                advice.used = self.prefer_used.contains(key.family()) && address.is_used(now);
            }
        }
        if self.learned_delay {
            let rtt = address.and_then(|address| address.rtt).filter(|rtt| !from.explores && rtt.is_believed(now));
            advice.delay = match rtt {
                Some(rtt) => {
                    let basis = DelayBasis::Address { rtt: rtt.smoothed(), samples: rtt.samples() };
                    Some(AttemptDelay::new(delay::of_destination(&rtt), basis))
                }
                None => self.delay_of_neighbours(&key, from, now),
            };
        }
        advice
    }

    /// Takes in what the attempts of a race have shown, which is over.
    pub fn learn(&mut self, from: &Viewpoint, tried: &[Tried], ending: Ending, now: Instant) {
        for (destination, observation) in observation::lessons(tried, ending) {
            self.observe(from, destination, observation, now);
        }
    }

    /// Takes in what a race has shown of one destination.
    pub fn observe(&mut self, from: &Viewpoint, destination: IpAddr, observation: Observation, now: Instant) {
        let Some(key) = self.key(from, destination) else { return };
        let now = self.era.moment(now);
        match observation {
            Observation::Connected { after, won } => {
                let sample = Sample::of(after);
                let address = self.addresses.get_or_insert(&key);
                address.on_connected(sample, won, now);
                let family = self.families.get_or_insert(&key.of_family());
                family.health.on_success(now);
                if let Some(rtt) = address.rtt.filter(|_| sample.is_some()) {
                    family.least_rtt.add(rtt.smoothed(), now);
                }
                if let Some(sample) = sample {
                    Rtt::add(self.prefixes.get_or_insert(&key.of_prefix()), sample, now);
                }
            }
            Observation::Refused => self.addresses.get_or_insert(&key).on_refused(now),
            Observation::Silent => {
                if let Some(until) = self.addresses.get_or_insert(&key).on_silent(now) {
                    self.families.get_or_insert(&key.of_family()).health.on_mark(key.of_prefix().destination(), until);
                }
            }
            Observation::Unconnected => {
                let was_marked = self.addresses.get(&key).is_some_and(|address| address.on_unconnected(now));
                if let Some(family) = self.families.get(&key.of_family()).filter(|_| was_marked) {
                    family.health.on_mark_taken_back(key.of_prefix().destination());
                }
            }
        }
    }

    /// Forgets everything: the machine is in another network.
    pub fn network_changed(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.addresses.clear();
        self.prefixes.clear();
        self.families.clear();
        self.turns.clear();
    }

    /// Forgets what was learned in one partition: a user who clears the cookies of a site, say, wants to leave no other trace of it.
    pub fn clear(&mut self, partition: Partition) {
        let is_kept = |key: &Key| !key.is_in(partition);
        self.addresses.retain(is_kept);
        self.prefixes.retain(is_kept);
        self.families.retain(is_kept);
        self.turns.retain(is_kept);
    }

    /// Of how many addresses something is known: 1,024 at most.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether nothing is known of any address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `None` if nothing is known or learned of the destination.
    fn key(&self, from: &Viewpoint, destination: IpAddr) -> Option<Key> {
        let destination = destination.to_canonical();
        let source = match destination {
            IpAddr::V6(_) => from.v6,
            IpAddr::V4(_) => from.v4,
        };
        let is_remembered = from.generation == self.generation && scope::is_remembered(destination);
        source.filter(|_| is_remembered).map(|source| Key::new(from.partition, source, destination))
    }

    /// The delay of a destination of which itself no round trip is known, or that does not count.
    fn delay_of_neighbours(&mut self, key: &Key, from: &Viewpoint, now: Moment) -> Option<AttemptDelay> {
        let prefix = if from.explores { None } else { self.prefixes.get(&key.of_prefix()) };
        if let Some(rtt) = prefix.and_then(|rtt| *rtt).filter(|rtt| rtt.is_believed(now)) {
            let basis = DelayBasis::Prefix { rtt: rtt.smoothed(), samples: rtt.samples() };
            return Some(AttemptDelay::new(delay::of_destination(&rtt), basis));
        }
        let least = self.families.get(&key.of_family())?.least_rtt.get(now)?;
        Some(delay::of_network(least))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// What is known of each address, the one used last first; the time is that of the last call. It does not say of which partition.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Known<'a>(&'a Key, &'a Address, Moment);
        impl fmt::Debug for Known<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self(key, address, now) = self;
                write!(f, "{key}: ")?;
                address.describe(*now, f)
            }
        }
        struct Addresses<'a>(&'a Memory);
        impl fmt::Debug for Addresses<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let now = self.0.era.newest();
                f.debug_list().entries(self.0.addresses.iter().map(|(key, address)| Known(key, address, now))).finish()
            }
        }
        f.debug_struct("Memory")
            .field("learned_delay", &self.learned_delay)
            .field("prefer_used", &self.prefer_used)
            .field("addresses", &Addresses(self))
            .field("prefixes", &self.prefixes.len())
            .finish_non_exhaustive()
    }
}

const MAX_ADDRESSES: u16 = 1024;
const MAX_PREFIXES: u16 = 256;
const MAX_SOURCES: u16 = 256;
