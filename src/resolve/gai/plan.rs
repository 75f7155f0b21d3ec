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
    /// `/etc/nsswitch.conf`.
    pub(super) nsswitch: &'a str,
    /// `/etc/resolv.conf`, and then `$RES_OPTIONS`, as a line of options.
    pub(super) resolv_conf: &'a str,
}

/// The families of a name are looked up apart if it is sure that both calls mean the same host. That is not so
///
/// - of a name that a table has: where it has the name in one family only, the other would be asked of the DNS, which the table
///   was to overrule;
/// - of a name that search domains come first for: each call would go on until a domain has its own family, and `db` could be
///   `db.a.example` in one and `db.b.example` in the other;
/// - of a name without dots, of `localhost`, of one below `.local`, and of an address in an old form: these are not for the DNS;
/// - of any name, where the system asks somebody else before the DNS who may know it in one family only.
pub(super) fn plan(host: &str, files: Files<'_>) -> Plan {
    let (name, is_complete) = host.strip_suffix('.').map_or((host, false), |name| (name, true));
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let last_label = name.rsplit('.').next().unwrap_or_default();
    let is_special = ["localhost", "local"].iter().any(|special| last_label.eq_ignore_ascii_case(special))
        || last_label.starts_with(|first: char| first.is_ascii_digit());
    let is_searched = !is_complete && dots < ndots(files.resolv_conf);
    let is_for_dns = dots > 0 && !is_special && !is_searched && !is_listed(host, files.hosts);
    if is_for_dns && dns_comes_first(files.nsswitch) { Plan::Apart } else { Plan::Together }
}

/// Whether nothing comes before the DNS but the table, what knows only this machine and its containers by names without dots, what is for
/// `.local` alone, and the resolver of systemd, which speaks to the DNS itself (nsswitch.conf(5)).
fn dns_comes_first(nsswitch: &str) -> bool {
    const HARMLESS: [&str; 6] = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];
    let lines = nsswitch.lines().map(|line| line.split('#').next().unwrap_or_default().trim_start());
    // Without a line: `files dns`.
    let Some(sources) = lines.filter_map(|line| line.strip_prefix("hosts:")).next_back() else { return true };
    let is_action = |word: &str| word.starts_with('[') || word.ends_with(']') || word.contains('=');
    let mut names = sources.split_ascii_whitespace().filter(|word| !is_action(word));
    names.find(|name| !HARMLESS.contains(name)).is_some_and(|name| name == "dns" || name == "resolve")
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
    let numbers = words.filter_map(|word| word.strip_prefix("ndots:"));
    // A number with something behind it counts as far as it goes.
    let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
    numbers.filter_map(number).next_back().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(host: &str, hosts: &str, resolv_conf: &str) -> Plan {
        plan(host, Files { hosts, resolv_conf, nsswitch: "" })
    }

    #[test]
    fn a_name_of_the_dns_is_looked_up_by_families() {
        for host in ["example.com", "example.com.", "a.b.c.example"] {
            assert_eq!(planned(host, "127.0.0.1 localhost", "nameserver 192.0.2.53"), Plan::Apart, "{host}");
        }
    }

    #[test]
    fn what_is_not_for_the_dns_is_looked_up_as_a_whole() {
        for host in ["localhost", "db.LocalHost", "printer.local", "db", "db.", "127.1", "0x7f.1", "1.2.3.4.", ""] {
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
    fn a_name_that_somebody_else_may_know_is_looked_up_as_a_whole() {
        let planned = |nsswitch| plan("www.example", Files { nsswitch, ..Files::default() });
        for apart in [
            "",
            "passwd: files",
            "hosts: files dns",
            "hosts:\tfiles mdns4_minimal [NOTFOUND=return] dns myhostname",
            "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns",
            "hosts: files [SUCCESS=return NOTFOUND=continue] dns nis",
        ] {
            assert_eq!(planned(apart), Plan::Apart, "{apart}");
        }
        for together in
            ["hosts: files nis dns", "hosts: libvirt dns", "hosts: files", "hosts:", "hosts: files ldap # dns"]
        {
            assert_eq!(planned(together), Plan::Together, "{together}");
        }
    }

    #[test]
    fn options_that_make_no_sense_are_none() {
        for conf in ["options ndots:", "options ndots:x", "options", "ndots:7", "; options ndots:7"] {
            assert_eq!(ndots(conf), 1, "{conf}");
        }
        assert_eq!(ndots("options ndots:5x"), 5);
    }
}
