//! A second implementation of RFC 6724 §6, rule by rule, for comparison with the order of separate answers.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use hyper_happy_eyeballs::race::Source;

/// Returns `Less` if the first destination is better, by the rules that need only a source and the table of §2.1.
pub(crate) fn compare(a: (IpAddr, Source), b: (IpAddr, Source)) -> Ordering {
    let better_first = |rule: fn((IpAddr, Source)) -> bool| rule(b).cmp(&rule(a));
    let rule_1 = better_first(|(_, source)| source != Source::Unreachable);
    let rule_2 = better_first(|pair| matches_its_source(pair, scope));
    let rule_5 = better_first(|pair| matches_its_source(pair, |ip| policy(ip).1));
    let rule_6 = policy(b.0).0.cmp(&policy(a.0).0);
    let rule_8 = scope(a.0).cmp(&scope(b.0));
    let rule_9 = match (shared_prefix(a), shared_prefix(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        _ => Ordering::Equal,
    };
    rule_1.then(rule_2).then(rule_5).then(rule_6).then(rule_8).then(rule_9)
}

/// Whether source and destination have the same property. An unknown source matches.
fn matches_its_source(pair: (IpAddr, Source), property: fn(IpAddr) -> u8) -> bool {
    match pair {
        (destination, Source::Address(source)) => property(source) == property(destination),
        _ => true,
    }
}

/// Returns the scope of an address in generated races: link-local or not.
fn scope(ip: IpAddr) -> u8 {
    let is_near = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    };
    if is_near { 2 } else { 14 }
}

/// Returns precedence and label.
fn policy(ip: IpAddr) -> (u8, u8) {
    match ip {
        IpAddr::V4(_) => (35, 4),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => (50, 0),
        IpAddr::V6(ip) => match ip.segments()[0] {
            0x2002 => (30, 2),
            0xfc00..=0xfdff => (3, 13),
            _ => (40, 1),
        },
    }
}

/// Returns the common prefix of an IPv6 destination and its source, in bits.
fn shared_prefix(pair: (IpAddr, Source)) -> Option<usize> {
    let bits = |ip: Ipv6Addr| format!("{:0128b}", ip.to_bits());
    match pair {
        (IpAddr::V6(destination), Source::Address(IpAddr::V6(source))) => {
            let (destination, source) = (bits(destination), bits(source));
            Some(destination.chars().zip(source.chars()).take(64).take_while(|(a, b)| a == b).count())
        }
        (IpAddr::V6(_), _) => Some(0),
        (IpAddr::V4(_), _) => None,
    }
}
