//! Tests of uploads.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::Waker;

use http::HeaderMap;
use http_body_util::Full;

use super::*;
use crate::client::request::framing::Chunks;
use crate::client::retry_body::RetryBody;

fn poll(upload: &mut Upload) -> Poll<Option<Bytes>> {
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(upload).poll_frame(&mut cx).map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap_or_default()))
}

fn upload() -> (Upload, Arc<Progress>) {
    of(Full::new(Bytes::from("hello")), Framing::Length(5))
}

fn of<B: RequestBody>(body: B, framing: Framing) -> (Upload, Arc<Progress>) {
    let upload = Upload::new(body, framing);
    let progress = Arc::clone(upload.progress().unwrap());
    (upload, progress)
}

fn chunked() -> Framing {
    Framing::Chunked(Box::new(Chunks { promised: Some(5), trailers: vec![http::header::AGE] }))
}

/// Returns what is left of a body: `untouched`, its bytes, or nothing.
fn left(progress: &Progress) -> String {
    match progress.take() {
        Content::Untouched(_) => "untouched".to_owned(),
        Content::Whole(bytes) => str::from_utf8(&bytes).unwrap().to_owned(),
        Content::Gone => String::new(),
    }
}

/// A body that gives these frames, and is pending at a `None` and at the end.
pub(in crate::client) struct Frames(VecDeque<Option<Frame<Bytes>>>);

impl Frames {
    pub(in crate::client) fn new(frames: impl IntoIterator<Item = Option<Frame<Bytes>>>) -> Self {
        Self(frames.into_iter().collect())
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.pop_front().map_or(Poll::Pending, |frame| Poll::Ready(frame.map(Ok)))
    }

    /// Returns a hint that is not always true.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}

pub(in crate::client) fn data(text: &'static str) -> Option<Frame<Bytes>> {
    Some(Frame::data(Bytes::from(text)))
}

#[test]
fn an_empty_body_has_no_progress_to_make() {
    assert!(Upload::empty().progress().is_none());
    assert!(Upload::empty().is_end_stream() && can_be_kept(&mut Upload::empty()));
}

#[test]
fn a_body_can_be_taken_back_until_it_is_touched() {
    let (mut upload, progress) = upload();
    assert_eq!((upload.size_hint().exact(), upload.is_end_stream()), (Some(5), false));
    assert_eq!(left(&progress), "untouched");
    // hyper's upload has ended.
    assert_eq!(poll(&mut upload), Poll::Ready(None));
}

#[test]
fn a_body_is_finished_when_it_is_let_go_of() {
    let (mut upload, progress) = upload();
    assert_eq!(poll(&mut upload), Poll::Ready(Some(Bytes::from("hello"))));
    assert!(!progress.is_finished());
    drop(upload);
    assert!(progress.is_finished());
}

#[test]
fn a_body_that_is_held_stays_untouched() {
    let (mut upload, progress) = upload();
    progress.hold();
    assert_eq!(poll(&mut upload), Poll::Pending);
    assert_eq!(progress.kept(), None);
    progress.release();
    assert_eq!(poll(&mut upload), Poll::Ready(Some(Bytes::from("hello"))));
    // It was ready as a whole, though it was not polled before.
    assert_eq!(progress.kept().unwrap(), "hello");
}

#[test]
fn a_body_that_was_stopped_gives_nothing() {
    let (mut upload, progress) = upload();
    progress.stop();
    assert_eq!(poll(&mut upload), Poll::Pending);
    assert_eq!(left(&progress), "untouched");
}

fn can_be_kept(upload: &mut Upload) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    upload.progress().is_none_or(|progress| progress.can_be_kept(true, &mut cx))
}

