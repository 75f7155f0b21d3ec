//! The future of a connect: from the name to the connection, and the owner of everything that is in flight.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::debug;

use super::info::ConnectInfo;
use super::oneshot::Oneshot;
use super::racing::{Racing, Round};
use super::record::{Begun, Record};
use super::service::Settings;
use super::stream::HappyEyeballsStream;
use super::target::Target;
use super::timer::{Timer, now};
use crate::error::{BoxError, Error, Kind};
use crate::race::{Answer, AttemptId, Config, Endpoint, Opening, Port, Queries, Race, StartReason};
use crate::report::Leftover;
use crate::resolve::{Answers, Name, Resolve};

/// The connection to come of a [`HappyEyeballsConnector`](super::HappyEyeballsConnector).
///
/// # Cancel safety
///
/// Dropping it cancels the look-up and closes the socket of every attempt at once.
#[must_use = "futures do nothing unless polled"]
pub struct Connecting<R: Resolve, A: Service<Endpoint>> {
    state: State<R, A>,
}

enum State<R: Resolve, A: Service<Endpoint>> {
    /// There is nothing to drive: the URI is invalid.
    Failed(Option<Error>),
    /// Boxed, since the client of hyper-util needs a future that can be moved.
    Driving(Pin<Box<Driver<R, A>>>),
}

impl<R, A> Connecting<R, A>
where
    R: Resolve,
    A: Service<Endpoint, Error: Into<BoxError>> + Clone,
{
    pub(super) fn new(settings: &Settings, target: Target, resolver: R, attempt: A) -> Self {
        Self { state: State::Driving(Box::pin(Driver::new(settings, target, resolver, attempt))) }
    }

    pub(super) fn failed(error: Error) -> Self {
        Self { state: State::Failed(Some(error)) }
    }
}

impl<R, A> Future for Connecting<R, A>
where
    R: Resolve,
    A: Service<Endpoint, Error: Into<BoxError>> + Clone,
{
    type Output = Result<HappyEyeballsStream<A::Response>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(error) => Poll::Ready(Err(error.take().expect("not polled after completion"))),
            State::Driving(driver) => driver.as_mut().poll(cx),
        }
    }
}

impl<R: Resolve, A: Service<Endpoint>> fmt::Debug for Connecting<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Connecting");
        match &self.state {
            State::Failed(error) => debug.field("error", error).finish(),
            State::Driving(driver) => debug.field("record", &driver.record).finish_non_exhaustive(),
        }
    }
}

