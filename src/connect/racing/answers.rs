//! Takes in the answers of the resolver, with the source address and the advice for each destination.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_core::Stream;
use tower_service::Service;

use super::Racing;
use crate::attempt::AttemptRequest;
use crate::connect::record::Record;
use crate::outcome::{BoxError, QueryError};
use crate::race::{Answer, Query, Source};

/// The most answers that are taken in by one poll.
const MAX_ANSWERS_AT_ONCE: usize = 32;

/// The most answers that are taken in by one connect. A resolver gives one for each query, or a few if it refreshes them.
const MAX_ANSWERS: usize = 256;

/// The most destinations of an answer for which the system is asked for the source address. That takes some system calls for each. The other
/// destinations get the source of the last one of their family.
const MAX_SOURCES: usize = 64;

impl<A> Racing<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    /// Takes in the answers that are there. It is not called when the race is won: a query without an answer has not failed then.
    pub(super) fn poll_answers<S>(
        &mut self,
        mut answers: Pin<&mut Option<S>>,
        record: &mut Record,
        now: Instant,
        cx: &mut Context<'_>,
    ) where
        S: Stream<Item = Result<Answer, QueryError>>,
    {
        let mut answered = 0;
        while let Poll::Ready(answer) = poll_answer(answers.as_mut(), cx) {
            self.on_answer(answer, record, now);
            answered += 1;
            if self.answers >= MAX_ANSWERS {
                record.too_many_answers(MAX_ANSWERS);
                answers.set(None);
                let why = format!("no final answer came within {MAX_ANSWERS} answers");
                return self.on_no_more_answers(&why, record, now);
            }
            if answered == MAX_ANSWERS_AT_ONCE {
                // A resolver that never ends must not block the thread: take the next answers in another poll.
                cx.waker().wake_by_ref();
                break;
            }
        }
        if answers.is_none() {
            self.on_no_more_answers("the resolver ended without an answer", record, now);
        }
    }

    pub(in crate::connect) fn on_answer(
        &mut self,
        answer: Result<Answer, QueryError>,
        record: &mut Record,
        now: Instant,
    ) {
        self.answers += 1;
        match answer {
            Ok(answer) => {
                if answer.is_failed() {
                    self.on_failed_query(
                        QueryError::new(answer.query(), "the resolver does not say why"),
                        answer.is_final(),
                        record,
                    );
                } else {
                    record.answered(&answer, now);
                    if answer.is_final() {
                        self.settled = self.settled.with(answer.query());
                    }
                }
                // A list is sorted already, and needs no source addresses.
                if answer.query() != Query::List {
                    self.tell_sources(&answer, now);
                }
                self.tell_advice(&answer, now);
                self.race.handle_answer(answer.at(self.port), now);
            }
            Err(error) => {
                self.race.handle_answer(error.to_answer(), now);
                self.on_failed_query(error, true, record);
            }
        }
    }

    /// A query has failed. It is not recorded if the query has a final answer already.
    fn on_failed_query(&mut self, error: QueryError, is_final: bool, record: &mut Record) {
        let query = error.query();
        if !self.settled.contains(query) {
            record.query_failed(error);
        }
        if is_final {
            self.settled = self.settled.with(query);
        }
    }

    fn tell_sources(&mut self, answer: &Answer, now: Instant) {
        let (mut v6, mut v4) = (Source::Unknown, Source::Unknown);
        let heard = self.network.heard();
        for (place, destination) in answer.destinations().enumerate() {
            let of_family = if destination.is_ipv6() { &mut v6 } else { &mut v4 };
            if place < MAX_SOURCES {
                *of_family = self.sources.find(destination, heard, now);
            }
            self.race.handle_source(destination, *of_family);
        }
    }

    fn tell_advice(&mut self, answer: &Answer, now: Instant) {
        let mut recall = self.memory.recall(&mut self.view, &self.sources, &self.network, now);
        for destination in answer.destinations() {
            self.race.handle_advice(destination, recall.advise(destination));
        }
    }

    /// No more answers will come: the queries that are still open have failed.
    fn on_no_more_answers(&mut self, why: &str, record: &mut Record, now: Instant) {
        for query in self.race.waiting_for().iter() {
            self.on_answer(Err(QueryError::new(query, why)), record, now);
        }
    }
}

/// Polls the next answer. If the stream has ended, it is set to `None`, and the result is pending.
pub(in crate::connect) fn poll_answer<S: Stream>(
    mut answers: Pin<&mut Option<S>>,
    cx: &mut Context<'_>,
) -> Poll<S::Item> {
    let Some(stream) = answers.as_mut().as_pin_mut() else { return Poll::Pending };
    match ready!(stream.poll_next(cx)) {
        Some(answer) => Poll::Ready(answer),
        None => {
            answers.set(None);
            Poll::Pending
        }
    }
}
