//! nsswitch.conf(5): the sources of addresses, in their order.

use super::{is_space, lines_without_comments, words};

/// Returns the sources of host names, without the actions between them. Without a line for hosts, returns glibc's default.
pub(in super::super) fn sources(nsswitch: &str) -> impl Iterator<Item = &str> {
    let said = lines_without_comments(nsswitch).filter_map(of_hosts).last().unwrap_or("dns files");
    // Actions are in brackets.
    let parts = said
        .split('[')
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) });
    parts.flat_map(words)
}

/// Returns the value of a line for hosts. A space may replace the colon.
fn of_hosts(line: &str) -> Option<&str> {
    let said = line.trim_start_matches(is_space).strip_prefix("hosts")?;
    said.strip_prefix(|c| c == ':' || is_space(c))
}

/// Whether a source is the DNS. systemd's resolver asks the DNS itself.
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
