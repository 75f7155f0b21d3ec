//! The body of a response over HTTP/2, and what goes on of its request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::connection::Connection;
use super::exchange::{Answer, Stream};
use super::pump::Pump;
use super::seen::Watched;
use super::window::Window;
use crate::client::error::{ClientError, Transfer};
use crate::client::pool::Share;
use crate::client::request::after_response::{AfterResponse, wants_body};
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::client::sync::{AbortHandle, AtomicWaker, spawn};
use crate::timer::{Timer, read_clock};
use crate::wake_later::wake_later;

/// The body of a response. Dropping it ends its stream.
pub(in crate::client) struct StreamBody {
    /// None once it is over.
    open: Option<Open>,
    /// How many bytes are still to come, if the server has said so.
    left: Option<u64>,
    /// How many frames were given since the body was last pending.
    at_once: u8,
}

/// A response that has not ended. The parts of h2 are dropped before the right to the stream is given back.
struct Open {
    stream: RecvStream,
    /// How many bytes were given.
    given: u64,
    rest: Rest,
    watched: Watched,
    window: Window,
    host: String,
    transfer: Transfer,
}

/// What is left of the request.
enum Rest {
    Nothing,
    /// It is not wanted. The stream is reset when the response has ended.
    Parked(#[expect(dead_code, reason = "it is kept until the response has ended")] SendStream<Bytes>),
    /// A task sends it.
    Goes(Uploading),
}

/// One read can have thousands of small frames. A task that takes them all at once would keep its timers from running.
const MOST_AT_ONCE: u8 = 128;

impl Answer {
    /// The response of `host` with its body. The request goes on, or does not.
    ///
    /// # Errors
    ///
    /// The server has taken less, or more, for the body of the request than the caller meant.
    pub(in crate::client) fn deliver(
        self,
        host: &str,
        after: AfterResponse,
    ) -> Result<Response<Box<StreamBody>>, ClientError> {
        let Self { response, stream } = self;
        let (mut parts, recv) = response.into_parts();
        let transfer = stream.transfer();
        if stream.has_broken_promise() && wants_body(parts.status) {
            return Err(ClientError::request_body(None, transfer));
        }
        stream.share.connection().add_extras(&mut parts.extensions, stream.before());
        let is_complete = recv.is_end_stream();
        let goes_on = wants_body(parts.status) && !(is_complete && (after.stops_at_once() || stream.is_held()));
        if goes_on {
            stream.release();
        }
        let Stream { response, pump, watched, share, .. } = *stream;
        drop(response);
        let share = Arc::new(share);
        let rest = match pump {
            None => Rest::Nothing,
            Some(pump) if goes_on => Rest::Goes(Uploading::start(pump, &share, after)),
            Some(pump) => {
                tracing::debug!(status = %parts.status, "the rest of a request is not sent: the response came first");
                Rest::Parked(pump.into_stream())
            }
        };
        let left = if is_complete { Some(0) } else { declared_length(&parts.headers) };
        let window = Window::new(share, left);
        let open = Open { stream: recv, given: 0, rest, watched, window, host: host.to_owned(), transfer };
        let mut body = Box::new(StreamBody { open: Some(open), left, at_once: 0 });
        if is_complete {
            body.end();
        }
        Ok(Response::from_parts(parts, body))
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl StreamBody {
    /// The response has ended. Its stream is over before anybody is told, unless the request goes on.
    fn end(&mut self) {
        self.left = Some(0);
        if let Some(Open { rest: Rest::Goes(uploading), .. }) = self.open.take() {
            uploading.on_response_end();
        }
    }

    fn fail(&mut self, error: h2::Error) -> ClientError {
        let open = self.open.take();
        if let Some(Open { rest: Rest::Goes(uploading), .. }) = &open {
            uploading.abort();
        }
        let about = open.map(|Open { host, transfer, .. }| (host, transfer));
        let reason = error.reason().map(Into::into);
        ClientError::stream_body(error.into(), reason, about)
    }
}

impl Open {
    /// Whether all of the body was given, and the server has said that there is no more. h2 does not know that any more once the connection
    /// has ended.
    fn is_complete(&self) -> bool {
        self.watched.has_end() && self.watched.data() == self.given
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let this = &mut *self;
        let Some(open) = &mut this.open else { return Poll::Ready(None) };
        if this.at_once == MOST_AT_ONCE {
            this.at_once = 0;
            wake_later(cx.waker());
            return Poll::Pending;
        }
        let polled = open.stream.poll_data(cx);
        this.at_once = if polled.is_ready() { this.at_once + 1 } else { 0 };
        match ready!(polled) {
            Some(Ok(data)) => {
                let len = data.len();
                open.given += len as u64;
                open.window.on_read(&mut open.stream, len);
                this.left = this.left.map(|left| left.saturating_sub(len as u64));
                if open.stream.is_end_stream() {
                    this.end();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Some(Err(_)) if open.is_complete() => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(this.fail(error)))),
            None => match ready!(open.stream.poll_trailers(cx)) {
                Ok(None) => {}
                Ok(Some(trailers)) => {
                    this.end();
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Err(_) if open.is_complete() => {}
                Err(error) => return Poll::Ready(Some(Err(this.fail(error)))),
            },
        }
        this.end();
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        if let Some(Open { rest: Rest::Goes(uploading), .. }) = &self.open {
            uploading.abort();
        }
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = self.open.as_ref().map(|open| open.watched.stream());
        f.debug_struct("ResponseBody").field("stream", &stream).field("left", &self.left).finish_non_exhaustive()
    }
}

/// The task that sends the rest of a request, as the body of the response sees it.
struct Uploading {
    between: Arc<Between>,
    task: AbortHandle,
}

/// What the two tell each other.
struct Between {
    has_ended: AtomicBool,
    waker: AtomicWaker,
}

impl Uploading {
    fn start(pump: Pump, share: &Arc<Share<Connection>>, after: AfterResponse) -> Self {
        let between = Arc::new(Between { has_ended: AtomicBool::new(false), waker: AtomicWaker::new() });
        let (task_between, share) = (Arc::clone(&between), Arc::clone(share));
        let task =
            spawn(Upload { pump, _share: share, between: task_between, after, limit: None, timer: Timer::new() });
        Self { between, task }
    }

    /// The rest has a limited time from now on.
    fn on_response_end(&self) {
        self.between.has_ended.store(true, SeqCst);
        self.between.waker.wake();
    }

    fn abort(&self) {
        self.task.abort();
    }
}

pin_project! {
    /// Sends the rest of a request. Dropped with the stream's right, so that this is given back when both are done.
    struct Upload {
        pump: Pump,
        _share: Arc<Share<Connection>>,
        between: Arc<Between>,
        after: AfterResponse,
        // Once the response has ended: until when, and how many bytes of the body may have been sent.
        limit: Option<(Option<Instant>, u64)>,
        #[pin]
        timer: Timer,
    }
}

impl Future for Upload {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.between.waker.register(cx.waker());
        if this.limit.is_none() && this.between.has_ended.load(SeqCst) {
            let bytes = this.pump.sent().saturating_add(this.after.bytes);
            *this.limit = Some((read_clock().checked_add(this.after.time), bytes));
        }
        let polled = this.pump.poll(cx);
        if let (Poll::Pending, Some((until, bytes))) = (&polled, *this.limit) {
            if this.pump.sent() > bytes || this.timer.poll(until, cx).is_ready() {
                this.pump.cancel();
                return Poll::Ready(());
            }
        }
        polled.map(drop)
    }
}
