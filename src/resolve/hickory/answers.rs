//! The stream of answers to one look-up of a name.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RecordType;

use super::alias::{Follower, Following, Services};
use super::failure;
use super::look_up::{LookUp, LookUps};
use super::names::DnsName;
use super::search::{Asker, Host, Searching};
use super::wanted::{Said, Wanted, addresses};
use crate::resolve::{Answer, Query, QueryError};

/// The answers of [`HickoryResolver`](super::HickoryResolver).
#[must_use = "streams do nothing unless polled"]
pub struct HickoryAnswers(Stage);

enum Stage {
    /// The search has not found the host yet. Negative answers are held back, since the name may be another host's.
    Searching(Searching),
    Found(Found),
}

struct Found {
    https: Https,
    addresses: Addresses,
}

enum Https {
    Following(Following),
    Serving(Services),
    Over,
}

struct Addresses {
    look_ups: LookUps,
    pending: Vec<(Query, Pursuit)>,
    server: Option<SocketAddr>,
    /// The name, and the family that was left out at first. It is looked up if the other family has no address.
    rest: Option<(DnsName, Query, RecordType)>,
    /// Answers without an address, held back until the other family has been looked up.
    held: VecDeque<Item>,
    /// Every answer so far was negative, and may be the result of a chain of CNAME records without an end.
    may_be_unfollowed: bool,
}

enum Pursuit {
    Records(LookUp),
    /// Looks for a CNAME record at the name where hickory stopped. If there is one, hickory has not followed the chain to its end.
    EndOfChain(LookUp, NetError),
}

type Item = Result<Answer, QueryError>;

impl HickoryAnswers {
    pub(super) fn of_search(searching: Searching) -> Self {
        Self(Stage::Searching(searching))
    }

    /// The answers for a name from the table of hosts.
    pub(super) fn known(look_ups: LookUps, addresses: Vec<(Query, LookUp)>) -> Self {
        Self(Stage::Found(Found { https: Https::Over, addresses: Addresses::new(look_ups, addresses, None, None) }))
    }
}

impl Stream for HickoryAnswers {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            match &mut self.0 {
                Stage::Searching(searching) => {
                    let host = ready!(searching.poll_host(cx));
                    self.0 = Stage::Found(Found::new(searching.asker().clone(), host));
                }
                Stage::Found(found) => return found.poll_next(cx),
            }
        }
    }
}

