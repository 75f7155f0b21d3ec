//! May the families of a name be looked up apart? A pure function of the name and of what the system's files say.

use std::sync::Arc;

/// How a name is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Both families in one call, which is the only way to have both from one place.
    Together,
    /// Each family by itself, of the name as it stands, without the search domains.
    Apart(Second),
}

/// What is looked up when no family of the name as it stands has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Nothing: the system has asked everybody there is.
    Nothing,
    /// The name in these domains, in this order, until one has addresses.
    Domains(Arc<[String]>),
    /// The name as getaddrinfo understands it, for both families: a source after the DNS may know it without a final dot.
    Again,
}

/// The files that getaddrinfo reads too. Empty is a file that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files<'a> {
    /// `/etc/hosts`.
    pub(super) hosts: &'a str,
    /// `/etc/nsswitch.conf`.
    pub(super) nsswitch: &'a str,
    /// `/etc/resolv.conf`, and then `$RES_OPTIONS` and `$LOCALDOMAIN`, as lines of options and of search domains.
    pub(super) resolv_conf: &'a str,
    /// The name of this machine.
    pub(super) hostname: &'a str,
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
    if !(is_for_dns && dns_comes_first(files.nsswitch)) {
        return Plan::Together;
    }
    Plan::Apart(if is_complete { Second::Nothing } else { second(name, files) })
}

/// What a second look-up of `name` could find that the first could not.
fn second(name: &str, files: Files<'_>) -> Second {
    if somebody_comes_after_dns(name, files) {
        return Second::Again;
    }
    let domains = search_domains(files);
    if domains.is_empty() { Second::Nothing } else { Second::Domains(domains.into()) }
}

/// Sources that do not know a name with dots, or only that of this machine, or ask the DNS themselves (nsswitch.conf(5)).
const HARMLESS: [&str; 6] = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];

/// The sources of host names in their order, without the actions between them.
fn sources(nsswitch: &str) -> impl Iterator<Item = &str> {
    let lines = nsswitch.lines().map(|line| line.split('#').next().unwrap_or_default().trim_start());
    let sources = lines.filter_map(|line| line.strip_prefix("hosts:")).next_back().unwrap_or("files dns");
    let is_action = |word: &str| word.starts_with('[') || word.ends_with(']') || word.contains('=');
    sources.split_ascii_whitespace().filter(move |word| !is_action(word))
}

/// Whether a source is the DNS. The resolver of systemd speaks to the DNS itself.
fn is_dns(source: &str) -> bool {
    source == "dns" || source == "resolve"
}

/// Whether nothing comes before the DNS but the table, what knows only this machine and its containers by names without dots, and
/// what is for `.local` alone.
fn dns_comes_first(nsswitch: &str) -> bool {
    sources(nsswitch).find(|source| !HARMLESS.contains(source)).is_some_and(is_dns)
}

/// Whether a source after the DNS may know the name.
fn somebody_comes_after_dns(name: &str, files: Files<'_>) -> bool {
    let is_own_name = name.eq_ignore_ascii_case(files.hostname.trim());
    let after_dns = sources(files.nsswitch).skip_while(|source| !is_dns(source));
    let mut others = after_dns.filter(|source| !is_dns(source));
    others.any(|source| !HARMLESS.contains(&source) || source == "myhostname" && is_own_name)
}

