//! Follows HTTPS records: through aliases, and to the addresses of their targets (RFC 9460 §3).

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::rdata::svcb::SVCB;
use hickory_resolver::proto::rr::{RData, RecordType};
use tracing::debug;

use super::failure;
use super::look_up::LookUp;
use super::names::{self, DnsName};
use super::search::Asker;
use super::service_record::{of_alias, pick, service_record, sort, target_name};
use super::wanted::{Said, Wanted, address_queries, addresses};
use crate::race::ServiceRecord;
use crate::resolve::{Answer, Query, QueryError};

/// How many aliases in a row are followed.
const MAX_ALIASES: usize = 8;
/// How many TargetNames are looked up. Other records only have their hints.
const MAX_TARGETS: usize = 8;

/// Service records, once the aliases are followed.
pub(super) type Following = Pin<Box<dyn Future<Output = Result<Services, QueryError>> + Send>>;

/// Follows HTTPS records to where they lead.
pub(super) struct Follower {
    pub(super) asker: Asker,
    /// The name of the origin, whose addresses are looked up in any case.
    pub(super) origin: DnsName,
}

/// Service records, and the look-ups of their targets' addresses.
pub(super) struct Services {
    records: Vec<ServiceRecord>,
    waiting: Vec<Target>,
    has_news: bool,
}

/// One family of the addresses of a TargetName.
struct Target {
    name: String,
    record_type: RecordType,
    look_up: LookUp,
}

impl Follower {
    /// Follows the aliases in these records.
    pub(super) fn follow(self, records: LookUp) -> Following {
        Box::pin(self.run(records))
    }

    async fn run(self, records: LookUp) -> Result<Services, QueryError> {
        let mut said = records.await;
        let mut seen = vec![self.origin.clone()];
        let mut aliases = 0;
        let mut alias = None;
        // The addresses of an alias are looked up together with its HTTPS records, since most aliases have no further records and need their
        // addresses.
        let mut ahead = Vec::new();
        loop {
            let found = match (said, &alias) {
                (Ok(found), _) => found,
                (Err(error), Some(alias)) if failure::is_negative(&error) => {
                    return Ok(self.end_of_aliases(alias, ahead));
                }
                (Err(error), _) => return Err(failure::query_error(Query::Https, error, self.asker.server)),
            };
            let next = match next_alias(&found) {
                Some(next) => next.clone(),
                None => return Ok(self.services(&found, alias.as_ref(), ahead)),
            };
            if next.is_root() {
                // The record says that there is no such service. That is only advice (§2.5.1): the addresses of the origin are tried.
                return Ok(Services::new(Vec::new(), Vec::new()));
            }
            if seen.contains(&next) || aliases == MAX_ALIASES {
                return Err(QueryError::new(Query::Https, "the chain of aliases does not end"));
            }
            debug!(alias = %next, "an HTTPS record is an alias");
            aliases += 1;
            seen.push(next.clone());
            let record_types = [RecordType::HTTPS].into_iter().chain(self.address_types());
            let wanted = record_types.map(|record_type| Wanted::new(next.clone(), record_type));
            let mut look_ups = self.asker.look_ups.start(wanted);
            let records = look_ups.remove(0);
            ahead = look_ups;
            alias = Some(next);
            said = records.await;
        }
    }

    /// Returns a record that stands for the alias's addresses. There is no answer until they arrive.
    fn end_of_aliases(&self, alias: &DnsName, ahead: Vec<LookUp>) -> Services {
        let record = of_alias(alias);
        let names = BTreeMap::from([(target_name(alias), alias)]);
        let mut services = self.with_targets(vec![record], &names, Some(alias), ahead);
        services.has_news = false;
        services
    }

    /// Returns the records in ServiceMode of an answer, which `alias` may have led to.
    fn services(&self, found: &Lookup, alias: Option<&DnsName>, ahead: Vec<LookUp>) -> Services {
        let mut records = Vec::new();
        let mut names = BTreeMap::new();
        let mut is_empty = true;
        for (owner, svcb) in https_records(found) {
            is_empty = false;
            let Some(mut record) = service_record(svcb) else {
                debug!(record = %svcb, "an HTTPS record cannot be used");
                continue;
            };
            let target = match (svcb.target_name.is_root(), alias) {
                (false, _) => &svcb.target_name,
                (true, Some(alias)) => alias,
                (true, None) => owner,
            };
            // The canonical name of the origin has the same addresses as the origin. The canonical name of `_8443._https` has its own.
            let is_origin = *target == self.origin || alias.is_none() && target == owner && self.are_at_origin();
            let target = Some(target).filter(|_| !is_origin);
            if let Some(target) = target {
                let text = target_name(target);
                names.insert(text.clone(), target);
                record.target = Some(text);
            }
            records.push(record);
        }
        match alias {
            Some(alias) if is_empty => self.end_of_aliases(alias, ahead),
            _ => {
                sort(&mut records);
                self.with_targets(records, &names, alias, ahead)
            }
        }
    }

