//! What an entry is filed under: the partition, the source, and the destination, its prefix or its family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::endpoint::Family;
use super::super::selection::Source;
use super::prefix;

/// Keeps what is learned for one purpose from being seen in another (v3 §5.3): a browser has one for each site whose cookies it keeps apart.
///
/// The order in which a client tries the addresses of a host can be seen by the host, and tells it what the client has learned elsewhere.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Partition(u64);

impl Partition {
    /// The partition of this number, which the program chooses. The default is number 0.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// Without its number, which may say whose it is.
impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Partition")
    }
}

/// What an entry is filed under.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    partition: u64,
    source: SourceKey,
    /// An IPv4 address is mapped. Bits that do not count are zero.
    destination: u128,
}

impl Key {
    pub(super) fn new(partition: Partition, source: SourceKey, destination: IpAddr) -> Self {
        Self { partition: partition.0, source, destination: bits(destination) }
    }

    /// The key of all that begins like this.
    #[must_use]
    pub(super) fn of_prefix(self) -> Self {
        Self { destination: prefix::of(self.destination), ..self }
    }

    /// The key of the destination's whole family.
    #[must_use]
    pub(super) fn of_family(self) -> Self {
        let any = if self.family() == Family::V4 {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        };
        Self { destination: bits(any), ..self }
    }

    /// The key of the races between a source of either family.
    pub(super) fn of_races(partition: Partition, v6: Option<SourceKey>, v4: Option<SourceKey>) -> Self {
        let v4 = v4.map_or(u128::MAX, |v4| v4.0.into());
        Self { partition: partition.0, source: v6.unwrap_or(SourceKey::NONE), destination: v4 }
    }

    /// The address, the prefix or the family, as bits. An IPv4 one is mapped.
    pub(super) fn destination(&self) -> u128 {
        self.destination
    }

    pub(super) fn is_in(&self, partition: Partition) -> bool {
        self.partition == partition.0
    }

    pub(super) fn family(&self) -> Family {
        if Ipv6Addr::from_bits(self.destination).to_ipv4_mapped().is_some() { Family::V4 } else { Family::V6 }
    }

    /// A number that is the same for equal keys, and likely another for others.
    pub(super) fn hash(&self) -> u64 {
        // The halves of a destination differ in their low bits. An odd factor carries those to the high ones, which are used.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let (high, low) = ((self.destination >> 64) as u64, self.destination as u64);
        let mixed = (high ^ self.source.0.rotate_left(32) ^ self.partition).wrapping_mul(FACTOR);
        (mixed.rotate_left(29) ^ low).wrapping_mul(FACTOR)
    }
}

/// The destination and the source, without the partition.
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

/// A source, as far as it tells one network from another: the /64 of an IPv6 address, within which privacy addresses rotate; the whole of an
/// IPv4 address, and for a private one how often such a source has changed, since 192.168.1.23 is an address in every café.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceKey(u64);

impl SourceKey {
    /// Nobody has asked the system. The destinations are in one network, as far as anybody knows.
    const UNKNOWN: Self = Self(u64::MAX);
    /// There is none.
    const NONE: Self = Self(u64::MAX - 1);
}

/// Makes keys of sources.
#[derive(Debug, Default)]
pub(super) struct SourceKeys {
    /// The IPv4 source of the last race, and how often it was another, private one than before.
    v4: Option<Ipv4Addr>,
    moves: u32,
}

