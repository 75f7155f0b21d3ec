//! Drives a [`Race`]: reports to it what happened, and carries out its actions.

mod answers;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;
use tower_service::Service;

pub(super) use self::answers::poll_answer;
use super::memory::Remembering;
use super::record::{Begun, Record};
use super::settings::Settings;
use crate::attempt::{AttemptRequest, Listener, News};
use crate::network::Network;
use crate::oneshot::Oneshot;
use crate::outcome::{AttemptError, BoxError, Kind, Leftover, Placing, QueryError};
use crate::race::{
    Action, Answer, AttemptId, Conclusion, DropReason, Endpoint, Outcome, Port, Protocols, Queries, Race, StartReason,
    Viewpoint,
};
use crate::tcp::SourceAddresses;

/// A race, and the attempts it has in flight.
pub(super) struct Racing<A: Service<AttemptRequest>> {
    race: Race,
    port: Port,
    sources: SourceAddresses,
    network: Arc<Network>,
    memory: Arc<Remembering>,
    /// How this connect looks at the memory. `None` until a destination that may be remembered is known.
    view: Option<Viewpoint>,
    attempt: A,
    /// Whether the URI is secure. Part of the request to the attempt service.
    is_secure: bool,
    /// The protocols that may be negotiated. Part of the request to the attempt service.
    protocols: Option<Protocols>,
    /// Whether attempts may report something before their end.
    hears_attempts: bool,
    /// How many answers were taken in.
    answers: usize,
    /// The queries that have a final answer or have failed.
    settled: Queries,
    in_flight: Vec<InFlight<A>>,
    won: Option<A::Response>,
}

struct InFlight<A: Service<AttemptRequest>> {
    begun: Begun,
    /// `None` for the attempt that was started before there was a race. Its future is a field of the driver.
    future: Option<Pin<Box<Attempting<A>>>>,
    // Dropped after the attempt, which may report something in its destructor.
    listener: Listener,
}

/// The future of an attempt. The request is made when the attempt service is ready.
pub(super) type Attempting<A> = Oneshot<A, AttemptRequest, ()>;

/// The future of the attempt that was started before there was a race.
type First<'a, A> = Pin<&'a mut Option<Attempting<A>>>;

/// The result of one round of polling.
pub(super) enum Round<C> {
    /// The race is over: the connection, or why there is none.
    Over(Result<C, Kind>),
    /// Nothing is to be done until something happens, or until this instant.
    Wait(Option<Instant>),
}

