//! The addresses of the public Internet: a rule for URIs from untrusted sources.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public Internet, and not to this machine, this network, or no host at all. It is a rule for the connector's
/// setting `allow` ([`ConfigBuilder::allow`](super::ConfigBuilder::allow)), for URIs from untrusted sources.
///
/// It follows the special-purpose registries of IANA (RFC 6890). Not allowed are:
///
/// | addresses | what they are |
/// |---|---|
/// | `0.0.0.0/8`, `::` | this host, unspecified (RFC 791 §3.2, RFC 4291 §2.5.2) |
/// | `127.0.0.0/8`, `::1` | loopback (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3) |
/// | `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`, `fec0::/10` | private, unique-local and site-local (RFC 1918, RFC 4193, RFC 3879) |
/// | `100.64.0.0/10` | shared by the customers of a provider (RFC 6598) |
/// | `169.254.0.0/16`, `fe80::/10` | link-local, among them where clouds have their metadata (RFC 3927, RFC 4291 §2.5.6) |
/// | `192.0.0.0/24`, `2001::/23` | for protocols of the IETF (RFC 6890, RFC 2928), but see Teredo |
/// | `192.88.99.0/24` | relays of 6to4, deprecated (RFC 7526) |
/// | `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20` | documentation (RFC 5737, RFC 3849, RFC 9637) |
/// | `198.18.0.0/15`, `2001:2::/48` | benchmarking (RFC 2544, RFC 5180) |
/// | `224.0.0.0/4`, `ff00::/8` | multicast (RFC 5771, RFC 4291 §2.7) |
/// | `240.0.0.0/4`, `255.255.255.255` | reserved, and broadcast (RFC 1112 §4, RFC 919) |
/// | `64:ff9b:1::/48` | translation within a network (RFC 8215): where the IPv4 address stands, that network alone knows |
/// | whatever else is not in `2000::/3` | discarded (`100::/64`, RFC 6666), segment routing (`5f00::/16`, RFC 9602), and what is not given out |
///
/// An address that embeds an IPv4 address is allowed if that address is: IPv4-mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`, RFC 6052), 6to4
/// (`2002::/16`, RFC 3056), and Teredo (`2001::/32`, RFC 4380), which embeds two: those of the server and of the client.
///
/// # Example
///
/// ```
/// use hyper_happy_eyeballs::public_addresses_only;
///
/// assert!(public_addresses_only("2606:4700:4700::1111".parse()?));
/// assert!(!public_addresses_only("169.254.169.254".parse()?));
/// assert!(!public_addresses_only("64:ff9b::10.0.0.1".parse()?));
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
pub fn public_addresses_only(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        [0 | 10 | 127 | 224.., ..] => true,
        [100, b, ..] => b & 0b1100_0000 == 64,
        [169, 254, ..] | [192, 168, ..] => true,
        [172, b, ..] => b & 0b1111_0000 == 16,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] => true,
        [198, 18 | 19, ..] | [198, 51, 100, _] => true,
        [203, 0, 113, _] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        // IPv4-mapped, and NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(v4(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // Teredo: the address of the client has every bit inverted.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            is_public_v4(v4(server_high, server_low)) && is_public_v4(v4(!high, !low))
        }
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the last address of each block, and addresses next to some.
    const NOT_ALLOWED: [&str; 79] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.8",
        "192.0.0.192",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.88.99.0",
        "192.88.99.255",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "64:ff9a:ffff::",
        "64:ff9b:0:0:0:1::",
        "64:ff9b:1::808:808",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "100::1",
        "100:0:0:1::1",
        "1fff:ffff::1",
        "4000::",
        "5f00::1",
        "fc00::",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::",
        "fe80::1",
        "febf:ffff::1",
        "fec0::1",
        "feff::1",
        "ff00::",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:1::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::",
        "2001:db8:ffff::1",
        "3fff::",
        "3fff:fff:ffff::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0.0.0.0",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::0.0.0.0",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2002:c0a8:101::",
        // Teredo: the server is private, or the client.
        "2001:0:a00:1:0:0:f7f7:f7f7",
        "2001:0:808:808:0:0:f5ff:fffe",
    ];

    const ALLOWED: [&str; 47] = [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "2000::",
        "2001:200::",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "3ffe:ffff::1",
        "3fff:1000::1",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "::ffff:8.8.8.8",
        "::ffff:1.1.1.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b::1.1.1.1",
        "2002:808:808::1",
        "2002:101:101::",
        "2002:808:808:a00:1::",
        // Teredo: both are public.
        "2001:0:808:808:0:0:f7f7:f7f7",
        "2001:0:101:101:8000:63bf:fefe:fefe",
    ];

    #[test]
    fn each_block_ends_where_the_registries_say() {
        for (addresses, expected) in [(&NOT_ALLOWED[..], false), (&ALLOWED[..], true)] {
            for address in addresses {
                assert_eq!(public_addresses_only(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn what_stands_for_an_ipv4_address_is_what_that_is() {
        // A sample of all of them: one of each /16, and a few of its hosts.
        for high in 0..=u16::MAX {
            for low in [0, 1, 0x0163, 0x6301, 0x7100, 0x7163, u16::MAX] {
                let ip = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
                let expected = public_addresses_only(ip.into());
                for form in [
                    ip.to_ipv6_mapped(),
                    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                    Ipv6Addr::new(0x2002, high, low, 1, 0, 0, 0, 1),
                    Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !0x808, !0x808),
                    Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
                ] {
                    assert_eq!(public_addresses_only(form.into()), expected, "{ip} as {form}");
                }
            }
        }
    }
}
