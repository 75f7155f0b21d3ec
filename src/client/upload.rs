//! The body of a request on its way out: where it is, and whether it may go on.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use atomic_waker::AtomicWaker;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::error::BoxError;

const UNTOUCHED: u8 = 0;
const BEGUN: u8 = 1;
const FINISHED: u8 = 2;

pin_project! {
    /// A request's body as hyper gets it: it can be held back, stopped, and taken back while it is untouched.
    pub(super) struct Upload<B> {
        // None for an empty body, which needs none of this.
        progress: Option<Arc<Progress<B>>>,
        #[pin]
        body: Option<B>,
    }

    impl<B> PinnedDrop for Upload<B> {
        fn drop(this: Pin<&mut Self>) {
            // hyper lets go of a body when it has no more use for it.
            if let Some(progress) = &this.progress {
                progress.state.store(FINISHED, SeqCst);
            }
        }
    }
}

/// What the exchange knows of the upload that hyper has.
pub(super) struct Progress<B> {
    state: AtomicU8,
    /// The body may not be touched: not yet, or not any more.
    held: AtomicBool,
    stopped: AtomicBool,
    failed: AtomicBool,
    wanted: AtomicWaker,
    hint: SizeHint,
    /// How many bytes the request says that the body has.
    declared: Option<u64>,
    /// How many of them have been taken.
    taken: AtomicU64,
    untouched: Mutex<Option<B>>,
}

impl<B: Body> Upload<B> {
    #[inline]
    /// `declared` is how many bytes the request says that the body has. One that has more fails; of fewer, hyper knows.
    pub(super) fn new(body: B, declared: Option<u64>) -> Self {
        if body.is_end_stream() {
            return Self::empty();
        }
        let progress = Progress {
            state: AtomicU8::new(UNTOUCHED),
            held: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            wanted: AtomicWaker::new(),
            hint: body.size_hint(),
            declared,
            taken: AtomicU64::new(0),
            untouched: Mutex::new(Some(body)),
        };
        Self { progress: Some(Arc::new(progress)), body: None }
    }

    #[inline]
    pub(super) fn empty() -> Self {
        Self { progress: None, body: None }
    }

    /// `None` if the body is empty.
    #[inline]
    pub(super) fn progress(&self) -> Option<&Arc<Progress<B>>> {
        self.progress.as_ref()
    }
}

impl<B> Progress<B> {
    /// How many bytes the request says that the body has.
    pub(super) fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Keeps the body back until [`release`](Self::release).
    #[inline]
    pub(super) fn hold(&self) {
        self.held.store(true, SeqCst);
    }

    #[inline]
    pub(super) fn release(&self) {
        self.held.store(false, SeqCst);
        self.wanted.wake();
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.held.load(SeqCst)
    }

    /// Nothing more is taken from the body.
    #[inline]
    pub(super) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    fn fail(&self, error: impl Into<BoxError>) -> BoxError {
        self.failed.store(true, SeqCst);
        error.into()
    }

    /// The body is why the request failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Nothing more of the body will be taken.
    #[inline]
    pub(super) fn is_finished(&self) -> bool {
        self.state.load(SeqCst) == FINISHED
    }

    /// What `copy` makes of the body, if nothing has been taken from it.
    #[inline]
    pub(super) fn copy(&self, copy: &dyn Fn(&B) -> Option<B>) -> Option<B> {
        self.untouched.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(copy)
    }

    /// The body, if nothing has been taken from it.
    #[inline]
    pub(super) fn take_untouched(&self) -> Option<B> {
        self.untouched.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for Upload<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(progress) = this.progress else {
            return Poll::Ready(None);
        };
        if progress.stopped.load(SeqCst) {
            // Whoever stopped it closes the connection.
            return Poll::Pending;
        }
        if progress.is_held() {
            progress.wanted.register(cx.waker());
            if progress.is_held() {
                return Poll::Pending;
            }
        }
        if this.body.is_none() {
            progress.state.store(BEGUN, SeqCst);
            this.body.set(progress.take_untouched());
        }
        let Some(mut body) = this.body.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(|error| progress.fail(error))?;
        if let (Some(declared), Some(data)) = (progress.declared, frame.as_ref().and_then(Frame::data_ref)) {
            let length = data.remaining() as u64;
            if progress.taken.fetch_add(length, SeqCst).saturating_add(length) > declared {
                // hyper would cut it off, and nobody would know.
                return Poll::Ready(Some(Err(progress.fail("the body is longer than its Content-Length"))));
            }
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            None => self.progress.is_none(),
            Some(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, &self.progress) {
            (Some(body), _) => body.size_hint(),
            (None, Some(progress)) => progress.hint,
            (None, None) => SizeHint::with_exact(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;
    use http_body_util::{Empty, Full};

    use super::*;

    fn poll(upload: &mut Upload<Full<Bytes>>) -> Poll<Option<Bytes>> {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(upload).poll_frame(&mut cx).map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
    }

    fn upload() -> (Upload<Full<Bytes>>, Arc<Progress<Full<Bytes>>>) {
        declared(None)
    }

    fn declared(length: Option<u64>) -> (Upload<Full<Bytes>>, Arc<Progress<Full<Bytes>>>) {
        let upload = Upload::new(Full::new(Bytes::from("hello")), length);
        let progress = Arc::clone(upload.progress().unwrap());
        (upload, progress)
    }

    #[test]
    fn an_empty_body_has_no_progress_to_make() {
        assert!(Upload::new(Empty::<Bytes>::new(), None).progress().is_none());
        assert!(Upload::<Full<Bytes>>::empty().is_end_stream());
    }

    #[test]
    fn a_body_can_be_taken_back_until_it_is_touched() {
        let (mut upload, progress) = upload();
        assert_eq!((upload.size_hint().exact(), upload.is_end_stream()), (Some(5), false));
        let body = progress.take_untouched().unwrap();
        assert_eq!(body.size_hint().exact(), Some(5));
        // What hyper still has is then the end.
        assert_eq!(poll(&mut upload), Poll::Ready(None));
    }

    #[test]
    fn a_body_is_finished_when_it_is_let_go_of() {
        let (mut upload, progress) = upload();
        assert_eq!(poll(&mut upload), Poll::Ready(Some(Bytes::from("hello"))));
        assert!(!progress.is_finished());
        drop(upload);
        assert!(progress.is_finished() && progress.take_untouched().is_none());
    }

    #[test]
    fn a_body_that_is_longer_than_declared_fails() {
        let (mut long, _) = declared(Some(4));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Err(error))) = Pin::new(&mut long).poll_frame(&mut cx) else { panic!("it went on") };
        assert_eq!(error.to_string(), "the body is longer than its Content-Length");
        assert!(long.progress().unwrap().has_failed());
        let (mut exact, _) = declared(Some(5));
        assert_eq!(poll(&mut exact), Poll::Ready(Some(Bytes::from("hello"))));
    }

    #[test]
    fn a_body_that_is_held_stays_untouched() {
        let (mut upload, progress) = upload();
        progress.hold();
        assert_eq!(poll(&mut upload), Poll::Pending);
        progress.release();
        assert_eq!(poll(&mut upload), Poll::Ready(Some(Bytes::from("hello"))));
    }

    #[test]
    fn a_body_that_was_stopped_gives_nothing() {
        let (mut upload, progress) = upload();
        progress.stop();
        assert_eq!(poll(&mut upload), Poll::Pending);
        assert!(progress.take_untouched().is_some());
    }
}