impl<A> Racing<A>
where
    A: Service<AttemptRequest, Error: Into<BoxError>> + Clone,
{
    pub(super) fn new(
        race: Race,
        port: Port,
        settings: &Settings,
        view: Option<Viewpoint>,
        is_secure: bool,
        attempt: A,
    ) -> Self {
        Self {
            race,
            port,
            sources: settings.sources.clone(),
            network: Arc::clone(&settings.network),
            memory: Arc::clone(&settings.memory),
            view,
            attempt,
            is_secure,
            protocols: settings.alpn(is_secure),
            hears_attempts: settings.hears_attempts(is_secure),
            answers: 0,
            settled: Queries::NONE,
            in_flight: Vec::new(),
            won: None,
        }
    }

    /// Takes over the first attempt, which is in flight already and may have reported something.
    pub(super) fn adopt_first(
        &mut self,
        begun: Begun,
        listener: Listener,
        news: Option<News>,
        record: &mut Record,
        now: Instant,
    ) {
        self.add(InFlight { begun, future: None, listener }, news, record, now);
    }

    /// Adds an attempt that is in flight and may have reported something.
    fn add(&mut self, attempt: InFlight<A>, news: Option<News>, record: &mut Record, now: Instant) {
        self.in_flight.push(attempt);
        if let Some(news) = news {
            self.on_news(self.in_flight.len() - 1, news, record, now);
        }
    }

    fn place_of(&self, id: AttemptId) -> Option<usize> {
        self.in_flight.iter().position(|attempt| attempt.begun.id() == id)
    }

    /// Polls every attempt and the resolver once, and carries out the actions of the race.
    pub(super) fn poll_round<S>(
        &mut self,
        mut answers: Pin<&mut Option<S>>,
        mut first: First<'_, A>,
        record: &mut Record,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Round<A::Response>
    where
        S: Stream<Item = Result<Answer, QueryError>>,
    {
        self.poll_attempts(first.as_mut(), record, now, cx);
        if self.won.is_none() {
            self.poll_answers(answers.as_mut(), record, now, cx);
        }
        self.carry_out_actions(first, record, now, cx)
    }

    /// How this connect has looked at the memory.
    pub(super) fn view(&self) -> Option<Viewpoint> {
        self.view
    }

    /// The addresses that no attempt was made to.
    pub(super) fn untried(&self, now: Instant) -> Leftover {
        Leftover::of_race(&self.race, now)
    }

    fn poll_attempts(&mut self, mut first: First<'_, A>, record: &mut Record, now: Instant, cx: &mut Context<'_>) {
        let mut place = 0;
        // When an attempt has won, the others are not polled any more: their outcome does not matter.
        while self.won.is_none() && place < self.in_flight.len() {
            if self.poll_attempt(place, first.as_mut(), record, now, cx).is_pending() {
                place += 1;
            }
        }
    }

    /// Polls one attempt. Ready if it is over, and so not in flight any more.
    fn poll_attempt(
        &mut self,
        place: usize,
        mut first: First<'_, A>,
        record: &mut Record,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let attempt = &mut self.in_flight[place];
        attempt.listener.hush();
        let future = match &mut attempt.future {
            Some(future) => future.as_mut(),
            None => first.as_mut().as_pin_mut().expect("it is in flight"),
        };
        let (endpoint, listener) = (attempt.begun.endpoint(), &attempt.listener);
        let (is_secure, protocols) = (self.is_secure, &self.protocols);
        let request =
            |()| AttemptRequest::heard(listener, endpoint.clone(), record.host(), is_secure, protocols.clone());
        let result = future.poll_with(cx, request);
        let Poll::Ready(result) = result else {
            if let Some(news) = attempt.listener.hear(cx) {
                self.on_news(place, news, record, now);
            }
            return Poll::Pending;
        };
        let begun = self.remove(place, first, now);
        self.on_result(begun, result, record, now);
        Poll::Ready(())
    }

    fn remove(&mut self, place: usize, mut first: First<'_, A>, now: Instant) -> Begun {
        let InFlight { mut begun, future, listener } = self.in_flight.remove(place);
        match future {
            Some(future) => drop(future),
            None => first.set(None),
        }
        begun.hear_last(&listener, now);
        begun
    }

    /// An attempt that is in flight has reported something.
    fn on_news(&mut self, place: usize, news: News, record: &mut Record, now: Instant) {
        let begun = &mut self.in_flight[place].begun;
        let News { progress, chooses, asks } = news;
        // Attempts report nothing before their transport is connected.
        begun.on_transport(now);
        if let Some(remaining) = progress {
            record.progressed(begun, remaining, now);
            self.race.handle_outcome(begun.id(), Outcome::progress(remaining), now);
        }
        if chooses {
            record.chosen(begun);
            self.race.handle_outcome(begun.id(), Outcome::Chosen, now);
        }
        if asks {
            begun.on_gate(now);
            record.at_gate(begun);
            self.race.handle_outcome(begun.id(), Outcome::AtGate, now);
        }
    }

    pub(super) fn on_result(
        &mut self,
        begun: Begun,
        result: Result<A::Response, A::Error>,
        record: &mut Record,
        now: Instant,
    ) {
        let id = begun.id();
        let outcome = match result {
            Ok(connection) => {
                record.connected(begun, now);
                self.won = Some(connection);
                Outcome::Connected
            }
            Err(error) => {
                let error = AttemptError::from_any(error);
                let outcome =
                    if error.is_untrusted() { Outcome::Untrusted } else { Outcome::Failed { sent: error.was_sent() } };
                if error.contradicts_routes() {
                    self.network.doubt();
                }
                record.failed(begun, error, now);
                outcome
            }
        };
        self.race.handle_outcome(id, outcome, now);
    }

    fn carry_out_actions(
        &mut self,
        mut first: First<'_, A>,
        record: &mut Record,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Round<A::Response> {
        while let Some(action) = self.race.poll_action(now) {
            match action {
                Action::Start { id, endpoint, reason, delay, demoted } => {
                    if reason == StartReason::DelayElapsed {
                        // The address that was thought to be the best is silent. Perhaps its source address is gone: ask the system again.
                        self.network.doubt();
                    }
                    let begun = record.started(id, endpoint, reason, Placing::new(delay, demoted), now);
                    self.start(begun, record, now, cx);
                }
                Action::Proceed { id, endpoint } => self.proceed(id, endpoint, first.as_mut(), record, now, cx),
                Action::Drop { id, reason } => {
                    if matches!(reason, DropReason::SliceElapsed | DropReason::DeadlineElapsed) {
                        self.network.doubt();
                    }
                    self.drop_attempt(id, reason, first.as_mut(), record, now);
                }
                Action::Finish(conclusion) => return Round::Over(self.conclude(conclusion)),
            }
        }
        Round::Wait(self.race.poll_timeout())
    }

    /// Starts an attempt, and polls it at once: it may end at once, and needs the waker otherwise.
    fn start(&mut self, mut begun: Begun, record: &mut Record, now: Instant, cx: &mut Context<'_>) {
        let listener = Listener::new(self.hears_attempts);
        let mut future = Box::pin(Attempting::new(self.attempt.clone(), ()));
        let (endpoint, is_secure) = (begun.endpoint(), self.is_secure);
        let request =
            |()| AttemptRequest::heard(&listener, endpoint.clone(), record.host(), is_secure, self.protocols.clone());
        match future.as_mut().poll_with(cx, request) {
            Poll::Pending => {
                let news = listener.hear(cx);
                self.add(InFlight { begun, future: Some(future), listener }, news, record, now);
            }
            Poll::Ready(result) => {
                begun.hear_last(&listener, now);
                self.on_result(begun, result, record, now);
            }
        }
    }

    /// Lets an attempt begin its handshake, and polls it so that it does so at once.
    fn proceed(
        &mut self,
        id: AttemptId,
        endpoint: Endpoint,
        first: First<'_, A>,
        record: &mut Record,
        now: Instant,
        cx: &mut Context<'_>,
    ) {
        if let Some(place) = self.place_of(id) {
            let attempt = &mut self.in_flight[place];
            attempt.begun.on_admission(now);
            record.proceeds(&attempt.begun, &endpoint);
            attempt.listener.admit(endpoint, cx);
            // `poll_attempt` reports to the race, whether the attempt is over or not.
            let _over = self.poll_attempt(place, first, record, now, cx);
        }
    }

    fn drop_attempt(
        &mut self,
        id: AttemptId,
        reason: DropReason,
        first: First<'_, A>,
        record: &mut Record,
        now: Instant,
    ) {
        // If the destructor of an attempt has panicked, the race still counts it, but it is not in the list any more.
        if let Some(place) = self.place_of(id) {
            let begun = self.remove(place, first, now);
            record.dropped(begun, reason, now);
        }
    }

    fn conclude(&mut self, conclusion: Conclusion) -> Result<A::Response, Kind> {
        Err(match conclusion {
            Conclusion::Connected(_) => return Ok(self.won.take().expect("the winner has been reported")),
            Conclusion::NoAddresses => Kind::NoAddresses,
            Conclusion::NoUsableAddress => Kind::NoUsableAddress,
            Conclusion::Exhausted { error } | Conclusion::TimedOut { error: Some(error) } => {
                Kind::Connect { decided_by: error.index() }
            }
            Conclusion::TimedOut { error: None } => Kind::Timeout { waiting_for: Some(self.race.waiting_for()) },
        })
    }
}
