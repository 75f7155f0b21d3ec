//! Computes independently which endpoints the answers of a generated race offer, and so which must be tried.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper_happy_eyeballs::race::{Family, Policy, Query, ServiceRecord};

use super::names::{PORT, unmapped};
use super::scripts::{Answered, Case, Content, Settings, family, hints};
use super::simulation::Log;

/// Endpoints, usable or not.
#[derive(Default)]
pub(crate) struct Offered {
    /// The endpoints of the present answers.
    pub(crate) now: BTreeSet<SocketAddr>,
    /// These, and those that have left their answers.
    pub(crate) ever: BTreeSet<SocketAddr>,
}

/// Returns the endpoints of all answers until this time.
pub(crate) fn offered(case: &Case, until: Duration) -> Offered {
    let mut offered = Offered::default();
    let mut records = Records::default();
    for answered in case.answers.iter().filter(|answered| answered.at <= until) {
        records.take_in(answered, &case.settings);
        offered.now = records.endpoints();
        offered.ever.extend(&offered.now);
    }
    offered
}

/// Returns until when answers counted in a race that ended at `now`. `TwoFamilies` and `Sequential` ignore answers once they have begun.
pub(crate) fn last_answers_at(case: &Case, log: &Log, now: Duration) -> Duration {
    match (case.settings.policy, log.starts().first()) {
        (Policy::TwoFamilies | Policy::Sequential, Some((first_start, _))) => now.min(*first_start),
        _ => now,
    }
}

#[derive(Default)]
struct Records {
    addresses: BTreeMap<Query, Vec<SocketAddr>>,
    services: Vec<ServiceRecord>,
    hints: Vec<Hint>,
}

struct Hint {
    endpoint: SocketAddr,
    is_of_another_name: bool,
}

impl Records {
    fn take_in(&mut self, answered: &Answered, settings: &Settings) {
        match &answered.content {
            Content::Failed => {}
            Content::Addresses(_) => {
                let addresses = answered.content.addresses();
                self.hints.retain(|hint| {
                    let speaks_of_it = match answered.query {
                        Query::Aaaa => family(hint.endpoint) == Family::V6,
                        Query::A => family(hint.endpoint) == Family::V4,
                        _ => true,
                    };
                    let has_it = || addresses.iter().any(|address| address.ip() == hint.endpoint.ip());
                    hint.is_of_another_name || !speaks_of_it || has_it()
                });
                self.addresses.insert(answered.query, addresses);
            }
            Content::Services(records) => {
                // An alias makes the other records ignored.
                let serves = records.iter().all(|record| record.priority > 0);
                let usable = records.iter().filter(|record| serves && settings.speak_with(record));
                self.services = usable.cloned().collect();
                self.hints = self.services.iter().flat_map(|record| self.hints_of(record)).collect();
            }
        }
    }

    /// Returns the hints of a record. Hints of the name itself count only for a family without an address.
    fn hints_of(&self, record: &ServiceRecord) -> Vec<Hint> {
        let listed = self.addresses.get(&Query::List).is_some_and(|list| !list.is_empty());
        let is_known = |ip: IpAddr| listed || self.known().any(|address| address.is_ipv4() == ip.is_ipv4());
        let ips = hints(record).map(|ip| unmapped(SocketAddr::new(ip, PORT)).ip());
        let offered = ips.filter(|ip| record.target.is_some() || !is_known(*ip));
        let port = record.port.unwrap_or(PORT);
        let hint = |ip| Hint { endpoint: SocketAddr::new(ip, port), is_of_another_name: record.target.is_some() };
        offered.map(hint).collect()
    }

    fn known(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.values().flatten().copied()
    }

    fn endpoints(&self) -> BTreeSet<SocketAddr> {
        let mut endpoints: BTreeSet<_> = self.known().collect();
        endpoints.extend(self.hints.iter().map(|hint| hint.endpoint));
        for service in self.services.iter().filter(|service| service.target.is_none()) {
            let port = service.port.unwrap_or(PORT);
            endpoints.extend(self.known().map(|address| SocketAddr::new(address.ip(), port)));
        }
        endpoints
    }
}