/// The domains in which a name with dots is looked up after it was as it stands (resolv.conf(5)): those of the last `search` or
/// `domain` line, or else the domain of this machine's name.
fn search_domains(files: Files<'_>) -> Vec<String> {
    // musl takes a name with enough dots as it stands only.
    if cfg!(target_env = "musl") {
        return Vec::new();
    }
    let lines = files.resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        match words.next()? {
            "search" => Some(words.collect()),
            "domain" => Some(words.take(1).collect::<Vec<_>>()),
            _ => None,
        }
    });
    let mut lines = lines.filter(|domains: &Vec<&str>| !domains.is_empty());
    let listed = lines.next_back();
    let of_machine = || files.hostname.trim().split_once('.').map(|(_, domain)| domain).into_iter().collect();
    let domains = listed.unwrap_or_else(of_machine).into_iter().map(|domain| domain.trim_end_matches('.'));
    // The root is the name as it stands.
    domains.filter(|domain| !domain.is_empty()).map(str::to_owned).collect()
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

    const APART: Plan = Plan::Apart(Second::Nothing);

    fn planned(host: &str, hosts: &str, resolv_conf: &str) -> Plan {
        plan(host, Files { hosts, resolv_conf, ..Files::default() })
    }

    fn is_apart(plan: &Plan) -> bool {
        matches!(plan, Plan::Apart(_))
    }

    fn in_domains(domains: &[&str]) -> Plan {
        let domains: Vec<String> = domains.iter().map(ToString::to_string).collect();
        Plan::Apart(if domains.is_empty() { Second::Nothing } else { Second::Domains(domains.into()) })
    }

    #[test]
    fn a_name_of_the_dns_is_looked_up_by_families() {
        for host in ["example.com", "example.com.", "a.b.c.example"] {
            assert_eq!(planned(host, "127.0.0.1 localhost", "nameserver 192.0.2.53"), APART, "{host}");
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
            assert_eq!(planned(host, hosts, ""), APART, "{host}");
        }
    }

    #[test]
    fn a_name_that_is_searched_for_first_is_looked_up_as_a_whole() {
        let conf = "search a.example b.example\noptions timeout:2 ndots:5\n";
        assert_eq!(planned("api.example.com", "", conf), Plan::Together);
        assert_eq!(planned("api.example.com.", "", conf), APART, "it is complete");
        assert!(is_apart(&planned("a.b.c.d.example.com", "", conf)));
        // What the environment says comes last.
        assert!(is_apart(&planned("api.example.com", "", &format!("{conf}\noptions ndots:1"))));
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
            assert!(is_apart(&planned(apart)), "{apart}");
        }
        for together in
            ["hosts: files nis dns", "hosts: libvirt dns", "hosts: files", "hosts:", "hosts: files ldap # dns"]
        {
            assert_eq!(planned(together), Plan::Together, "{together}");
        }
    }

    #[test]
    #[cfg(not(target_env = "musl"))]
    fn a_name_that_is_not_found_goes_on_to_the_search_domains() {
        let of = |resolv_conf| planned("www.example", "", resolv_conf);
        assert_eq!(of("nameserver 192.0.2.53\noptions timeout:1"), APART);
        assert_eq!(of("search a.example b.example."), in_domains(&["a.example", "b.example"]));
        assert_eq!(of("domain a.example b.example"), in_domains(&["a.example"]));
        assert_eq!(of("search ."), APART, "it is the name as it stands");
        // The last line counts, and what the environment says is the last one.
        assert_eq!(of("search a.example\ndomain b.example"), in_domains(&["b.example"]));
        assert_eq!(of("domain b.example\nsearch a.example c.example\n"), in_domains(&["a.example", "c.example"]));
        assert_eq!(of("search a.example\n\nsearch d.example"), in_domains(&["d.example"]));
        assert_eq!(of("#search a.example\n; search b.example"), APART);
    }

    #[test]
    #[cfg(not(target_env = "musl"))]
    fn without_a_search_list_the_domain_is_that_of_the_machine() {
        let of = |hostname, resolv_conf| plan("www.example", Files { hostname, resolv_conf, ..Files::default() });
        assert_eq!(of("web1.corp.example\n", ""), in_domains(&["corp.example"]));
        assert_eq!(of("web1.corp.example\n", "search a.example"), in_domains(&["a.example"]));
        assert_eq!(of("web1\n", ""), APART);
        assert_eq!(plan("www.example.", Files { hostname: "web1.corp.example", ..Files::default() }), APART);
    }

    #[test]
    fn a_source_after_the_dns_is_asked_by_the_name_without_a_final_dot() {
        let of = |nsswitch| plan("www.example", Files { nsswitch, hostname: "web1.example", ..Files::default() });
        for again in ["hosts: files dns nis", "hosts: files dns [NOTFOUND=continue] mdns4", "hosts: resolve dns wins"] {
            assert_eq!(of(again), Plan::Apart(Second::Again), "{again}");
        }
        for once in
            ["", "hosts: files dns", "hosts: resolve [!UNAVAIL=return] dns myhostname", "hosts: dns files mymachines"]
        {
            assert_ne!(of(once), Plan::Apart(Second::Again), "{once}");
        }
        let files = Files { nsswitch: "hosts: files dns myhostname", hostname: "Web1.example\n", ..Files::default() };
        assert_eq!(plan("web1.example", files), Plan::Apart(Second::Again), "it is this machine");
    }

    #[test]
    fn options_that_make_no_sense_are_none() {
        for conf in ["options ndots:", "options ndots:x", "options", "ndots:7", "; options ndots:7"] {
            assert_eq!(ndots(conf), 1, "{conf}");
        }
        assert_eq!(ndots("options ndots:5x"), 5);
    }
}