pin_project! {
    struct Driver<R: Resolve, A: Service<Endpoint>> {
        race: Arc<Config>,
        port: Port,
        deadline: Option<Instant>,
        record: Record,
        #[pin]
        stage: Stage<R, A>,
        #[pin]
        answers: Option<R::Stream>,
        // The first attempt, if it was started before there was a race.
        #[pin]
        first: Option<Oneshot<A, Endpoint>>,
        #[pin]
        timer: Timer,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<R: Resolve, A: Service<Endpoint>> {
        // The resolver has not said yet what it asks for.
        Resolving { #[pin] lookup: Oneshot<R, Name>, attempt: Option<A> },
        // The first attempt runs alone, and there is no race yet.
        Opening { opening: Opening, begun: Option<Begun>, attempt: Option<A> },
        Racing { racing: Box<Racing<A>> },
        Over,
    }
}

/// How a connect ended, and when.
struct Ended<C> {
    result: Result<C, Kind>,
    untried: Leftover,
    at: Instant,
}

impl<R, A> Driver<R, A>
where
    R: Resolve,
    A: Service<Endpoint, Error: Into<BoxError>> + Clone,
{
    fn new(settings: &Settings, target: Target, resolver: R, attempt: A) -> Self {
        let now = now();
        let Target { host, port, literal } = target;
        // A timeout too long to be reckoned with is none.
        let deadline = settings.timeout.and_then(|timeout| now.checked_add(timeout));
        let mut driver = Self {
            race: Arc::clone(&settings.race),
            port,
            deadline,
            record: Record::new(Arc::clone(&host), port.number(), now),
            stage: Stage::Over,
            answers: None,
            first: None,
            timer: Timer::new(),
        };
        let Some(address) = literal else {
            driver.stage = Stage::Resolving { lookup: Oneshot::new(resolver, Name::new(host)), attempt: Some(attempt) };
            return driver;
        };
        match Opening::of_address(&driver.race, address, now) {
            Some((first, opening)) => {
                let begun = driver.record.started(AttemptId::FIRST, &first, StartReason::First, now);
                driver.first = Some(Oneshot::new(attempt.clone(), first));
                driver.stage = Stage::Opening { opening, begun: Some(begun), attempt: Some(attempt) };
            }
            None => {
                let mut race = Race::new(*driver.race, Queries::LIST, deadline);
                race.handle_answer(Answer::list([address]), now);
                driver.stage = Stage::Racing { racing: Box::new(Racing::new(race, port, attempt)) };
            }
        }
        driver
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<HappyEyeballsStream<A::Response>, Error>> {
        let Ended { result, untried, at } = ready!(self.as_mut().drive(cx));
        let mut this = self.project();
        // What is left of the race is closed before its result is handed over.
        this.stage.set(Stage::Over);
        this.first.set(None);
        this.answers.set(None);
        let report = this.record.finish(untried, at);
        Poll::Ready(match result {
            Ok(connection) => Ok(HappyEyeballsStream::new(connection, ConnectInfo::new(report))),
            Err(kind) => {
                let error = Error::lost(kind, report);
                debug!(%error, "no connection");
                Err(error)
            }
        })
    }

    fn drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<A::Response>> {
        loop {
            let mut this = self.as_mut().project();
            match this.stage.as_mut().project() {
                StageProj::Resolving { lookup, attempt } => {
                    let kind = match lookup.poll(cx) {
                        Poll::Ready(Ok(answers)) => {
                            let attempt = attempt.take().expect("a name is resolved once");
                            self.as_mut().on_resolved(answers, attempt, cx);
                            continue;
                        }
                        Poll::Ready(Err(error)) => Kind::Resolver(error.into()),
                        Poll::Pending => {
                            ready!(this.timer.poll(*this.deadline, cx));
                            Kind::Timeout { waiting_for: None }
                        }
                    };
                    return Poll::Ready(Ended { result: Err(kind), untried: Leftover::Nothing, at: now() });
                }
                StageProj::Opening { opening, begun, attempt } => {
                    let first = this.first.as_mut().as_pin_mut().expect("an opening has an attempt");
                    let result = first.poll(cx);
                    let answer = poll_answer(this.answers.as_mut(), cx);
                    if result.is_pending() && answer.is_pending() {
                        ready!(this.timer.poll(opening.poll_timeout(*this.deadline), cx));
                    }
                    let (begun, now) = (begun.take().expect("an attempt ends once"), now());
                    if let Poll::Ready(Ok(connection)) = result {
                        this.record.connected(begun, now);
                        let untried = Leftover::of_opening(opening, this.race, *this.port);
                        return Poll::Ready(Ended { result: Ok(connection), untried, at: now });
                    }
                    // One attempt was not enough: here the race begins.
                    let race = opening.clone().into_race(this.race, begun.endpoint(), *this.port, *this.deadline);
                    let mut racing = Racing::new(race, *this.port, attempt.take().expect("a race begins once"));
                    match result {
                        Poll::Ready(result) => {
                            this.first.set(None);
                            racing.on_result(begun, result, this.record, now);
                        }
                        Poll::Pending => racing.adopt_first(begun),
                    }
                    if let Poll::Ready(answer) = answer {
                        racing.on_answer(answer, this.record, now);
                    }
                    this.stage.set(Stage::Racing { racing: Box::new(racing) });
                }
                StageProj::Racing { racing } => {
                    let now = now();
                    match racing.poll_round(this.answers, this.first, this.record, now, cx) {
                        Round::Over(result) => {
                            return Poll::Ready(Ended { result, untried: racing.untried(), at: now });
                        }
                        Round::Wait(until) => ready!(this.timer.poll(until, cx)),
                    }
                }
                StageProj::Over => panic!("polled after completion"),
            }
        }
    }

    /// The resolver has said what it asks for: opens the race if its one answer is there already, or begins it.
    fn on_resolved(self: Pin<&mut Self>, answers: Answers<R::Stream>, attempt: A, cx: &mut Context<'_>) {
        let mut this = self.project();
        let now = now();
        let (queries, stream) = answers.into_parts();
        this.answers.set(Some(stream));
        let stream = this.answers.as_mut().as_pin_mut().expect("set above");

        let answer = if queries == Queries::LIST { stream.poll_next(cx) } else { Poll::Pending };
        if let Poll::Ready(Some(Ok(list))) = &answer {
            if let Some((first, opening)) = Opening::of_list(this.race, list, *this.port, *this.deadline, now) {
                this.record.answered(list, now);
                let begun = this.record.started(AttemptId::FIRST, &first, StartReason::First, now);
                this.first.set(Some(Oneshot::new(attempt.clone(), first)));
                this.stage.set(Stage::Opening { opening, begun: Some(begun), attempt: Some(attempt) });
                return;
            }
        }
        let mut racing = Racing::new(Race::new(**this.race, queries, *this.deadline), *this.port, attempt);
        match answer {
            Poll::Ready(Some(answer)) => racing.on_answer(answer, this.record, now),
            Poll::Ready(None) => {
                this.answers.set(None);
                racing.on_no_more_answers(this.record, now);
            }
            Poll::Pending => {}
        }
        this.stage.set(Stage::Racing { racing: Box::new(racing) });
    }
}

/// The next answer of a stream that may have ended; its end is not an answer.
fn poll_answer<S: Stream>(mut answers: Pin<&mut Option<S>>, cx: &mut Context<'_>) -> Poll<S::Item> {
    let Some(stream) = answers.as_mut().as_pin_mut() else { return Poll::Pending };
    match ready!(stream.poll_next(cx)) {
        Some(answer) => Poll::Ready(answer),
        None => {
            answers.set(None);
            Poll::Pending
        }
    }
}
