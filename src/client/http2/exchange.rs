//! One request on one stream, to the head of its response.
//!
//! The connection is driven by a task of its own. The task that waits for the response sends the request's body, and looks for the response before
//! each step: a stream that the server refused, or whose connection ended, may have been answered before that.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::RecvStream;
use http::{Extensions, Method, Request, Response, StatusCode};

use super::begun::Begun;
use super::connection::Connection;
use super::ended::{Ended, Heard};
use super::failure::Failed;
pub(in crate::client) use super::failure::Failure;
use super::head;
use super::pump::{Pump, Pumped};
use super::rest::Rest;
use super::seen::Watched;
use super::verdict::{Cause, Verdict, judge};
use crate::client::destination::Destination;
use crate::client::error::{ClientError, HowFar, Phase, StreamEnd, Transfer};
use crate::client::pool::Share;
use crate::client::request::fields::expects_continue;
use crate::client::request::framing::Framing;
use crate::client::request::held::Held;
use crate::client::request::informational::{Callback, Informational};
use crate::client::request::upload::{Progress, Upload};
use crate::outcome::BoxError;

/// A request under way. Dropping it resets its stream and no other.
pub(in crate::client) struct Exchange {
    /// `None` for a request without a body. Dropped before the stage, which has the share of the connection.
    sending: Option<Box<Sending>>,
    stage: Stage,
    callback: Option<Callback>,
}

enum Stage {
    Open(Box<Stream>),
    /// The connection did not take the request.
    NotTaken(Box<Failure>),
    /// The exchange has ended.
    Over,
}

/// The head of a response, and its stream.
pub(in crate::client) struct Answer {
    pub(super) response: Response<RecvStream>,
    pub(super) sending: Option<Box<Sending>>,
    /// Dropped last: it has the share of the connection.
    pub(super) stream: Box<Stream>,
}

/// A stream, which the exchange hands to the body of the response. The parts of h2 are dropped before `rest`, which gives the share of the connection
/// back.
pub(super) struct Stream {
    /// Dropped before the last part of h2. That one wakes the connection's task, which then checks whether the connection is idle.
    pub(super) watched: Watched,
    response: h2::client::ResponseFuture,
    begun: Begun,
    /// How many bytes the heads of the response may have.
    max_response_head: u64,
    /// The request is HEAD.
    is_head: bool,
    pub(super) rest: Rest,
}

/// The body of a request under way.
pub(super) struct Sending {
    /// Kept after the body has ended, in case the body has to be sent again.
    pump: Pump,
    /// The body has ended, or the stream takes no more of it.
    has_ended: bool,
    progress: Arc<Progress>,
    /// The body is held back until 100 (Continue), a timeout, or the response.
    held: Option<Pin<Box<Held>>>,
    /// How many interim responses h2 has handed out.
    heard: u32,
    /// The error of the body, until it is returned.
    failed: Option<BoxError>,
}

impl Exchange {
    /// Takes `request`, and sends it over the connection of `share`. Leaves the request if the connection does not take it. The heads of the response
    /// may have at most `max_response_head` bytes.
    ///
    /// # Errors
    ///
    /// The request is invalid.
    pub(in crate::client) fn begin(
        mut share: Share<Connection>,
        request: &mut Option<Request<Upload>>,
        destination: &Destination,
        continue_timeout: Duration,
        max_response_head: u64,
    ) -> Result<Self, ClientError> {
        // The head is rewritten in place: moving a request costs as much as all other work on it.
        let head = request.as_mut().expect("it was not sent");
        let body = mem::replace(head.body_mut(), Upload::empty());
        let progress = body.progress().cloned();
        let callback = Callback::take(head.extensions_mut());
        let is_head = *head.method() == Method::HEAD;
        let is_held = progress.is_some() && expects_continue(head.headers());
        let connection = share.connection();
        let framing = progress.as_ref().map_or(&Framing::Empty, |progress| progress.framing());
        head::complete(head, destination, &connection.authority, framing)?;
        let observed = &connection.observed;
        let begun = Begun::now(observed);
        let not_taken = |progress| {
            observed.on_refusal();
            let stage = Stage::NotTaken(Box::new(Failure::not_taken(connection, progress)));
            Ok(Self { stage, sending: None, callback: None })
        };
        let Some((mut sender, before)) = connection.open() else { return not_taken(progress) };
        let head = request.take().expect("it was not sent").map(|_empty| ());
        let sent = sender.send_request(head, progress.is_none());
        let Ok((response, stream)) = sent else { return not_taken(progress) };
        let watched = observed.register(response.stream_id().as_u32());
        observed.pulse.rouse();
        share.set_begun();
        let begun = begun.after(before);
        let sending = progress.map(|progress| {
            let held = is_held.then(|| {
                progress.hold();
                Held::new(Arc::clone(&progress), continue_timeout)
            });
            Box::new(Sending {
                pump: Pump::new(stream, body),
                has_ended: false,
                progress,
                held,
                heard: 0,
                failed: None,
            })
        });
        let stream =
            Box::new(Stream { watched, response, begun, max_response_head, is_head, rest: Rest::Nothing(share) });
        Ok(Self { stage: Stage::Open(stream), sending, callback })
    }

