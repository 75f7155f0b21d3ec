//! Of which destinations is anything remembered?

use std::net::IpAddr;

/// Whether what happens to this destination, which is not IPv4-mapped, is worth knowing later.
///
/// Never remembered are loopback addresses, which no network lies before; link-local ones, which are other hosts on other links; and those that
/// no connection can be made to.
#[inline]
pub(super) fn is_remembered(destination: IpAddr) -> bool {
    let is_near = match destination {
        IpAddr::V6(destination) => destination.is_unicast_link_local(),
        IpAddr::V4(destination) => destination.is_link_local() || destination.is_broadcast(),
    };
    !(is_near || destination.is_loopback() || destination.is_unspecified() || destination.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_network_leads_to_is_remembered() {
        let is_remembered = |destination: &str| is_remembered(destination.parse().unwrap());
        for near in [
            "::1",
            "127.0.0.1",
            "127.8.0.1",
            "fe80::1",
            "169.254.1.1",
            "::",
            "0.0.0.0",
            "ff02::1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_remembered(near), "{near}");
        }
        for far in ["2001:db8::1", "fd00::1", "192.0.2.1", "10.0.0.1", "100.64.0.1", "64:ff9b::c000:201"] {
            assert!(is_remembered(far), "{far}");
        }
    }
}
