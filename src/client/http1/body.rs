//! The body of an HTTP/1.1 response. At its end the connection goes back to the pool.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::duplex::{Duplex, drive_to_end};
use super::wire::Wire;
use crate::client::error::{About, ClientError};
use crate::client::request::after_response::AfterResponse;
use crate::wake_later::wake_later;

/// The body of a response. Dropping it closes the connection. If the rest has arrived, the connection is kept.
pub(in crate::client) struct OwnedBody {
    /// `None` once the body has ended.
    incoming: Option<Incoming>,
    /// The part of an error about the connection, taken while the connection was at hand.
    about: Option<Box<About>>,
    carrier: Carrier,
    /// The last item, which is reported when a task has settled the connection. Boxed, since that is rare.
    end: Option<Box<End>>,
    /// How many frames the body has given since it was last pending.
    at_once: u8,
}

/// One read can bring thousands of small frames. A task that takes all of them in one poll would starve its timers.
const MOST_AT_ONCE: u8 = 128;

/// The last item of a body.
type End = Option<Result<Frame<Bytes>, ClientError>>;

/// Who drives the connection while the body is read.
enum Carrier {
    /// No one: the rest of the body is in `incoming`.
    None,
    /// The reader. The mutex is never locked: it makes the body `Sync`, which hyper's connection is not.
    Reader(Mutex<Box<Wire>>),
    /// A task, while there is something to send.
    Task(Duplex),
}

impl OwnedBody {
    /// A body whose rest is in `incoming`.
    pub(in crate::client) fn detached(incoming: Incoming) -> Self {
        Self { incoming: Some(incoming), about: None, carrier: Carrier::None, end: None, at_once: 0 }
    }

    /// A body whose connection has ended: nothing beyond `incoming` will arrive.
    pub(in crate::client) fn of_over(incoming: Incoming, wire: &Wire) -> Self {
        let about = if incoming.is_end_stream() { None } else { Some(Box::new(wire.about())) };
        Self { incoming: Some(incoming), about, carrier: Carrier::None, end: None, at_once: 0 }
    }

    /// A body that drives the connection when it is read.
    pub(in crate::client) fn carried(incoming: Incoming, wire: Box<Wire>) -> Self {
        Self {
            incoming: Some(incoming),
            about: None,
            carrier: Carrier::Reader(Mutex::new(wire)),
            end: None,
            at_once: 0,
        }
    }

    /// A body whose connection is driven by a task, since there is something left to send.
    pub(in crate::client) fn duplex(incoming: Incoming, wire: Box<Wire>, after: AfterResponse) -> Self {
        let about = Some(Box::new(wire.about()));
        Self {
            incoming: Some(incoming),
            about,
            carrier: Carrier::Task(Duplex::start(wire, after)),
            end: None,
            at_once: 0,
        }
    }

    /// After an upgrade the stream belongs to `hyper::upgrade`, not to this body.
    pub(in crate::client) fn upgraded(incoming: Incoming, wire: Box<Wire>) -> Self {
        if !wire.is_over() {
            // The task is needed until hyper has handed the stream over.
            drive_to_end(wire);
        }
        Self::detached(incoming)
    }

