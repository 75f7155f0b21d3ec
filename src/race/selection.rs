//! Which destination is better: RFC 6724 §6, destination address selection.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::config_error::ConfigError;

/// The address that the system would connect from to a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is known, known not to be, or unknown")]
pub enum Source {
    /// Nobody asked. The destination counts as one that is reached from an address like it.
    #[default]
    Unknown,
    /// There is none: no route leads to the destination.
    Unreachable,
    /// This one.
    Address(IpAddr),
}

/// The policy table of RFC 6724 §2.1: which precedence and which label a prefix has.
///
/// The default is the table of the RFC. Another one is what an administrator writes into `/etc/gai.conf`, say.
///
/// # What is decided
///
/// [`PolicyTable::sort`] follows those rules of RFC 6724 §6 that take no more than a destination and the source address that
/// the system would choose for it:
///
/// | rule | |
/// |---|---|
/// | 1 | a destination without a route goes last |
/// | 2 | a source of the destination's scope is better |
/// | 5 | a source of the destination's label is better |
/// | 6 | the higher precedence is better |
/// | 8 | the smaller scope is better |
/// | 9 | the longer prefix that source and destination share is better |
/// | 10 | otherwise the order stays |
///
/// Rule 9 is for IPv6, and looks at 64 bits, since a program does not know how long the prefix of the source is. For IPv4 it would
/// undo the rotation of DNS answers. Rules 3, 4 and 7 (deprecated addresses, home addresses, tunnels) take what only the system
/// knows of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyTable {
    /// `None` is the table of the RFC.
    entries: Option<Arc<[PolicyEntry]>>,
}

/// A line of a [`PolicyTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the columns of the table in RFC 6724 §2.1")]
pub struct PolicyEntry {
    /// The prefix that the line is for: that of IPv4-mapped addresses (`::ffff:0:0`) for IPv4.
    pub prefix: Ipv6Addr,
    /// How many bits of `prefix` count, up to 128. Of several lines that match, the one with the longest prefix decides.
    pub prefix_length: u8,
    /// The higher, the better the destination.
    pub precedence: u8,
    /// A source with the same label goes well with the destination.
    pub label: u8,
}

impl PolicyTable {
    /// A table of these lines. An address that none of them matches has the precedence 0 and the label 255.
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

    /// Puts the best destination first. `pair` says what a `T` is: a destination, and the source for it.
    ///
    /// The sort is stable. Rule 9 does not compare families, which would leave no order at all; where a table makes everything
    /// before it equal for an IPv6 and an IPv4 destination, IPv6 goes first.
    pub fn sort<T>(&self, destinations: &mut [T], mut pair: impl FnMut(&T) -> (IpAddr, Source)) {
        destinations.sort_by_cached_key(|destination| {
            let (destination, source) = pair(destination);
            self.rank(destination.to_canonical(), source)
        });
    }

