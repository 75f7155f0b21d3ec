//! nsswitch.conf(5): who is asked for the addresses of a name, in their order.

use super::{is_space, lines_without_comments, words};

/// The sources of host names, without the actions between them. Without a line for hosts they are those that glibc has for its own.
pub(in super::super) fn sources(nsswitch: &str) -> impl Iterator<Item = &str> {
    let said = lines_without_comments(nsswitch).filter_map(of_hosts).last().unwrap_or("dns files");
    // What is not in brackets.
    let parts = said
        .split('[')
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) });
    parts.flat_map(words)
}

/// What a line says of hosts, if it does. A space is as good as the colon.
fn of_hosts(line: &str) -> Option<&str> {
    let said = line.trim_start_matches(is_space).strip_prefix("hosts")?;
    said.strip_prefix(|c| c == ':' || is_space(c))
}

/// Whether a source is the DNS. The resolver of systemd speaks to the DNS itself.
pub(in super::super) fn is_dns(source: &str) -> bool {
    source == "dns" || source == "resolve"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(nsswitch: &str) -> String {
        sources(nsswitch).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sources_are_told_without_the_actions_between_them() {
        for (line, expected) in [
            ("hosts: files dns", "files dns"),
            ("hosts:files\tdns\x0bnis\r", "files dns nis"),
            (" \thosts: files # dns", "files"),
            ("hosts files dns", "files dns"),
            ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "files mdns4_minimal dns"),
            ("hosts: files[!UNAVAIL = return]dns [ SUCCESS=merge NOTFOUND=continue ]nis", "files dns nis"),
            ("hosts: files [NOTFOUND=return dns", "files"),
            ("hosts:", ""),
        ] {
            assert_eq!(read(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_last_line_for_hosts_counts() {
        assert_eq!(read("passwd: files\nhosts: dns\nhosts: files\nnetworks: nis"), "files");
        for none in ["", "passwd: nis", "hostsx: nis", "#hosts: nis", "Hosts: nis"] {
            assert_eq!(read(none), "dns files", "{none:?}");
        }
    }
}
