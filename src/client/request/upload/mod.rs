//! The body of a request while it is sent: what is left of it, and whether it may be polled.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::client::bounds::RequestBody;
use crate::client::request::framing::Framing;
use crate::client::request::promise::{BrokenPromise, Checked, poll_checked};
use crate::client::retry_body::{AnyBody, ErasedBody, erase};
use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use crate::lock::Lock;
use crate::outcome::BoxError;

const UNTOUCHED: u8 = 0;
const BEGUN: u8 = 1;
const FINISHED: u8 = 2;

pin_project! {
    /// A request's body in the form that hyper gets. It can be held back, stopped, and taken back as long as it is untouched.
    pub(in crate::client) struct Upload {
        // `None` for an empty body.
        progress: Option<Arc<Progress>>,
        pub(in crate::client) body: Option<ErasedBody>,
        // Whether the protocol takes all trailers. HTTP/1.1 takes only announced ones, after chunks.
        pub(in crate::client) takes_all_trailers: bool,
    }

    impl PinnedDrop for Upload {
        fn drop(this: Pin<&mut Self>) {
            // hyper drops a body when it needs it no more.
            if let Some(progress) = &this.progress {
                progress.state.store(FINISHED, SeqCst);
            }
        }
    }
}

/// What the exchange knows of an upload that hyper owns.
pub(in crate::client) struct Progress {
    state: AtomicU8,
    /// The body must not be polled.
    held: AtomicBool,
    stopped: AtomicBool,
    failed: AtomicBool,
    broke_promise: AtomicBool,
    wanted: AtomicWaker,
    framing: Framing,
    /// How many bytes the body has given.
    taken: AtomicU64,
    /// The body has said that it has ended.
    has_ended: AtomicBool,
    /// The body can be copied as long as it is untouched.
    may_be_copied: bool,
    /// Guards the part of the body that can still be sent.
    pub(in crate::client) content: Lock<Content>,
}

/// What is left of a body.
pub(in crate::client) enum Content {
    /// All of it: hyper has not polled the first frame.
    Untouched(ErasedBody),
    /// All of it, as bytes that are kept.
    Whole(Bytes),
    Gone,
}

impl Upload {
    /// An upload of a body that is not empty, with this framing.
    #[inline]
    pub(in crate::client) fn new<B: RequestBody>(body: B, framing: Framing) -> Self {
        let body = erase(body);
        let may_be_copied = body.may_be_copied();
        Self::with_content(Content::Untouched(body), may_be_copied, framing)
    }

    /// An upload of what is left of a body, for a retry with this framing.
    pub(in crate::client) fn again(content: Content, framing: Framing) -> Self {
        // A copy can be copied again, for a second retry.
        let may_be_copied = matches!(&content, Content::Untouched(body) if body.may_be_copied());
        Self::with_content(content, may_be_copied, framing)
    }

    #[inline]
    fn with_content(content: Content, may_be_copied: bool, framing: Framing) -> Self {
        let progress = Progress {
            state: AtomicU8::new(UNTOUCHED),
            held: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            broke_promise: AtomicBool::new(false),
            wanted: AtomicWaker::new(),
            framing,
            taken: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            may_be_copied,
            content: Lock::new(content),
        };
        Self { progress: Some(Arc::new(progress)), body: None, takes_all_trailers: false }
    }

    #[inline]
    pub(in crate::client) fn empty() -> Self {
        Self { progress: None, body: None, takes_all_trailers: false }
    }

    /// Whether it is sent in chunks, which HTTP/1.0 does not have.
    pub(in crate::client) fn is_chunked(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| matches!(progress.framing, Framing::Chunked(_)))
    }

    /// Returns the progress; `None` if the body is empty.
    #[inline]
    pub(in crate::client) fn progress(&self) -> Option<&Arc<Progress>> {
        self.progress.as_ref()
    }
}

impl Progress {
    pub(in crate::client) fn framing(&self) -> &Framing {
        &self.framing
    }

    /// Whether the body will be available for a retry. Must be called before the body is sent. With `may_ask`, a body with a known length is polled
    /// for its first frame, which may be all of it.
    #[inline]
    pub(in crate::client) fn can_be_kept(&self, may_ask: bool, cx: &mut Context<'_>) -> bool {
        self.may_be_copied || (may_ask && self.is_whole(cx))
    }

    /// Holds the body back until [`release`](Self::release).
    #[inline]
    pub(in crate::client) fn hold(&self) {
        self.held.store(true, SeqCst);
    }

    #[inline]
    pub(in crate::client) fn release(&self) {
        self.held.store(false, SeqCst);
        self.wanted.wake();
    }

    #[inline]
    pub(in crate::client) fn is_held(&self) -> bool {
        self.held.load(SeqCst)
    }

    /// Stops the body: it is not polled any more.
    #[inline]
    pub(in crate::client) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    pub(in crate::client) fn has_ended(&self) -> bool {
        self.has_ended.load(SeqCst)
    }

    fn fail(&self, error: BoxError) -> BoxError {
        self.broke_promise.store(error.is::<BrokenPromise>(), SeqCst);
        self.failed.store(true, SeqCst);
        error
    }

