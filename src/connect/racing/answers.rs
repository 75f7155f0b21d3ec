//! What the resolver says, and what the system says of it.

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

/// How many answers are taken in before anything else has its turn.
const MAX_ANSWERS_AT_ONCE: usize = 32;

/// How many answers are taken in altogether. A resolver has one for each query, or a few if it refreshes them.
const MAX_ANSWERS: usize = 256;

/// How many destinations of an answer the system is asked about, which takes some calls for each. The others of a family are taken
/// to be reached as the last of it that was asked about.
const MAX_SOURCES: usize = 64;

impl<A> Racing<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    /// Once the race is won it waits for no answer: what is missing then has not failed.
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
                // A resolver without end must not keep the thread: the rest is for another poll.
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
                // A list has been sorted by whoever made it.
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

    /// A query that has its answer cannot fail any more: nobody waits for it.
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

    /// A query that is still open when no more answers are to come has failed.
    fn on_no_more_answers(&mut self, why: &str, record: &mut Record, now: Instant) {
        for query in self.race.waiting_for().iter() {
            self.on_answer(Err(QueryError::new(query, why)), record, now);
        }
    }
}

/// The next answer of a stream that may have ended; its end is not an answer.
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
