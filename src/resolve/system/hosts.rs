//! hosts(5): addresses, and the names of each.

use std::net::IpAddr;

use super::{lines_without_comments, words};

/// The addresses, each with its names. A line that begins with anything else is none.
pub(in super::super) fn entries(hosts: &str) -> impl Iterator<Item = (IpAddr, impl Iterator<Item = &str>)> {
    lines_without_comments(hosts).filter_map(|line| {
        let mut words = words(line);
        let address = words.next()?.parse().ok()?;
        Some((address, words))
    })
}

/// Whether the table has the name, with a final dot or without one: to the system these are two names, and a look-up may make the one of the other.
pub(in super::super) fn has(host: &str, hosts: &str) -> bool {
    let without_dot = |name| str::strip_suffix(name, '.').unwrap_or(name);
    let host = without_dot(host);
    let is_meant = |name| without_dot(name).eq_ignore_ascii_case(host);
    // With an address that is none for us it may be one for the system.
    lines_without_comments(hosts).any(|line| words(line).skip(1).any(is_meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hosts: &str) -> Vec<String> {
        let line = |(address, names): (IpAddr, _)| format!("{address} {}", Vec::from_iter(names).join(" "));
        entries(hosts).map(line).collect()
    }

    #[test]
    fn each_line_has_an_address_and_its_names() {
        let hosts = "127.0.0.1 localhost\r\n\n# comment\n 2001:db8::1\tdb DB.example # the second\n192.0.2.1\x0ba\x0cb\n192.0.2.2";
        assert_eq!(read(hosts), ["127.0.0.1 localhost", "2001:db8::1 db DB.example", "192.0.2.1 a b", "192.0.2.2 "]);
    }

    #[test]
    fn a_line_that_is_none_leaves_the_others() {
        let hosts =
            "localhost 127.0.0.1\n192.0.2.300 a\nfe80::1%lo b\n\u{feff}192.0.2.1 c\n127.1 d\n192.0.2.2 e\u{fffd} f";
        assert_eq!(read(hosts), ["192.0.2.2 e\u{fffd} f"]);
    }

    #[test]
    fn a_name_is_found_wherever_it_stands() {
        let hosts = "127.0.0.1\x0blocalhost\n192.0.2.1 WWW.example alias # comment.example\n# 192.0.2.9 not.example\n192.0.2.2 a\0zero\n192.0.2.3 dot.example.";
        for name in ["localhost", "www.example", "www.example.", "ALIAS", "a", "dot.example", "dot.example."] {
            assert!(has(name, hosts), "{name}");
        }
        for name in ["127.0.0.1", "comment.example", "not.example", "zero", "example", ""] {
            assert!(!has(name, hosts), "{name}");
        }
    }
}
