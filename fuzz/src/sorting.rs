//! The sorting of destinations, compared with a second implementation that follows the text of RFC 6724 as simply as possible: one loop for each
//! rule, single bits, an insertion sort.
//!
//! Two ways are checked: the policy table itself, and a race that gets the sources and starts one attempt after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arbitrary::{Arbitrary, Unstructured};
use hyper_happy_eyeballs::race::{
    Action, Answer, Config, Outcome, Policy, PolicyEntry, PolicyTable, Queries, Race, Source,
};

use crate::clock::some_instant;

/// Runs the target.
pub fn sorting(data: &[u8]) {
    let Ok(made) = Made::arbitrary(&mut Unstructured::new(data)) else { return };
    let Made { table, pairs } = made;
    let (table, lines) = match table {
        None => (PolicyTable::default(), rfc_table()),
        Some(lines) => (PolicyTable::new(lines.iter().copied()).expect("no prefix is too long"), lines),
    };

    let mut sorted: Vec<_> = pairs.iter().copied().enumerate().collect();
    table.sort(&mut sorted, |(_, pair)| *pair);
    let naive: Vec<_> = naive_order(&pairs, &lines).into_iter().map(|place| (place, pairs[place])).collect();
    assert_eq!(sorted, naive, "by {lines:?}");

    check_race(table, &pairs, &lines);
}

/// A race that tries one destination after the other does it in this order.
fn check_race(table: PolicyTable, pairs: &[(IpAddr, Source)], lines: &[PolicyEntry]) {
    let now = some_instant();
    let config =
        Config::builder().policy(Policy::Sequential).policy_table(table).build().expect("a valid configuration");
    let mut race = Race::new(config, Queries::ADDRESSES, None);
    // A destination has one source: the first one named.
    let mut known: Vec<(IpAddr, Source)> = Vec::new();
    for (destination, source) in pairs {
        let destination = destination.to_canonical();
        if is_usable(destination) && !known.iter().any(|(other, _)| *other == destination) {
            known.push((destination, *source));
        }
    }
    for (destination, source) in &known {
        race.handle_source(SocketAddr::new(*destination, 0), *source);
    }
    let socket = |(ip, _): &(IpAddr, Source)| SocketAddr::new(*ip, 443);
    race.handle_answer(Answer::aaaa(known.iter().filter(|(ip, _)| ip.is_ipv6()).map(socket)), now);
    race.handle_answer(Answer::a(known.iter().filter(|(ip, _)| ip.is_ipv4()).map(socket)), now);
    let mut started = Vec::new();
    while let Some(action) = race.poll_action(now) {
        if let Action::Start { id, endpoint, .. } = action {
            started.push(endpoint.address().ip());
            race.handle_outcome(id, Outcome::failed(), now);
        }
    }
    let naive: Vec<_> = naive_order(&known, lines).into_iter().map(|place| known[place].0).collect();
    assert_eq!(started, naive, "in a race, by {lines:?}, of {pairs:?}");
}

/// The race leaves out addresses that cannot be connected to, which has nothing to do with sorting.
fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.octets();
            !ip.is_unspecified() && first != 0xff && !(first == 0xfe && second & 0xc0 == 0x80)
        }
    }
}

/// RFC 6724 §6: whether `a` is better than `b`, by the first rule that tells them apart.
fn is_better(a: &Facts, b: &Facts) -> bool {
    // Rule 1: avoid unusable destinations.
    if a.is_usable != b.is_usable {
        return a.is_usable;
    }
    // Rule 2: prefer matching scope.
    if a.scope_matches != b.scope_matches {
        return a.scope_matches;
    }
    // Rule 5: prefer matching label.
    if a.label_matches != b.label_matches {
        return a.label_matches;
    }
    // Rule 6: prefer higher precedence.
    if a.precedence != b.precedence {
        return a.precedence > b.precedence;
    }
    // Rule 8: prefer smaller scope.
    if a.scope != b.scope {
        return a.scope < b.scope;
    }
    // Rule 9 is for two IPv6 destinations; IPv6 goes before IPv4 where nothing else tells them apart.
    match (a.is_v6, b.is_v6) {
        (true, true) => a.common_bits > b.common_bits,
        (is_v6, _) => is_v6 && !b.is_v6,
    }
    // Rule 10: otherwise the order stays.
}

