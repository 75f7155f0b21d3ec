//! The address of a destination as a memory stores it, and which addresses are remembered at all.

use std::net::{IpAddr, Ipv4Addr};

/// The bits of an IPv6 address, or of the IPv4-mapped form of an IPv4 address. So `192.0.2.1` and `::ffff:192.0.2.1` are the same destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination(pub(super) u128);

impl Destination {
    #[inline]
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V6(address) => Self(address.to_bits()),
            IpAddr::V4(address) => Self(MAPPED | u128::from(address.to_bits())),
        }
    }

    /// Whether anything is remembered of this destination.
    ///
    /// Not remembered are loopback addresses, which have no network path; link-local addresses, which are other hosts on other links; and addresses
    /// that cannot be connected to.
    #[inline]
    pub(crate) fn is_remembered(self) -> bool {
        let (high, low) = ((self.0 >> 64) as u64, self.0 as u64);
        match high {
            0 if is_mapped(self.0) => is_remembered_v4(Ipv4Addr::from_bits(low as u32)),
            // All but `::` and `::1`.
            0 => low > 1,
            // All but `ff00::/8` and `fe80::/10`.
            _ => high >> 56 != 0xff && high >> 54 != 0xfe80 >> 6,
        }
    }
}

fn is_remembered_v4(destination: Ipv4Addr) -> bool {
    let is_near = destination.is_loopback() || destination.is_link_local();
    !(is_near || destination.is_unspecified() || destination.is_multicast() || destination.is_broadcast())
}

/// Whether these bits are an IPv4 address, an IPv4 prefix, or the whole IPv4 family.
#[inline]
pub(super) fn is_mapped(bits: u128) -> bool {
    bits >> 32 == MAPPED >> 32
}

/// The bits of `::ffff:0:0`, which begin an IPv4-mapped address.
pub(super) const MAPPED: u128 = 0xffff_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_network_leads_to_is_remembered() {
        let is_remembered = |address: &str| Destination::of(address.parse().unwrap()).is_remembered();
        for near in [
            "::1",
            "127.0.0.1",
            "127.8.0.1",
            "::ffff:127.0.0.1",
            "fe80::1",
            "febf:ffff::1",
            "169.254.1.1",
            "::",
            "0.0.0.0",
            "::ffff:0.0.0.0",
            "ff02::1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_remembered(near), "{near}");
        }
        for far in [
            "2001:db8::1",
            "fd00::1",
            "fe7f::1",
            "fec0::1",
            "::2",
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "10.0.0.1",
            "100.64.0.1",
            "64:ff9b::c000:201",
        ] {
            assert!(is_remembered(far), "{far}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_one_that_it_maps() {
        let of = |address: &str| Destination::of(address.parse().unwrap());
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::192.0.2.1"), of("192.0.2.1"));
    }
}
