//! One request on one stream, to the head of its response.
//!
//! The connection has a task of its own. Whoever waits for the response sends the body of the request meanwhile, and looks for the response
//! first: a stream that is refused, or whose connection ends, may have been answered before.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;

use super::connection::Connection;
use super::head;
use super::pump::{Pump, Pumped};
use super::seen::Watched;
use super::verdict::{Cause, Facts, Verdict, judge};
use crate::client::destination::Destination;
use crate::client::error::{ClientError, Transfer};
use crate::client::pool::Share;
use crate::client::request::fields::expects_continue;
use crate::client::request::framing::Framing;
use crate::client::request::informational::{Callback, Informational};
use crate::client::request::upload::{Progress, Upload};
use crate::outcome::BoxError;
use crate::timer::{Timer, read_clock};

/// A request under way. Dropping it ends its stream, and no other.
pub(in crate::client) struct Exchange {
    /// None once it is over.
    stream: Option<Box<Stream>>,
    /// A body that is kept back, and when it goes.
    held: Option<Pin<Box<Held>>>,
    callback: Option<Callback>,
}

/// A stream, and the right to it. The parts of h2 are dropped before the right is given back.
pub(super) struct Stream {
    pub(super) response: h2::client::ResponseFuture,
    /// None once the body has ended, or is not wanted.
    pub(super) pump: Option<Pump>,
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
    pub(in crate::client) verdict: Verdict,
    pub(in crate::client) cause: Failed,
    pub(in crate::client) transfer: Transfer,
    /// What is left of the body of the request.
    pub(in crate::client) progress: Option<Arc<Progress>>,
}

/// Why there is none.
pub(in crate::client) enum Failed {
    /// The connection did not take it.
    NotTaken,
    /// The stream, or its connection, has ended.
    Ended(h2::Error),
    /// What the server speaks is not HTTP/2.
    OtherProtocol,
    /// The body of the request has failed.
    Body(BoxError),
}

/// Sends `request`, over the connection of `share`.
///
/// # Errors
///
/// The request is invalid, or was not taken. In the second case its body is untouched.
pub(in crate::client) fn exchange(
    share: Share<Connection>,
    request: Request<Upload>,
    destination: &Destination,
    continue_timeout: Duration,
) -> Result<Result<Exchange, Failure>, ClientError> {
    let (mut parts, body) = request.into_parts();
    let progress = body.progress().cloned();
    let callback = Callback::take(&mut parts.extensions);
    let is_held = progress.is_some() && expects_continue(&parts.headers);
    let mut request = Request::from_parts(parts, ());
    let connection = Arc::clone(share.connection());
    let framing = progress.as_ref().map_or(&Framing::Empty, |progress| progress.framing());
    head::complete(&mut request, destination, &connection.authority, framing)?;
    let Some((mut sender, before)) = connection.open() else {
        return Ok(Err(Failure::not_taken(&connection, progress)));
    };
    let observed = &connection.observed;
    let begun = Begun {
        before,
        written: observed.bytes_written(),
        read: observed.bytes_read(),
        heads: observed.heads(),
    };
    let Ok((response, stream)) = sender.send_request(request, progress.is_none()) else {
        return Ok(Err(Failure::not_taken(&connection, progress)));
    };
    let watched = observed.register(response.stream_id().as_u32());
    let held = is_held.then(|| progress.as_ref().map(|progress| Held::new(progress, continue_timeout))).flatten();
    let pump = progress.is_some().then(|| Pump::new(stream, body));
    let stream = Box::new(Stream { response, pump, watched, share, begun, progress });
    Ok(Ok(Exchange { stream: Some(stream), held, callback }))
}

impl Exchange {
    /// The informational responses that have come.
    fn hear(&mut self, cx: &mut Context<'_>) {
        let Self { stream: Some(stream), held, callback } = self else { return };
        if callback.is_none() && held.is_none() {
            return;
        }
        while let Poll::Ready(Some(Ok(response))) = stream.response.poll_informational(cx) {
            if let Some(callback) = callback {
                callback.call(Informational::of(&response));
            }
            if let Some(held) = held.as_mut().filter(|_| response.status() == StatusCode::CONTINUE) {
                held.as_mut().release();
            }
        }
    }
}

impl Future for Exchange {
    type Output = Result<(Response<h2::RecvStream>, Box<Stream>), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(held) = &mut this.held {
            held.as_mut().poll_release(cx);
        }
        let mut body_error = None;
        loop {
            this.hear(cx);
            let stream = this.stream.as_mut().expect("not polled after completion");
            match (Pin::new(&mut stream.response).poll(cx), body_error.take()) {
                (Poll::Ready(Ok(response)), _) => {
                    let mut stream = this.stream.take().expect("it is here");
                    stream.share.set_answered();
                    return Poll::Ready(Ok((response, stream)));
                }
                (Poll::Ready(Err(_)) | Poll::Pending, Some(error)) => {
                    let stream = this.stream.take().expect("it is here");
                    return Poll::Ready(Err(stream.fail(Failed::Body(error))));
                }
                (Poll::Ready(Err(error)), None) => {
                    let stream = this.stream.take().expect("it is here");
                    return Poll::Ready(Err(stream.fail(Failed::Ended(error))));
                }
                (Poll::Pending, None) => {}
            }
            let Some(pump) = &mut stream.pump else { return Poll::Pending };
            match pump.poll(cx) {
                Poll::Pending => return Poll::Pending,
                // That is for the response to say.
                Poll::Ready(Pumped::Sent | Pumped::Refused) => stream.pump = None,
                Poll::Ready(Pumped::Failed(error)) => {
                    stream.pump = None;
                    body_error = Some(error);
                }
            }
            // The response may have come meanwhile.
        }
    }
}

impl Stream {
    /// What became of the request, which has no response.
    fn fail(self, cause: Failed) -> Failure {
        let connection = self.share.connection();
        let (observed, begun) = (&connection.observed, self.begun);
        let heads = observed.heads();
        let error = match &cause {
            Failed::Ended(error) => Cause::of(error),
            Failed::NotTaken => Cause::NotTaken,
            Failed::OtherProtocol | Failed::Body(_) => Cause::Closed,
        };
        let facts = Facts {
            cause: error,
            has_written: observed.bytes_written() > begun.written,
            has_settings: observed.has_settings(),
            has_head: self.watched.has_head(),
            is_first: begun.before == 0,
            has_answered: heads > 0,
            has_answered_since: heads > begun.heads,
        };
        let is_other = matches!(cause, Failed::Ended(_)) && !observed.has_settings() && observed.has_read();
        let cause = if is_other { Failed::OtherProtocol } else { cause };
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

    /// A body that was kept back may go.
    pub(super) fn release(&self) {
        if let Some(progress) = &self.progress {
            progress.release();
        }
    }

    /// The body is longer or shorter than it said.
    pub(super) fn has_broken_promise(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.has_broken_promise())
    }
}

impl Failure {
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