    /// Whether any ordinary IPv4 destination, of which nothing is known, would go before this one.
    pub(super) fn is_behind_ipv4(&self, destination: IpAddr, source: Source) -> bool {
        let policy = self.find(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let ipv4 = Rank {
            unreachable: false,
            scope_differs: false,
            label_differs: false,
            precedence: Reverse(policy.precedence),
            scope: Scope::GLOBAL,
            common_prefix: Reverse(0),
            is_v4: true,
        };
        ipv4 < self.rank(destination.to_canonical(), source)
    }

    fn rank(&self, destination: IpAddr, source: Source) -> Rank {
        let scope = Scope::of(destination);
        let policy = self.find(destination);
        let mut rank = Rank {
            unreachable: source == Source::Unreachable,
            scope_differs: false,
            label_differs: false,
            precedence: Reverse(policy.precedence),
            scope,
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

/// What the rules compare, in their order: the least is the best.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    unreachable: bool,
    scope_differs: bool,
    label_differs: bool,
    precedence: Reverse<u8>,
    scope: Scope,
    common_prefix: Reverse<u32>,
    is_v4: bool,
}

/// How far an address reaches (RFC 6724 §3.1; §3.2 for IPv4), by the numbers of multicast scopes (RFC 4291 §2.7).
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

/// How many of the first 64 bits are the same.
fn common_prefix(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros().min(64)
}

const fn entry(prefix: [u16; 8], prefix_length: u8, precedence: u8, label: u8) -> PolicyEntry {
    let [a, b, c, d, e, f, g, h] = prefix;
    PolicyEntry { prefix: Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix_length, precedence, label }
}

const NO_POLICY: PolicyEntry = entry([0; 8], 0, 0, 255);

/// RFC 6724 §2.1.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `destinations`, a list of `destination<source` (`-` for no route, nothing at all for unknown), sorted by the default
    /// table.
    fn sorted(destinations: &str) -> String {
        sorted_by(&PolicyTable::default(), destinations)
    }

    fn sorted_by(table: &PolicyTable, destinations: &str) -> String {
        let mut list: Vec<(IpAddr, Source)> = destinations.split_whitespace().map(pair).collect();
        table.sort(&mut list, |pair| *pair);
        list.iter().map(|(destination, _)| destination.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn pair(text: &str) -> (IpAddr, Source) {
        match text.split_once('<') {
            None => (text.parse().unwrap(), Source::Unknown),
            Some((destination, "-")) => (destination.parse().unwrap(), Source::Unreachable),
            Some((destination, source)) => (destination.parse().unwrap(), Source::Address(source.parse().unwrap())),
        }
    }

    /// Both orders of two destinations give the same: `best` first.
    fn assert_better(best: &str, other: &str) {
        let expected = format!("{} {}", pair(best).0, pair(other).0);
        assert_eq!(sorted(&format!("{best} {other}")), expected);
        assert_eq!(sorted(&format!("{other} {best}")), expected);
    }

    // The examples of RFC 6724 §10.2 that no interface has to be asked for.

    #[test]
    fn example_matching_scope() {
        assert_better("2001:db8:1::1<2001:db8:1::2", "198.51.100.121<169.254.13.78");
        assert_better("198.51.100.121<198.51.100.117", "2001:db8:1::1<fe80::1");
    }

    #[test]
    fn example_higher_precedence() {
        assert_better("2001:db8:1::1<2001:db8:1::2", "10.1.2.3<10.1.2.4");
        assert_better("2001:db8:1::1<2001:db8:1::2", "2002:c633:6401::1<2002:c633:6401::2");
    }

    #[test]
    fn example_smaller_scope() {
        assert_better("fe80::1<fe80::2", "2001:db8:1::1<2001:db8:1::2");
    }

    #[test]
    fn example_longest_matching_prefix() {
        assert_better("2001:db8:1::1<2001:db8:1::2", "2001:db8:3ffe::1<2001:db8:3f44::2");
    }

    #[test]
    fn example_matching_label() {
        assert_better("2002:c633:6401::1<2002:c633:6401::2", "2001:db8:1::1<2002:c633:6401::2");
    }

    /// §10.3: another table prefers IPv4.
    #[test]
    fn example_ipv4_preferred_by_the_table() {
        let mut entries = DEFAULT_TABLE;
        entries[2].precedence = 100;
        let table = PolicyTable::new(entries).unwrap();
        assert_eq!(sorted_by(&table, "2001:db8::1<2001:db8::2 10.1.2.3<10.1.2.4"), "10.1.2.3 2001:db8::1");
        // Scope comes before precedence: a link-local IPv4 source is no better for it.
        let link_local = "198.51.100.121<169.254.13.78 2001:db8:1::1<2001:db8:1::2";
        assert_eq!(sorted_by(&table, link_local), "2001:db8:1::1 198.51.100.121");
    }

    #[test]
    fn a_destination_without_a_route_goes_last() {
        assert_better("192.0.2.1<192.0.2.2", "2001:db8::1<-");
        assert_better("192.0.2.1", "2001:db8::1<-");
        assert_better("2001:db8::1<2001:db8::2", "192.0.2.1<-");
    }

    #[test]
    fn a_local_ipv6_network_does_not_take_precedence_over_ipv4() {
        assert_better("192.0.2.1<192.0.2.2", "fd00::1<2001:db8::2");
        assert_better("192.0.2.1<192.0.2.2", "fd00::1<fd00::2");
        assert_better("192.0.2.1<192.0.2.2", "2001::1<2001::2");
    }

    #[test]
    fn an_ipv6_destination_is_behind_ipv4_if_its_source_matches_worse_or_its_precedence_is_lower() {
        let is_behind = |text: &str| {
            let (destination, source) = pair(text);
            PolicyTable::default().is_behind_ipv4(destination, source)
        };
        for behind in [
            "2001:db8::1<fd00::2",
            "2001:db8::1<fe80::2",
            "2001:db8::1<-",
            "fd00::1<fd00::2",
            "fd00::1",
            "2002::1<2002::2",
        ] {
            assert!(is_behind(behind), "{behind}");
        }
        for before in ["2001:db8::1<2001:db8::2", "2001:db8::1", "::1<::1", "fe80::1<fe80::2"] {
            assert!(!is_behind(before), "{before}");
        }
    }

    #[test]
    fn a_table_that_prefers_ipv4_puts_every_ipv6_destination_behind_it() {
        let mut entries = DEFAULT_TABLE;
        entries[2].precedence = 100;
        let table = PolicyTable::new(entries).unwrap();
        let (destination, source) = pair("2001:db8::1<2001:db8::2");
        assert!(table.is_behind_ipv4(destination, source));
    }

    #[test]
    fn what_is_unknown_is_taken_for_a_match() {
        assert_eq!(
            sorted("192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::1"),
            "2001:db8::2 2001:db8::1 192.0.2.1 192.0.2.2"
        );
        assert_better("192.0.2.1", "fd00::1");
        assert_better("::1", "127.0.0.1");
    }

    #[test]
    fn equals_keep_their_order() {
        let rotated = "192.0.2.200<192.0.2.9 192.0.2.8<192.0.2.9 192.0.2.10<192.0.2.9";
        assert_eq!(sorted(rotated), "192.0.2.200 192.0.2.8 192.0.2.10");
        let within_a_network = "2001:db8::2:0:0:3<2001:db8::9 2001:db8::8<2001:db8::9";
        assert_eq!(sorted(within_a_network), "2001:db8::2:0:0:3 2001:db8::8");
    }

    #[test]
    fn what_is_shared_with_the_source_is_not_compared_between_families() {
        // Nothing else is left to tell them apart.
        let table = PolicyTable::new([]).unwrap();
        for v6 in ["2001:db8::1<2001:db8::2", "2001:db8::1<3ffe::2"] {
            for list in [format!("{v6} 192.0.2.1<192.0.2.0"), format!("192.0.2.1<192.0.2.0 {v6}")] {
                assert_eq!(sorted_by(&table, &list), "2001:db8::1 192.0.2.1", "{list}");
            }
        }
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
        assert_better("2001:db8::1<2001:db8::2", "::ffff:198.51.100.121<::ffff:169.254.13.78");
        assert_better("192.0.2.1<192.0.2.2", "::ffff:198.51.100.121<::ffff:169.254.13.78");
    }

    #[test]
    fn scopes_are_those_of_the_rfc() {
        let scope = |address: &str| Scope::of(address.parse().unwrap()).0;
        for (address, expected) in [
            ("::1", 2),
            ("fe80::1", 2),
            ("127.0.0.1", 2),
            ("169.254.1.1", 2),
            ("fec0::1", 5),
            ("ff05::1", 5),
            ("fd00::1", 14),
            ("10.0.0.1", 14),
            ("192.168.0.1", 14),
            ("2001:db8::1", 14),
        ] {
            assert_eq!(scope(address), expected, "{address}");
        }
    }

    #[test]
    fn the_longest_prefix_of_the_table_counts() {
        let label = |address: &str| PolicyTable::default().find(address.parse().unwrap()).label;
        for (address, expected) in [
            ("::1", 0),
            ("::2", 3),
            ("192.0.2.1", 4),
            ("2001:db8::1", 1),
            ("2001:0:1::1", 5),
            ("2002::1", 2),
            ("fdff::1", 13),
            ("fec0::1", 11),
            ("3ffe::1", 12),
        ] {
            assert_eq!(label(address), expected, "{address}");
        }
        let empty = PolicyTable::new([]).unwrap();
        assert_eq!(empty.find("::1".parse().unwrap()), NO_POLICY);
    }

    #[test]
    fn a_prefix_longer_than_an_address_is_an_error() {
        assert!(PolicyTable::new([entry([0; 8], 129, 1, 1)]).is_err());
        assert!(PolicyTable::new([entry([0; 8], 128, 1, 1)]).is_ok());
    }
}