    /// Whether the body broke a promise: it is longer or shorter than it, or its request, declared, or has trailers that cannot be sent.
    pub(in crate::client) fn has_broken_promise(&self) -> bool {
        self.broke_promise.load(SeqCst)
    }

    /// Whether the request failed because of its body.
    pub(in crate::client) fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Whether hyper is done with the body.
    #[inline]
    pub(in crate::client) fn is_finished(&self) -> bool {
        self.state.load(SeqCst) == FINISHED
    }

    /// Polls the first frame of the body, and keeps it if it is all of the body.
    fn is_whole(&self, cx: &mut Context<'_>) -> bool {
        let content = match self.take() {
            // The body is foreign code, which must not run under the lock.
            Content::Untouched(mut body) => match self.poll_whole(body.as_mut(), cx) {
                Some(bytes) => Content::Whole(bytes),
                None => Content::Untouched(body),
            },
            content => content,
        };
        let is_whole = matches!(content, Content::Whole(_));
        *self.content.lock() = content;
        is_whole
    }

    /// Returns all of the body, if its length is known and its first frame is ready and is all of it.
    fn poll_whole(&self, body: Pin<&mut dyn AnyBody>, cx: &mut Context<'_>) -> Option<Bytes> {
        body.poll_whole(self.framing.promised()?, cx)
    }

    /// Returns a copy of the body, if it can be copied. Must be called before hyper gets the body, since the body is missing during the call.
    #[inline]
    pub(in crate::client) fn copy(&self) -> Option<ErasedBody> {
        if !self.may_be_copied {
            return None;
        }
        // The body's `copy` is foreign code, which must not run under the lock.
        let content = self.take();
        let copied = match &content {
            Content::Untouched(body) => body.copy(),
            Content::Whole(_) | Content::Gone => None,
        };
        *self.content.lock() = content;
        copied
    }

    /// Returns the body, if it is kept as a whole.
    pub(in crate::client) fn kept(&self) -> Option<Bytes> {
        match &*self.content.lock() {
            Content::Whole(bytes) => Some(bytes.clone()),
            Content::Untouched(_) | Content::Gone => None,
        }
    }

    /// Takes what is left of the body, so that hyper gets no more of it.
    #[inline]
    pub(in crate::client) fn take(&self) -> Content {
        mem::replace(&mut *self.content.lock(), Content::Gone)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let Some(progress) = this.progress else {
            return Poll::Ready(None);
        };
        if progress.stopped.load(SeqCst) {
            // The code that stopped the body closes the connection.
            return Poll::Pending;
        }
        if progress.is_held() {
            progress.wanted.register(cx.waker());
            if progress.is_held() {
                return Poll::Pending;
            }
        }
        if progress.has_ended() {
            return Poll::Ready(None);
        }
        if this.body.is_none() {
            match progress.begin() {
                // A body that was held back until now may be ready as a whole. Then it is kept, like one that was polled before.
                Content::Untouched(mut body) => match progress.poll_whole(body.as_mut(), cx) {
                    Some(bytes) => return Poll::Ready(Some(Ok(progress.give_whole(bytes)))),
                    None => *this.body = Some(body),
                },
                Content::Whole(bytes) => return Poll::Ready(Some(Ok(progress.give_whole(bytes)))),
                Content::Gone => {}
            }
        }
        let Some(body) = this.body else {
            return Poll::Ready(None);
        };
        let taken = progress.taken.load(SeqCst);
        let checked = ready!(poll_checked(body.as_mut(), &progress.framing, *this.takes_all_trailers, taken, cx));
        let Checked { frame, taken, is_last } = checked.map_err(|error| progress.fail(error))?;
        progress.taken.store(taken, SeqCst);
        progress.has_ended.store(is_last, SeqCst);
        Poll::Ready(frame.map(Ok))
    }

    /// Returns `true` only if the body itself has said that it has ended.
    fn is_end_stream(&self) -> bool {
        self.progress.as_ref().is_none_or(|progress| progress.has_ended())
    }

    /// Returns what the body promised, which hyper declares.
    fn size_hint(&self) -> SizeHint {
        let Some(progress) = &self.progress else {
            return SizeHint::with_exact(0);
        };
        match progress.framing {
            Framing::Empty => SizeHint::with_exact(0),
            Framing::Length(length) => SizeHint::with_exact(length.saturating_sub(progress.taken.load(SeqCst))),
            Framing::Chunked(_) => SizeHint::new(),
        }
    }
}

impl Progress {
    /// hyper polls the first frame.
    fn begin(&self) -> Content {
        self.state.store(BEGUN, SeqCst);
        self.take()
    }

    /// Returns the only frame, and keeps it.
    fn give_whole(&self, bytes: Bytes) -> Frame<Bytes> {
        self.taken.store(bytes.len() as u64, SeqCst);
        self.has_ended.store(true, SeqCst);
        *self.content.lock() = Content::Whole(bytes.clone());
        Frame::data(bytes)
    }
}

#[cfg(test)]
pub(in crate::client) mod tests;
