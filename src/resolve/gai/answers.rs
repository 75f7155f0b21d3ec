//! The stream of answers to one look-up of a name.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::look_ups::LookUps;
use super::plan::Second;
use super::system::Said;
use crate::resolve::flights::Landing;
use crate::resolve::{Answer, Name, Query, QueryError};

/// The answers of [`GaiResolver`](super::GaiResolver).
#[must_use = "streams do nothing unless polled"]
pub struct GaiAnswers {
    /// The look-ups under way, AAAA before A.
    pending: Vec<(Query, Landing<Said>)>,
    course: Course,
    said: VecDeque<Said>,
}

enum Course {
    /// A call for each family of the name as it stands is under way. Answers without an address are held back, since the name may be found in a
    /// search domain.
    Apart(Apart),
    /// The name as it stands has no address. The second look-up is under way.
    Second { held: Vec<Said> },
    /// Nothing is held back any more: every answer is passed on.
    Decided,
}

struct Apart {
    look_ups: LookUps,
    name: Name,
    /// The family that was left out at first.
    unasked: Option<Query>,
    second: Second,
    held: Vec<Said>,
}

impl GaiAnswers {
    /// The answers of one look-up for both families.
    pub(super) fn together(list: Landing<Said>) -> Self {
        Self { pending: vec![(Query::List, list)], course: Course::Decided, said: VecDeque::new() }
    }

    /// The answers of a look-up for each family. If neither has an address, the family in `unasked` is looked up, and then what `second` says.
    pub(super) fn apart(
        families: Vec<(Query, Landing<Said>)>,
        look_ups: LookUps,
        name: Name,
        unasked: Option<Query>,
        second: Second,
    ) -> Self {
        let course = Course::Apart(Apart { look_ups, name, unasked, second, held: Vec::new() });
        Self { pending: families, course, said: VecDeque::new() }
    }

    fn on_said(&mut self, said: Said) {
        let found = said.as_ref().is_ok_and(|answer| answer.addresses().len() > 0);
        match mem::replace(&mut self.course, Course::Decided) {
            Course::Apart(apart) if found => self.said.extend(apart.held.into_iter().chain([said])),
            Course::Apart(mut apart) => {
                apart.held.push(said);
                self.go_on(apart);
            }
            Course::Second { held } => match said {
                Ok(list) if found => {
                    let of = |is_v6| list.addresses().filter(move |address| address.is_ipv6() == is_v6);
                    self.said.extend([Ok(Answer::aaaa(of(true))), Ok(Answer::a(of(false)))]);
                }
                _ => self.said.extend(held),
            },
            Course::Decided => self.said.push_back(said),
        }
    }

    /// Continues after a look-up without an address.
    fn go_on(&mut self, mut apart: Apart) {
        if !self.pending.is_empty() {
            self.course = Course::Apart(apart);
            return;
        }
        if let Some(query) = apart.unasked.take() {
            self.pending.push((query, apart.look_ups.start(&apart.name, query)));
            self.course = Course::Apart(apart);
            return;
        }
        let Apart { look_ups, name, second, held, .. } = apart;
        let look_up = match second {
            Second::Nothing => return self.said.extend(held),
            Second::Domains(domains) => look_ups.start_in(&name, domains),
            Second::Again => look_ups.start(&name, Query::List),
        };
        self.pending.push((Query::List, look_up));
        self.course = Course::Second { held };
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
