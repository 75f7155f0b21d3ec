//! The body of a request on its way into a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body;

use super::seen::Observed;
use super::taken::Taken;
use crate::client::request::upload::Upload;
use crate::outcome::BoxError;

/// The body of a request, and the stream that it goes into.
///
/// The body is asked first, and then the window for as much as it gave: a body that pauses keeps nothing of the window back.
pub(super) struct Pump {
    stream: SendStream<Bytes>,
    body: Upload,
    taken: Taken,
    /// What the body gave, and the window has no room for yet.
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
    /// The body has failed. The stream is to be [given up](Pump::give_up), or dropped.
    Failed(BoxError),
}

impl Pump {
    pub(super) fn new(stream: SendStream<Bytes>, mut body: Upload) -> Self {
        body.takes_all_trailers = true;
        Self { stream, body, taken: Taken::default(), data: Bytes::new(), sent: 0 }
    }

    /// Puts back what was taken from the body, which counts as untouched then. Nothing is done if that was too much to keep.
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

    /// Ends the stream, since the body has failed, unless the response is complete: it would be lost. Then the stream ends with it.
    pub(super) fn give_up(&mut self, observed: &Observed) {
        if observed.on_reset(self.stream.stream_id().as_u32()) {
            self.cancel();
        }
    }

    /// Ends the stream before the body has ended.
    pub(super) fn cancel(&mut self) {
        self.stream.send_reset(Reason::CANCEL);
    }

    /// Sends as much of the body as there is, and as the window has room for. Not to be polled after it has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Pumped> {
        loop {
            if !self.data.is_empty() {
                if ready!(self.poll_data(cx)).is_err() {
                    return Poll::Ready(Pumped::Refused);
                }
                continue;
            }
            if self.body.is_end_stream() {
                // With the last of the data, or never begun.
                return Poll::Ready(Pumped::Sent);
            }
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            // Somebody has to hear of a reset while the body pauses.
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

    /// Sends of the data what the window has room for. An error if the stream takes no more.
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