struct Facts {
    is_usable: bool,
    scope_matches: bool,
    label_matches: bool,
    precedence: u8,
    scope: u8,
    common_bits: usize,
    is_v6: bool,
}

impl Facts {
    fn of((destination, source): (IpAddr, Source), lines: &[PolicyEntry]) -> Self {
        let (precedence, label) = policy(destination, lines);
        let mut facts = Self {
            is_usable: true,
            scope_matches: true,
            label_matches: true,
            precedence,
            scope: scope(destination),
            common_bits: 0,
            is_v6: bits(destination)[..96] != bits(Ipv4Addr::UNSPECIFIED.into())[..96],
        };
        match source {
            Source::Unreachable => facts.is_usable = false,
            Source::Address(source) => {
                facts.scope_matches = scope(source) == facts.scope;
                facts.label_matches = policy(source, lines).1 == label;
                let pairs = bits(destination).into_iter().zip(bits(source));
                let common = pairs.take_while(|(a, b)| a == b).count();
                // The prefix of the source is taken to be 64 bits long. An IPv4 source has none.
                let is_v4 = bits(source)[..96] == bits(Ipv4Addr::UNSPECIFIED.into())[..96];
                facts.common_bits = if is_v4 { 0 } else { common.min(64) };
            }
            // An unknown source counts as one that is like its destination.
            _ => {}
        }
        facts
    }
}

/// §2.1: precedence and label of the longest prefix that matches.
fn policy(address: IpAddr, lines: &[PolicyEntry]) -> (u8, u8) {
    let mut found: Option<PolicyEntry> = None;
    for line in lines {
        let length = usize::from(line.prefix_length);
        let is_longer = found.is_none_or(|found| line.prefix_length >= found.prefix_length);
        if bits(address)[..length] == bits(line.prefix.into())[..length] && is_longer {
            found = Some(*line);
        }
    }
    found.map_or((0, 255), |line| (line.precedence, line.label))
}

/// §3.1 and §3.2.
fn scope(address: IpAddr) -> u8 {
    match address.to_canonical() {
        IpAddr::V4(ip) => match ip.octets() {
            [127, ..] | [169, 254, ..] => 2,
            _ => 14,
        },
        IpAddr::V6(ip) => match ip.octets() {
            [0xff, flags_and_scope, ..] => flags_and_scope & 15,
            [0xfe, second, ..] if second >> 6 == 0b10 => 2,
            [0xfe, second, ..] if second >> 6 == 0b11 => 5,
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] => 2,
            _ => 14,
        },
    }
}

/// All 128 bits; an IPv4 address is mapped.
fn bits(address: IpAddr) -> [bool; 128] {
    let octets = match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    std::array::from_fn(|place| octets[place / 8] >> (7 - place % 8) & 1 == 1)
}

/// The places of `pairs` from the best to the worst. Stable: one goes before those that it is better than, and before no other.
fn naive_order(pairs: &[(IpAddr, Source)], lines: &[PolicyEntry]) -> Vec<usize> {
    let facts: Vec<_> = pairs.iter().map(|pair| Facts::of(*pair, lines)).collect();
    let mut order: Vec<_> = (0..pairs.len()).collect();
    for end in 1..order.len() {
        let mut place = end;
        while place > 0 && is_better(&facts[order[place]], &facts[order[place - 1]]) {
            order.swap(place, place - 1);
            place -= 1;
        }
    }
    order
}

