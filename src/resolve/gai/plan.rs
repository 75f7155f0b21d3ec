//! Decides whether each family of a name gets its own call. A pure function of the name and of the system's files.

use std::sync::Arc;

use crate::resolve::system::hosts::Names;
use crate::resolve::system::{gai_conf, nsswitch, resolv_conf};

/// The files that getaddrinfo reads. A missing file is empty, or `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files<'a> {
    /// The names in `/etc/hosts`.
    pub(super) hosts: Option<&'a Names>,
    /// `/etc/nsswitch.conf`.
    pub(super) nsswitch: &'a str,
    /// `/etc/resolv.conf`, and then what the environment says.
    pub(super) resolv_conf: &'a str,
    /// `/etc/gai.conf`.
    pub(super) gai_conf: &'a str,
    /// The name of this machine.
    pub(super) hostname: &'a str,
}

impl Files<'_> {
    /// Whether the host is in `/etc/hosts`.
    fn have_host(&self, host: &str) -> bool {
        self.hosts.is_some_and(|hosts| hosts.has(host))
    }
}

/// How a name is to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// One call for both families, so that both are of the same host.
    Together,
    /// One call for each family, without search domains.
    Apart(Second),
}

/// What is looked up if the calls for each family have found no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Nothing: every source was asked.
    Nothing,
    /// The name in these domains, in this order, until one has addresses.
    Domains(Arc<[String]>),
    /// The name without a final dot, with one call for both families: a source after the DNS may know it.
    Again,
}

/// Returns how a name is looked up. Each family gets its own call if both calls are sure to mean the same host. That is not so for
///
/// - a name in `/etc/hosts`: if it is there with one family only, the DNS would be asked for the other, which `/etc/hosts` is meant to override;
/// - a name that is tried with search domains first: each call would go on until a domain has its own family, so that `db` could be `db.a.example` in
///   one call and `db.b.example` in the other;
/// - a name without dots, `localhost`, a name below `.local`, and an address in an old form: these are not for the DNS;
/// - any name, if the system asks another source before the DNS, which may know the name with one family only;
/// - any name, if the system sets an order of addresses, which only one call for both families returns.
pub(super) fn plan(host: &str, files: Files<'_>) -> Plan {
    let (name, is_complete) = host.strip_suffix('.').map_or((host, false), |name| (name, true));
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let last_label = name.rsplit('.').next().unwrap_or_default();
    let is_special = ["localhost", "local"].iter().any(|special| last_label.eq_ignore_ascii_case(special))
        || last_label.starts_with(|first: char| first.is_ascii_digit());
    let conf = resolv_conf::parse(files.resolv_conf, files.hostname);
    let is_searched = !is_complete && dots < conf.ndots;
    let is_for_dns = dots > 0 && !is_special && !is_searched && !files.have_host(host);
    if !(is_for_dns && dns_comes_first(name, files)) || gai_conf::has_own_order(files.gai_conf) {
        return Plan::Together;
    }
    Plan::Apart(if is_complete { Second::Nothing } else { second(name, files, &conf.domains) })
}

/// Returns what is looked up if the calls for each family of `name` find nothing.
fn second(name: &str, files: Files<'_>, domains: &[&str]) -> Second {
    if somebody_comes_after_dns(name, files) {
        return Second::Again;
    }
    // musl does not use search domains for a name with enough dots.
    let domains = if cfg!(target_env = "musl") { &[] } else { domains };
    let domains = domains.iter().map(|domain| domain.trim_end_matches('.'));
    // The root as a search domain is the name without one, which was looked up already.
    let domains: Vec<String> = domains.filter(|domain| !domain.is_empty()).map(str::to_owned).collect();
    if domains.is_empty() { Second::Nothing } else { Second::Domains(domains.into()) }
}

/// Sources of nsswitch.conf(5) that do not know names with dots, or only that of this machine, or that ask the DNS themselves.
const HARMLESS: [&str; 6] = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];

/// Whether a source other than the DNS and `/etc/hosts` may know the name.
fn may_know(source: &str, name: &str, files: Files<'_>) -> bool {
    !HARMLESS.contains(&source) || source == "myhostname" && name.eq_ignore_ascii_case(files.hostname.trim())
}

/// Whether no source before the DNS may know the name. `/etc/hosts` does not count, nor do sources that know only this machine and its containers by
/// names without dots, or names below `.local`.
fn dns_comes_first(name: &str, files: Files<'_>) -> bool {
    nsswitch::sources(files.nsswitch).find(|source| may_know(source, name, files)).is_some_and(nsswitch::is_dns)
}

/// Whether a source after the DNS may know the name.
fn somebody_comes_after_dns(name: &str, files: Files<'_>) -> bool {
    let after_dns = nsswitch::sources(files.nsswitch).skip_while(|source| !nsswitch::is_dns(source));
    let mut others = after_dns.filter(|source| !nsswitch::is_dns(source));
    others.any(|source| may_know(source, name, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APART: Plan = Plan::Apart(Second::Nothing);

    fn planned(host: &str, hosts: &str, resolv_conf: &str) -> Plan {
        plan(host, Files { hosts: Some(&Names::of(hosts)), resolv_conf, ..Files::default() })
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
        // The options of `$RES_OPTIONS` are appended to the file.
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
        assert_eq!(of("search a.example .b.example."), in_domains(&["a.example", "b.example"]));
        assert_eq!(of("domain a.example b.example"), in_domains(&["a.example"]));
        assert_eq!(of("search ."), APART, "it is the name as it stands");
        let files = Files { hostname: "web1.corp.example\n", ..Files::default() };
        assert_eq!(plan("www.example", files), in_domains(&["corp.example"]));
        assert_eq!(plan("www.example.", files), APART);
    }

    #[test]
    fn a_name_is_looked_up_as_a_whole_where_the_system_has_an_order_of_its_own() {
        let files = Files { gai_conf: "precedence ::ffff:0:0/96  100\n", ..Files::default() };
        assert_eq!(plan("www.example", files), Plan::Together);
        assert_eq!(plan("www.example.", files), Plan::Together);
    }

    #[test]
    fn the_own_name_is_looked_up_as_a_whole_where_somebody_knows_it_before_the_dns() {
        let files = Files { nsswitch: "hosts: files myhostname dns", hostname: "web1.example\n", ..Files::default() };
        assert_eq!(plan("Web1.example", files), Plan::Together);
        assert!(is_apart(&plan("web2.example", files)));
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
}
