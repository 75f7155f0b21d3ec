//! The body of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::deadlines::Deadlines;
use super::error::{ClientError, Phase, TimedOut};
use super::http1::body::OwnedBody;
use super::http2::body::StreamBody;

/// The body of a response of a [`Client`](super::Client).
///
/// When its end is reported, the connection is idle again or closed, or still sends a request body that was not complete when the response was: see
/// [`Builder::upload_after_response`](super::Builder::upload_after_response). The same holds for the stream over HTTP/2.
///
/// # Cancel safety
///
/// Dropping it at any point closes the connection. If the rest of the body has already arrived, as far as one read shows, the connection is kept for
/// the next request. Dropping never waits. Over HTTP/2 dropping resets the stream and no other.
pub struct ResponseBody {
    inner: Inner,
}

/// The body, by the protocol of its connection.
enum Inner {
    Owned(OwnedBody),
    Stream(StreamBody),
    /// A body with a time limit. Boxed, so that the other variants stay small.
    Limited(Box<Limited>),
    /// The time limit was reached.
    GivenUp,
}

struct Limited {
    body: ResponseBody,
    deadlines: Pin<Box<Deadlines>>,
}

impl ResponseBody {
    pub(super) fn owned(body: OwnedBody) -> Self {
        Self { inner: Inner::Owned(body) }
    }

    pub(super) fn stream(body: StreamBody) -> Self {
        Self { inner: Inner::Stream(body) }
    }

    /// Limits the time of the body: it is an error if it has not arrived at the first of `deadlines`.
    pub(super) fn limited(self, deadlines: Pin<Box<Deadlines>>) -> Self {
        Self { inner: Inner::Limited(Box::new(Limited { body: self, deadlines })) }
    }

    /// Whether all of the body that will ever arrive has arrived, read or not.
    fn has_arrived(&self) -> bool {
        match &self.inner {
            Inner::Owned(body) => body.has_arrived(),
            Inner::Stream(body) => body.has_arrived(),
            Inner::Limited(limited) => limited.body.has_arrived(),
            Inner::GivenUp => true,
        }
    }

    /// Whether the last poll returned pending only to let other tasks run: a frame may be there.
    fn has_paused(&self) -> bool {
        if let Inner::Stream(body) = &self.inner { body.has_paused() } else { false }
    }

    /// Closes the connection, or resets the stream, and returns the time-out error.
    #[cold]
    fn give_up(&mut self, timed_out: TimedOut) -> ClientError {
        let about = match &mut self.inner {
            Inner::Owned(body) => body.about().map(|about| (about.host, about.transfer)),
            Inner::Stream(body) => body.about(),
            Inner::Limited(_) | Inner::GivenUp => None,
        };
        self.inner = Inner::GivenUp;
        let (host, transfer) = about.map_or_else(Default::default, |(host, transfer)| (Some(host), transfer));
        let error = ClientError::timed_out(timed_out, host, transfer, None);
        tracing::debug!(%error, "the body of a response was given up");
        error
    }
}

impl Limited {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let reached = match &polled {
            // A body that has arrived is not given up at a pause: the limit is checked with the next frame, or when no frame is there.
            Poll::Pending if self.body.has_paused() => return Poll::Pending,
            Poll::Pending => self.deadlines.as_mut().poll(cx),
            // A slow reader finds a frame at each poll. Without this check the limit would never apply.
            Poll::Ready(Some(Ok(frame))) if frame.is_data() && !self.body.has_arrived() => self.deadlines.look(),
            Poll::Ready(_) => return polled,
        };
        match reached {
            Poll::Pending => polled,
            Poll::Ready(reached) => Poll::Ready(Some(Err(self.body.give_up(reached.during(Phase::ReadingBody))))),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ClientError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut self.inner {
            Inner::Owned(body) => Pin::new(body).poll_frame(cx),
            Inner::Stream(body) => Pin::new(body).poll_frame(cx),
            Inner::Limited(limited) => limited.poll_frame(cx),
            Inner::GivenUp => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Owned(body) => body.is_end_stream(),
            Inner::Stream(body) => body.is_end_stream(),
            Inner::Limited(limited) => limited.body.is_end_stream(),
            Inner::GivenUp => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Owned(body) => body.size_hint(),
            Inner::Stream(body) => body.size_hint(),
            Inner::Limited(limited) => limited.body.size_hint(),
            Inner::GivenUp => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Inner::Owned(body) => body.fmt(f),
            Inner::Stream(body) => body.fmt(f),
            Inner::Limited(limited) => limited.body.fmt(f),
            Inner::GivenUp => f.debug_struct("ResponseBody").field("given_up", &true).finish_non_exhaustive(),
        }
    }
}
