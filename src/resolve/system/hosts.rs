//! hosts(5): addresses, and the names of each.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use super::{lines_without_comments, words};

/// Returns the first word of each line, which should be an address, with the names after it.
pub(in super::super) fn entries(hosts: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    lines_without_comments(hosts).filter_map(|line| {
        let mut words = words(line);
        Some((words.next()?, words))
    })
}

/// The names in the table, by their hashes, since a table may have hundreds of thousands. A name with the same hash as one of the table counts as
/// that one: the look-up is then one call for both families, which is right for any name.
#[derive(Debug)]
pub(in super::super) struct Names(HashSet<u64>);

impl Names {
    pub(in super::super) fn of(hosts: &str) -> Self {
        let mut buffer = Vec::new();
        // A line with an address that this crate cannot parse may be valid for the system.
        let names = entries(hosts).flat_map(|(_, names)| names);
        Self(names.map(|name| hash(name, &mut buffer)).collect())
    }

    /// Whether the table has the name, with or without a final dot. The system distinguishes the two, but a look-up may turn one into the other.
    pub(in super::super) fn has(&self, host: &str) -> bool {
        self.0.contains(&hash(host, &mut Vec::new()))
    }
}

/// Returns the hash of a name in lower case and without a final dot.
fn hash(name: &str, buffer: &mut Vec<u8>) -> u64 {
    buffer.clear();
    buffer.extend_from_slice(name.strip_suffix('.').unwrap_or(name).as_bytes());
    buffer.make_ascii_lowercase();
    let mut hasher = DefaultHasher::new();
    hasher.write(buffer);
    hasher.finish()
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
        let names = Names::of(hosts);
        for name in ["localhost", "www.example", "www.example.", "ALIAS", "a", "dot.example", "dot.example."] {
            assert!(names.has(name), "{name}");
        }
        for name in ["127.0.0.1", "comment.example", "not.example", "zero", "example", ""] {
            assert!(!names.has(name), "{name}");
        }
    }
}
