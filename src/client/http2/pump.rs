//! Sends the body of a request into a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body;

use super::seen::Observed;
use super::taken::Taken;
use crate::client::request::upload::Upload;
use crate::outcome::BoxError;

/// The body of a request, and the stream that it is sent on.
///
/// A frame is taken from the body first, and window capacity for that frame is reserved afterwards: a body that pauses holds no capacity that other
/// streams could use.
pub(super) struct Pump {
    stream: SendStream<Bytes>,
    body: Upload,
    taken: Taken,
    /// Data from the body that the window has no room for yet.
    data: Bytes,
    /// How many bytes of the body the stream has taken.
    sent: u64,
}

/// How a pump has ended.
pub(super) enum Pumped {
    /// All of the body is in the stream.
    Sent,
    /// The stream takes no more.
    Refused,
    /// The body has failed. The caller must [give up](Pump::give_up) the stream, or drop it.
    Failed(BoxError),
}

impl Pump {
    pub(super) fn new(stream: SendStream<Bytes>, mut body: Upload) -> Self {
        body.takes_all_trailers = true;
        Self { stream, body, taken: Taken::default(), data: Bytes::new(), sent: 0 }
    }

    /// Puts what was taken from the body back, so that it can be sent again. Does nothing if that was too much to keep.
    pub(super) fn put_back(self) {
        self.taken.put_back(self.body);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Drops the body, and leaves the stream as it is.
    pub(super) fn into_stream(self) -> SendStream<Bytes> {
        self.stream
    }

    /// Resets the stream, since the body has failed. Does nothing if the response is complete, since a reset would discard it; the stream then ends
    /// with the response.
    pub(super) fn give_up(&mut self, observed: &Observed) {
        if observed.on_reset(self.stream.stream_id().as_u32()) {
            self.cancel();
        }
    }

    /// Resets the stream before the body has ended.
    pub(super) fn cancel(&mut self) {
        self.stream.send_reset(Reason::CANCEL);
    }

    /// Sends as much of the body as there is and the window has room for. Must not be polled after it has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Pumped> {
        loop {
            if !self.data.is_empty() {
                if ready!(self.poll_data(cx)).is_err() {
                    return Poll::Ready(Pumped::Refused);
                }
                continue;
            }
            if self.body.is_end_stream() {
                // END_STREAM went with the last data.
                return Poll::Ready(Pumped::Sent);
            }
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            // A body that pauses does not touch the stream, which would hide a reset of the server.
            if polled.is_pending() && self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Pumped::Refused);
            }
            let frame = match ready!(polled) {
                Some(Ok(frame)) => {
                    self.taken.add(&frame);
                    frame
                }
                Some(Err(error)) => return Poll::Ready(Pumped::Failed(error)),
                None => return Poll::Ready(self.end()),
            };
            match frame.into_data() {
                Ok(data) => {
                    if data.is_empty() && self.body.is_end_stream() {
                        return Poll::Ready(self.end());
                    }
                    self.data = data;
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let sent = self.stream.send_trailers(trailers);
                    return Poll::Ready(sent.map_or(Pumped::Refused, |()| Pumped::Sent));
                }
            }
        }
    }

    /// Sends as much of the data as the window has room for. An error if the stream takes no more.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        self.stream.reserve_capacity(self.data.len());
        let mut room = self.stream.capacity();
        while room == 0 {
            room = match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(room)) => room,
                Some(Err(_)) | None => return Poll::Ready(Err(())),
            };
        }
        let data = self.data.split_to(room.min(self.data.len()));
        self.sent += data.len() as u64;
        let is_last = self.data.is_empty() && self.body.is_end_stream();
        Poll::Ready(self.stream.send_data(data, is_last).map_err(|_refused| ()))
    }

    fn end(&mut self) -> Pumped {
        self.stream.send_data(Bytes::new(), true).map_or(Pumped::Refused, |()| Pumped::Sent)
    }
}