impl SourceKeys {
    /// The source of a race that begins now. `None` if no route leads out.
    pub(super) fn of(&mut self, source: Source) -> Option<SourceKey> {
        match source {
            Source::Unreachable => None,
            Source::Unknown => Some(SourceKey::UNKNOWN),
            Source::Address(source) => Some(match source.to_canonical() {
                IpAddr::V6(source) => SourceKey((source.to_bits() >> 64) as u64),
                IpAddr::V4(source) => SourceKey(self.generation(source) << 32 | u64::from(source.to_bits())),
            }),
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

/// RFC 1918, and the space that providers share out behind their translators (RFC 6598).
fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || (first == 100 && second & 0xc0 == 64)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V6(address) => address.to_bits(),
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::Address(text.parse().unwrap())
    }

    fn key(source: SourceKey, destination: &str) -> Key {
        Key::new(Partition::default(), source, destination.parse().unwrap())
    }

    #[test]
    fn privacy_addresses_of_one_network_are_one_source() {
        let mut keys = SourceKeys::default();
        assert_eq!(keys.of(source("2001:db8::1:2:3:4")), keys.of(source("2001:db8::5:6:7:8")));
        assert_ne!(keys.of(source("2001:db8::1")), keys.of(source("2001:db8:0:1::1")));
    }

    #[test]
    fn a_public_ipv4_source_is_the_same_whenever_it_comes_back() {
        let mut keys = SourceKeys::default();
        let before = keys.of(source("192.0.2.1"));
        assert_ne!(keys.of(source("192.0.2.2")), before);
        assert_eq!(keys.of(source("192.0.2.1")), before);
        assert_eq!(keys.of(source("::ffff:192.0.2.1")), before);
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
            let before = keys.of(source(private));
            assert_eq!(keys.of(source(private)), before, "it has stayed");
            assert_eq!(keys.of(Source::Unreachable), None);
            assert_eq!(keys.of(source("2001:db8::1")), keys.of(source("2001:db8::2")));
            assert_eq!(keys.of(source(private)), before, "IPv6 says nothing of it");
            keys.of(source(other));
            assert_ne!(keys.of(source(private)), before, "{private}");
        }
    }

    #[test]
    fn sources_that_differ_have_keys_that_differ() {
        let mut keys = SourceKeys::default();
        let unknown = keys.of(Source::Unknown);
        assert_eq!(unknown, keys.of(Source::Unknown));
        assert!(![keys.of(source("2001:db8::1")), keys.of(source("192.0.2.1")), None].contains(&unknown));
    }

    #[test]
    fn a_key_says_where_to_and_from_where() {
        let mut keys = SourceKeys::default();
        let mut text = |from, to| key(keys.of(from).unwrap(), to).to_string();
        assert_eq!(text(source("2001:db8:1:2::9"), "2001:db8::a"), "2001:db8::a from 2001:db8:1:2::/64");
        assert_eq!(text(source("10.0.0.9"), "192.0.2.10"), "192.0.2.10 from 10.0.0.9");
        assert_eq!(text(Source::Unknown, "192.0.2.10"), "192.0.2.10 from an unknown source");
    }

    #[test]
    fn a_family_and_a_prefix_have_keys_of_their_own() {
        let from = SourceKeys::default().of(Source::Unknown).unwrap();
        let (v6, v4) = (key(from, "2001:db8::a"), key(from, "192.0.2.10"));
        assert!(v6.of_family() != v4.of_family() && v6.of_prefix() != v4.of_prefix());
        assert!(v6.of_family() == key(from, "2001:db8:9::b").of_family());
        assert!(v4.of_prefix() == key(from, "192.0.2.99").of_prefix());
        assert_eq!((v6.of_family().family(), v4.of_family().family()), (Family::V6, Family::V4));
    }

    #[test]
    fn the_hashes_of_neighbours_are_spread() {
        let from = SourceKeys::default().of(Source::Unknown).unwrap();
        let mut buckets = std::collections::BTreeSet::new();
        for host in 0..1024 {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(0xc000_0000 + host));
            buckets.insert(Key::new(Partition::default(), from, v4).hash() >> 54);
        }
        // As many as of a random function.
        assert!(buckets.len() > 600, "{}", buckets.len());
        buckets.clear();
        for subnet in 0..1024 {
            let v6 = IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(subnet as u32) << 80 | 1));
            buckets.insert(Key::new(Partition::default(), from, v6).hash() >> 54);
        }
        assert!(buckets.len() > 600, "{}", buckets.len());
    }

    #[test]
    fn a_partition_does_not_say_whose_it_is() {
        assert_eq!(format!("{:?}", Partition::new(4711)), "Partition");
    }
}
