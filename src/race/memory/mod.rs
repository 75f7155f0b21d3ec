//! What races have shown of destinations, so that a later race does not pay for the same dead address or the same wrong delay again.

mod address;
mod advice;
mod bucket;
pub(super) mod delay;
mod destination;
mod episodes;
mod family;
mod handshake;
mod horizon;
mod key;
mod mark;
mod observation;
mod prefix;
mod rtt;
mod smoothed;
mod table;
#[cfg(test)]
mod tests;
mod turn;
mod viewpoint;

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::families::Families;
use super::selection::Source;
use address::Address;
use advice::Basis;
pub use advice::{Advice, AttemptDelay, Dead, DeadBy, DelayBasis};
pub(crate) use destination::Destination;
use family::AddressFamily;
use horizon::Horizon;
pub use key::Partition;
use key::{Key, SourceKeys};
use observation::Course;
pub use observation::{End, Ending, Observation, Tried};
use rtt::{Rtt, Sample};
use table::Table;
use turn::Turns;
use viewpoint::Unique;
pub use viewpoint::{Place, Viewpoint};

/// What races have shown of destinations: which are dead, how far away they are, which were used.
///
/// A memory is bounded, does no I/O, and does not read the clock. Races that share a memory learn from each other. The same calls leave the same
/// memory.
///
/// It has room for 1,024 addresses, 256 prefixes, and 256 pairs of a source and a partition. If there is no room, the least recently used entry is
/// removed.
///
/// # How a driver uses it
///
/// 1. Whenever the driver has asked the system for its source addresses, it calls [`Memory::place`] with the partition and the source address of each
///    family. When a race begins, it calls [`Memory::begin_race`] with that place, and gets the [`Viewpoint`] of the race.
/// 2. Before an answer is given to the race, the driver calls [`Memory::advise`] for each of its [destinations](super::Answer::destinations), and
///    gives the result to [`Race::handle_advice`](super::Race::handle_advice).
/// 3. [`Action::Start`](super::Action::Start) has the delay of an attempt. The driver keeps it, with the times at which the attempt started, its
///    transport was connected and the attempt ended ([`Tried`]).
/// 4. When the race is over, or is cancelled, the driver calls [`Memory::learn`] with all of its attempts and how it ended. It need not do so if the
///    first attempt won and the advice said that the address is [settled](Advice::is_settled).
///
/// [`Memory::network_changed`] forgets everything. A race that began before that gets no advice any more and teaches nothing. The same holds for a
/// race that was begun by another memory.
///
/// # What is remembered
///
/// - Of each address, as seen from each source: the smoothed round trip, how long its handshakes took, when it was used, and whether it is believed
///   to be dead.
/// - Of each prefix: the smoothed round trip.
/// - Of each family, as seen from each source: whether it is cut off, and the smoothed round trip to all of its destinations.
///
/// Loopback and link-local addresses are not remembered, nor is anything of a family without a source. An IPv6 source counts as its /64. A private
/// IPv4 source that changes and later comes back counts as a new source, since many networks use the same private addresses.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | families of which addresses that were used go first | [`Families::V6Only`] |
pub struct Memory {
    prefer_used: Families,
    sources: SourceKeys,
    /// Tells this memory from others.
    id: Unique,
    /// Changes when everything is forgotten. Viewpoints of an earlier generation have no effect.
    generation: Unique,
    /// When something was last learned.
    learned: Option<Instant>,
    addresses: Table<Address>,
    prefixes: Table<Option<Rtt>>,
    families: Table<AddressFamily>,
    turns: Table<Turns>,
}

impl Memory {
    /// A memory that knows nothing.
    pub fn new() -> Self {
        let id = Unique::new();
        Self {
            prefer_used: Families::V6Only,
            sources: SourceKeys::default(),
            id,
            generation: id,
            learned: None,
            addresses: Table::new(MAX_ADDRESSES),
            prefixes: Table::new(MAX_PREFIXES),
            families: Table::new(MAX_SOURCES),
            turns: Table::new(MAX_SOURCES),
        }
    }

    /// The families in which an address that was used goes before others of equal rank. For IPv4 this undoes the rotation of DNS answers, which
    /// balances the load of a service.
    ///
    /// Defaults to [`Families::V6Only`].
    #[must_use]
    pub fn prefer_used(mut self, families: Families) -> Self {
        self.prefer_used = families;
        self
    }

    /// Whether this destination is ever remembered. Loopback and link-local addresses are not, nor are addresses that cannot be connected to.
    #[inline]
    pub fn is_remembered(destination: IpAddr) -> bool {
        Destination::of(destination).is_remembered()
    }

