//! hosts, nsswitch.conf and resolv.conf: how a name is looked up, compared with a second parser of the same files.
//!
//! The input is one byte that chooses the name and the name of the machine, then the three files, separated by a zero byte.
//!
//! The plan of the system's resolver is private to the crate, and depends on nothing but the reading of the files: both are compiled here once more.

use hyper_happy_eyeballs::resolve::HickoryResolver;
use hyper_happy_eyeballs::resolve::hickory_resolver::{Hosts, system_conf};

use super::plan::{Files, Plan, Second, plan};
use super::system::hosts::Names;

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
        let (nsswitch, resolv_conf) = (&self.nsswitch, &self.resolv_conf);
        let hosts = &Names::of(&self.hosts);
        plan(host, Files { hosts: Some(hosts), nsswitch, resolv_conf, hostname: self.machine, gai_conf: "" })
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

    /// A second parser of hosts(5), nsswitch.conf(5) and resolv.conf(5).
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
        let is_in_table = self.hosts.split('\n').any(|line| {
            let entry = line.split('#').next().unwrap_or_default().split('\0').next().unwrap_or_default();
            let without_dot = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            words(entry).iter().skip(1).any(|name| without_dot(name) == without_dot(host))
        });
        if is_in_table || (!is_complete && labels.len() - 1 < self.ndots()) {
            return false;
        }
        let is_own = labels.join(".").eq_ignore_ascii_case(self.machine.trim());
        for source in self.sources() {
            match source.as_str() {
                "dns" | "resolve" => return true,
                "myhostname" if is_own => return false,
                source if HARMLESS.contains(&source) => {}
                _ => return false,
            }
        }
        false
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
        for line in self.resolv_conf.split('\n') {
            let listed: Vec<&str> = match (said_of("search", line), said_of("domain", line)) {
                (Some(listed), _) => blank_parted(listed),
                (_, Some(listed)) => blank_parted(listed).into_iter().take(1).collect(),
                _ => continue,
            };
            if !listed.is_empty() {
                domains = listed.iter().map(|&domain| domain.to_owned()).collect();
            }
        }
        for domain in &mut domains {
            if domain.starts_with('.') {
                domain.remove(0);
            }
        }
        let domains = domains.iter().map(|domain| domain.trim_end_matches('.').to_owned());
        let domains: Vec<_> = domains.filter(|domain| !domain.is_empty()).collect();
        if domains.is_empty() { Second::Nothing } else { Second::Domains(domains.into()) }
    }

    fn ndots(&self) -> usize {
        let mut ndots = 1;
        for line in self.resolv_conf.split('\n') {
            let Some(rest) = said_of("options", line) else { continue };
            for (at, _) in rest.match_indices("ndots:") {
                if at > 0 && !rest[..at].ends_with([' ', '\t']) {
                    continue;
                }
                // What C's atoi makes of it, in the four bits that glibc has.
                let text = rest[at + "ndots:".len()..].trim_start_matches(SPACES);
                let is_negative = text.starts_with('-');
                let text = text.strip_prefix(['-', '+']).unwrap_or(text);
                let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                let number = match digits.parse::<i32>() {
                    Ok(number) => number,
                    Err(_) if digits.is_empty() => 0,
                    Err(_) => i32::MAX,
                };
                let number = if is_negative { -number } else { number };
                ndots = if number > 15 { 15 } else { (number.rem_euclid(16)) as usize };
            }
        }
        ndots
    }

    /// Who is asked for a host, in order. Without a line for hosts that is `dns files`.
    fn sources(&self) -> Vec<String> {
        let mut sources = vec!["dns".to_owned(), "files".to_owned()];
        for line in self.nsswitch.split('\n') {
            let line = line.split('#').next().unwrap_or_default().split('\0').next().unwrap_or_default();
            let Some(rest) = line.trim_start_matches(SPACES).strip_prefix("hosts") else { continue };
            let Some(rest) = rest.strip_prefix(|c| c == ':' || SPACES.contains(&c)) else { continue };
            let (mut named, mut is_action) = (String::new(), false);
            for c in rest.chars() {
                match c {
                    '[' if !is_action => is_action = true,
                    ']' if is_action => {
                        is_action = false;
                        named.push(' ');
                    }
                    _ if is_action => {}
                    _ => named.push(c),
                }
                if c == '[' {
                    named.push(' ');
                }
            }
            sources = words(&named).into_iter().map(str::to_owned).collect();
        }
        sources
    }
}

/// Sources that know no name of the DNS.
const HARMLESS: [&str; 6] = ["files", "myhostname", "mymachines", "mdns_minimal", "mdns4_minimal", "mdns6_minimal"];

/// White space as C defines it.
const SPACES: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];

fn words(line: &str) -> Vec<&str> {
    line.split(SPACES).filter(|word| !word.is_empty()).collect()
}

fn blank_parted(line: &str) -> Vec<&str> {
    line.split([' ', '\t']).filter(|word| !word.is_empty()).collect()
}

/// What stands behind a keyword of resolv.conf, which begins the line and ends at a space or a tab.
fn said_of<'a>(keyword: &str, line: &'a str) -> Option<&'a str> {
    let line = line.split('\0').next()?;
    line.strip_prefix(keyword)?.strip_prefix([' ', '\t'])
}

/// Lines that must not matter do not change the result, and lines that must matter do.
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

/// hickory parses the file itself. The resolver accepts what hickory accepts.
fn through_hickory(rest: &[u8]) {
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let mut hosts = Hosts::default();
    let read = hosts.read_hosts_conf(parts.next().unwrap_or_default());
    let Ok((config, options)) = system_conf::parse_resolv_conf(parts.nth(1).unwrap_or_default()) else { return };
    if let Ok(resolver) = HickoryResolver::with_config(config, options) {
        drop(if read.is_ok() { resolver.hosts(hosts) } else { resolver });
    }
}