    /// Returns how far the request is, and what was sent and received on the connection since the request began.
    pub(in crate::client) fn progress(&self) -> HowFar {
        let (transfer, verdict, is_blocked) = match &self.stage {
            Stage::Open(stream) => {
                let is_blocked = stream.rest.connection().observed.is_blocked();
                (stream.transfer(), Some(stream.judge(Cause::Closed)), is_blocked)
            }
            Stage::NotTaken(failure) => (failure.transfer.clone(), Some(failure.verdict), false),
            Stage::Over => (Transfer::default(), None, false),
        };
        let has_body_left = self.sending.as_ref().is_some_and(|sending| !sending.has_ended);
        // h2 may still buffer a body that it took as a whole: it cannot be seen which request the unread bytes belong to.
        let is_sending = transfer.bytes_written == 0 || has_body_left || is_blocked;
        let phase = if is_sending { Phase::SendingRequest } else { Phase::WaitingForResponse };
        // Bytes that were read on the connection may belong to other streams, and prove nothing of this one.
        let end = verdict.map(|Verdict { processing, again }| StreamEnd { processing, reason: None, again });
        HowFar { phase, transfer, end }
    }

    /// Takes interim responses from h2, and passes them to the callback and to a body that is held back. Ready when h2 has something else.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stage: Stage::Open(stream), sending, callback } = self else { return Poll::Ready(()) };
        if callback.is_none() && sending.is_none() {
            return Poll::Ready(());
        }
        while let Some(Ok(response)) = ready!(stream.response.poll_informational(cx)) {
            if let Some(callback) = callback {
                callback.call(Informational { status: response.status(), headers: response.headers() });
            }
            let Some(sending) = sending else { continue };
            sending.heard += 1;
            if response.status() == StatusCode::CONTINUE {
                sending.release();
            }
        }
        Poll::Ready(())
    }

    /// Looks for the response. A failure if none has come, and there is no end of interim ones.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        let looked = self.look_for_final(cx);
        if looked.is_pending() && matches!(&self.stage, Stage::Open(stream) if stream.is_endless()) {
            let stream = self.take();
            let cause = Failed::Endless(stream.max_response_head);
            return Poll::Ready(Err(stream.fail(cause, self.sending.take())));
        }
        looked
    }

    fn look_for_final(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        // When asked for the response, h2 drops the interim responses before it. So those are taken first.
        ready!(self.hear(cx));
        let Stage::Open(stream) = &mut self.stage else { unreachable!("not polled after completion") };
        let looked = ready!(Pin::new(&mut stream.response).poll(cx));
        let mut stream = self.take();
        Poll::Ready(match looked {
            Ok(response) => {
                stream.rest.set_answered();
                if let Some(sending) = self.sending.as_mut().filter(|sending| sending.failed.is_some()) {
                    sending.pump.give_up(&stream.rest.connection().observed);
                }
                Ok(Answer { response, stream, sending: self.sending.take() })
            }
            Err(error) => {
                let ended = stream.ended(error);
                Err(stream.fail(Failed::Ended(ended), self.sending.take()))
            }
        })
    }

    /// Takes the error of the request's body, unless a response has arrived. While h2 has something to write that the server does not read, h2 reads
    /// nothing: such a response is waited for, as long as the connection lasts.
    fn take_failed(&mut self) -> Option<BoxError> {
        let (Stage::Open(stream), Some(sending)) = (&self.stage, &mut self.sending) else { return None };
        sending.failed.take_if(|_| stream.watched.heads() <= sending.heard)
    }

    /// Takes the stream. The exchange has ended then.
    fn take(&mut self) -> Box<Stream> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Open(stream) => stream,
            Stage::NotTaken(_) | Stage::Over => unreachable!("not polled after completion"),
        }
    }
}