    /// Returns the place that races run from: their partition, and the source address of the default route of each family. Call it again whenever the
    /// system was asked for the sources.
    ///
    /// Of a family without a route nothing is known or learned. If a source is [unknown](Source::Unknown), all networks count as one until
    /// [`network_changed`](Self::network_changed) is called.
    pub fn place(&mut self, partition: Partition, v6: Source, v4: Source) -> Place {
        Place { memory: self.id, partition, sources: self.sources.of(v6, v4) }
    }

    /// Begins a race. One of each 20 races from a place explores: it gets no advice about its destinations but which of them are dead (v3 §5.3).
    ///
    /// With the place of another memory, the race gets no advice and teaches nothing.
    #[inline]
    pub fn begin_race(&mut self, place: Place) -> Viewpoint {
        if place.memory != self.id {
            return Viewpoint::new(place, place.memory, false);
        }
        let key = Key::of_races(place.partition, place.sources);
        let explores = match self.turns.newest(&key) {
            Some(turns) => turns.next(),
            None => self.next_turn(key),
        };
        Viewpoint::new(place, self.generation, explores)
    }

    /// Returns what is known of a destination.
    #[inline]
    pub fn advise(&mut self, from: &Viewpoint, destination: IpAddr, now: Instant) -> Advice {
        self.advise_of(from, Destination::of(destination), now)
    }

    /// Returns what is known of a destination. Nearly every connect calls this once, for an address that is alive and was used lately: a short path.
    // Inline, since a call would cost a tenth of the whole.
    #[inline(always)]
    pub(crate) fn advise_of(&mut self, from: &Viewpoint, destination: Destination, now: Instant) -> Advice {
        let key = from.key(destination);
        if !from.explores && from.generation == self.generation {
            if let Some((rtt, is_settled)) = self.addresses.peek(&key).and_then(|address| address.all_is_well(now)) {
                return Advice {
                    dead: None,
                    rtt_bucket: rtt.bucket(),
                    used: self.prefer_used.contains(key.family()),
                    delay: from.learned_delay.then(|| rtt.delay(Basis::Address)),
                    handshake: None,
                    is_settled,
                };
            }
        }
        // Both are passed by value. References would have the short path above write them to the stack too.
        self.advise_at_length(*from, key, now)
    }

    /// Learns from the attempts of a race that is over.
    ///
    /// Successes are taken in after failures, and so outweigh them: a destination may have been tried at two ports.
    pub fn learn(&mut self, from: &Viewpoint, tried: &[Tried], ending: Ending, now: Instant) {
        let course = Course::of(tried, ending);
        for tried in tried {
            if let Some(lesson) = course.lesson_against(tried) {
                self.observe(from, tried.destination, lesson, now);
            }
        }
        for tried in tried {
            if let Some(stood) = tried.stood() {
                let after = stood.saturating_duration_since(tried.started);
                let lesson = Observation::Connected { after, won: tried.end == End::Connected };
                self.observe(from, tried.destination, lesson, now);
            }
            if let Some(took) = tried.handshake_took() {
                self.observe(from, tried.destination, Observation::ShookHands { took }, now);
            }
        }
    }

    /// Learns what a race has shown of one destination.
    pub fn observe(&mut self, from: &Viewpoint, destination: IpAddr, observation: Observation, now: Instant) {
        let key = from.key(Destination::of(destination));
        if from.generation != self.generation || !key.is_remembered() {
            return;
        }
        let prefix = key.of_prefix().destination();
        match observation {
            Observation::Connected { after, won } => self.on_connected(&key, after, won, now),
            Observation::ShookHands { took } => self.addresses.get_or_insert(&key).on_handshake(took, now),
            Observation::Refused => self.addresses.get_or_insert(&key).on_refused(now),
            Observation::Silent => {
                if let Some(until) = self.addresses.get_or_insert(&key).on_silent(now) {
                    self.families.get_or_insert(&key.of_family()).health.on_mark(prefix, until);
                }
            }
            Observation::Unconnected => {
                let was_marked = self.addresses.get(&key).is_some_and(|address| address.on_unconnected(now));
                if let Some(family) = self.families.get(&key.of_family()).filter(|_| was_marked) {
                    family.health.on_mark_taken_back(prefix);
                }
            }
        }
        self.learned = Some(now);
    }

    /// Forgets everything: the machine is in another network.
    pub fn network_changed(&mut self) {
        self.generation = Unique::new();
        self.addresses.clear();
        self.prefixes.clear();
        self.families.clear();
        self.turns.clear();
    }

