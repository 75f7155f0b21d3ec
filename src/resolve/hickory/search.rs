//! Searches for the host that a name stands for, one candidate after the other, so that all answers are of one host.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{mem, vec};

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RecordType;
use tracing::debug;

use super::failure::{self, Finding};
use super::look_up::{LookUp, LookUps};
use super::names::{self, Candidates, DnsName};
use super::wanted::{Wanted, address_queries};
use crate::race::{Families, Queries, Query};

/// Makes the queries of one look-up of a name.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) look_ups: LookUps,
    pub(super) families: Families,
    /// Whether the other family must never be asked for.
    pub(super) no_other_family: bool,
    /// The port whose HTTPS records are queried, if any are.
    pub(super) https_port: Option<u16>,
    /// The server, if only one is configured.
    pub(super) server: Option<SocketAddr>,
}

/// A candidate, and its look-ups.
pub(super) struct Host {
    pub(super) name: DnsName,
    pub(super) look_ups: Vec<(Query, LookUp)>,
    /// The family that was not asked for so far.
    pub(super) unasked: Option<(Query, RecordType)>,
}

/// How a search goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// This candidate is the host: the search is over.
    Found,
    /// This candidate is no host: try the next one.
    Next,
    /// It is not known whether this candidate is a host, since the server refuses or does not answer. Like the system, skip the remaining domains and
    /// try the name as it stands.
    AsItStands,
}

/// Tries one candidate after the other until one is a host.
pub(super) struct Searching {
    asker: Asker,
    present: Host,
    others: vec::IntoIter<DnsName>,
    /// The name as it stands.
    complete: DnsName,
    /// There is only one candidate: nothing is decided, and no answer is held back.
    is_only_one: bool,
    /// The error of each query. Of several errors, the one that leaves most open is kept.
    reasons: Vec<(Query, NetError)>,
}

impl Asker {
    /// Returns the queries that are made.
    pub(super) fn queries(&self) -> Queries {
        let https = self.https_port.map(|_| Query::Https);
        https.into_iter().chain(address_queries(self.families).map(|(query, _)| query)).collect()
    }

    fn ask(&self, name: DnsName) -> Host {
        let https = self.https_port.map(|port| names::of_service(&name, port));
        let wanted_https = https.iter().flatten().map(|name| (Query::Https, name, RecordType::HTTPS));
        let addresses = address_queries(self.families).map(|(query, record_type)| (query, &name, record_type));
        let (queries, wanted): (Vec<Query>, Vec<Wanted>) = wanted_https
            .chain(addresses)
            .map(|(query, name, record_type)| (query, Wanted::new(name.clone(), record_type)))
            .unzip();
        let mut look_ups: Vec<_> = queries.into_iter().zip(self.look_ups.start(wanted)).collect();
        if https.is_some_and(|name| name.is_none()) {
            // The name of the HTTPS records would be too long: there are none.
            let said = Err(failure::no_data(name.clone(), RecordType::HTTPS));
            look_ups.push((Query::Https, LookUp::over(said)));
        }
        Host { name, look_ups, unasked: self.unasked() }
    }

    /// Returns the family that is not asked for at first.
    fn unasked(&self) -> Option<(Query, RecordType)> {
        if self.no_other_family {
            return None;
        }
        address_queries(Families::Both).find(|(query, _)| !self.queries().contains(*query))
    }
}

