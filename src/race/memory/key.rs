//! The keys of a memory's tables: the partition, the source, and the destination, its prefix or its family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::endpoint::Family;
use super::super::selection::Source;
use super::destination::{Destination, MAPPED, is_mapped};
use super::prefix;

/// A part of a memory that is kept apart from the others, for privacy (v3 §5.3). A browser has one for each site whose cookies it keeps apart.
///
/// A host can see in which order a client tries its addresses. From that it may conclude what the client has learned in connects to the same
/// addresses before.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Partition(u64);

impl Partition {
    /// The partition of this number, which the program chooses. The default is number 0.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// Does not show the number, which may tell whose partition it is.
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Partition")
    }
}

/// The key of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    partition: u64,
    source: SourceKey,
    /// An IPv4 address is in its IPv4-mapped form. In the key of a prefix or a family, the other bits are zero.
    destination: u128,
}

impl Key {
    #[inline]
    pub(super) fn new(partition: Partition, sources: FamilySources, Destination(destination): Destination) -> Self {
        let source = if is_mapped(destination) { sources.v4 } else { sources.v6 };
        Self { partition: partition.0, source, destination }
    }

    /// The key of the races from these sources.
    #[inline]
    pub(super) fn of_races(partition: Partition, sources: FamilySources) -> Self {
        Self { partition: partition.0, source: sources.v6, destination: sources.v4.0.into() }
    }

    /// Whether anything is remembered of the destination, which must be an address. Without a route to its family nothing is.
    pub(super) fn is_remembered(&self) -> bool {
        self.source != SourceKey::NONE && Destination(self.destination).is_remembered()
    }

    /// The key of the destination's prefix.
    #[must_use]
    pub(super) fn of_prefix(self) -> Self {
        Self { destination: prefix::of(self.destination), ..self }
    }

    /// The key of the destination's whole family.
    #[must_use]
    pub(super) fn of_family(self) -> Self {
        let any = if is_mapped(self.destination) { MAPPED } else { 0 };
        Self { destination: any, ..self }
    }

    /// The bits of the address, the prefix or the family, with IPv4 in its IPv4-mapped form.
    pub(super) fn destination(&self) -> u128 {
        self.destination
    }

    pub(super) fn is_in(&self, partition: Partition) -> bool {
        self.partition == partition.0
    }

    pub(super) fn family(&self) -> Family {
        if is_mapped(self.destination) { Family::V4 } else { Family::V6 }
    }

    /// Returns a hash of the key. Its high bits are the best ones.
    #[inline]
    pub(super) fn hash(&self) -> u64 {
        // Destinations differ in the low bits of their halves. Multiplying by an odd number carries these into the high bits, which are used.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let (high, low) = ((self.destination >> 64) as u64, self.destination as u64);
        let mixed = (high ^ self.source.0.rotate_left(32) ^ self.partition).wrapping_mul(FACTOR);
        (mixed.rotate_left(29) ^ low).wrapping_mul(FACTOR)
    }
}

/// Writes the destination and the source, without the partition.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let destination = Ipv6Addr::from_bits(self.destination).to_canonical();
        write!(f, "{destination} from ")?;
        match (self.source, destination) {
            (SourceKey::UNKNOWN, _) => f.write_str("an unknown source"),
            (SourceKey(source), IpAddr::V6(_)) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(source) << 64)),
            (SourceKey(source), IpAddr::V4(_)) => write!(f, "{}", Ipv4Addr::from_bits(source as u32)),
        }
    }
}

/// A source address, as far as it tells one network from another. Of an IPv6 address that is the /64, within which privacy addresses rotate. Of an
/// IPv4 address it is the whole address. A private IPv4 address also has a count of the changes between private addresses, since the same private
/// address is used in many networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceKey(u64);

impl SourceKey {
    /// The system was not asked for the source. All networks count as one.
    const UNKNOWN: Self = Self(u64::MAX);
    /// There is no route, and so no source.
    const NONE: Self = Self(u64::MAX - 1);
}

/// The source of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FamilySources {
    v6: SourceKey,
    v4: SourceKey,
}

/// Makes keys of sources.
#[derive(Debug, Default)]
pub(super) struct SourceKeys {
    /// The last IPv4 source.
    v4: Option<Ipv4Addr>,
    /// How often the IPv4 source has changed to a private address.
    moves: u32,
}

impl SourceKeys {
    /// Returns the keys of the sources that races have from now on.
    pub(super) fn of(&mut self, v6: Source, v4: Source) -> FamilySources {
        FamilySources { v6: self.of_family(v6), v4: self.of_family(v4) }
    }

    fn of_family(&mut self, source: Source) -> SourceKey {
        match source {
            Source::Unreachable => SourceKey::NONE,
            Source::Unknown => SourceKey::UNKNOWN,
            Source::Address(source) => match source.to_canonical() {
                IpAddr::V6(source) => SourceKey((source.to_bits() >> 64) as u64),
                IpAddr::V4(source) => SourceKey(self.generation(source) << 32 | u64::from(source.to_bits())),
            },
        }
    }

    fn generation(&mut self, source: Ipv4Addr) -> u64 {
        let before = self.v4.replace(source);
        if !is_private(source) {
            return 0;
        }
        if before != Some(source) {
            self.moves = self.moves.wrapping_add(1);
        }
        self.moves.into()
    }
}