/// The table of §2.1, once more.
fn rfc_table() -> Vec<PolicyEntry> {
    let lines = [
        ("::1", 128, 50, 0),
        ("::", 0, 40, 1),
        ("::ffff:0:0", 96, 35, 4),
        ("2002::", 16, 30, 2),
        ("2001::", 32, 5, 5),
        ("fc00::", 7, 3, 13),
        ("::", 96, 1, 3),
        ("fec0::", 10, 1, 11),
        ("3ffe::", 16, 1, 12),
    ];
    let entry = |(prefix, prefix_length, precedence, label): (&str, _, _, _)| PolicyEntry {
        prefix: prefix.parse().expect("an address"),
        prefix_length,
        precedence,
        label,
    };
    lines.map(entry).into()
}

/// A policy table, if it is not that of the RFC, and destinations with their sources.
#[derive(Debug)]
struct Made {
    table: Option<Vec<PolicyEntry>>,
    pairs: Vec<(IpAddr, Source)>,
}

/// So many of each are enough for every rule to meet every other.
const MOST: usize = 24;

impl<'a> Arbitrary<'a> for Made {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let count = usize::from(u8::arbitrary(input)?);
        let table = match count % 2 {
            0 => None,
            _ => Some((0..count % MOST).map(|_| line(input)).collect::<Result<_, _>>()?),
        };
        let mut pairs = Vec::new();
        while !input.is_empty() && pairs.len() < MOST {
            pairs.push(pair(input)?);
        }
        Ok(Self { table, pairs })
    }
}

fn line(input: &mut Unstructured<'_>) -> arbitrary::Result<PolicyEntry> {
    let prefix = match address(input)? {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    // Few of each, so that they meet.
    let both = u8::arbitrary(input)?;
    let prefix_length = u8::arbitrary(input)? % 129;
    Ok(PolicyEntry { prefix, prefix_length, precedence: both % 4, label: both / 4 % 4 })
}

fn pair(input: &mut Unstructured<'_>) -> arbitrary::Result<(IpAddr, Source)> {
    let destination = address(input)?;
    let source = match u8::arbitrary(input)? {
        0..16 => Source::Unknown,
        16..32 => Source::Unreachable,
        32..96 => Source::Address(address(input)?),
        // The destination with one bit changed: one before, at or behind the end of a prefix of 64 bits, or any.
        near => {
            let bit = match near % 8 {
                choice @ 0..4 => 65 - u32::from(choice),
                _ => u32::from(u8::arbitrary(input)?),
            };
            Source::Address(match destination {
                IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() ^ 1 << (bit % 32)).into(),
                IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() ^ 1 << (bit % 128)).into(),
            })
        }
    };
    Ok((destination, source))
}

/// An address, most often of a kind that has rules of its own.
fn address(input: &mut Unstructured<'_>) -> arbitrary::Result<IpAddr> {
    const PREFIXES: [u16; 12] =
        [0x2001, 0x2002, 0xfc00, 0xfd00, 0xfe80, 0xfec0, 0xff02, 0xff05, 0xff0e, 0x3ffe, 0, 0x2600];
    const NETWORKS: [u32; 4] = [0x7f00_0000, 0xa9fe_0000, 0x0a00_0000, 0xc000_0200];
    let choice = usize::from(u8::arbitrary(input)?);
    let v4 = |input: &mut Unstructured<'_>| {
        let host = u32::from(u8::arbitrary(input)?);
        Ok(Ipv4Addr::from_bits(NETWORKS[choice / 16 % NETWORKS.len()] | host))
    };
    Ok(match choice % 16 {
        place @ 0..12 => {
            let (high, low) = (u128::from(u8::arbitrary(input)?), u128::from(u8::arbitrary(input)?));
            Ipv6Addr::from_bits(u128::from(PREFIXES[place]) << 112 | high << 64 | low).into()
        }
        12 => v4(input)?.into(),
        13 => v4(input)?.to_ipv6_mapped().into(),
        14 => Ipv4Addr::from_bits(u32::arbitrary(input)?).into(),
        _ => Ipv6Addr::from_bits(u128::arbitrary(input)?).into(),
    })
}