#[test]
fn a_body_that_ends_with_its_first_frame_is_kept_and_can_be_sent_once_more() {
    for framing in [Framing::Length(5), chunked()] {
        let bodies = [
            of(Full::new(Bytes::from("hello")), framing.clone()),
            // Its `is_end_stream` is not true before the end.
            of(Frames::new([data("hello"), None]), framing.clone()),
        ];
        for (mut upload, progress) in bodies {
            assert!(can_be_kept(&mut upload) && can_be_kept(&mut upload));
            while poll(&mut upload) != Poll::Ready(None) {}
            assert_eq!(progress.kept().unwrap(), "hello");
            let mut again = Upload::again(progress.take(), framing.clone());
            assert_eq!((again.size_hint().exact().unwrap_or(5), again.is_end_stream()), (5, false));
            assert_eq!(poll(&mut again), Poll::Ready(Some(Bytes::from("hello"))));
            assert!(again.is_end_stream());
            assert_eq!(poll(&mut again), Poll::Ready(None));
        }
    }
}

#[test]
fn a_body_that_has_more_than_one_frame_gives_all_of_them_and_is_not_kept() {
    let trailers = || Some(Frame::trailers(HeaderMap::from_iter([(http::header::AGE, "1".parse().unwrap())])));
    let bodies = [
        // It has given all that it promised, but has not ended.
        (Frames::new([data("hello")]), Framing::Length(5), "hello"),
        (Frames::new([data("he"), data("llo"), None]), Framing::Length(5), "hello"),
        (Frames::new([data("hello"), trailers(), None]), chunked(), "hello"),
        (Frames::new([data("hello"), data(""), None]), chunked(), "hello"),
    ];
    for (number, (body, framing, expected)) in bodies.into_iter().enumerate() {
        let (mut upload, progress) = of(body, framing);
        assert!(!can_be_kept(&mut upload), "{number}");
        let mut sent = String::new();
        while let Poll::Ready(Some(bytes)) = poll(&mut upload) {
            sent.push_str(str::from_utf8(&bytes).unwrap());
        }
        assert_eq!((&*sent, progress.kept().is_none()), (expected, true), "{number}");
        assert_eq!(left(&progress), "", "{number}");
    }
    // A body without a known length, or one that waits for 100 (Continue), is not polled.
    let (_upload, progress) = of(Full::new(Bytes::from("hello")), Framing::Length(5));
    assert!(!progress.can_be_kept(false, &mut Context::from_waker(Waker::noop())));
    assert_eq!(left(&progress), "untouched");
}

#[test]
fn what_was_seen_of_a_body_is_given_after_all() {
    let (mut upload, progress) = of(Frames::new([data("hello"), data(" world"), None]), Framing::Length(5));
    assert!(!can_be_kept(&mut upload));
    let again = progress.take();
    assert!(matches!(again, Content::Untouched(_)));
    let mut cx = Context::from_waker(Waker::noop());
    let mut again = Upload::again(again, Framing::Length(5));
    let Poll::Ready(Some(Err(error))) = Pin::new(&mut again).poll_frame(&mut cx) else { panic!("it is too long") };
    assert!(error.is::<BrokenPromise>());
}

#[test]
fn a_body_that_says_how_is_copied_before_it_is_touched() {
    let (mut first, progress) = of(RetryBody::new("hello".to_owned()), Framing::Length(5));
    assert!(can_be_kept(&mut first));
    let copy = progress.copy().unwrap();
    assert_eq!(poll(&mut first), Poll::Ready(Some(Bytes::from("hello"))));
    // So is the copy, for a second retry.
    let mut again = Upload::again(Content::Untouched(copy), Framing::Length(5));
    let copy = again.progress().unwrap().copy().unwrap();
    let mut third = Upload::again(Content::Untouched(copy), Framing::Length(5));
    for upload in [&mut again, &mut third] {
        assert_eq!(poll(upload), Poll::Ready(Some(Bytes::from("hello"))));
    }
    let (mut declines, progress) = of(RetryBody::with("hello".to_owned(), |_| None), Framing::Length(5));
    assert!(can_be_kept(&mut declines) && progress.copy().is_none());
    assert_eq!(left(&progress), "untouched");
}