/// Whether this is a private address (RFC 1918), or one that providers use behind their address translators (CGNAT, RFC 6598).
fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || (first == 100 && second & 0xc0 == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::Address(text.parse().unwrap())
    }

    fn unknown() -> FamilySources {
        SourceKeys::default().of(Source::Unknown, Source::Unknown)
    }

    fn key(sources: FamilySources, destination: &str) -> Key {
        Key::new(Partition::default(), sources, Destination::of(destination.parse().unwrap()))
    }

    #[test]
    fn privacy_addresses_of_one_network_are_one_source() {
        let mut keys = SourceKeys::default();
        assert_eq!(keys.of_family(source("2001:db8::1:2:3:4")), keys.of_family(source("2001:db8::5:6:7:8")));
        assert_ne!(keys.of_family(source("2001:db8::1")), keys.of_family(source("2001:db8:0:1::1")));
    }

    #[test]
    fn a_public_ipv4_source_is_the_same_whenever_it_comes_back() {
        let mut keys = SourceKeys::default();
        let before = keys.of_family(source("192.0.2.1"));
        assert_ne!(keys.of_family(source("192.0.2.2")), before);
        assert_eq!(keys.of_family(source("192.0.2.1")), before);
        assert_eq!(keys.of_family(source("::ffff:192.0.2.1")), before);
    }

    #[test]
    fn a_private_ipv4_source_that_was_away_is_another_one() {
        for (private, other) in [
            ("192.168.1.23", "10.0.0.1"),
            ("10.0.0.1", "192.0.2.1"),
            ("172.16.0.1", "172.31.0.1"),
            ("100.64.0.1", "192.0.2.1"),
        ] {
            let mut keys = SourceKeys::default();
            let before = keys.of(Source::Unknown, source(private));
            assert_eq!(keys.of(Source::Unknown, source(private)), before, "it has stayed");
            keys.of(source("2001:db8::1"), Source::Unreachable);
            assert_eq!(keys.of(Source::Unknown, source(private)), before, "it may have been asked in vain");
            keys.of(Source::Unknown, source(other));
            assert_ne!(keys.of(Source::Unknown, source(private)), before, "{private}");
        }
    }

    #[test]
    fn sources_that_differ_have_keys_that_differ() {
        let mut keys = SourceKeys::default();
        let sources = [Source::Unknown, Source::Unreachable, source("2001:db8::1"), source("192.0.2.1")];
        let keys = sources.map(|source| keys.of_family(source).0);
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), sources.len());
    }

    #[test]
    fn a_key_says_where_to_and_from_where() {
        let text = |v6, v4, to| key(SourceKeys::default().of(v6, v4), to).to_string();
        let (v6, v4) = (source("2001:db8:1:2::9"), source("10.0.0.9"));
        assert_eq!(text(v6, v4, "2001:db8::a"), "2001:db8::a from 2001:db8:1:2::/64");
        assert_eq!(text(v6, v4, "192.0.2.10"), "192.0.2.10 from 10.0.0.9");
        assert_eq!(text(v6, v4, "::ffff:192.0.2.10"), "192.0.2.10 from 10.0.0.9");
        assert_eq!(text(v6, Source::Unknown, "192.0.2.10"), "192.0.2.10 from an unknown source");
    }

    #[test]
    fn a_destination_without_a_route_is_not_remembered() {
        let sources = SourceKeys::default().of(Source::Unreachable, Source::Unknown);
        assert!(!key(sources, "2001:db8::a").is_remembered() && key(sources, "192.0.2.10").is_remembered());
    }

    #[test]
    fn a_family_and_a_prefix_have_keys_of_their_own() {
        let (v6, v4) = (key(unknown(), "2001:db8::a"), key(unknown(), "192.0.2.10"));
        assert!(v6.of_family() != v4.of_family() && v6.of_prefix() != v4.of_prefix());
        assert!(v6.of_family() == key(unknown(), "2001:db8:9::b").of_family());
        assert!(v4.of_prefix() == key(unknown(), "192.0.2.99").of_prefix());
        assert_eq!((v6.of_family().family(), v4.of_family().family()), (Family::V6, Family::V4));
    }

    #[test]
    fn the_hashes_of_neighbours_are_spread() {
        let buckets = |destination: &dyn Fn(u32) -> IpAddr| {
            let hash = |number| Key::new(Partition::default(), unknown(), Destination::of(destination(number))).hash();
            (0..1024).map(|number| hash(number) >> 54).collect::<std::collections::BTreeSet<_>>().len()
        };
        // As many as of a random function.
        assert!(buckets(&|host| Ipv4Addr::from_bits(0xc000_0000 + host).into()) > 600);
        assert!(buckets(&|prefix| Ipv4Addr::from_bits(0xc000_0000 + (prefix << 8)).into()) > 600);
        let v6 = |subnet: u32, host: u32| {
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(subnet) << 80 | u128::from(host)).into()
        };
        assert!(buckets(&|subnet| v6(subnet, 1)) > 600);
        assert!(buckets(&|host| v6(1, host)) > 600);
    }

    #[test]
    fn a_partition_does_not_say_whose_it_is() {
        assert_eq!(format!("{:?}", Partition::new(4711)), "Partition");
    }
}
