//! The prefix of a destination: the longest prefix that is routed globally (v3 §6: "the same host or prefix").

use std::net::Ipv6Addr;

const V6_LENGTH: u32 = 48;
const V4_LENGTH: u32 = 24;

/// Returns the prefix of a destination: the /48 of an IPv6 address, the /24 of an IPv4 address, which is given in its IPv4-mapped form.
pub(super) fn of(destination: u128) -> u128 {
    let length = match Ipv6Addr::from_bits(destination).to_ipv4_mapped() {
        None => V6_LENGTH,
        Some(_) => u128::BITS - u32::BITS + V4_LENGTH,
    };
    destination & !(u128::MAX >> length)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn are_neighbours(a: &str, b: &str) -> bool {
        let of = |text: &str| match text.parse().unwrap() {
            IpAddr::V6(address) => of(address.to_bits()),
            IpAddr::V4(address) => of(address.to_ipv6_mapped().to_bits()),
        };
        of(a) == of(b)
    }

    #[test]
    fn neighbours_share_a_48_or_a_24() {
        assert!(are_neighbours("2001:db8:1::a", "2001:db8:1:ffff::b"));
        assert!(!are_neighbours("2001:db8:1::a", "2001:db8:2::a"));
        assert!(are_neighbours("192.0.2.1", "192.0.2.254"));
        assert!(!are_neighbours("192.0.2.1", "192.0.3.1"));
        assert!(!are_neighbours("192.0.2.0", "::"));
    }
}