impl Host {
    /// Returns how the search goes on, once the answers decide it.
    ///
    /// An HTTPS record counts like an address. The search waits for its answer only if the name exists.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let (mut addresses_are_open, mut https_is_open, mut exists, mut step) = (false, false, false, Step::Next);
        for (query, look_up) in &mut self.look_ups {
            let is_https = *query == Query::Https;
            match Pin::new(look_up).poll(cx) {
                Poll::Ready(Ok(_)) => return Poll::Ready(Step::Found),
                // Without HTTPS records, the addresses decide whether this is a host.
                Poll::Ready(Err(_)) if is_https => {}
                Poll::Ready(Err(error)) => match failure::finding(&error) {
                    Finding::Failed => step = Step::AsItStands,
                    Finding::NoData => exists = true,
                    Finding::NxDomain | Finding::ServFail => {}
                },
                Poll::Pending if is_https => https_is_open = true,
                Poll::Pending => addresses_are_open = true,
            }
        }
        if addresses_are_open || https_is_open && exists { Poll::Pending } else { Poll::Ready(step) }
    }

    /// Asks for the family that was left out, before the candidate is given up. Returns whether there is one.
    ///
    /// If the name does not exist, the other family does not exist either (RFC 8020). A server may be wrong about that, but that is checked for the
    /// last candidate only, to save queries.
    fn ask_for_the_rest(&mut self, asker: &Asker, is_last: bool, cx: &mut Context<'_>) -> bool {
        let exists = self.look_ups.iter_mut().filter(|(query, _)| *query != Query::Https).any(|(_, look_up)| {
            matches!(Pin::new(look_up).poll(cx), Poll::Ready(Err(error)) if !failure::is_nxdomain(&error))
        });
        if !(is_last || exists) {
            return false;
        }
        let Some((query, record_type)) = self.unasked.take() else { return false };
        let look_ups = asker.look_ups.start([Wanted::new(self.name.clone(), record_type)]);
        self.look_ups.extend(look_ups.into_iter().map(|look_up| (query, look_up)));
        true
    }
}

impl Searching {
    /// Starts a search with the first candidate.
    pub(super) fn start(asker: Asker, Candidates { first, others, complete }: Candidates) -> Self {
        let is_only_one = others.is_empty();
        let (present, others) = (asker.ask(first), others.into_iter());
        Self { present, asker, others, complete, is_only_one, reasons: Vec::new() }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Returns the present candidate.
    pub(super) fn name(&self) -> &DnsName {
        &self.present.name
    }

    /// Returns the host as soon as it is known. Some of its answers may still be under way. If no candidate is a host, returns the last one, with the
    /// errors of all.
    pub(super) fn poll_host(&mut self, cx: &mut Context<'_>) -> Poll<Host> {
        while !self.is_only_one {
            let step = ready!(self.present.poll_step(cx));
            if step == Step::Found {
                break;
            }
            let is_last = self.others.as_slice().is_empty();
            if (step == Step::Next || is_last) && self.present.ask_for_the_rest(&self.asker, is_last, cx) {
                continue;
            }
            self.note_reasons(cx);
            let Some(next) = self.next(step) else {
                self.put_reasons();
                break;
            };
            debug!(name = %self.present.name, %next, "the search goes on");
            self.present = self.asker.ask(next);
        }
        let look_ups = mem::take(&mut self.present.look_ups);
        Poll::Ready(Host { name: self.present.name.clone(), look_ups, unasked: self.present.unasked.take() })
    }

    /// Returns the next candidate.
    fn next(&mut self, step: Step) -> Option<DnsName> {
        // After the name as it stands, the domains are searched, whatever its answers were.
        if step == Step::Next || self.present.name == self.complete {
            return self.others.next();
        }
        mem::replace(&mut self.others, Vec::new().into_iter()).find(|name| *name == self.complete)
    }

    fn note_reasons(&mut self, cx: &mut Context<'_>) {
        for (query, look_up) in self.present.look_ups.iter_mut().filter(|(query, _)| *query != Query::Https) {
            let Poll::Ready(Err(error)) = Pin::new(look_up).poll(cx) else { continue };
            match self.reasons.iter_mut().find(|(noted, _)| noted == query) {
                Some((_, noted)) if failure::finding(noted) > failure::finding(&error) => {}
                Some((_, noted)) => *noted = error,
                None => self.reasons.push((*query, error)),
            }
        }
    }

    fn put_reasons(&mut self) {
        for (query, error) in mem::take(&mut self.reasons) {
            if let Some((_, look_up)) = self.present.look_ups.iter_mut().find(|(asked, _)| *asked == query) {
                *look_up = LookUp::over(Err(error));
            }
        }
    }
}
