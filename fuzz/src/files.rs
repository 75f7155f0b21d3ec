//! hosts, nsswitch.conf and resolv.conf: how a name is to be looked up, against a second reading of the same files.
//!
//! The input is one byte that chooses a name, then the three files with a zero byte between them.
//!
//! The plan of the system's resolver is private to the crate, and depends on nothing: its file is compiled here once more.

use hyper_happy_eyeballs::resolve::HickoryResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::{Hosts, system_conf};

use plan::{Files, Plan, plan};

#[path = "../../src/resolve/gai/plan.rs"]
mod plan;

/// Runs the target.
pub fn files(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let host = HOSTS[usize::from(*choice) % HOSTS.len()];
    let mut parts = rest.splitn(3, |byte| *byte == 0).map(String::from_utf8_lossy);
    let [hosts, nsswitch, resolv_conf] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let texts = Texts { hosts: hosts.into(), nsswitch: nsswitch.into(), resolv_conf: resolv_conf.into() };

    let planned = texts.plan(host);
    assert_eq!(planned == Plan::Apart, texts.is_apart(host), "{host}: {texts:?}");
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

#[derive(Clone, Debug)]
struct Texts {
    hosts: String,
    nsswitch: String,
    resolv_conf: String,
}

impl Texts {
    fn plan(&self, host: &str) -> Plan {
        plan(host, Files { hosts: &self.hosts, nsswitch: &self.nsswitch, resolv_conf: &self.resolv_conf })
    }

    /// The same files, each with a line at its end.
    fn with_lines(&self, hosts: &str, nsswitch: &str, resolv_conf: &str) -> Self {
        let with = |text: &str, line: &str| format!("{text}\n{line}\n");
        Self {
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
            names.any(|name| name.to_ascii_lowercase() == host.to_ascii_lowercase())
        });
        if is_in_table || (!is_complete && labels.len() - 1 < self.ndots()) {
            return false;
        }
        self.first_source().is_none_or(|source| source == "dns" || source == "resolve")
    }

    fn ndots(&self) -> usize {
        let mut ndots = 1;
        for line in words(&self.resolv_conf, "") {
            // `optionsndots:2`, too, is taken as glibc takes it.
            let Some(first) = line.first().and_then(|word| word.strip_prefix("options")) else { continue };
            for word in std::iter::once(first).chain(line.into_iter().skip(1)) {
                let Some(text) = word.strip_prefix("ndots:") else { continue };
                let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                ndots = digits.parse().unwrap_or(ndots);
            }
        }
        ndots
    }

    /// The first source that may know a name of the DNS. `None` if there is no line for hosts, which means `files dns`.
    fn first_source(&self) -> Option<String> {
        let is_for_hosts = |line: &Vec<&str>| line.first().is_some_and(|word| word.starts_with("hosts:"));
        let lines = words(&self.nsswitch, "#");
        let line = lines.iter().rfind(|line| is_for_hosts(line))?;
        let first = line[0].strip_prefix("hosts:");
        let sources = first.into_iter().chain(line.iter().skip(1).copied()).filter(|word| !word.is_empty());
        let named = sources.filter(|word| !word.starts_with('[') && !word.ends_with(']') && !word.contains('='));
        let harmless = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];
        Some(named.into_iter().find(|word| !harmless.contains(word)).unwrap_or("nobody").to_owned())
    }
}

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
    if let Ok((config, options)) = system_conf::parse_resolv_conf(parts.nth(1).unwrap_or_default()) {
        if let Ok(resolver) = HickoryResolver::with_config(config, options) {
            drop(if read.is_ok() { resolver.hosts(hosts) } else { resolver });
        }
    }
}
