//! Writes a generated race in the form of a scenario file, above the line.

use std::fmt;
use std::net::SocketAddr;

use hyper_happy_eyeballs::race::{Families, Order, Patience, Policy, Query, ServiceRecord, Source};

use super::{ADDRESSES, Answered, Case, Content, End, Fate, PORT, Settings, hints};

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.settings)?;
        if let Some(deadline) = self.deadline {
            writeln!(f, "deadline {}", deadline.as_millis())?;
        }
        for (name, ip) in ADDRESSES.iter().filter(|(name, _)| name.len() > 2) {
            writeln!(f, "address {name} {}", SocketAddr::new(ip.parse().unwrap(), PORT))?;
        }
        for query in self.queries.iter().map(query_name) {
            if self.answers.iter().all(|answered| query_name(answered.query) != query) {
                writeln!(f, "answer {query} never")?;
            }
        }
        for answered in &self.answers {
            writeln!(f, "{answered:?}")?;
        }
        for (address, source) in self.sources.iter().filter(|(address, _)| self.offers(**address)) {
            let source = match source {
                Source::Address(ip) => ip.to_string(),
                _ => "unreachable".into(),
            };
            writeln!(f, "source {} {source}", name(SocketAddr::new(address.ip(), PORT)))?;
        }
        for (address, fate) in self.fates.iter().filter(|(address, _)| self.mentions(address.ip())) {
            writeln!(f, "attempt {} {fate:?}", name(*address))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = |families| match families {
            Families::Both => "both",
            Families::V6Only => "v6-only",
            Families::V4Only => "v4-only",
        };
        match self.policy {
            Policy::TwoFamilies => f.write_str("policy two-families")?,
            Policy::Sequential => f.write_str("policy sequential")?,
            _ => f.write_str("policy staggered")?,
        }
        match self.order {
            Order::PreferV6 => f.write_str("\norder prefer-v6")?,
            Order::PreferV4 => f.write_str("\norder prefer-v4")?,
            _ => {}
        }
        write!(f, "\nattempt-delay {}", self.attempt_delay.as_millis())?;
        write!(f, "\nresolution-delay {}", self.resolution_delay.as_millis())?;
        write!(f, "\nfallback-delay {}", self.fallback_delay.as_millis())?;
        write!(f, "\nfirst-family-count {}", self.first_family_count)?;
        if let Some(cap) = self.cap {
            write!(f, "\nmax-concurrent {cap}")?;
        }
        write!(f, "\nfamilies {}", families(self.families))?;
        write!(f, "\nlocal-families {}", families(self.local_families))?;
        match self.patience {
            Patience::Strict => f.write_str("\npatience strict")?,
            Patience::Bounded(patience) => write!(f, "\npatience {}", patience.as_millis())?,
            _ => {}
        }
        match &self.protocols {
            Some(protocols) => write!(f, "\nprotocols {}", protocols.join(",")),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provisional = if self.is_final { "" } else { "provisional " };
        write!(f, "answer {} {} {provisional}{:?}", query_name(self.query), self.at.as_millis(), self.content)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self {
            Self::Addresses(addresses) => addresses.iter().copied().map(name).collect::<Vec<_>>().join(" "),
            Self::Services(records) => records.iter().map(record_text).collect::<Vec<_>>().join("; "),
            Self::Failed => "failed".into(),
        };
        f.write_str(if list.is_empty() { "negative" } else { &list })
    }
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (after, remaining) in &self.progress {
            write!(f, "progress {} {}, ", after.as_millis(), remaining.as_millis())?;
        }
        if let Some(after) = self.chooses {
            write!(f, "choose {}, ", after.as_millis())?;
        }
        if let Some(after) = self.gate {
            write!(f, "gate {}, ", after.as_millis())?;
        }
        match self.end {
            End::Connected(after) => write!(f, "ok {}", after.as_millis()),
            End::Refused(after) => write!(f, "refused {}", after.as_millis()),
            End::Unsent(after) => write!(f, "unsent {}", after.as_millis()),
            End::Untrusted(after) => write!(f, "untrusted {}", after.as_millis()),
            End::Hang => f.write_str("hang"),
        }
    }
}

fn query_name(query: Query) -> String {
    if query == Query::List { "LIST".into() } else { query.to_string() }
}

fn record_text(record: &ServiceRecord) -> String {
    let mut text = record.priority.to_string();
    if let Some(target) = &record.target {
        text += &format!(" target={target}");
    }
    if !record.alpn.is_empty() {
        text += &format!(" alpn={}", String::from_utf8(record.alpn.join(&b',')).unwrap());
    }
    if let Some(port) = record.port {
        text += &format!(" port={port}");
    }
    let hints: Vec<_> = hints(record).map(|hint| name(SocketAddr::new(hint, PORT))).collect();
    if !hints.is_empty() {
        text += &format!(" hints={}", hints.join(","));
    }
    text
}

fn name(address: SocketAddr) -> String {
    let is_it = |(_, ip): &&(&str, &str)| ip.parse() == Ok(address.ip());
    let (name, _) = ADDRESSES.iter().find(is_it).unwrap();
    if address.port() == PORT { (*name).into() } else { format!("{name}:{}", address.port()) }
}
