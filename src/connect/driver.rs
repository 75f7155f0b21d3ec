//! The driver of a connect, from the name to the connection. It owns everything that is in flight.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use tower_service::Service;

use super::handshake_watch::HandshakeWatch;
use super::racing::{Attempting, Racing, Round, poll_answer};
use super::record::{Begun, Record};
use super::settings::Settings;
use super::target::Target;
use crate::attempt::{AttemptRequest, Listener, News};
use crate::connection::HappyEyeballsStream;
use crate::lock::assert_unlocked;
use crate::oneshot::Oneshot;
use crate::outcome::{BoxError, ConnectError, Kind, Leftover, Placing, QueryError};
use crate::race::{
    Answer, AttemptId, Config, Ending, Endpoint, Opening, Port, Queries, Query, Race, StartReason, Viewpoint,
};
use crate::resolve::{Name, Resolve};
use crate::timer::{Timer, read_clock};

/// The result of a connect.
pub(super) type Connected<C> = Result<HappyEyeballsStream<C>, ConnectError>;

pin_project! {
    /// A connect that is under way.
    pub(super) struct Driver<R: Resolve, A: Service<AttemptRequest>> {
        settings: Arc<Settings>,
        port: Port,
        is_secure: bool,
        // `None` until the first poll.
        deadline: Option<Option<Instant>>,
        record: Record,
        // Taken when the race begins.
        attempt: Option<A>,
        #[pin]
        stage: Stage<R, A>,
        #[pin]
        answers: Option<R::Stream>,
        // The first attempt, if it was started before there was a race.
        #[pin]
        first: Option<Attempting<A>>,
        opening: Option<Opened>,
        // How this connect looks at the memory. `None` until a destination that may be remembered is known.
        view: Option<Viewpoint>,
        #[pin]
        timer: Timer,
    }
}

/// The first attempt, which runs alone, and what is needed to make a race if one is needed.
struct Opened {
    opening: Opening,
    begun: Begun,
    listener: Listener,
}

/// The state of the first attempt when the race begins.
enum First<E> {
    /// The attempt is in flight, and may have reported something.
    Runs(Option<News>),
    Failed(E),
}

