//! Tests of the rules, with the examples of the RFC and others.

use super::*;

/// Returns `destinations` sorted by the default table. Each is `destination<source`, with `-` for no route and no source for an unknown one.
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

/// Asserts that `best` is sorted first from either order.
fn assert_better(best: &str, other: &str) {
    let expected = format!("{} {}", pair(best).0, pair(other).0);
    assert_eq!(sorted(&format!("{best} {other}")), expected);
    assert_eq!(sorted(&format!("{other} {best}")), expected);
}

// The examples of RFC 6724 §10.2 that need no properties of interfaces.

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
    // Scope comes before precedence, so that a link-local IPv4 source does not make a destination better.
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
    for behind in
        ["2001:db8::1<fd00::2", "2001:db8::1<fe80::2", "2001:db8::1<-", "fd00::1<fd00::2", "fd00::1", "2002::1<2002::2"]
    {
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
    assert_eq!(sorted("192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::1"), "2001:db8::2 2001:db8::1 192.0.2.1 192.0.2.2");
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
    // With an empty table the rules do not decide, and IPv6 goes first.
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

#[test]
fn what_was_learned_decides_after_the_scope_and_before_the_longest_prefix() {
    let table = PolicyTable::default();
    let advice = |rtt_bucket, used| Advice { rtt_bucket, used, ..Advice::default() };
    let sorted = |pairs: [(&str, Advice); 2]| {
        let mut pairs = pairs.map(|(text, advice)| (pair(text), advice));
        table.sort_advised(&mut pairs, |((destination, source), advice)| (*destination, *source, *advice));
        pairs.map(|((destination, _), _)| destination.to_string())
    };
    let (near, far) = ("2001:db8:1::1<2001:db8:1::2", "2001:db8:3::1<2001:db8:1::2");
    let [near_ip, far_ip] = [near, far].map(|text| pair(text).0.to_string());
    for (of_near, of_far, far_is_better) in [
        (advice(0, false), advice(0, false), false),
        (advice(1, false), advice(0, false), true),
        (advice(0, false), advice(0, true), true),
        (advice(1, true), advice(0, false), true),
        (advice(1, false), advice(1, true), true),
        (advice(0, true), advice(0, true), false),
    ] {
        let [first, _] = sorted([(near, of_near), (far, of_far)]);
        assert_eq!(first, if far_is_better { far_ip.clone() } else { near_ip.clone() }, "{of_near:?} {of_far:?}");
    }
    // Neither outweighs the precedence, or a label that does not match.
    let v4 = ("192.0.2.1<192.0.2.2", advice(0, true));
    assert_eq!(sorted([v4, (near, advice(5, false))])[0], near_ip);
    let unlike = ("2001:db8:1::1<fd00::2", advice(0, true));
    assert_eq!(sorted([unlike, (far, advice(5, false))])[0], far_ip);
}
