//! The stream of answers to one look-up of a name.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::GaiResolver;
use super::system::Said;
use crate::resolve::flights::Landing;
use crate::resolve::{Answer, Query, QueryError};

/// The answers of [`GaiResolver`](super::GaiResolver).
#[must_use = "streams do nothing unless polled"]
pub struct GaiAnswers {
    /// AAAA before A.
    pending: Vec<(Query, Landing<Said>)>,
    last_resort: LastResort,
    said: VecDeque<Said>,
}

/// For a name that was not found as it stands: the same name as getaddrinfo understands it when it is asked for both families, with
/// search domains, and from sources other than the DNS, which may know no final dot.
enum LastResort {
    None,
    Possible(GaiResolver, Arc<str>),
    /// Under way. What the look-up of this family said is held back until it is over, or the race would be.
    Taken(Query),
}

impl GaiAnswers {
    /// One look-up for both families.
    pub(super) fn together(list: Landing<Said>) -> Self {
        Self { pending: vec![(Query::List, list)], last_resort: LastResort::None, said: VecDeque::new() }
    }

    /// A look-up for each family. If none finds anything, `resolver` looks `host` up for both.
    pub(super) fn apart(families: Vec<(Query, Landing<Said>)>, resolver: GaiResolver, host: Arc<str>) -> Self {
        Self { pending: families, last_resort: LastResort::Possible(resolver, host), said: VecDeque::new() }
    }

    fn on_said(&mut self, said: Said) {
        if let LastResort::Taken(held_back) = self.last_resort {
            return self.on_last_resort(held_back, said);
        }
        let is_negative = said.as_ref().is_err_and(QueryError::is_negative);
        match &self.last_resort {
            LastResort::Possible(resolver, host) if is_negative && self.pending.is_empty() => {
                let list = resolver.start(host, Query::List);
                self.pending.push((Query::List, list));
                self.last_resort = LastResort::Taken(query_of(&said));
            }
            _ => {
                if !is_negative {
                    // It is the right name, or nothing is known of it.
                    self.last_resort = LastResort::None;
                }
                self.said.push_back(said);
            }
        }
    }

    /// A family may be answered a second time here, since it was not found as it stands.
    fn on_last_resort(&mut self, held_back: Query, said: Said) {
        match said {
            Ok(list) => {
                let of = |is_v6| list.addresses().filter(move |address| address.is_ipv6() == is_v6);
                self.said.extend([Ok(Answer::aaaa(of(true))), Ok(Answer::a(of(false)))]);
            }
            Err(error) => self.said.push_back(Err(error.with_query(held_back))),
        }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<Said> {
        for place in 0..self.pending.len() {
            let (query, landing) = &mut self.pending[place];
            let query = *query;
            if let Poll::Ready(said) = Pin::new(landing).poll(cx) {
                self.pending.remove(place);
                return Poll::Ready(said.unwrap_or_else(|| Err(QueryError::new(query, "the look-up was given up"))));
            }
        }
        Poll::Pending
    }
}

fn query_of(said: &Said) -> Query {
    match said {
        Ok(answer) => answer.query(),
        Err(error) => error.query(),
    }
}

impl Stream for GaiAnswers {
    type Item = Said;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Said>> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Poll::Ready(Some(said));
            }
            if self.pending.is_empty() {
                return Poll::Ready(None);
            }
            let said = ready!(self.poll_pending(cx));
            self.on_said(said);
        }
    }
}

impl fmt::Debug for GaiAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending: Vec<Query> = self.pending.iter().map(|(query, _)| *query).collect();
        f.debug_struct("GaiAnswers").field("pending", &pending).finish_non_exhaustive()
    }
}