pin_project! {
    #[project = StageProj]
    enum Stage<R: Resolve, A: Service<AttemptRequest>> {
        // The host of the URI is an address.
        Literal { address: SocketAddr },
        // The resolver has not yet returned the queries that it asks.
        Resolving { #[pin] lookup: Oneshot<R, Name> },
        // The queries are known, but there is no answer yet.
        Answering { queries: Queries },
        // The first attempt runs alone, and there is no race yet.
        Opening,
        Racing { racing: Box<Racing<A>> },
        // The resolver has failed, or the deadline has passed, before there was an attempt.
        Over,
    }
}

impl<R: Resolve, A: Service<AttemptRequest>> Driver<R, A> {
    pub(super) fn record(&self) -> &Record {
        &self.record
    }
}

impl<R, A> Driver<R, A>
where
    R: Resolve,
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    #[inline]
    pub(super) fn new(
        settings: Arc<Settings>,
        target: Target,
        watch: Option<HandshakeWatch>,
        resolver: R,
        attempt: A,
    ) -> Pin<Box<Self>> {
        let Target { host, port, https_port, is_secure, literal } = target;
        let watch = watch.filter(|_| settings.does_tls);
        Box::pin(Self {
            port,
            is_secure,
            deadline: None,
            record: Record::new(Arc::clone(&host), port.number(), watch),
            attempt: Some(attempt),
            stage: match literal {
                Some(address) => Stage::Literal { address },
                None => {
                    let name = Name::of_connect(host, https_port, settings.families, &settings.network);
                    Stage::Resolving { lookup: Oneshot::new(resolver, name) }
                }
            },
            settings,
            answers: None,
            first: None,
            opening: None,
            view: None,
            timer: Timer::new(),
        })
    }

    pub(super) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Connected<A::Response>> {
        // The resolver and the attempts are foreign code, which must not run while a lock is held.
        assert_unlocked();
        let mut now = read_clock();
        // The timeout counts from the first poll, and not from the call. One that is too long for an `Instant` is no timeout.
        let this = self.as_mut().project();
        let deadline = *this.deadline.get_or_insert_with(|| {
            this.record.begin(now);
            this.settings.timeout.and_then(|timeout| now.checked_add(timeout))
        });
        loop {
            let mut this = self.as_mut().project();
            match this.stage.as_mut().project() {
                StageProj::Literal { address } => {
                    let address = *address;
                    self.as_mut().on_literal(address, deadline, now);
                }
                StageProj::Resolving { lookup } => {
                    let kind = match lookup.poll(cx) {
                        Poll::Ready(Ok(answers)) => {
                            let (queries, first, stream) = answers.into_parts();
                            this.answers.set(stream);
                            match first {
                                Some(answer) => {
                                    self.as_mut().on_first_answer(queries, Poll::Ready(Ok(answer)), deadline, now);
                                }
                                None => this.stage.set(Stage::Answering { queries }),
                            }
                            continue;
                        }
                        Poll::Ready(Err(error)) => Kind::Resolver(error.into()),
                        Poll::Pending => {
                            ready!(this.timer.poll(deadline, cx));
                            now = read_clock();
                            Kind::Timeout { waiting_for: None }
                        }
                    };
                    this.stage.set(Stage::Over);
                    return Poll::Ready(Err(this.record.lost(kind, this.settings.families, Leftover::Nothing, now)));
                }
                StageProj::Answering { queries } => {
                    let queries = *queries;
                    let answer = poll_answer(this.answers.as_mut(), cx);
                    // If the only query is for a list, its answer is waited for without a race. For other queries only a race knows how long to wait.
                    if answer.is_pending() && queries == Queries::LIST && this.answers.is_some() {
                        ready!(this.timer.poll(deadline, cx));
                        now = read_clock();
                    }
                    self.as_mut().on_first_answer(queries, answer, deadline, now);
                }
                StageProj::Opening => {
                    let first = this.first.as_mut().as_pin_mut().expect("an opening has an attempt");
                    let Opened { opening, begun, listener } = this.opening.as_ref().expect("an opening has an attempt");
                    listener.hush();
                    let (settings, is_secure) = (&*this.settings, *this.is_secure);
                    let request = |()| {
                        let (endpoint, host) = (begun.endpoint().clone(), this.record.host());
                        AttemptRequest::heard(listener, endpoint, host, is_secure, settings.alpn(is_secure))
                    };
                    let first = match first.poll_with(cx, request) {
                        Poll::Ready(Ok(connection)) => {
                            this.answers.set(None);
                            let Opened { opening, mut begun, listener } = this.opening.take().expect("opened once");
                            begun.hear_last(&listener, now);
                            let Settings { race, memory, network, .. } = &**this.settings;
                            let teaches = !opening.is_settled();
                            let untried = Leftover::of_opening(opening, race, *this.port);
                            let info = this.record.won_alone(begun, untried, now);
                            if teaches {
                                memory.learn(*this.view, info.attempts(), Ending::Won, network, now);
                            }
                            return Poll::Ready(Ok(HappyEyeballsStream::new(connection, info)));
                        }
                        Poll::Ready(Err(error)) => First::Failed(error),
                        Poll::Pending => First::Runs(listener.hear(cx)),
                    };
                    let answer = poll_answer(this.answers.as_mut(), cx);
                    if matches!(first, First::Runs(None)) && answer.is_pending() {
                        ready!(this.timer.poll(opening.poll_timeout(deadline), cx));
                        now = read_clock();
                    }
                    let opened = this.opening.take().expect("opened once");
                    self.as_mut().go_on(opened, first, answer, deadline, now);
                }
                StageProj::Over => panic!("polled after completion"),
                StageProj::Racing { .. } => return self.poll_racing(now, cx),
            }
        }
    }

    /// Begins the race, since something else has happened than the success of the first attempt.
    #[cold]
    fn go_on(
        self: Pin<&mut Self>,
        opened: Opened,
        first: First<A::Error>,
        answer: Poll<Result<Answer, QueryError>>,
        deadline: Option<Instant>,
        now: Instant,
    ) {
        let mut this = self.project();
        let Opened { opening, mut begun, listener } = opened;
        let Settings { race: config, memory, sources, network, .. } = &**this.settings;
        let race = {
            let mut recall = memory.recall(this.view, sources, network, now);
            let advise = |destination| recall.advise(destination);
            opening.into_race(config, begun.endpoint(), *this.port, advise, deadline, begun.at())
        };
        let mut racing = begin_race(race, this.settings, *this.port, *this.view, *this.is_secure, this.attempt);
        match first {
            First::Failed(error) => {
                this.first.set(None);
                begun.hear_last(&listener, now);
                racing.on_result(begun, Err(error), this.record, now);
            }
            First::Runs(news) => racing.adopt_first(begun, listener, news, this.record, now),
        }
        if let Poll::Ready(answer) = answer {
            racing.on_answer(answer, this.record, now);
        }
        this.stage.set(Stage::Racing { racing });
    }

    #[cold]
    fn poll_racing(self: Pin<&mut Self>, mut now: Instant, cx: &mut Context<'_>) -> Poll<Connected<A::Response>> {
        let mut this = self.project();
        let StageProj::Racing { racing } = this.stage.project() else { unreachable!("the stage is looked at before") };
        loop {
            match racing.poll_round(this.answers.as_mut(), this.first.as_mut(), this.record, now, cx) {
                Round::Over(result) => {
                    this.answers.set(None);
                    let untried = racing.untried(now);
                    let Settings { memory, network, .. } = &**this.settings;
                    let ending = if result.is_ok() { Ending::Won } else { Ending::Lost };
                    memory.learn(racing.view(), this.record.ended(), ending, network, now);
                    return Poll::Ready(match result {
                        Ok(connection) => Ok(HappyEyeballsStream::new(connection, this.record.won(untried, now))),
                        Err(kind) => Err(this.record.lost(kind, this.settings.families, untried, now)),
                    });
                }
                Round::Wait(until) => {
                    ready!(this.timer.as_mut().poll(until, cx));
                    now = read_clock();
                }
            }
        }
    }

    /// The host of the URI is an address: starts the attempt to it.
    fn on_literal(mut self: Pin<&mut Self>, address: SocketAddr, deadline: Option<Instant>, now: Instant) {
        let mut this = self.as_mut().project();
        let opened = {
            let Settings { race, memory, sources, network, .. } = &**this.settings;
            let mut recall = memory.recall(this.view, sources, network, now);
            Opening::of_address(race, address, recall.advise(address), deadline, now)
        };
        match opened {
            Some((first, opening)) => self.open(first, opening, now),
            None => {
                let mut race = Race::new(Config::clone(&this.settings.race), Queries::LIST, deadline);
                race.handle_answer(Answer::list([Endpoint::literal(address)]), now);
                let racing = begin_race(race, this.settings, *this.port, *this.view, *this.is_secure, this.attempt);
                this.stage.set(Stage::Racing { racing });
            }
        }
    }

    /// Starts the first attempt alone if the first answer suffices for that. Begins the race otherwise, also if there is no answer yet.
    fn on_first_answer(
        mut self: Pin<&mut Self>,
        queries: Queries,
        first: Poll<Result<Answer, QueryError>>,
        deadline: Option<Instant>,
        now: Instant,
    ) {
        let mut this = self.as_mut().project();
        if let Poll::Ready(Ok(answer)) = &first {
            // Other answers need a race, which asks the memory by itself.
            if answer.query() == Query::List {
                let Settings { race, memory, sources, network, .. } = &**this.settings;
                let opened = {
                    let mut recall = memory.recall(this.view, sources, network, now);
                    let advise = memory.is_on().then_some(|destination| recall.advise(destination));
                    Opening::of_first_answer(race, queries, answer, *this.port, advise, deadline, now)
                };
                if let Some((first, opening)) = opened {
                    this.record.answered(answer, now);
                    return self.open(first, opening, now);
                }
            }
        }
        this.record.asked(queries);
        let race = Race::new(Config::clone(&this.settings.race), queries, deadline);
        let mut racing = begin_race(race, this.settings, *this.port, *this.view, *this.is_secure, this.attempt);
        if let Poll::Ready(answer) = first {
            racing.on_answer(answer, this.record, now);
        }
        this.stage.set(Stage::Racing { racing });
    }

    #[inline]
    fn open(self: Pin<&mut Self>, first: Endpoint, opening: Opening, now: Instant) {
        let mut this = self.project();
        let placing = Placing::new(opening.delay(), None);
        let begun = this.record.started(AttemptId::FIRST, first, StartReason::First, placing, now);
        let attempt = this.attempt.clone().expect("a race begins once");
        let listener = Listener::new(this.settings.hears_attempts(*this.is_secure));
        this.first.set(Some(Attempting::new(attempt, ())));
        *this.opening = Some(Opened { opening, begun, listener });
        this.stage.set(Stage::Opening);
    }
}

/// Makes the race, and takes the attempt service for it: a connect has at most one race.
fn begin_race<A>(
    race: Race,
    settings: &Settings,
    port: Port,
    view: Option<Viewpoint>,
    is_secure: bool,
    attempt: &mut Option<A>,
) -> Box<Racing<A>>
where
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    let attempt = attempt.take().expect("a race begins once");
    Box::new(Racing::new(race, port, settings, view, is_secure, attempt))
}
