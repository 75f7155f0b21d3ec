//! resolv.conf(5): the DNS servers, the search domains, the options.
//!
//! 1. A keyword begins a line, and a space or a tab ends it. Of several `search` and `domain` lines the last one counts.
//! 2. Options are compared by their beginnings, and the last of equal ones counts. Numbers are parsed like C's `atoi`, and clamped to glibc's bounds.
//! 3. Invalid parts are ignored.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most servers that glibc uses.
const MAX_SERVERS: usize = 3;

/// A parsed configuration. `Default` is that of an empty file on a machine whose name has no domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ResolvConf<'a> {
    /// The servers, at least one: without a line it is on this machine.
    pub(in super::super) servers: Vec<NameServer<'a>>,
    /// The search domains in their order, as written. An empty one is the root: the name as it stands.
    pub(in super::super) domains: Vec<&'a str>,
    /// A name with this many dots is first looked up as it stands.
    pub(in super::super) ndots: usize,
    /// The time-out in seconds.
    pub(in super::super) timeout: u32,
    /// How often all servers are asked.
    pub(in super::super) attempts: u32,
    pub(in super::super) rotate: bool,
    pub(in super::super) edns0: bool,
    /// Servers are asked over TCP only.
    pub(in super::super) use_vc: bool,
    /// A name without dots is not looked up as it stands, unless there are no domains.
    pub(in super::super) no_tld_query: bool,
    /// AAAA records are not queried.
    pub(in super::super) no_aaaa: bool,
}

/// The address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct NameServer<'a> {
    pub(in super::super) ip: IpAddr,
    /// The interface of a link-local address, by name or by index.
    pub(in super::super) zone: Option<&'a str>,
}

/// Returns `$RES_OPTIONS` and `$LOCALDOMAIN` as lines to append to the file.
pub(in super::super) fn of_environment(res_options: Option<&str>, local_domain: Option<&str>) -> String {
    let mut lines = String::from("\n");
    for (keyword, value) in [("options", res_options), ("search", local_domain)] {
        let Some(value) = value else { continue };
        let value = value.split('\n').next().unwrap_or_default();
        // An empty list of domains replaces those of the file too.
        let value = if keyword == "search" && value.trim().is_empty() { "." } else { value };
        lines = lines + keyword + " " + value + "\n";
    }
    lines
}

/// Parses a configuration. `hostname` is the name of this machine, whose domain is searched if no other is set.
pub(in super::super) fn parse<'a>(text: &'a str, hostname: &'a str) -> ResolvConf<'a> {
    let mut conf = ResolvConf {
        servers: Vec::new(),
        domains: Vec::new(),
        ndots: 1,
        timeout: 5,
        attempts: 2,
        rotate: false,
        edns0: false,
        use_vc: false,
        no_tld_query: false,
        no_aaaa: false,
    };
    let mut listed = None;
    for line in text.split('\n') {
        // For C a zero byte ends the line.
        let line = line.split('\0').next().unwrap_or_default();
        let Some((keyword, rest)) = line.split_once(is_blank) else { continue };
        match keyword {
            "nameserver" => conf.servers.extend(words(rest).next().and_then(name_server)),
            "search" => listed = words(rest).next().map(|_| words(rest).collect()).or(listed),
            "domain" => listed = words(rest).next().map(|domain| vec![domain]).or(listed),
            "options" => conf.set_options(rest),
            _ => {}
        }
    }
    conf.servers.truncate(MAX_SERVERS);
    if conf.servers.is_empty() {
        conf.servers.push(NameServer { ip: Ipv4Addr::LOCALHOST.into(), zone: None });
    }
    let of_machine = || hostname.trim().split_once('.').map(|(_, domain)| domain).into_iter().collect();
    let domains: Vec<&str> = listed.unwrap_or_else(of_machine);
    conf.domains = domains.into_iter().map(|domain| domain.strip_prefix('.').unwrap_or(domain)).collect();
    conf
}

