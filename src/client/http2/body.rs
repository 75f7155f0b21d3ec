//! The body of a response over HTTP/2.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::exchange::{Answer, Stream};
use super::window::Window;
use crate::client::error::{ClientError, Transfer};
use crate::client::request::after_response::{AfterResponse, wants_body};
use crate::wake_later::wake_later;

/// The body of a response. Dropping it ends its stream.
pub(in crate::client) struct StreamBody {
    /// `None` once the response has ended.
    open: Option<Open>,
    /// How many bytes are still to come, if the server declared a length.
    left: Option<u64>,
    /// How many frames the body has given since it was last pending.
    at_once: u8,
    /// The last poll returned pending only to let other tasks run.
    has_paused: bool,
}

/// A response that has not ended. The parts of h2 are dropped before the share of the connection is given back.
struct Open {
    recv: RecvStream,
    /// How many bytes of the body were given to the caller.
    given: u64,
    window: Window,
}

/// One read can bring thousands of small frames. A task that takes all of them in one poll would starve its timers.
const MOST_AT_ONCE: u8 = 128;

impl Answer {
    /// Returns the response with its body. What is left of the request is sent on, or not, as `after` and the response say.
    ///
    /// # Errors
    ///
    /// The request's body was shorter or longer than it declared, and the server still wants it.
    pub(in crate::client) fn deliver(self, after: AfterResponse) -> Result<Response<StreamBody>, ClientError> {
        let Self { mut response, mut stream, sending } = self;
        stream.add_extras(response.extensions_mut());
        let (status, length) = (response.status(), declared_length(response.headers()));
        // If the head says that data follows, h2 need not be asked.
        let is_complete = !announces_data(stream.is_of_head(), status, length) && response.body().is_end_stream();
        if let Some(sending) = sending {
            let wants_body = wants_body(status);
            if sending.has_broken_promise() && wants_body {
                return Err(ClientError::request_body(None, stream.transfer()));
            }
            let goes_on = wants_body && !(is_complete && (after.stops_at_once() || sending.is_held()));
            if goes_on {
                sending.release();
            }
            stream.rest = match sending.into_pump() {
                None => stream.rest,
                Some(pump) if goes_on => stream.rest.go_on(pump, after),
                Some(pump) => {
                    tracing::debug!(%status, "the rest of a request is not sent: the response came first");
                    stream.rest.park(pump)
                }
            };
        }
        let left = if is_complete { Some(0) } else { length };
        Ok(response.map(|recv| {
            let open = Open { recv, given: 0, window: Window::new(stream, left) };
            let mut body = StreamBody { open: Some(open), left, at_once: 0, has_paused: false };
            if is_complete {
                body.end();
            }
            body
        }))
    }
}

/// Whether the head says that data follows (RFC 9110 §6.4.1). h2 makes an error of a response that says so and has none.
fn announces_data(is_of_head: bool, status: StatusCode, length: Option<u64>) -> bool {
    let has_none = is_of_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    !has_none && length.is_some_and(|length| length > 0)
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl StreamBody {
    /// Whether all of the response has arrived, read or not.
    pub(in crate::client) fn has_arrived(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.stream().watched.has_end())
    }

    /// Whether the last poll returned pending only to let other tasks run: the next one may have a frame.
    pub(in crate::client) fn has_paused(&self) -> bool {
        self.has_paused
    }

    /// Returns the request's host and what was sent and received, for an error. `None` once the response has ended.
    pub(in crate::client) fn about(&mut self) -> Option<(String, Transfer)> {
        let stream = self.open.as_ref()?.stream();
        Some((stream.host().to_owned(), stream.transfer()))
    }

    /// The response has ended. Its stream ends before the caller learns of it, unless the request goes on.
    fn end(&mut self) {
        self.left = Some(0);
        if let Some(open) = self.open.take() {
            open.stream().rest.on_response_end();
        }
    }

    fn fail(&mut self, error: h2::Error) -> ClientError {
        let reason = error.reason().map(Into::into);
        let Some(open) = self.open.take() else { return ClientError::stream_body(error.into(), reason, None) };
        let stream = open.stream();
        stream.rest.abort();
        let about = (stream.host().to_owned(), stream.transfer());
        ClientError::stream_body(stream.ended(error).into(), reason, Some(about))
    }
}

impl Open {
    fn stream(&self) -> &Stream {
        self.window.stream()
    }

    /// Whether the caller has all of the body and the server has ended the stream. After the connection has ended, h2 no longer knows that.
    fn is_complete(&self) -> bool {
        let watched = &self.stream().watched;
        watched.has_end() && watched.data() == self.given
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let this = &mut *self;
        let Some(open) = &mut this.open else { return Poll::Ready(None) };
        this.has_paused = this.at_once == MOST_AT_ONCE;
        if this.has_paused {
            this.at_once = 0;
            wake_later(cx.waker());
            return Poll::Pending;
        }
        let polled = open.recv.poll_data(cx);
        this.at_once = if polled.is_ready() { this.at_once + 1 } else { 0 };
        match ready!(polled) {
            Some(Ok(data)) => {
                let len = data.len();
                open.given += len as u64;
                open.window.on_read(&mut open.recv, len);
                this.left = this.left.map(|left| left.saturating_sub(len as u64));
                if open.recv.is_end_stream() {
                    this.end();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Some(Err(_)) if open.is_complete() => {}
            Some(Err(error)) => return Poll::Ready(Some(Err(this.fail(error)))),
            None => match ready!(open.recv.poll_trailers(cx)) {
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
        if let Some(open) = &self.open {
            open.stream().rest.abort();
        }
    }
}

impl fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stream = self.open.as_ref().map(|open| open.stream().watched.stream());
        f.debug_struct("ResponseBody").field("stream", &stream).field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_announces_data_where_the_head_alone_is_not_the_response() {
        let (ok, unchanged) = (StatusCode::OK, StatusCode::NOT_MODIFIED);
        for (is_of_head, status, length, expected) in [
            (false, ok, Some(5), true),
            (false, StatusCode::NOT_FOUND, Some(5), true),
            (false, ok, Some(0), false),
            (false, ok, None, false),
            (true, ok, Some(5), false),
            (false, unchanged, Some(5), false),
            (false, StatusCode::NO_CONTENT, Some(5), false),
        ] {
            assert_eq!(announces_data(is_of_head, status, length), expected, "{is_of_head} {status} {length:?}");
        }
    }
}
