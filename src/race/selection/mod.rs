//! Destination address selection (RFC 6724 §6): which of two destinations is better.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::config_error::ConfigError;
use super::memory::Advice;

/// The address that the system would connect from to a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The system was not asked. The destination counts as if the source had the same scope and label.
    #[default]
    Unknown,
    /// There is no source: no route leads to the destination.
    Unreachable,
    /// The source address.
    Address(IpAddr),
}

/// The policy table of RFC 6724 §2.1: the precedence and the label of each prefix.
///
/// The default is the table of the RFC. An administrator may write another one into `/etc/gai.conf`.
///
/// # What is decided
///
/// [`PolicyTable::sort`] follows those rules of RFC 6724 §6 that need only a destination and the source address that the system would choose for it:
///
/// | rule | |
/// |---|---|
/// | 1 | a destination without a route goes last |
/// | 2 | a source of the destination's scope is better |
/// | 5 | a source of the destination's label is better |
/// | 6 | the higher precedence is better |
/// | 8 | the smaller scope is better |
/// | 9 | a longer common prefix of source and destination is better |
/// | 10 | otherwise the order stays |
///
/// Rule 9 is applied to IPv6 alone, and to 64 bits, since a program does not know the length of the source's prefix. For IPv4 it would undo the
/// rotation of DNS answers. Between rules 8 and 9 a race applies its [advice](super::Advice): nearer destinations go first, and then those that were
/// used (v3 §5.3). Rules 3, 4 and 7 (deprecated addresses, home addresses, tunnels) need what only the system knows of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyTable {
    /// `None` is the table of the RFC.
    entries: Option<Arc<[PolicyEntry]>>,
}

/// A line of a [`PolicyTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the columns of the table in RFC 6724 §2.1")]
pub struct PolicyEntry {
    /// The prefix that the line is for. Prefixes of IPv4 are written as IPv4-mapped (`::ffff:0:0`).
    pub prefix: Ipv6Addr,
    /// The length of `prefix` in bits, up to 128. Of several lines that match, the one with the longest prefix counts.
    pub prefix_length: u8,
    /// The precedence: a destination with a higher one is better.
    pub precedence: u8,
    /// The label: a destination whose source has the same one is better.
    pub label: u8,
}

impl PolicyTable {
    /// A table of these lines. An address that matches none of them has the precedence 0 and the label 255.
    ///
    /// # Errors
    ///
    /// If a prefix is longer than 128 bits.
    pub fn new(entries: impl IntoIterator<Item = PolicyEntry>) -> Result<Self, ConfigError> {
        let entries: Arc<[_]> = entries.into_iter().collect();
        if entries.iter().any(|entry| entry.prefix_length > 128) {
            return Err(ConfigError::new("a prefix of the policy table is longer than an address"));
        }
        Ok(Self { entries: Some(entries) })
    }

    /// Sorts the destinations, the best one first. `pair` returns the destination and the source of a `T`.
    ///
    /// The sort is stable. Rule 9 is not applied to destinations of two families, since the order would not be transitive. If the rules before it do
    /// not decide between an IPv6 and an IPv4 destination, IPv6 goes first.
    pub fn sort<T>(&self, destinations: &mut [T], mut pair: impl FnMut(&T) -> (IpAddr, Source)) {
        self.sort_advised(destinations, |destination| {
            let (destination, source) = pair(destination);
            (destination, source, Advice::default())
        });
    }

    /// As [`sort`](Self::sort), with advice for each destination. [`Advice::dead`] is not used here.
    pub(super) fn sort_advised<T>(
        &self,
        destinations: &mut [T],
        mut known: impl FnMut(&T) -> (IpAddr, Source, Advice),
    ) {
        destinations.sort_by_cached_key(|destination| {
            let (destination, source, advice) = known(destination);
            self.rank(destination.to_canonical(), source, &advice)
        });
    }