    /// Looks up the targets of the records that come first. The look-ups of the addresses of `alias` are in `ahead`.
    fn with_targets(
        &self,
        records: Vec<ServiceRecord>,
        names: &BTreeMap<String, &DnsName>,
        alias: Option<&DnsName>,
        ahead: Vec<LookUp>,
    ) -> Services {
        let mut targets: Vec<(&String, &DnsName)> = Vec::new();
        for name in records.iter().filter_map(|record| names.get_key_value(record.target.as_ref()?)) {
            let (text, name) = name;
            if targets.len() < MAX_TARGETS && !targets.contains(&(text, name)) {
                targets.push((text, name));
            }
        }
        let (begun, others): (Vec<_>, Vec<_>) = targets.into_iter().partition(|(_, name)| Some(*name) == alias);
        let wanted = others
            .iter()
            .flat_map(|(_, name)| self.address_types().map(|record_type| Wanted::new((*name).clone(), record_type)));
        let look_ups = self.asker.look_ups.start(wanted);
        // The look-ups under way are used, since answers that cannot be cached would be queried again.
        let waiting = [(begun, ahead), (others, look_ups)].into_iter().flat_map(|(targets, look_ups)| {
            let families =
                targets.into_iter().flat_map(|(text, _)| self.address_types().map(move |family| (text, family)));
            families.zip(look_ups).map(|((name, record_type), look_up)| Target {
                name: name.clone(),
                record_type,
                look_up,
            })
        });
        let waiting = waiting.collect();
        Services::new(records, waiting)
    }

    /// Whether the HTTPS records are those of the origin's own name (RFC 9460 §9.1).
    fn are_at_origin(&self) -> bool {
        self.asker.https_port == Some(names::HTTPS_PORT)
    }

    fn address_types(&self) -> impl Iterator<Item = RecordType> + use<> {
        address_queries(self.asker.families).map(|(_, record_type)| record_type)
    }
}

impl Services {
    fn new(records: Vec<ServiceRecord>, waiting: Vec<Target>) -> Self {
        Self { records, waiting, has_news: true }
    }

    /// Returns the records each time that something new is known of them. Records whose targets are still looked up have their hints.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let Self { records, waiting, has_news } = self;
        waiting.retain_mut(|target| match Pin::new(&mut target.look_up).poll(cx) {
            Poll::Pending => true,
            Poll::Ready(said) => {
                *has_news = true;
                learn(records, target, &said);
                false
            }
        });
        if !*has_news {
            return Poll::Pending;
        }
        *has_news = false;
        let answer = Answer::https(records.iter().cloned(), 0);
        Poll::Ready(if waiting.is_empty() { answer } else { answer.provisional() })
    }

    /// Whether all targets have been looked up.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Replaces the hints by the addresses of a target. A failed look-up changes nothing.
fn learn(records: &mut [ServiceRecord], target: &Target, said: &Said) {
    let (mut v6, mut v4) = (Vec::new(), Vec::new());
    match said {
        Ok(found) => {
            for address in addresses(found, target.record_type) {
                match address {
                    IpAddr::V6(address) => v6.push(address),
                    IpAddr::V4(address) => v4.push(address),
                }
            }
        }
        Err(error) if failure::is_negative(error) => {}
        Err(_) => return,
    }
    for record in records.iter_mut().filter(|record| record.target.as_ref() == Some(&target.name)) {
        if target.record_type == RecordType::AAAA {
            record.ipv6_hints.clone_from(&v6);
        } else {
            record.ipv4_hints.clone_from(&v4);
        }
    }
}

/// Returns the target of a record in AliasMode. If there is one, records in ServiceMode are ignored (§2.4.1).
fn next_alias(found: &Lookup) -> Option<&DnsName> {
    let aliases = https_records(found).filter(|(_, svcb)| svcb.svc_priority == 0);
    pick(&aliases.map(|(_, svcb)| &svcb.target_name).collect::<Vec<_>>()).copied()
}

/// Returns the HTTPS records of an answer, with their owners.
fn https_records(found: &Lookup) -> impl Iterator<Item = (&DnsName, &SVCB)> {
    found.answers().iter().filter_map(|record| match &record.data {
        RData::HTTPS(https) => Some((&record.name, &https.0)),
        _ => None,
    })
}
