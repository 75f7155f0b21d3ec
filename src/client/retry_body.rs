//! Type-erased request bodies, and bodies that can be copied for a retry.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::bounds::RequestBody;
use crate::lock::assert_unlocked;
use crate::outcome::BoxError;

/// A body that can be copied, so that a [`Client`](super::Client) can send its request again.
///
/// It is not needed for an empty body, nor for a body with an exact [`size_hint`](Body::size_hint) that ends with its first frame, such as a
/// `Full<Bytes>` or a `String`: the client keeps that one during its request. Any other body is lost once some of it was sent.
///
/// Pass the `RetryBody` itself to the client: it is not recognised inside another body.
///
/// # Example
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use bytes::Bytes;
/// use futures_util::stream;
/// use http::Request;
/// use http_body::Frame;
/// use http_body_util::StreamBody;
/// use hyper_happy_eyeballs::HappyEyeballsConnector;
/// use hyper_happy_eyeballs::client::{Client, RequestBody, RetryBody};
///
/// /// Makes a body that is sent line by line.
/// fn lines() -> impl RequestBody {
///     let lines = ["one\n", "two\n"].map(|line| Ok::<_, Infallible>(Frame::data(Bytes::from(line))));
///     StreamBody::new(stream::iter(lines))
/// }
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(HappyEyeballsConnector::new());
/// let body = RetryBody::with(lines(), |_body| Some(lines()));
/// client.request(Request::put("http://example.com/lines").body(body)?).await?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "try_clone")]
pub struct RetryBody {
    body: Pin<Box<dyn AnyBody>>,
}

impl RetryBody {
    /// Makes a body that is copied by `clone`, which should be cheap.
    pub fn new<B: RequestBody + Clone>(body: B) -> Self {
        Self::with(body, |body| Some(body.clone()))
    }

    /// Makes a body that is copied by `copy`, which returns `None` if it cannot. It is called before the request is sent on a reused connection,
    /// while nothing has been taken from the body.
    pub fn with<B: RequestBody>(body: B, copy: impl Fn(&B) -> Option<B> + Send + Sync + 'static) -> Self {
        Self { body: Box::pin(Erased { body, copy: Some(Arc::new(copy)), seen: Vec::new() }) }
    }
}

impl Body for RetryBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for RetryBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBody").field("size_hint", &self.body.size_hint()).finish_non_exhaustive()
    }
}

/// A request body without its type.
pub(super) type ErasedBody = Pin<Box<dyn AnyBody>>;

/// The interface of a type-erased body.
pub(super) trait AnyBody: Body<Data = Bytes, Error = BoxError> + Send {
    /// Returns a copy, if the body can be copied and nothing was taken from it.
    fn copy(&self) -> Option<ErasedBody>;

    /// Whether [`copy`](Self::copy) may succeed.
    fn may_be_copied(&self) -> bool;

    /// Returns all of the body, if it has `promised` bytes and its first frame is ready and is all of it. Otherwise nothing is lost: the frames that
    /// were seen are given again. A second call changes nothing.
    fn poll_whole(self: Pin<&mut Self>, promised: u64, cx: &mut Context<'_>) -> Option<Bytes>;

    /// Puts the frame back that the body gave last, to be given again.
    fn give_again(self: Pin<&mut Self>, given: Given);
}

/// Erases the type of a body, at the cost of a box. A [`RetryBody`] is boxed already.
pub(super) fn erase<B: RequestBody>(body: B) -> ErasedBody {
    // An `Option`, so that the value can be taken through `Any`.
    let mut body = Some(body);
    let any: &mut dyn Any = &mut body;
    if let Some(RetryBody { body }) = any.downcast_mut::<Option<RetryBody>>().and_then(Option::take) {
        return body;
    }
    Box::pin(Erased { body: body.expect("it was not taken"), copy: None, seen: Vec::new() })
}

pin_project! {
    struct Erased<B> {
        #[pin]
        body: B,
        copy: Option<Arc<Copy<B>>>,
        // Frames to give before the rest of the body, in reverse order.
        seen: Vec<Given>,
    }
}

/// An item of a body: a frame, an error, or the end.
pub(super) type Given = Option<Result<Frame<Bytes>, BoxError>>;

type Copy<B> = dyn Fn(&B) -> Option<B> + Send + Sync;

impl<B: RequestBody> Body for Erased<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Given> {
        let this = self.project();
        match this.seen.pop() {
            Some(seen) => Poll::Ready(seen),
            None => poll_frame(this.body, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        if self.seen.is_empty() {
            return rest;
        }
        let data = self.seen.iter().flatten().flatten().filter_map(Frame::data_ref);
        let seen: u64 = data.map(|data| data.len() as u64).sum();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(seen));
        }
        hint.set_lower(rest.lower().saturating_add(seen));
        hint
    }
}

impl<B: RequestBody> AnyBody for Erased<B> {
    fn copy(&self) -> Option<ErasedBody> {
        // A copy would lack the frames that were taken from the body.
        let copy = self.copy.as_ref().filter(|_| self.seen.is_empty())?;
        assert_unlocked();
        let body = copy(&self.body)?;
        Some(Box::pin(Self { body, copy: Some(Arc::clone(copy)), seen: Vec::new() }))
    }

    fn may_be_copied(&self) -> bool {
        self.copy.is_some() && self.seen.is_empty()
    }

    fn poll_whole(self: Pin<&mut Self>, promised: u64, cx: &mut Context<'_>) -> Option<Bytes> {
        let mut this = self.project();
        // The frames that were seen are not the whole body. A second look would take later frames before them.
        if !this.seen.is_empty() || this.body.size_hint().exact() != Some(promised) {
            return None;
        }
        let Poll::Ready(first) = poll_frame(this.body.as_mut(), cx) else { return None };
        let data = first.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        let Some(data) = data.filter(|data| data.len() as u64 == promised).cloned() else {
            this.seen.push(first);
            return None;
        };
        if this.body.is_end_stream() {
            return Some(data);
        }
        match poll_frame(this.body, cx) {
            Poll::Ready(None) => return Some(data),
            Poll::Ready(second) => this.seen.extend([second, first]),
            // More frames may follow: the body is only pending.
            Poll::Pending => this.seen.push(first),
        }
        None
    }

    fn give_again(self: Pin<&mut Self>, given: Given) {
        self.project().seen.push(given);
    }
}

fn poll_frame<B: RequestBody>(body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Given> {
    body.poll_frame(cx).map(|frame| match frame? {
        // Free if the data is `Bytes`.
        Ok(frame) => Some(Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))),
        Err(error) => Some(Err(error.into())),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::task::Waker;

    use super::*;

    /// A body that gives these pieces, and knows how many bytes are left.
    struct Pieces(VecDeque<&'static str>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
        }
    }

    #[test]
    fn a_body_that_is_asked_twice_whether_it_is_whole_gives_all_of_its_frames_in_order() {
        let mut cx = Context::from_waker(Waker::noop());
        // The first frame is not the whole body, or the second shows that there are more.
        for pieces in [["", "hello", ""], ["hello", "", ""]] {
            let mut body = erase(Pieces(pieces.into()));
            for _ in 0..2 {
                assert_eq!(body.as_mut().poll_whole(5, &mut cx), None);
                assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false), "{pieces:?}");
            }
            for piece in pieces {
                let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) else { panic!("{pieces:?}") };
                assert_eq!(frame.into_data().unwrap(), piece, "{pieces:?}");
            }
            assert_eq!(body.size_hint().exact(), Some(0));
            assert!(matches!(body.as_mut().poll_frame(&mut cx), Poll::Ready(None)));
        }
    }
}