    /// Forgets what was learned in one partition. A browser does that when its user clears the cookies of a site, say. Races that are under way still
    /// teach what they show.
    pub fn clear(&mut self, partition: Partition) {
        let is_kept = |key: &Key| !key.is_in(partition);
        self.addresses.retain(is_kept);
        self.prefixes.retain(is_kept);
        self.families.retain(is_kept);
        self.turns.retain(is_kept);
    }

    /// Returns how many addresses are remembered: 1,024 at most.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether no address is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a race explores, if it runs from another place than the last race.
    #[cold]
    fn next_turn(&mut self, of_races: Key) -> bool {
        self.turns.get_or_insert(&of_races).next()
    }

    /// Returns what is known of a destination where the short path of [`advise_of`](Self::advise_of) does not apply.
    #[inline(never)]
    fn advise_at_length(&mut self, from: Viewpoint, key: Key, now: Instant) -> Advice {
        let mut advice = Advice::default();
        if from.generation != self.generation || !key.is_remembered() {
            return advice;
        }
        let address = self.addresses.peek(&key);
        let rtt = address.and_then(|address| address.rtt).filter(|_| !from.explores);
        let has_answered = address.is_some_and(Address::has_answered);
        let marked = address.and_then(|address| address.dead_until(now));
        if let Some(address) = address {
            let rtt = rtt.filter(|rtt| rtt.is_recent(now));
            advice.rtt_bucket = rtt.map_or(0, |rtt| rtt.bucket());
            advice.used = !from.explores && address.is_used(now) && self.prefer_used.contains(key.family());
            advice.handshake = address.rest_of_handshake(now).filter(|_| from.learned_delay && !from.explores);
            advice.is_settled = address.is_settled(now);
        }
        advice.dead = match marked {
            Some(until) => {
                // Counts as a use of the entry. A dead address is not tried, and so not observed, for a while; it must not be evicted for that.
                self.addresses.get(&key);
                Some(Dead::new(until, DeadBy::Address))
            }
            None if has_answered => None,
            None => self.dead_by_family(&key, now),
        };
        advice.delay = match rtt.filter(|rtt| rtt.is_believed(now)) {
            _ if !from.learned_delay => None,
            Some(rtt) => Some(rtt.delay(Basis::Address)),
            None => self.delay_of_neighbours(&key, &from, now),
        };
        advice
    }

    /// The transport of an attempt was connected `after` its start.
    fn on_connected(&mut self, key: &Key, after: Duration, won: bool, now: Instant) {
        let (sample, until) = (Sample::of(after), Horizon::of(now));
        let address = self.addresses.get_or_insert(key);
        if address.is_settled(now) {
            return;
        }
        address.on_connected(sample, won, now, until);
        let family = self.families.get_or_insert(&key.of_family());
        family.health.on_success(until.recent);
        if let Some(sample) = sample {
            Rtt::add(&mut family.rtt, sample, now, until);
            Rtt::add(self.prefixes.get_or_insert(&key.of_prefix()), sample, now, until);
        }
    }

    fn dead_by_family(&self, key: &Key, now: Instant) -> Option<Dead> {
        let until = self.families.peek(&key.of_family())?.health.dead_until(now)?;
        Some(Dead::new(until, DeadBy::Family))
    }

    /// Returns the attempt delay of a destination whose own round trip is not known, or does not count: by its prefix, or by the network.
    fn delay_of_neighbours(&mut self, key: &Key, from: &Viewpoint, now: Instant) -> Option<AttemptDelay> {
        let prefix = if from.explores { None } else { self.prefixes.get(&key.of_prefix()) };
        if let Some(rtt) = prefix.and_then(|rtt| *rtt).filter(|rtt| rtt.is_believed(now)) {
            return Some(rtt.delay(Basis::Prefix));
        }
        let family = self.families.get(&key.of_family())?;
        Some(family.rtt.filter(|rtt| rtt.is_believed(now))?.delay(Basis::Network))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Lists the addresses, the most recently used first, with what was known of them when something was last learned. Partitions are not shown.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Known<'a>(&'a Key, &'a Address, Instant);
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
                let known = |now| self.0.addresses.iter().map(move |(key, address)| Known(key, address, now));
                f.debug_list().entries(self.0.learned.into_iter().flat_map(known)).finish()
            }
        }
        f.debug_struct("Memory")
            .field("prefer_used", &self.prefer_used)
            .field("addresses", &Addresses(self))
            .field("prefixes", &self.prefixes.len())
            .finish_non_exhaustive()
    }
}

const MAX_ADDRESSES: u16 = 1024;
const MAX_PREFIXES: u16 = 256;
const MAX_SOURCES: u16 = 256;
