//! What a network has taught, so that it is not paid for twice.

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

/// What a network has taught of destinations: which are dead, how far away they are, which were used.
///
/// It is bounded, does no I/O and looks at no clock. Races that share one learn from each other. The same calls leave the same memory.
///
/// It has room for 1,024 addresses, 256 prefixes, and 256 pairs of a source and a partition; the least recently used makes room.
///
/// # How a driver uses it
///
/// 1. Whenever the driver asks the system for its sources, [`Memory::place`] takes the partition and the source address of each family.
///    When a race begins, [`Memory::begin_race`] takes that place, and gives the race's [`Viewpoint`].
/// 2. Before each answer is reported to the race, [`Memory::advise`] says what is known of each of its
///    [destinations](super::Answer::destinations), and [`Race::handle_advice`](super::Race::handle_advice) takes it.
/// 3. [`Action::Start`](super::Action::Start) tells the delay of an attempt. The driver keeps it beside when the attempt started, when its transport
///    stood and how it ended ([`Tried`]).
/// 4. When the race is over, or is cancelled, [`Memory::learn`] takes all of its attempts, and how it ended. A race that its first attempt wins need
///    not be learned from where the advice was that the address is [settled](Advice::is_settled).
///
/// [`Memory::network_changed`] forgets everything. A race that began before it neither gets advice any more nor teaches anything; nor does one that was begun by
/// another memory.
///
/// # What is remembered
///
/// Of each address, seen from each source: the smoothed round trip, how long its handshakes took, when it was used, and whether it is believed to be dead. Of each prefix the round
/// trip; of each family and source whether it is cut off, and the round trip to all of its destinations. Loopback and link-local addresses are never
/// remembered, nor is anything of a family without a source. An IPv6 source counts as its /64; a private IPv4 source that was away counts as
/// another one.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | families of which addresses that were used go first | [`Families::V6Only`] |
pub struct Memory {
    prefer_used: Families,
    sources: SourceKeys,
    /// Which memory it is.
    id: Unique,
    /// What it is called since everything was forgotten.
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

    /// The families of which an address that was used goes before its equals. For IPv4 this undoes the rotation of DNS answers, which shares
    /// out the load of a service.
    ///
    /// Defaults to [`Families::V6Only`].
    #[must_use]
    pub fn prefer_used(mut self, families: Families) -> Self {
        self.prefer_used = families;
        self
    }

    /// Whether anything is ever remembered of a destination. Loopback and link-local addresses are not, nor are those that no connection can be made
    /// to.
    #[inline]
    pub fn is_remembered(destination: IpAddr) -> bool {
        Destination::of(destination).is_remembered()
    }

    /// Where races run from that are for this partition, and would connect from these sources: those of the default route of each family. It is
    /// asked again whenever the sources are.
    ///
    /// Of a family without a route nothing is known or learned. Where a source is [unknown](Source::Unknown), all networks are one until
    /// [`network_changed`](Self::network_changed) is called.
    pub fn place(&mut self, partition: Partition, v6: Source, v4: Source) -> Place {
        Place { memory: self.id, partition, sources: self.sources.of(v6, v4) }
    }

    /// A race begins. One of each 20 of a place does as a client that knows nothing of its destinations, but for which are dead (v3 §5.3).
    ///
    /// From the place of another memory nothing is known, and nothing is learned.
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

    /// What is known of a destination.
    #[inline]
    pub fn advise(&mut self, from: &Viewpoint, destination: IpAddr, now: Instant) -> Advice {
        self.advise_of(from, Destination::of(destination), now)
    }

    /// What is known of a destination. Nearly every connect asks once, and of an address that all is well with.
    // Inline, since a call costs a tenth of the advice.
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
        // Both are copied. If they were lent, the advice above would have to write them to the stack as well.
        self.advise_at_length(*from, key, now)
    }

    /// Takes in what the attempts of a race have shown, which is over.
    ///
    /// What speaks for a destination comes last, and so outweighs what speaks against it: it may have been tried at two ports.
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

    /// Takes in what a race has shown of one destination.
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

    /// Forgets what was learned in one partition: a user who clears the cookies of a site, say, wants to leave no other trace of it. Races that are
    /// under way teach what they show all the same.
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

    /// Whether a race explores that does not run from where the last one did.
    #[cold]
    fn next_turn(&mut self, of_races: Key) -> bool {
        self.turns.get_or_insert(&of_races).next()
    }

    /// What is known of a destination that something is wrong with, or that is not known well.
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
                // Nobody observes it for a while, but it is of use.
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

    /// A transport stood, after so long.
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

    /// The delay of a destination of which itself no round trip is known, or that does not count.
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

/// What is known of each address, the one used last first, as it was when something was last learned. It does not say of which partition.
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
