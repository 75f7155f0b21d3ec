//! hosts, nsswitch.conf and resolv.conf: how a name is to be looked up, against a second reading of the same files.
//!
//! The input is one byte that chooses a name and that of the machine, then the three files with a zero byte between them.
//!
//! The plan of the system's resolver is private to the crate, and depends on nothing: its file is compiled here once more.

use hyper_happy_eyeballs::resolve::HickoryResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::{Hosts, system_conf};

use plan::{Files, Plan, Second, plan};

#[path = "../../src/resolve/gai/plan.rs"]
mod plan;

/// Runs the target.
pub fn files(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let host = HOSTS[usize::from(*choice) % HOSTS.len()];
    let machine = MACHINES[usize::from(*choice) / HOSTS.len() % MACHINES.len()];
    let mut parts = rest.splitn(3, |byte| *byte == 0).map(String::from_utf8_lossy);
    let [hosts, nsswitch, resolv_conf] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let texts = Texts { hosts: hosts.into(), nsswitch: nsswitch.into(), resolv_conf: resolv_conf.into(), machine };

    let planned = texts.plan(host);
    let expected = if texts.is_apart(host) { Plan::Apart(texts.second(host)) } else { Plan::Together };
    assert_eq!(planned, expected, "{host}: {texts:?}");
    unaffected(host, &texts, &planned);
    through_hickory(rest);
}

const HOSTS: [&str; 12] = [
    "a.example",
    "www.example.com",
    "WWW.Example.com.",
    "db",
    "db.",
    "localhost",
    "a.localhost",
    "printer.local",
    "a.b.c.d.e.example",
    "127.1",
    "",
    ".",
];

const MACHINES: [&str; 4] = ["", "box\n", "box.corp.example", "www.example.com"];

#[derive(Clone, Debug)]
struct Texts {
    machine: &'static str,
    hosts: String,
    nsswitch: String,
    resolv_conf: String,
}

impl Texts {
    fn plan(&self, host: &str) -> Plan {
        let (hosts, nsswitch, resolv_conf) = (&self.hosts, &self.nsswitch, &self.resolv_conf);
        plan(host, Files { hosts, nsswitch, resolv_conf, hostname: self.machine })
    }

    /// The same files, each with a line at its end.
    fn with_lines(&self, hosts: &str, nsswitch: &str, resolv_conf: &str) -> Self {
        let with = |text: &str, line: &str| format!("{text}\n{line}\n");
        Self {
            machine: self.machine,
            hosts: with(&self.hosts, hosts),
            nsswitch: with(&self.nsswitch, nsswitch),
            resolv_conf: with(&self.resolv_conf, resolv_conf),
        }
    }

    /// hosts(5), nsswitch.conf(5) and resolv.conf(5), read once more.
    fn is_apart(&self, host: &str) -> bool {
        let labels: Vec<_> = host.split('.').collect();
        let (is_complete, labels) = match labels.split_last() {
            Some((&"", rest)) => (true, rest),
            _ => (false, &labels[..]),
        };
        let Some(last) = labels.last().map(|last| last.to_ascii_lowercase()) else { return false };
        let is_number = last.chars().next().is_some_and(|first| first.is_ascii_digit());
        if labels.len() < 2 || last == "localhost" || last == "local" || is_number {
            return false;
        }
        let is_in_table = words(&self.hosts, "#").iter().any(|line| {
            let mut names = line.iter().skip(1);
            names.any(|name| name.eq_ignore_ascii_case(host))
        });
        if is_in_table || (!is_complete && labels.len() - 1 < self.ndots()) {
            return false;
        }
        let first = self.sources().into_iter().find(|source| !HARMLESS.contains(&source.as_str()));
        first.is_some_and(|source| source == "dns" || source == "resolve")
    }