    /// Whether an IPv4 destination with a global address, of which nothing is known, would go before this one.
    pub(super) fn is_behind_ipv4(&self, destination: IpAddr, source: Source) -> bool {
        let policy = self.find(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let ipv4 = Rank {
            unreachable: false,
            scope_differs: false,
            label_differs: false,
            precedence: Reverse(policy.precedence),
            scope: Scope::GLOBAL,
            rtt_bucket: 0,
            is_unused: true,
            common_prefix: Reverse(0),
            is_v4: true,
        };
        ipv4 < self.rank(destination.to_canonical(), source, &Advice::default())
    }

    fn rank(&self, destination: IpAddr, source: Source, advice: &Advice) -> Rank {
        let scope = Scope::of(destination);
        let policy = self.find(destination);
        let mut rank = Rank {
            unreachable: source == Source::Unreachable,
            scope_differs: false,
            label_differs: false,
            precedence: Reverse(policy.precedence),
            scope,
            rtt_bucket: advice.rtt_bucket,
            is_unused: !advice.used,
            common_prefix: Reverse(0),
            is_v4: destination.is_ipv4(),
        };
        if let Source::Address(source) = source {
            let source = source.to_canonical();
            rank.scope_differs = Scope::of(source) != scope;
            rank.label_differs = self.find(source).label != policy.label;
            if let (IpAddr::V6(destination), IpAddr::V6(source)) = (destination, source) {
                rank.common_prefix = Reverse(common_prefix(destination, source));
            }
        }
        rank
    }

    fn find(&self, address: IpAddr) -> PolicyEntry {
        let address = match address {
            IpAddr::V6(address) => address,
            IpAddr::V4(address) => address.to_ipv6_mapped(),
        };
        let entries = self.entries.as_deref().unwrap_or(&DEFAULT_TABLE);
        let matching = entries.iter().filter(|entry| entry.matches(address));
        matching.max_by_key(|entry| entry.prefix_length).copied().unwrap_or(NO_POLICY)
    }
}

impl PolicyEntry {
    fn matches(&self, address: Ipv6Addr) -> bool {
        let differing = self.prefix.to_bits() ^ address.to_bits();
        differing.leading_zeros() >= self.prefix_length.into()
    }
}

/// What the rules compare, in the order of the rules. The least rank is the best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    unreachable: bool,
    scope_differs: bool,
    label_differs: bool,
    precedence: Reverse<u8>,
    scope: Scope,
    /// From here on addresses of one family are compared: IPv6 goes before IPv4.
    is_v4: bool,
    rtt_bucket: u8,
    is_unused: bool,
    common_prefix: Reverse<u32>,
}

/// The scope of an address (RFC 6724 §3.1, and §3.2 for IPv4), by the numbers of multicast scopes (RFC 4291 §2.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Scope(u8);

impl Scope {
    const LINK_LOCAL: Self = Self(0x2);
    const SITE_LOCAL: Self = Self(0x5);
    const GLOBAL: Self = Self(0xe);

    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) if address.is_loopback() || address.is_link_local() => Self::LINK_LOCAL,
            IpAddr::V4(_) => Self::GLOBAL,
            IpAddr::V6(address) if address.is_multicast() => Self(address.octets()[1] & 0xf),
            IpAddr::V6(address) if address.is_loopback() || address.is_unicast_link_local() => Self::LINK_LOCAL,
            IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => Self::SITE_LOCAL,
            IpAddr::V6(_) => Self::GLOBAL,
        }
    }
}

/// Returns the length of the common prefix, up to 64 bits.
fn common_prefix(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros().min(64)
}

const fn entry(prefix: [u16; 8], prefix_length: u8, precedence: u8, label: u8) -> PolicyEntry {
    let [a, b, c, d, e, f, g, h] = prefix;
    PolicyEntry { prefix: Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix_length, precedence, label }
}

const NO_POLICY: PolicyEntry = entry([0; 8], 0, 0, 255);

/// The default table of RFC 6724 §2.1.
const DEFAULT_TABLE: [PolicyEntry; 9] = [
    entry([0, 0, 0, 0, 0, 0, 0, 1], 128, 50, 0),
    entry([0; 8], 0, 40, 1),
    entry([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, 35, 4),
    entry([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 30, 2),
    entry([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 5, 5),
    entry([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, 3, 13),
    entry([0; 8], 96, 1, 3),
    entry([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, 1, 11),
    entry([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, 1, 12),
];
