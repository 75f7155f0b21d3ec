//! May the families of a name be looked up apart? A pure function of the name and of what the system's files say.

/// How a name is to be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Both families in one call, which is the only way to have both from one place.
    Together,
    /// Each family by itself, of the name as it stands, without the search domains.
    Apart,
}

/// The files that getaddrinfo reads too. Empty is a file that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files<'a> {
    /// `/etc/hosts`.
    pub(super) hosts: &'a str,
    /// `/etc/resolv.conf`, and then `$RES_OPTIONS`, as a line of options.
    pub(super) resolv_conf: &'a str,
}

/// The families of a name are looked up apart if it is sure that both calls mean the same host. That is not so
///
/// - of a name that a table has: where it has the name in one family only, the other would be asked of the DNS, which the table
///   was to overrule;
/// - of a name that search domains come first for: each call would go on until a domain has its own family, and `db` could be
///   `db.a.example` in one and `db.b.example` in the other;
/// - of a name without dots, of `localhost`, and of an address in an old form: these are not for the DNS at all.
pub(super) fn plan(host: &str, files: Files<'_>) -> Plan {
    let (name, is_complete) = host.strip_suffix('.').map_or((host, false), |name| (name, true));
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let last_label = name.rsplit('.').next().unwrap_or_default();
    let is_special =
        last_label.eq_ignore_ascii_case("localhost") || last_label.starts_with(|c: char| c.is_ascii_digit());
    let is_searched = !is_complete && dots < ndots(files.resolv_conf);
    if dots == 0 || is_special || is_searched || is_listed(host, files.hosts) { Plan::Together } else { Plan::Apart }
}

/// Whether a table in the form of hosts(5) has the name.
fn is_listed(host: &str, hosts: &str) -> bool {
    hosts.lines().any(|line| {
        let entry = line.split('#').next().unwrap_or_default();
        entry.split_ascii_whitespace().skip(1).any(|name| name.eq_ignore_ascii_case(host))
    })
}

/// How many dots a name must have to be taken as it stands first (resolv.conf(5)). The last word counts.
fn ndots(resolv_conf: &str) -> usize {
    let options = resolv_conf.lines().filter_map(|line| line.trim_start().strip_prefix("options"));
    let words = options.flat_map(str::split_ascii_whitespace);
    words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(host: &str, hosts: &str, resolv_conf: &str) -> Plan {
        plan(host, Files { hosts, resolv_conf })
    }

    #[test]
    fn a_name_of_the_dns_is_looked_up_by_families() {
        for host in ["example.com", "example.com.", "a.b.c.example"] {
            assert_eq!(planned(host, "127.0.0.1 localhost", "nameserver 192.0.2.53"), Plan::Apart, "{host}");
        }
    }

    #[test]
    fn what_is_not_for_the_dns_is_looked_up_as_a_whole() {
        for host in ["localhost", "db.LocalHost", "db", "db.", "127.1", "0x7f.1", "1.2.3.4.", ""] {
            assert_eq!(planned(host, "", ""), Plan::Together, "{host}");
        }
    }

    #[test]
    fn a_name_in_the_table_is_looked_up_as_a_whole() {
        let hosts =
            "127.0.0.1 localhost\n# 192.0.2.9 not.example\n192.0.2.1\tWWW.example alias.example # a.comment.example\n";
        for host in ["www.example", "alias.example", "ALIAS.EXAMPLE"] {
            assert_eq!(planned(host, hosts, ""), Plan::Together, "{host}");
        }
        for host in ["not.example", "a.comment.example", "example.com", "www.example.com"] {
            assert_eq!(planned(host, hosts, ""), Plan::Apart, "{host}");
        }
    }

    #[test]
    fn a_name_that_is_searched_for_first_is_looked_up_as_a_whole() {
        let conf = "search a.example b.example\noptions timeout:2 ndots:5\n";
        assert_eq!(planned("api.example.com", "", conf), Plan::Together);
        assert_eq!(planned("api.example.com.", "", conf), Plan::Apart, "it is complete");
        assert_eq!(planned("a.b.c.d.example.com", "", conf), Plan::Apart);
        // What the environment says comes last.
        assert_eq!(planned("api.example.com", "", &format!("{conf}\noptions ndots:1")), Plan::Apart);
    }

    #[test]
    fn options_that_make_no_sense_are_none() {
        for conf in ["options ndots:", "options ndots:x", "options", "ndots:7", "; options ndots:7"] {
            assert_eq!(ndots(conf), 1, "{conf}");
        }
    }
}
