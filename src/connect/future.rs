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
use super::target::{Port, Target};
use super::timer::{Timer, now};
use crate::attempt::{AttemptError, Untried};
use crate::error::{BoxError, Error, Kind};
use crate::race::{Answer, AttemptId, Config, DropReason, Endpoint, Queries, Query, Race, StartReason};
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
        race: Config,
        port: Port,
        deadline: Option<Instant>,
        record: Record,
        #[pin]
        stage: Stage<R, A>,
        #[pin]
        answers: Option<R::Stream>,
        #[pin]
        timer: Timer,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<R: Resolve, A: Service<Endpoint>> {
        /// The resolver has not said yet what it asks for.
        Resolving {
            #[pin]
            lookup: Oneshot<R, Name>,
            attempt: Option<A>,
        },
        /// The short path: there is one address, so there is no race.
        Direct {
            begun: Option<Begun>,
            #[pin]
            attempt: Oneshot<A, Endpoint>,
        },
        Racing {
            racing: Racing<A>,
        },
        Over,
    }
}

/// How a connect ended, and when; with the addresses that were not tried.
struct Ended<C> {
    result: Result<C, Kind>,
    untried: Vec<Untried>,
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
        let record = Record::new(Arc::clone(&host), port.number(), now);
        let stage = match literal {
            Some(address) => direct(Endpoint::new(address), attempt, &record, now),
            None => Stage::Resolving { lookup: Oneshot::new(resolver, Name::new(host)), attempt: Some(attempt) },
        };
        Self {
            race: settings.race,
            port,
            // A timeout too long to be reckoned with is none.
            deadline: settings.timeout.and_then(|timeout| now.checked_add(timeout)),
            record,
            stage,
            answers: None,
            timer: Timer::new(),
        }
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<HappyEyeballsStream<A::Response>, Error>> {
        let Ended { result, untried, at } = ready!(self.as_mut().drive(cx));
        let mut this = self.project();
        // What is left of the race is closed before its result is handed over.
        this.stage.set(Stage::Over);
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
            let (result, untried, at) = match this.stage.as_mut().project() {
                StageProj::Resolving { lookup, attempt } => match lookup.poll(cx) {
                    Poll::Ready(Ok(answers)) => {
                        let attempt = attempt.take().expect("a name is resolved once");
                        self.as_mut().on_resolved(answers, attempt, cx);
                        continue;
                    }
                    Poll::Ready(Err(error)) => (Err(Kind::Resolver(error.into())), Vec::new(), now()),
                    Poll::Pending => {
                        ready!(this.timer.poll(*this.deadline, cx));
                        (Err(Kind::Timeout { waiting_for: None }), Vec::new(), now())
                    }
                },
                StageProj::Direct { begun, attempt } => {
                    let result = attempt.poll(cx);
                    if result.is_pending() {
                        ready!(this.timer.poll(*this.deadline, cx));
                    }
                    let (begun, now) = (begun.take().expect("an attempt ends once"), now());
                    (conclude_direct(result, begun, this.record, now), Vec::new(), now)
                }
                StageProj::Racing { racing } => {
                    let now = now();
                    match racing.poll_round(this.answers, this.record, now, cx) {
                        Round::Over(result) => (result, racing.untried(), now),
                        Round::Wait(until) => {
                            ready!(this.timer.poll(until, cx));
                            continue;
                        }
                    }
                }
                StageProj::Over => panic!("polled after completion"),
            };
            return Poll::Ready(Ended { result, untried, at });
        }
    }

    /// The resolver has said what it asks for: begins the race, unless its one answer is there and has one address.
    fn on_resolved(self: Pin<&mut Self>, answers: Answers<R::Stream>, attempt: A, cx: &mut Context<'_>) {
        let mut this = self.project();
        let now = now();
        let (queries, stream) = answers.into_parts();
        this.answers.set(Some(stream));
        let stream = this.answers.as_mut().as_pin_mut().expect("set above");
        let first = if queries == Queries::LIST { stream.poll_next(cx) } else { Poll::Pending };

        if let Poll::Ready(Some(Ok(answer))) = &first {
            if let Some(endpoint) = sole_endpoint(answer, *this.port, this.race) {
                this.record.answered(answer, now);
                this.answers.set(None);
                this.stage.set(direct(endpoint, attempt, this.record, now));
                return;
            }
        }
        let race = Race::new(*this.race, queries, *this.deadline);
        let mut racing = Racing::new(race, *this.port, attempt);
        match first {
            Poll::Ready(Some(answer)) => racing.on_answer(answer, this.record, now),
            Poll::Ready(None) => {
                this.answers.set(None);
                racing.on_no_more_answers(this.record, now);
            }
            Poll::Pending => {}
        }
        this.stage.set(Stage::Racing { racing });
    }
}

/// The one address of a list, if it has one and that may be used.
fn sole_endpoint(answer: &Answer, port: Port, race: &Config) -> Option<Endpoint> {
    let endpoint = answer.sole_endpoint().filter(|_| answer.query() == Query::List)?;
    let endpoint = endpoint.clone().with_port(port.or_supplied(endpoint.address().port()));
    race.excludes(endpoint.family()).is_none().then_some(endpoint)
}

fn direct<R: Resolve, A: Service<Endpoint>>(
    endpoint: Endpoint,
    attempt: A,
    record: &Record,
    now: Instant,
) -> Stage<R, A> {
    Stage::Direct {
        begun: Some(record.started(AttemptId::FIRST, &endpoint, StartReason::First, now)),
        attempt: Oneshot::new(attempt, endpoint),
    }
}

/// Pending is an attempt that the deadline ended.
fn conclude_direct<C, E: Into<BoxError>>(
    result: Poll<Result<C, E>>,
    begun: Begun,
    record: &mut Record,
    now: Instant,
) -> Result<C, Kind> {
    match result {
        Poll::Ready(Ok(connection)) => {
            record.connected(begun, now);
            Ok(connection)
        }
        Poll::Ready(Err(error)) => {
            record.failed(begun, AttemptError::from_any(error.into()), now);
            Err(Kind::Connect { decided_by: 0 })
        }
        Poll::Pending => {
            record.dropped(begun, DropReason::DeadlineElapsed, now);
            Err(Kind::Timeout { waiting_for: Some(Queries::NONE) })
        }
    }
}
#[cfg(test)]
mod sizes {
    use super::*;
    type R = crate::resolve::FixedResolver;
    type A = crate::tcp::TcpConnector;
    #[test]
    fn sizes() {
        use std::mem::size_of;
        println!(
            "driver {} stage {} racing {} race {} record {} timer {} oneshotR {} oneshotA {} answers {} attempt {} begun {} endpoint {} gai {}",
            size_of::<Driver<R, A>>(),
            size_of::<Stage<R, A>>(),
            size_of::<Racing<A>>(),
            size_of::<Race>(),
            size_of::<Record>(),
            size_of::<Timer>(),
            size_of::<Oneshot<R, Name>>(),
            size_of::<Oneshot<A, Endpoint>>(),
            size_of::<<R as Resolve>::Stream>(),
            size_of::<crate::Attempt>(),
            size_of::<Begun>(),
            size_of::<Endpoint>(),
            size_of::<Driver<crate::resolve::GaiResolver, A>>()
        );
    }
}