impl ResolvConf<'_> {
    fn set_options(&mut self, mut rest: &str) {
        loop {
            rest = rest.trim_start_matches(is_blank);
            if rest.is_empty() {
                return;
            }
            self.set_option(rest);
            rest = rest.find(is_blank).map_or("", |end| &rest[end..]);
        }
    }

    /// Sets the option at the beginning of `text`. A space may precede its number.
    fn set_option(&mut self, text: &str) {
        let number = |name: &str| text.strip_prefix(name).map(atoi);
        let is = |name: &str| text.starts_with(name);
        if let Some(ndots) = number("ndots:") {
            // glibc stores it in four bits.
            self.ndots = usize::try_from(ndots.min(15) & 15).unwrap_or_default();
        } else if let Some(timeout) = number("timeout:") {
            self.timeout = u32::try_from(timeout.clamp(1, 30)).unwrap_or_default();
        } else if let Some(attempts) = number("attempts:") {
            // With 0, glibc would ask no server.
            self.attempts = u32::try_from(attempts.clamp(1, 5)).unwrap_or_default();
        } else if is("rotate") {
            self.rotate = true;
        } else if is("edns0") {
            self.edns0 = true;
        } else if is("use-vc") {
            self.use_vc = true;
        } else if is("no-tld-query") || is("no_tld_query") {
            self.no_tld_query = true;
        } else if is("no-aaaa") {
            self.no_aaaa = true;
        }
    }
}

/// Whether the character separates words of this file.
fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_blank).filter(|word| !word.is_empty())
}

fn name_server(text: &str) -> Option<NameServer<'_>> {
    if let Some(ip) = inet_aton(text) {
        return Some(NameServer { ip: sendable(ip.into()), zone: None });
    }
    let (ip, zone) = text.split_once('%').map_or((text, None), |(ip, zone)| (ip, Some(zone)));
    let ip: Ipv6Addr = ip.parse().ok()?;
    Some(NameServer { ip: sendable(ip.into()), zone: zone.filter(|_| ip.is_unicast_link_local()) })
}

/// Returns the address to which packets for `ip` are sent.
fn sendable(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// Parses an IPv4 address like inet_aton(3): one to four numbers, of which the last one fills the remaining bytes.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.').map(c_number).collect::<Option<Vec<u32>>>()?;
    let last = parts.pop()?;
    if parts.len() > 3 || parts.iter().any(|part| *part > 0xff) || last > u32::MAX >> (8 * parts.len()) {
        return None;
    }
    let first = parts.iter().zip([24, 16, 8]).fold(0, |bits, (part, place)| bits | part << place);
    Some(Ipv4Addr::from_bits(first | last))
}

/// Parses a decimal number, or an octal or hexadecimal one by its prefix.
fn c_number(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}

