//! The body of a request on its way out: where it is, and whether it may go on.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::framing::Framing;
use super::promise::{BrokenPromise, Checked, poll_checked, poll_end};
use super::sync::AtomicWaker;
use super::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::SeqCst};
use crate::lock::{Lock, assert_unlocked};
use crate::outcome::BoxError;

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
    broke_promise: AtomicBool,
    wanted: AtomicWaker,
    framing: Framing,
    /// How many bytes the body has given.
    taken: AtomicU64,
    /// The body has said that there is no more.
    has_ended: AtomicBool,
    /// Guards the body from the moment that it is handed in to the moment that hyper asks for its first frame.
    untouched: Lock<Option<B>>,
}

impl<B: Body> Upload<B> {
    /// A body that is sent as `framing` says.
    #[inline]
    pub(super) fn new(body: B, framing: Framing) -> Self {
        if framing == Framing::Empty {
            return Self { progress: None, body: Some(body) };
        }
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
            untouched: Lock::new(Some(body)),
        };
        Self { progress: Some(Arc::new(progress)), body: None }
    }

    #[inline]
    pub(super) fn empty() -> Self {
        Self { progress: None, body: None }
    }

    /// Whether it goes out in chunks, which HTTP/1.0 does not know.
    pub(super) fn is_chunked(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| matches!(progress.framing, Framing::Chunked(_)))
    }

    /// `None` if the body is empty.
    #[inline]
    pub(super) fn progress(&self) -> Option<&Arc<Progress<B>>> {
        self.progress.as_ref()
    }
}

impl<B> Progress<B> {
    pub(super) fn framing(&self) -> &Framing {
        &self.framing
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

    fn has_ended(&self) -> bool {
        self.has_ended.load(SeqCst)
    }

    fn fail(&self, error: impl Into<BoxError>) -> BoxError {
        let error = error.into();
        self.broke_promise.store(error.is::<BrokenPromise>(), SeqCst);
        self.failed.store(true, SeqCst);
        error
    }

    /// The body is longer or shorter than it, or the request, said, or has trailers that cannot be sent.
    pub(super) fn has_broken_promise(&self) -> bool {
        self.broke_promise.load(SeqCst)
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

    /// What `copy` makes of the body, if nothing has been taken from it. Before it is handed to hyper: for hyper it is not
    /// there meanwhile.
    #[inline]
    pub(super) fn copy(&self, copy: &dyn Fn(&B) -> Option<B>) -> Option<B> {
        // Foreign code must not run under the lock.
        let body = self.take_untouched()?;
        assert_unlocked();
        let copied = copy(&body);
        *self.untouched.lock() = Some(body);
        copied
    }

    /// The body, if nothing has been taken from it.
    #[inline]
    pub(super) fn take_untouched(&self) -> Option<B> {
        self.untouched.lock().take()
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
        let Some(body) = this.body.as_pin_mut() else {
            return Poll::Ready(None);
        };
        if progress.has_ended() {
            return Poll::Ready(None);
        }
        let checked = ready!(poll_checked(body, &progress.framing, progress.taken.load(SeqCst), cx));
        let Checked { frame, taken, is_last } = checked.map_err(|error| progress.fail(error))?;
        progress.taken.store(taken, SeqCst);
        progress.has_ended.store(is_last, SeqCst);
        Poll::Ready(frame.map(Ok))
    }

    /// Says so only where the body itself said that there is no more.
    fn is_end_stream(&self) -> bool {
        self.progress.as_ref().is_none_or(|progress| progress.has_ended())
    }

    /// What the body promised, which hyper is to declare.
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

impl<B: Body<Error: Into<BoxError>>> Upload<B> {
    /// Asks a body that is not sent, since it is said to be empty, whether it is. One that does not answer at once counts as
    /// empty.
    ///
    /// # Errors
    ///
    /// That of the body, or that it has something.
    #[inline]
    pub(super) fn check_empty(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        match self.body.take() {
            Some(body) if self.progress.is_none() => poll_end(pin!(body), cx).map(|_| ()),
            _sent => Ok(()),
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
        let upload = Upload::new(Full::new(Bytes::from("hello")), Framing::Length(5));
        let progress = Arc::clone(upload.progress().unwrap());
        (upload, progress)
    }

    #[test]
    fn an_empty_body_has_no_progress_to_make() {
        assert!(Upload::new(Empty::<Bytes>::new(), Framing::Empty).progress().is_none());
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