impl Found {
    fn new(asker: Asker, host: Host) -> Self {
        let (https, addresses): (Vec<_>, Vec<_>) =
            host.look_ups.into_iter().partition(|(query, _)| *query == Query::Https);
        let rest = host.unasked.map(|(query, record_type)| (host.name.clone(), query, record_type));
        let addresses = Addresses::new(asker.look_ups.clone(), addresses, asker.server, rest);
        let follower = Follower { asker, origin: host.name };
        let https = https.into_iter().next().map(|(_, records)| follower.follow(records));
        Self { https: https.map_or(Https::Over, Https::Following), addresses }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let Self { https, addresses } = self;
        if let Poll::Ready(answer) = https.poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if let Poll::Ready(answer) = addresses.poll(cx) {
            return Poll::Ready(Some(answer));
        }
        let is_over = matches!(https, Https::Over) && addresses.are_over();
        if is_over { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Https {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        if let Self::Following(following) = self {
            match ready!(following.as_mut().poll(cx)) {
                Ok(services) => *self = Self::Serving(services),
                Err(error) => {
                    *self = Self::Over;
                    return Poll::Ready(Err(error));
                }
            }
        }
        let Self::Serving(services) = self else { return Poll::Pending };
        let answer = ready!(services.poll_answer(cx));
        if services.is_complete() {
            *self = Self::Over;
        }
        Poll::Ready(Ok(answer))
    }
}

impl Addresses {
    fn new(
        look_ups: LookUps,
        asked: Vec<(Query, LookUp)>,
        server: Option<SocketAddr>,
        rest: Option<(DnsName, Query, RecordType)>,
    ) -> Self {
        let pending = asked.into_iter().map(|(query, look_up)| (query, Pursuit::Records(look_up))).collect();
        Self { look_ups, pending, server, rest, held: VecDeque::new(), may_be_unfollowed: true }
    }

    fn are_over(&self) -> bool {
        self.pending.is_empty() && self.held.is_empty()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        let mut place = 0;
        while let Some((_, Pursuit::Records(look_up) | Pursuit::EndOfChain(look_up, _))) = self.pending.get_mut(place) {
            let Poll::Ready(said) = Pin::new(look_up).poll(cx) else {
                place += 1;
                continue;
            };
            let (query, pursuit) = self.pending.remove(place);
            let result = match (pursuit, said) {
                (Pursuit::Records(_), Ok(found)) => {
                    self.may_be_unfollowed = false;
                    Ok(answer(query, &found))
                }
                (Pursuit::Records(_), Err(error)) => match self.look_for_end_of_chain(&error) {
                    Some(look_up) => {
                        self.pending.push((query, Pursuit::EndOfChain(look_up, error)));
                        continue;
                    }
                    None => Err(error),
                },
                (Pursuit::EndOfChain(_, error), said) => Err(end_of_chain(said, error)),
            };
            let item = result.map_err(|error| failure::query_error(query, error, self.server));
            if item.as_ref().is_ok_and(|answer| answer.addresses().len() > 0) {
                self.rest = None;
            } else if self.ask_for_the_rest() {
                self.held.push_back(item);
                place = 0;
                continue;
            }
            return Poll::Ready(item);
        }
        match self.held.pop_front() {
            Some(item) if self.pending.is_empty() => Poll::Ready(item),
            Some(item) => {
                self.held.push_front(item);
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    /// Looks up the family that was left out, if there is one, since the other has no address.
    fn ask_for_the_rest(&mut self) -> bool {
        let Some((name, query, record_type)) = self.rest.take_if(|_| self.pending.is_empty()) else { return false };
        let look_ups = self.look_ups.start([Wanted::new(name, record_type)]);
        self.pending.extend(look_ups.into_iter().map(|look_up| (query, Pursuit::Records(look_up))));
        true
    }

    /// Starts a look-up that shows whether hickory followed all CNAME records. It is made only for the last answer, if there is no address.
    fn look_for_end_of_chain(&mut self, error: &NetError) -> Option<LookUp> {
        let stopped_at = failure::may_be_unfollowed(error);
        self.may_be_unfollowed &= stopped_at.is_some();
        let wanted = Wanted::new(stopped_at?.clone(), RecordType::CNAME);
        let is_last = self.pending.is_empty() && self.rest.is_none();
        if self.may_be_unfollowed && is_last { self.look_ups.start([wanted]).pop() } else { None }
    }
}

/// Returns the error of a name without addresses, now that the end of the chain is known.
fn end_of_chain(said: Said, error: NetError) -> NetError {
    let is_alias = |found: &Lookup| found.answers().iter().any(|record| record.record_type() == RecordType::CNAME);
    match said {
        Ok(found) if is_alias(&found) => NetError::Message("the chain of CNAME records does not end"),
        _ => error,
    }
}

fn answer(query: Query, found: &Lookup) -> Answer {
    let endpoints = |record_type| addresses(found, record_type).map(|ip| SocketAddr::new(ip, 0));
    match query {
        Query::Aaaa => Answer::aaaa(endpoints(RecordType::AAAA)),
        _ => Answer::a(endpoints(RecordType::A)),
    }
}

impl fmt::Debug for HickoryAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("HickoryAnswers");
        match &self.0 {
            Stage::Searching(searching) => text.field("asked_for", &searching.name().to_string()),
            Stage::Found(Found { https, addresses }) => {
                let addresses = addresses.pending.iter().map(|(query, _)| *query);
                let https = (!matches!(https, Https::Over)).then_some(Query::Https);
                text.field("pending", &https.into_iter().chain(addresses).collect::<Vec<_>>())
            }
        };
        text.finish()
    }
}
