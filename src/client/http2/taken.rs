//! A copy of what was sent of a request's body, for a retry.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use crate::client::request::upload::{Content, Upload};

/// A copy of what was taken from a body, unless it became too large to keep.
#[derive(Default)]
pub(super) struct Taken {
    data: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    /// How many bytes there were, kept or not.
    bytes: usize,
}

impl Taken {
    /// Adds a frame that was taken from the body.
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

    /// Puts the copy back before the rest of the body, so that it can be sent again. Does nothing if the copy was too large to keep. A body whose
    /// content is kept elsewhere as a whole stays as it is.
    pub(super) fn put_back(self, mut body: Upload) {
        let (Some(progress), Some(mut untouched)) = (body.progress().cloned(), body.body.take()) else { return };
        if self.is_too_much() {
            return;
        }
        // `give_again` adds at the front: so the last frame goes first.
        if progress.has_ended() {
            untouched.as_mut().give_again(None);
        }
        let trailers = self.trailers.map(Frame::trailers);
        let data = self.data.into_iter().rev().map(Frame::data);
        trailers.into_iter().chain(data).for_each(|frame| untouched.as_mut().give_again(Some(Ok(frame))));
        *progress.content.lock() = Content::Untouched(untouched);
    }

    fn is_too_much(&self) -> bool {
        self.bytes > MOST
    }
}

/// More than a server accepts of a body that it does not read: most open a window of 65,535 bytes.
const MOST: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use http_body::Body;

    use super::*;
    use crate::client::request::framing::Framing;
    use crate::client::request::upload::tests::{Frames, data};

    /// Polls the frames of a body, until it ends or pauses.
    fn frames(upload: &mut Upload, taken: &mut Taken) -> Vec<String> {
        upload.takes_all_trailers = true;
        let mut cx = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        loop {
            match Pin::new(&mut *upload).poll_frame(&mut cx) {
                Poll::Ready(Some(frame)) => {
                    let frame = frame.unwrap();
                    taken.add(&frame);
                    frames.push(match frame.into_data() {
                        Ok(data) => str::from_utf8(&data).unwrap().to_owned(),
                        Err(frame) => format!("{:?}", frame.into_trailers().unwrap()),
                    });
                }
                Poll::Ready(None) => return frames,
                Poll::Pending => {
                    frames.push("...".to_owned());
                    return frames;
                }
            }
            if upload.is_end_stream() {
                return frames;
            }
        }
    }

    #[test]
    fn what_a_stream_took_from_a_body_is_put_back() {
        let trailers = || Some(Frame::trailers(HeaderMap::from_iter([(http::header::AGE, "1".parse().unwrap())])));
        let whole = "he|llo|{\"age\": \"1\"}";
        for (body, framing, expected) in [
            (Frames::new([data("he"), data("llo"), trailers()]), Framing::Chunked(Box::default()), whole),
            (Frames::new([data("he"), data("llo"), trailers()]), Framing::Length(5), whole),
            (Frames::new([data("he"), data("llo")]), Framing::Chunked(Box::default()), "he|llo|..."),
            // The body is not polled behind its end.
            (Frames::new([data("he"), data("llo"), None]), Framing::Chunked(Box::default()), "he|llo"),
            (Frames::new([]), Framing::Chunked(Box::default()), "..."),
        ] {
            let mut upload = Upload::new(body, framing.clone());
            let progress = Arc::clone(upload.progress().unwrap());
            let mut taken = Taken::default();
            assert_eq!(frames(&mut upload, &mut taken).join("|"), expected);
            taken.put_back(upload);
            let Content::Untouched(body) = progress.take() else { panic!("{expected} is not there") };
            let mut again = Upload::again(Content::Untouched(body), framing);
            assert_eq!(frames(&mut again, &mut Taken::default()).join("|"), expected);
        }
    }

    #[test]
    fn what_is_too_much_to_keep_is_gone() {
        let large = || Some(Frame::data(Bytes::from(vec![b'x'; 100 * 1024])));
        for (count, is_kept) in [(1, true), (2, false)] {
            let body = Frames::new((0..count).map(|_| large()));
            let mut upload = Upload::new(body, Framing::Chunked(Box::default()));
            let progress = Arc::clone(upload.progress().unwrap());
            let mut taken = Taken::default();
            assert_eq!(frames(&mut upload, &mut taken).len(), count + 1);
            taken.put_back(upload);
            assert_eq!(matches!(progress.take(), Content::Untouched(_)), is_kept);
        }
    }
}