/// Parses the number at the beginning of a text, after white space. Returns 0 if there is none.
fn atoi(text: &str) -> i32 {
    let text = text.trim_start_matches(super::is_space);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    // The caller clamps a number that is too large.
    let number = if end == 0 { 0 } else { digits[..end].parse::<i32>().unwrap_or(i32::MAX) };
    sign * number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ResolvConf<'_> {
        parse(text, "")
    }

    fn servers(text: &str) -> Vec<String> {
        let text_of = |server: NameServer<'_>| match server.zone {
            Some(zone) => format!("{}%{zone}", server.ip),
            None => server.ip.to_string(),
        };
        read(text).servers.into_iter().map(text_of).collect()
    }

    #[test]
    fn an_empty_file_means_a_server_on_this_machine() {
        let conf = read("");
        assert_eq!(servers(""), ["127.0.0.1"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (1, 5, 2));
        assert!(conf.domains.is_empty());
    }

    #[test]
    fn servers_are_told_in_their_order() {
        assert_eq!(servers("nameserver 192.0.2.1\nnameserver\t2001:db8::1  x\r\n"), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(servers("nameserver 192.0.2.1\0x\nnameserver\0 192.0.2.2"), ["192.0.2.1"]);
        assert_eq!(servers("nameserver 192.0.2.1\n".repeat(5).as_str()).len(), 3);
        for (line, server) in [
            ("127.1", "127.0.0.1"),
            ("0x7f.0.0.053", "127.0.0.43"),
            ("2130706433", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("2001:db8::1%eth0", "2001:db8::1"),
        ] {
            assert_eq!(servers(&format!("nameserver {line}")), [server], "{line}");
        }
    }

    #[test]
    fn a_line_that_is_none_leaves_the_others() {
        for line in [
            " nameserver 192.0.2.1",
            "nameserver192.0.2.1",
            "nameserver:192.0.2.1",
            "Nameserver 192.0.2.1",
            "#nameserver 192.0.2.1",
            "nameserver",
            "nameserver 192.0.2.256",
            "nameserver 192.0.2.1\r",
            "nameserver 192.0.2.1.1",
            "nameserver 192.0.2",
            "nameserver dns.example",
            "nameserver 08.0.0.1",
            "nameserver\u{a0}192.0.2.1",
            "\u{feff}nameserver 192.0.2.1",
        ] {
            let expected = if line.ends_with("192.0.2") { "192.0.0.2" } else { "127.0.0.1" };
            assert_eq!(servers(line), [expected], "{line:?}");
            assert_eq!(servers(&format!("{line}\nnameserver 192.0.2.9")).last().unwrap(), "192.0.2.9", "{line:?}");
        }
    }

    #[test]
    fn the_last_line_of_domains_counts() {
        for (text, expected) in [
            ("search a.example b.example.", vec!["a.example", "b.example."]),
            ("domain a.example b.example", vec!["a.example"]),
            ("search a.example\ndomain b.example", vec!["b.example"]),
            ("domain b.example\nsearch a.example c.example\n", vec!["a.example", "c.example"]),
            ("search a.example\nsearch\nsearch \n search d.example", vec!["a.example"]),
            ("search . .a.example", vec!["", "a.example"]),
            ("search a.example # b.example", vec!["a.example", "#", "b.example"]),
            ("#search a.example\n; search b.example", vec![]),
        ] {
            assert_eq!(read(text).domains, expected, "{text}");
        }
    }

    #[test]
    fn without_a_search_list_the_domain_is_that_of_the_machine() {
        assert_eq!(parse("", "web1.corp.example\n").domains, ["corp.example"]);
        assert_eq!(parse("search a.example", "web1.corp.example\n").domains, ["a.example"]);
        assert!(parse("", "web1\n").domains.is_empty());
    }

    #[test]
    fn options_have_the_bounds_of_glibc() {
        let of = |text: &str| {
            let text = format!("options {text}");
            let conf = read(&text);
            (conf.ndots, conf.timeout, conf.attempts)
        };
        for (text, expected) in [
            ("ndots:5\ttimeout:2  attempts:3", (5, 2, 3)),
            ("ndots:99 timeout:99 attempts:99", (15, 30, 5)),
            ("ndots:-1 timeout:-1 attempts:-1", (15, 1, 1)),
            ("ndots:0 timeout:0 attempts:0", (0, 1, 1)),
            ("ndots: 7", (7, 5, 2)),
            ("ndots:", (0, 5, 2)),
            ("ndots:x timeout:2x attempts:+3", (0, 2, 3)),
            ("ndots:2 ndots:3\r", (3, 5, 2)),
            ("xndots:2 NDOTS:3 ndots=4 ndots 4", (1, 5, 2)),
            ("ndots:99999999999", (15, 5, 2)),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        for text in
            ["options", "ndots:7", "; options ndots:7", " options ndots:7", "optionsndots:7", "options\rndots:7"]
        {
            assert_eq!(read(text).ndots, 1, "{text:?}");
        }
    }

    #[test]
    fn an_option_is_known_by_how_it_begins() {
        let conf = read("options rotate use-vc no-aaaa no-tld-query\noptions edns0:x");
        assert!(conf.rotate && conf.use_vc && conf.no_aaaa && conf.no_tld_query && conf.edns0);
        assert!(read("options no_tld_query").no_tld_query && read("options rotatexyz").rotate);
        let conf = read("# options rotate\noptions xrotate timeout:1 USE-VC single-request");
        assert!(!(conf.rotate || conf.use_vc || conf.no_aaaa || conf.no_tld_query || conf.edns0));
    }

    #[test]
    fn what_the_environment_says_comes_last() {
        let of = |res_options, local_domain| {
            let text =
                "search a.example\noptions ndots:5 timeout:2".to_owned() + &of_environment(res_options, local_domain);
            let conf = read(&text);
            (conf.domains.join(" "), conf.ndots, conf.timeout)
        };
        assert_eq!(of(None, None), ("a.example".to_owned(), 5, 2));
        assert_eq!(of(Some("ndots:1"), None), ("a.example".to_owned(), 1, 2));
        assert_eq!(of(None, Some("b.example c.example\nd")), ("b.example c.example".to_owned(), 5, 2));
        assert_eq!(of(None, Some("")), (String::new(), 5, 2));
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in [
            "options ndots:\u{fffd}",
            "options \0",
            "nameserver %",
            "nameserver %%",
            "nameserver ::%",
            "search \u{fffd}",
        ] {
            read(text);
        }
    }
}