impl Future for Exchange {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Stage::NotTaken(_) = this.stage {
            let Stage::NotTaken(failure) = mem::replace(&mut this.stage, Stage::Over) else { unreachable!("it was") };
            return Poll::Ready(Err(*failure));
        }
        if let Some(held) = this.sending.as_mut().and_then(|sending| sending.held.as_mut()) {
            held.as_mut().poll_release(cx);
        }
        if let Poll::Ready(looked) = this.look(cx) {
            return Poll::Ready(looked);
        }
        if let Some(sending) = this.sending.as_mut().filter(|sending| !sending.has_ended) {
            let pumped = ready!(sending.pump.poll(cx));
            sending.has_ended = true;
            if let Pumped::Failed(error) = pumped {
                sending.failed = Some(error);
            }
            // The response may have arrived meanwhile, whatever the body has come to.
            if let Poll::Ready(looked) = this.look(cx) {
                return Poll::Ready(looked);
            }
        }
        let Some(error) = this.take_failed() else { return Poll::Pending };
        Poll::Ready(Err(this.take().fail(Failed::Body(error), this.sending.take())))
    }
}

impl Stream {
    /// Returns the failure of the request, whose stream ended without a response.
    fn fail(self, cause: Failed, mut sending: Option<Box<Sending>>) -> Failure {
        let failed = sending.as_mut().and_then(|sending| sending.failed.take());
        let progress = sending.map(|sending| sending.put_back());
        let verdict = self.judge(match &cause {
            Failed::Ended(ended) => Cause::of(&ended.error),
            Failed::NotTaken => Cause::NotTaken,
            Failed::Endless(_) => Cause::Malformed,
            Failed::Body(_) => Cause::Closed,
        });
        let cause = failed.map_or(cause, Failed::Body);
        Failure { verdict, cause, transfer: self.transfer(), progress }
    }

    /// Returns the verdict on the request, if its stream ends now because of `cause`.
    fn judge(&self, cause: Cause) -> Verdict {
        judge(self.begun.facts(cause, &self.rest.connection().observed, &self.watched))
    }

    /// Whether the heads that have arrived exceed the limit. The connection's count of heads is compared first, since that costs nothing.
    fn is_endless(&self) -> bool {
        self.begun.has_heads_since(&self.rest.connection().observed) && self.watched.head_len() > self.max_response_head
    }

    /// Returns the error of this stream for an error of h2.
    pub(super) fn ended(&self, error: h2::Error) -> Ended {
        let observed = &self.rest.connection().observed;
        let heard = match (observed.has_settings(), observed.has_read()) {
            (true, _) => Heard::Http2,
            (false, true) => Heard::SomethingElse,
            (false, false) => Heard::Nothing,
        };
        let read = if error.is_io() { observed.error() } else { None };
        Ended { error, read, heard }
    }

    /// Returns what was sent and received on the connection since it got the request.
    pub(super) fn transfer(&self) -> Transfer {
        self.begun.transfer(self.rest.connection())
    }

    /// Adds the connection's extensions to a response.
    pub(super) fn add_extras(&self, extensions: &mut Extensions) {
        self.rest.connection().add_extras(extensions, self.begun.before());
    }

    /// Whether the request is HEAD.
    pub(super) fn is_of_head(&self) -> bool {
        self.is_head
    }

    /// Host and port of the server.
    pub(super) fn host(&self) -> &str {
        self.rest.connection().host()
    }
}

impl Sending {
    /// Returns the pump, if the body has not ended.
    pub(super) fn into_pump(self) -> Option<Pump> {
        (!self.has_ended).then_some(self.pump)
    }

    /// Puts back what was kept of the body, so that it can be sent again.
    fn put_back(self) -> Arc<Progress> {
        self.pump.put_back();
        self.progress
    }

    /// Whether the body is held back.
    pub(super) fn is_held(&self) -> bool {
        self.progress.is_held()
    }

    /// Whether the body is longer or shorter than it declared.
    pub(super) fn has_broken_promise(&self) -> bool {
        self.progress.has_broken_promise()
    }

    /// Lets a body go that is held back.
    pub(super) fn release(&self) {
        self.progress.release();
    }
}