    /// The response has ended, or has failed. Ready once its connection is idle, closed, or finishing its upload.
    #[inline(always)]
    fn poll_end(&mut self, is_complete: bool, cx: &Context<'_>) -> Poll<()> {
        match mem::replace(&mut self.carrier, Carrier::None) {
            Carrier::None => {}
            Carrier::Reader(wire) => wire.into_inner().unwrap_or_else(PoisonError::into_inner).settle(),
            Carrier::Task(duplex) => {
                if duplex.poll_end(is_complete, cx).is_pending() {
                    self.carrier = Carrier::Task(duplex);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// Whether all of the body has arrived, as far as hyper knows. Takes what hyper has ready.
    fn is_complete(&mut self) -> bool {
        let Some(incoming) = &mut self.incoming else {
            return true;
        };
        let mut noop = Context::from_waker(Waker::noop());
        // hyper has at most one frame ready, and perhaps trailers and the end.
        for _ in 0..3 {
            match Pin::new(&mut *incoming).poll_frame(&mut noop) {
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() || incoming.is_end_stream() => return true,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_))) | Poll::Pending => return false,
            }
        }
        false
    }

    /// Whether all of the response that will ever arrive has arrived, read or not.
    pub(in crate::client) fn has_arrived(&self) -> bool {
        matches!(self.carrier, Carrier::None)
    }

    /// Returns the part of an error about the connection. `None` if the connection is not at hand any more.
    pub(in crate::client) fn about(&mut self) -> Option<About> {
        match &mut self.carrier {
            Carrier::Reader(wire) => Some(wire.get_mut().unwrap_or_else(PoisonError::into_inner).about()),
            Carrier::None | Carrier::Task(_) => self.about.take().map(|about| *about),
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let mut incoming = Pin::new(incoming);
        let Carrier::Reader(wire) = &mut self.carrier else {
            return incoming.poll_frame(cx);
        };
        let wire = wire.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.at_once == MOST_AT_ONCE {
            self.at_once = 0;
            wake_later(cx.waker());
            return Poll::Pending;
        }
        self.at_once += 1;
        // Only the connection fills `incoming`, and it is polled here: no waker is needed.
        let mut noop = Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = incoming.as_mut().poll_frame(&mut noop) {
            return Poll::Ready(frame);
        }
        wire.poll_for_body();
        let polled = incoming.as_mut().poll_frame(&mut noop);
        if polled.is_pending() {
            self.at_once = 0;
        }
        wire.on_body_polled(polled.is_ready(), cx);
        polled
    }
}

impl Body for OwnedBody {
    type Data = Bytes;
    type Error = ClientError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        if let Some(end) = &this.end {
            let is_complete = !matches!(**end, Some(Err(_)));
            ready!(this.poll_end(is_complete, cx));
            return Poll::Ready(this.end.take().and_then(|end| *end));
        }
        let last = match ready!(this.poll_incoming(cx)) {
            Some(Ok(frame)) if !frame.is_trailers() && !this.is_end_stream() => return Poll::Ready(Some(Ok(frame))),
            Some(Ok(frame)) => Some(Ok(frame)),
            None => None,
            Some(Err(error)) => {
                let about = this.about();
                Some(Err(ClientError::response_body(error, about)))
            }
        };
        // The connection is settled before the end is reported.
        this.incoming = None;
        let is_complete = !matches!(last, Some(Err(_)));
        if this.poll_end(is_complete, cx).is_pending() {
            this.end = Some(Box::new(last));
            return Poll::Pending;
        }
        Poll::Ready(last)
    }

    fn is_end_stream(&self) -> bool {
        self.end.is_none() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(Some(Ok(last))) = self.end.as_deref() {
            return SizeHint::with_exact(last.data_ref().map_or(0, |data| data.len() as u64));
        }
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for OwnedBody {
    fn drop(&mut self) {
        if matches!(self.carrier, Carrier::None) {
            return;
        }
        if std::thread::panicking() {
            // A poll during a panic may panic again, which would abort the process.
            if let Carrier::Task(duplex) = &self.carrier {
                duplex.abort();
            }
            return;
        }
        let is_complete = matches!(self.carrier, Carrier::Task(_)) && self.is_complete();
        // Dropping `incoming` tells hyper that the body has no reader. hyper then drains what one read brings.
        self.incoming = None;
        match mem::replace(&mut self.carrier, Carrier::None) {
            Carrier::None => {}
            Carrier::Reader(wire) => wire.into_inner().unwrap_or_else(PoisonError::into_inner).settle(),
            Carrier::Task(duplex) => duplex.leave(is_complete),
        }
    }
}

impl fmt::Debug for OwnedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedBody")
            .field("incoming", &self.incoming)
            .field("has_connection", &!matches!(self.carrier, Carrier::None))
            .finish_non_exhaustive()
    }
}
