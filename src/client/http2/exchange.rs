//! One request on one stream, to the head of its response.
//!
//! The connection has a task of its own. Whoever waits for the response sends the body of the request meanwhile, and looks for the response
//! first: a stream that is refused, or whose connection ends, may have been answered before.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use h2::RecvStream;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;

use super::connection::Connection;
use super::head;
use super::no_http2::NoHttp2;
use super::pump::{Pump, Pumped};
use super::seen::Watched;
use super::verdict::{Cause, Facts, Verdict, judge};
use crate::client::destination::Destination;
use crate::client::error::{ClientError, Processing, StreamEnd, Transfer};
use crate::client::pool::Share;
use crate::client::request::fields::expects_continue;
use crate::client::request::framing::Framing;
use crate::client::request::informational::{Callback, Informational};
use crate::client::request::upload::{Progress, Upload};
use crate::client::retry::Again;
use crate::outcome::BoxError;
use crate::timer::{Timer, read_clock};

/// A request under way. Dropping it ends its stream, and no other.
pub(in crate::client) struct Exchange {
    stage: Stage,
    /// A body that is kept back, and when it goes.
    held: Option<Pin<Box<Held>>>,
    callback: Option<Callback>,
}

enum Stage {
    Open(Box<Stream>),
    /// The connection did not take the request.
    NotTaken(Box<Failure>),
    /// It is over.
    Over,
}

/// The head of a response, and its stream.
pub(in crate::client) struct Answer {
    pub(super) response: Response<RecvStream>,
    pub(super) stream: Box<Stream>,
}

/// A stream, and the right to it. The parts of h2 are dropped before the right is given back.
pub(super) struct Stream {
    pub(super) response: h2::client::ResponseFuture,
    /// None once the body has ended, or is not wanted.
    pub(super) pump: Option<Pump>,
    /// The same after that, in case that the body has to go again.
    spent: Option<Pump>,
    pub(super) watched: Watched,
    pub(super) share: Share<Connection>,
    begun: Begun,
    progress: Option<Arc<Progress>>,
}

/// How it stood with the connection when it got the request.
#[derive(Clone, Copy)]
struct Begun {
    /// How many requests it had had.
    before: usize,
    written: u64,
    read: u64,
    /// How many responses had come.
    heads: u64,
}

/// A request without a response.
pub(in crate::client) struct Failure {
    verdict: Verdict,
    cause: Failed,
    transfer: Transfer,
    /// What is left of the body of the request.
    pub(in crate::client) progress: Option<Arc<Progress>>,
}

/// Why there is none.
enum Failed {
    /// The connection did not take it.
    NotTaken,
    /// The stream, or its connection, has ended.
    Ended(h2::Error),
    /// It has ended before the server has shown that it speaks HTTP/2.
    NoHttp2(NoHttp2),
    /// The body of the request has failed.
    Body(BoxError),
}

impl Exchange {
    /// Sends `request` over the connection of `share`.
    ///
    /// # Errors
    ///
    /// The request is invalid.
    pub(in crate::client) fn begin(
        share: Share<Connection>,
        request: Request<Upload>,
        destination: &Destination,
        continue_timeout: Duration,
    ) -> Result<Self, ClientError> {
        let (mut parts, body) = request.into_parts();
        let progress = body.progress().cloned();
        let callback = Callback::take(&mut parts.extensions);
        let is_held = progress.is_some() && expects_continue(&parts.headers);
        let mut request = Request::from_parts(parts, ());
        let connection = share.connection();
        let framing = progress.as_ref().map_or(&Framing::Empty, |progress| progress.framing());
        head::complete(&mut request, destination, &connection.authority, framing)?;
        let observed = &connection.observed;
        let (written, read, heads) = (observed.bytes_written(), observed.bytes_read(), observed.heads());
        let opened = connection.open().and_then(|(mut sender, before)| {
            let (response, stream) = sender.send_request(request, progress.is_none()).ok()?;
            Some((response, stream, Begun { before, written, read, heads }))
        });
        let Some((response, stream, begun)) = opened else {
            connection.on_refusal();
            let failure = Box::new(Failure::not_taken(connection, progress));
            return Ok(Self { stage: Stage::NotTaken(failure), held: None, callback: None });
        };
        let watched = observed.register(response.stream_id().as_u32());
        let held = progress.as_ref().filter(|_| is_held).map(|progress| Held::new(progress, continue_timeout));
        let pump = progress.is_some().then(|| Pump::new(stream, body));
        let stream = Box::new(Stream { response, pump, spent: None, watched, share, begun, progress });
        Ok(Self { stage: Stage::Open(stream), held, callback })
    }

    /// The informational responses that have come.
    fn hear(&mut self, cx: &mut Context<'_>) {
        let Self { stage: Stage::Open(stream), held, callback } = self else { return };
        if callback.is_none() && held.is_none() {
            return;
        }
        while let Poll::Ready(Some(Ok(response))) = stream.response.poll_informational(cx) {
            if let Some(callback) = callback {
                callback.call(Informational { status: response.status(), headers: response.headers() });
            }
            if let Some(held) = held.as_mut().filter(|_| response.status() == StatusCode::CONTINUE) {
                held.as_mut().release();
            }
        }
    }
}

