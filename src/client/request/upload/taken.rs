//! What was taken from a body that goes into a stream, kept in case that it has to go into another one.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::client::retry_body::ErasedBody;

/// What was taken from a body, unless that was too much to keep.
#[derive(Default)]
pub(super) struct Taken {
    data: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes there were, kept or not.
    bytes: usize,
}

impl Taken {
    /// The body gave a frame.
    pub(super) fn add(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.len());
            if self.is_too_much() {
                self.data = Vec::new();
            } else if !data.is_empty() {
                self.data.push(data.clone());
            }
        }
        self.trailers = frame.trailers_ref().cloned();
    }

    /// The body as it was before anything was taken from it. None if not all of that was kept.
    pub(super) fn put_back(self, mut body: ErasedBody, has_ended: bool) -> Option<ErasedBody> {
        if self.is_too_much() {
            return None;
        }
        // The last goes first.
        if has_ended {
            body.as_mut().give_again(None);
        }
        let trailers = self.trailers.map(Frame::trailers);
        let data = self.data.into_iter().rev().map(Frame::data);
        trailers.into_iter().chain(data).for_each(|frame| body.as_mut().give_again(Some(Ok(frame))));
        Some(body)
    }

    fn is_too_much(&self) -> bool {
        self.bytes > MOST
    }
}

/// More than a server takes of a body that it does not read: most open a window of 65,535 bytes.
const MOST: usize = 128 * 1024;