    /// What is left to be looked up when no family of the name as it stands has an address.
    fn second(&self, host: &str) -> Second {
        if host.ends_with('.') {
            return Second::Nothing;
        }
        let is_own = host.eq_ignore_ascii_case(self.machine.trim());
        let mut has_dns_come = false;
        for source in self.sources() {
            match source.as_str() {
                "dns" | "resolve" => has_dns_come = true,
                "myhostname" if has_dns_come && is_own => return Second::Again,
                source if has_dns_come && !HARMLESS.contains(&source) => return Second::Again,
                _ => {}
            }
        }
        let mut domains: Vec<String> = Vec::new();
        if let Some((_, domain)) = self.machine.trim().split_once('.') {
            domains.push(domain.to_owned());
        }
        for line in words(&self.resolv_conf, "") {
            let listed = match line.split_first() {
                Some((&"search", listed)) => listed,
                Some((&"domain", listed)) => &listed[..listed.len().min(1)],
                _ => continue,
            };
            if !listed.is_empty() {
                domains = listed.iter().map(|&domain| domain.to_owned()).collect();
            }
        }
        let domains = domains.iter().map(|domain| domain.trim_end_matches('.').to_owned());
        let domains: Vec<_> = domains.filter(|domain| !domain.is_empty()).collect();
        if domains.is_empty() { Second::Nothing } else { Second::Domains(domains.into()) }
    }

    fn ndots(&self) -> usize {
        let mut ndots = 1;
        for line in self.resolv_conf.split('\n') {
            // White space of any kind may go before, and `optionsndots:2` is understood too.
            let Some(rest) = line.trim_start().strip_prefix("options") else { continue };
            for word in words(rest, "").concat() {
                let Some(text) = word.strip_prefix("ndots:") else { continue };
                let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                ndots = digits.parse().unwrap_or(ndots);
            }
        }
        ndots
    }

    /// Who is asked for a host, in order. Without a line for hosts that is `files dns`.
    fn sources(&self) -> Vec<String> {
        let lines = self.nsswitch.split('\n').map(|line| line.split('#').next().unwrap_or_default());
        let rest = lines.filter_map(|line| line.trim_start().strip_prefix("hosts:")).next_back();
        let Some(rest) = rest else { return vec!["files".into(), "dns".into()] };
        let sources = words(rest, "").concat().into_iter();
        let named = sources.filter(|word| !word.starts_with('[') && !word.ends_with(']') && !word.contains('='));
        named.map(str::to_owned).collect()
    }
}

/// Sources that know no name of the DNS.
const HARMLESS: [&str; 6] = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];

/// The words of each line, up to a character that begins a comment.
fn words<'a>(text: &'a str, comment: &str) -> Vec<Vec<&'a str>> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\x0c');
    let lines = text.split('\n').map(|line| match line.find(|c| comment.contains(c)) {
        Some(end) => &line[..end],
        None => line,
    });
    lines.map(|line| line.split(is_space).filter(|word| !word.is_empty()).collect()).collect()
}

/// What must not matter does not, and what must does.
fn unaffected(host: &str, texts: &Texts, planned: &Plan) {
    let comment = "# 192.0.2.1 a.example www.example.com hosts: nis options ndots:9";
    assert_eq!(texts.with_lines(comment, comment, comment).plan(host), *planned, "a comment, {host}: {texts:?}");
    assert_eq!(texts.plan(&host.to_ascii_uppercase()), *planned, "upper case, {host}: {texts:?}");
    let listed = texts.with_lines(&format!("192.0.2.1 {host}"), "", "");
    assert_eq!(listed.plan(host), Plan::Together, "{host} is in the table: {texts:?}");
    let elsewhere = texts.with_lines("", "hosts: nis dns", "");
    assert_eq!(elsewhere.plan(host), Plan::Together, "{host} is known to others: {texts:?}");
    if host.ends_with('.') {
        assert_eq!(texts.with_lines("", "", "options ndots:15").plan(host), *planned, "{host} is complete: {texts:?}");
    }
}

/// hickory reads the files itself. What it takes, the resolver takes.
fn through_hickory(rest: &[u8]) {
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let mut hosts = Hosts::default();
    let read = hosts.read_hosts_conf(parts.next().unwrap_or_default());
    let Ok((config, options)) = system_conf::parse_resolv_conf(parts.nth(1).unwrap_or_default()) else { return };
    if let Ok(resolver) = HickoryResolver::with_config(config, options) {
        drop(if read.is_ok() { resolver.hosts(hosts) } else { resolver });
    }
}