impl Exchange {
    /// Looks for the response.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        self.hear(cx);
        let Stage::Open(stream) = &mut self.stage else { unreachable!("not polled after completion") };
        let looked = ready!(Pin::new(&mut stream.response).poll(cx));
        let mut stream = self.take();
        Poll::Ready(match looked {
            Ok(response) => {
                stream.share.set_answered();
                Ok(Answer { response, stream })
            }
            Err(error) => Err(stream.fail(Failed::Ended(error))),
        })
    }

    /// The stream, with which the exchange is over.
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
        if let Some(held) = &mut this.held {
            held.as_mut().poll_release(cx);
        }
        if let Poll::Ready(looked) = this.look(cx) {
            return Poll::Ready(looked);
        }
        let Stage::Open(stream) = &mut this.stage else { unreachable!("it is not over") };
        let Some(pump) = &mut stream.pump else { return Poll::Pending };
        let pumped = ready!(pump.poll(cx));
        stream.spent = stream.pump.take();
        // The response may have come meanwhile, whatever has become of the body.
        match (this.look(cx), pumped) {
            (Poll::Pending, Pumped::Failed(error)) => Poll::Ready(Err(this.take().fail(Failed::Body(error)))),
            (Poll::Ready(Err(failure)), Pumped::Failed(error)) => {
                Poll::Ready(Err(Failure { cause: Failed::Body(error), ..failure }))
            }
            (looked, _) => looked,
        }
    }
}

impl Stream {
    /// What became of the request, which has no response.
    fn fail(mut self, cause: Failed) -> Failure {
        if let Some(pump) = self.pump.take().or_else(|| self.spent.take()) {
            pump.put_back();
        }
        let connection = self.share.connection();
        let (observed, begun) = (&connection.observed, self.begun);
        let heads = observed.heads();
        let end = match &cause {
            Failed::Ended(error) => Cause::of(error),
            Failed::NotTaken => Cause::NotTaken,
            Failed::NoHttp2(_) | Failed::Body(_) => Cause::Closed,
        };
        let facts = Facts {
            cause: end,
            has_written: observed.bytes_written() > begun.written,
            has_settings: observed.has_settings(),
            has_head: self.watched.has_head(),
            is_first: begun.before == 0,
            has_answered: heads > 0,
            has_answered_since: heads > begun.heads,
        };
        let cause = match cause {
            Failed::Ended(error) if !observed.has_settings() => {
                Failed::NoHttp2(NoHttp2 { error, has_read: observed.has_read() })
            }
            cause => cause,
        };
        Failure { verdict: judge(facts), cause, transfer: self.transfer(), progress: self.progress }
    }

    /// What has happened on the connection since it got the request.
    pub(super) fn transfer(&self) -> Transfer {
        self.share.connection().transfer(self.begun.before, self.begun.written, self.begun.read)
    }

    /// How many requests the connection had had before.
    pub(super) fn before(&self) -> usize {
        self.begun.before
    }

    /// Whether the body of the request is still to be asked for.
    pub(super) fn is_held(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.is_held())
    }

    /// The body is longer or shorter than it said.
    pub(super) fn has_broken_promise(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.has_broken_promise())
    }

    /// A body that was kept back may go.
    pub(super) fn release(&self) {
        if let Some(progress) = &self.progress {
            progress.release();
        }
    }
}

impl Failure {
    /// Whether the request may be sent again.
    pub(in crate::client) fn again(&self) -> Again {
        if matches!(self.cause, Failed::Body(_)) { Again::Never } else { self.verdict.again }
    }

    /// Whether the server may have acted on the request.
    pub(in crate::client) fn may_have_been_processed(&self) -> bool {
        !matches!(self.verdict.processing, Processing::Unsent | Processing::Unprocessed)
    }

    pub(in crate::client) fn into_error(self) -> ClientError {
        let Self { verdict: Verdict { processing, again }, cause, transfer, .. } = self;
        let (source, reason): (Option<BoxError>, _) = match cause {
            Failed::Body(error) => return ClientError::request_body(Some(error), transfer),
            Failed::NotTaken => (None, None),
            Failed::Ended(error) => {
                let reason = error.reason();
                (Some(error.into()), reason)
            }
            Failed::NoHttp2(error) => (Some(error.into()), None),
        };
        let reason = reason.map(u32::from);
        ClientError::stream(StreamEnd { processing, reason, again }, source, transfer)
    }

    fn not_taken(connection: &Connection, progress: Option<Arc<Progress>>) -> Self {
        let facts = Facts {
            cause: Cause::NotTaken,
            has_written: false,
            has_settings: connection.observed.has_settings(),
            has_head: false,
            is_first: false,
            has_answered: connection.observed.heads() > 0,
            has_answered_since: false,
        };
        let transfer = connection.transfer(1, u64::MAX, u64::MAX);
        Self { verdict: judge(facts), cause: Failed::NotTaken, transfer, progress }
    }
}

pin_project! {
    /// Lets a body go that is kept back for too long (RFC 9110 §10.1.1).
    struct Held {
        progress: Arc<Progress>,
        timeout: Duration,
        // None before the first poll, from which time counts.
        at: Option<Instant>,
        #[pin]
        timer: Timer,
    }
}

impl Held {
    fn new(progress: &Arc<Progress>, timeout: Duration) -> Pin<Box<Self>> {
        progress.hold();
        Box::pin(Self { progress: Arc::clone(progress), timeout, at: None, timer: Timer::new() })
    }

    fn release(self: Pin<&mut Self>) {
        self.progress.release();
    }

    fn poll_release(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        if !this.progress.is_held() {
            return;
        }
        if this.at.is_none() {
            *this.at = read_clock().checked_add(*this.timeout);
        }
        if this.timer.poll(*this.at, cx).is_ready() {
            this.progress.release();
        }
    }
}
