//! hosts(5): addresses, and the names of each.

use super::{lines_without_comments, words};

/// Returns the first word of each line, which should be an address, with the names after it.
pub(in super::super) fn entries(hosts: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    lines_without_comments(hosts).filter_map(|line| {
        let mut words = words(line);
        Some((words.next()?, words))
    })
}

/// Whether the table has the name, with or without a final dot. The system distinguishes the two, but a look-up may turn one into the other.
pub(in super::super) fn has(host: &str, hosts: &str) -> bool {
    let without_dot = |name| str::strip_suffix(name, '.').unwrap_or(name);
    let host = without_dot(host);
    let is_meant = |name| without_dot(name).eq_ignore_ascii_case(host);
    // A line with an address that this crate cannot parse may be valid for the system.
    entries(hosts).any(|(_, mut names)| names.any(is_meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hosts: &str) -> Vec<String> {
        let line = |(address, names): (&str, _)| format!("{address} {}", Vec::from_iter(names).join(" "));
        entries(hosts).map(line).collect()
    }

    #[test]
    fn each_line_has_an_address_and_its_names() {
        let hosts = "127.0.0.1 localhost\r\n\n# comment\n 2001:db8::1\tdb DB.example # the second\n192.0.2.1\x0ba\x0cb\n192.0.2.2";
        assert_eq!(read(hosts), ["127.0.0.1 localhost", "2001:db8::1 db DB.example", "192.0.2.1 a b", "192.0.2.2 "]);
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
