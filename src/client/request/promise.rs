//! Compares what a body declared with what it gives.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame};

use super::fields::OF_CONNECTION;
use super::framing::Framing;
use crate::client::retry_body::AnyBody;
use crate::outcome::BoxError;

/// The error of a body that breaks a promise of its own or of its request. The body's own errors are not of this type.
#[derive(Debug)]
pub(in crate::client) struct BrokenPromise(Cow<'static, str>);

impl BrokenPromise {
    fn of(what: impl Into<Cow<'static, str>>) -> BoxError {
        Box::new(Self(what.into()))
    }
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BrokenPromise {}

/// A frame of a body that may be sent.
pub(in crate::client) struct Checked {
    /// `None` at the end.
    pub(in crate::client) frame: Option<Frame<Bytes>>,
    /// How many bytes the body has given so far.
    pub(in crate::client) taken: u64,
    /// The body has said that it has ended.
    pub(in crate::client) is_last: bool,
}

/// Polls the next frame of a body that has given `taken` bytes, and checks it against its promises. If the protocol does not take all trailers, only
/// those that `Trailer` names may follow, after chunks.
pub(in crate::client) fn poll_checked(
    mut body: Pin<&mut dyn AnyBody>,
    framing: &Framing,
    takes_all_trailers: bool,
    taken: u64,
    cx: &mut Context<'_>,
) -> Poll<Result<Checked, BoxError>> {
    let promised = framing.promised();
    let frame = ready!(body.as_mut().poll_frame(cx)).transpose()?;
    let Some(data) = frame.as_ref().and_then(Frame::data_ref) else {
        if promised.is_some_and(|promised| taken < promised) {
            return Poll::Ready(Err(BrokenPromise::of("the body is shorter than it says")));
        }
        // An empty trailer frame counts as the end.
        let frame = frame.filter(|frame| frame.trailers_ref().is_none_or(|trailers| !trailers.is_empty()));
        let frame = frame.map(|frame| check_trailers(frame, framing, takes_all_trailers)).transpose()?;
        return Poll::Ready(Ok(Checked { frame, taken, is_last: true }));
    };
    let length = data.remaining() as u64;
    let taken = taken.saturating_add(length);
    let is_last = match promised {
        // hyper would cut the body off silently.
        Some(promised) if taken > promised => return Poll::Ready(Err(BrokenPromise::of(TOO_LONG))),
        // hyper does not poll the body again after the last promised byte, so its end is checked now.
        Some(promised) if taken == promised && length > 0 && matches!(framing, Framing::Length(_)) => {
            match poll_rest(body.as_mut(), cx)? {
                Rest::Nothing => true,
                Rest::NotKnown => false,
                Rest::Trailers(trailers) if takes_all_trailers => {
                    body.give_again(Some(Ok(Frame::trailers(trailers))));
                    false
                }
                Rest::Trailers(_) => return Poll::Ready(Err(BrokenPromise::of(NO_TRAILERS))),
            }
        }
        _ => false,
    };
    Poll::Ready(Ok(Checked { frame, taken, is_last }))
}

const TOO_LONG: &str = "the body is longer than it says";

/// Polls a body that is declared empty. A body that is pending counts as empty.
pub(in crate::client) fn poll_end<B: Body<Error: Into<BoxError>>>(
    body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Result<(), BoxError> {
    match poll_rest(body, cx)? {
        Rest::Nothing | Rest::NotKnown => Ok(()),
        Rest::Trailers(_) => Err(BrokenPromise::of(NO_TRAILERS)),
    }
}

/// What is left of a body that has given all it promised.
enum Rest {
    Nothing,
    Trailers(HeaderMap),
    /// The body is pending, perhaps until the response is there: it is not waited for.
    NotKnown,
}

fn poll_rest<B: Body<Error: Into<BoxError>> + ?Sized>(
    mut body: Pin<&mut B>,
    cx: &mut Context<'_>,
) -> Result<Rest, BoxError> {
    for _ in 0..MAX_EMPTY_FRAMES {
        let frame = match body.as_mut().poll_frame(cx) {
            Poll::Pending => return Ok(Rest::NotKnown),
            Poll::Ready(None) => return Ok(Rest::Nothing),
            Poll::Ready(Some(frame)) => frame.map_err(Into::into)?,
        };
        match frame.into_trailers() {
            Ok(trailers) if trailers.is_empty() => return Ok(Rest::Nothing),
            Ok(trailers) => return Ok(Rest::Trailers(trailers)),
            Err(frame) if frame.data_ref().is_some_and(Buf::has_remaining) => {
                return Err(BrokenPromise::of(TOO_LONG));
            }
            Err(_nothing) => {}
        }
    }
    Err(BrokenPromise::of("the body has nothing but empty frames"))
}

/// The most empty frames at the end of a body.
const MAX_EMPTY_FRAMES: usize = 64;

/// Checks that all trailers will be sent. hyper would silently drop the others, and h2 would end the stream without them.
fn check_trailers<D>(frame: Frame<D>, framing: &Framing, takes_all: bool) -> Result<Frame<D>, BoxError> {
    let announced = match framing {
        _ if takes_all => None,
        Framing::Chunked(chunks) => Some(&chunks.trailers),
        Framing::Empty | Framing::Length(_) => return Err(BrokenPromise::of(NO_TRAILERS)),
    };
    for name in frame.trailers_ref().into_iter().flat_map(HeaderMap::keys) {
        if announced.is_some_and(|announced| !announced.contains(name)) {
            return Err(BrokenPromise::of(format!("the trailer {name} is not announced in Trailer")));
        }
        if !may_be_trailer(name) {
            return Err(BrokenPromise::of(format!("{name} cannot be a trailer")));
        }
    }
    Ok(frame)
}

const NO_TRAILERS: &str = "trailers need chunks, and a Trailer field that names them";

/// Whether a field may be a trailer. Fields that are needed before the body (RFC 9110 §6.5.1) may not, nor may fields of the connection. The list of
/// the former is hyper's.
fn may_be_trailer(name: &HeaderName) -> bool {
    use http::header::{
        AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST,
        MAX_FORWARDS, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    };
    let early = [AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST];
    let rest = [MAX_FORWARDS, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING];
    !early.contains(name) && !rest.contains(name) && !OF_CONNECTION.contains(name)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::Waker;

    use http::HeaderValue;

    use super::*;
    use crate::client::request::framing::Chunks;
    use crate::client::request::upload::Upload;

    /// Returns what hyper gets of a body: up to its end, an error, or the first pause.
    fn sent(body: Scripted, framing: Framing, takes_all_trailers: bool) -> (String, Option<String>) {
        let mut upload = Upload::new(body, framing);
        upload.takes_all_trailers = takes_all_trailers;
        let progress = Arc::clone(upload.progress().unwrap());
        let mut cx = Context::from_waker(Waker::noop());
        let mut sent = String::new();
        loop {
            let frame = match Pin::new(&mut upload).poll_frame(&mut cx) {
                Poll::Pending => return (sent + "...", None),
                Poll::Ready(None) => return (sent + ".", None),
                Poll::Ready(Some(frame)) => frame,
            };
            match frame {
                Err(error) => {
                    assert!(progress.has_failed());
                    return (sent, Some(error.to_string()));
                }
                Ok(frame) => match frame.into_data() {
                    Ok(data) => sent.push_str(str::from_utf8(&data).unwrap()),
                    Err(frame) => sent.push_str(&format!("{:?}", frame.into_trailers().unwrap())),
                },
            }
            if upload.is_end_stream() {
                return (sent + ".", None);
            }
        }
    }

    /// A mock body that gives one frame a poll. A `*` is an empty frame, a `-` is a pause, and `name:` is a trailer.
    struct Scripted(&'static [&'static str]);

    impl Body for Scripted {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let Some((frame, rest)) = self.0.split_first() else {
                return Poll::Ready(None);
            };
            self.0 = rest;
            match *frame {
                "-" => Poll::Pending,
                "*" => Poll::Ready(Some(Ok(Frame::data(Bytes::new())))),
                "!" => Poll::Ready(Some(Err("broken".into()))),
                ":" => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
                text => Poll::Ready(Some(Ok(match text.strip_suffix(':') {
                    None => Frame::data(Bytes::from(text)),
                    Some(name) => {
                        let value = HeaderValue::from_static("1");
                        Frame::trailers(HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
                    }
                }))),
            }
        }

        /// Returns a wrong value, which must not be relied on.
        fn is_end_stream(&self) -> bool {
            true
        }
    }

    const LONG: &str = "the body is longer than it says";
    const SHORT: &str = "the body is shorter than it says";

    #[track_caller]
    fn check(frames: &'static [&'static str], framing: &Framing, expected: &str, error: Option<&str>) {
        check_with(false, frames, framing, expected, error);
    }

    #[track_caller]
    fn check_with(
        takes_all_trailers: bool,
        frames: &'static [&'static str],
        framing: &Framing,
        expected: &str,
        error: Option<&str>,
    ) {
        let expected = (expected.to_owned(), error.map(str::to_owned));
        assert_eq!(sent(Scripted(frames), framing.clone(), takes_all_trailers), expected, "{frames:?} {framing:?}");
    }

    fn chunked(promised: Option<u64>, names: &[&'static str]) -> Framing {
        let trailers = names.iter().map(|name| HeaderName::from_static(name)).collect();
        Framing::Chunked(Box::new(Chunks { promised, trailers }))
    }

    #[test]
    fn a_length_is_kept_or_the_last_frame_is_not_sent() {
        let five = &Framing::Length(5);
        check(&["hello"], five, "hello.", None);
        check(&["he", "llo"], five, "hello.", None);
        check(&["he", "*", "llo", "*", "*"], five, "hello.", None);
        check(&["hello", ":"], five, "hello.", None);
        // The body may stay open until the response is there.
        check(&["hello", "-", "-"], five, "hello...", None);
        check(&["hello world"], five, "", Some(LONG));
        check(&["hello", " world"], five, "", Some(LONG));
        check(&["hello", "*", " world"], five, "", Some(LONG));
        check(&["he", "llo", "w"], five, "he", Some(LONG));
        check(&["he", "-", "llo"], five, "he...", None);
        check(&["he"], five, "he", Some(SHORT));
        check(&[], five, "", Some(SHORT));
        check(&["hello", "!"], five, "", Some("broken"));
        check(&["hello", "age:"], five, "", Some(NO_TRAILERS));
        check(&["he", "age:"], five, "he", Some(SHORT));
        const ENDLESS: &[&str] = &{
            let mut frames = ["*"; MAX_EMPTY_FRAMES + 1];
            frames[0] = "hello";
            frames
        };
        check(ENDLESS, five, "", Some("the body has nothing but empty frames"));
    }

    #[test]
    fn chunks_go_out_to_the_real_end_of_the_body() {
        check(&["hello", " world"], &chunked(None, &[]), "hello world.", None);
        check(&["hello", "-", " world"], &chunked(None, &[]), "hello...", None);
        check(&["hello", ":"], &chunked(None, &[]), "hello.", None);
        check(&["hello"], &chunked(Some(5), &[]), "hello.", None);
        check(&["hello", " world"], &chunked(Some(5), &[]), "hello", Some(LONG));
        check(&["he"], &chunked(Some(5), &[]), "he", Some(SHORT));
        check(&["hello", "age:"], &chunked(Some(5), &["age"]), "hello{\"age\": \"1\"}.", None);
        let unknown = Some("the trailer age is not announced in Trailer");
        check(&["hello", "age:"], &chunked(None, &["digest"]), "hello", unknown);
        check(&["hello", "host:"], &chunked(None, &["host"]), "hello", Some("host cannot be a trailer"));
        let upgrade = Some("upgrade cannot be a trailer");
        check(&["hello", "upgrade:"], &chunked(None, &["upgrade"]), "hello", upgrade);
    }

    #[test]
    fn a_protocol_with_all_trailers_sends_those_that_nobody_announced_and_after_a_length() {
        let check = |frames, framing, expected, error| check_with(true, frames, framing, expected, error);
        let framings = [Framing::Length(5), chunked(None, &[]), chunked(Some(5), &["digest"])];
        for framing in &framings {
            check(&["hello", "age:"], framing, "hello{\"age\": \"1\"}.", None);
            check(&["he", "*", "llo", "*", "age:"], framing, "hello{\"age\": \"1\"}.", None);
            check(&["hello", ":"], framing, "hello.", None);
            check(&["hello", "host:"], framing, "hello", Some("host cannot be a trailer"));
            check(&["hello", "keep-alive:"], framing, "hello", Some("keep-alive cannot be a trailer"));
        }
        check(&["hello", "-", "age:"], &Framing::Length(5), "hello{\"age\": \"1\"}.", None);
        check(&["he", "age:"], &Framing::Length(5), "he", Some(SHORT));
        check(&["hello", " world"], &Framing::Length(5), "", Some(LONG));
    }

    #[test]
    fn a_body_that_is_not_sent_is_asked_whether_it_is_empty() {
        let checked = |frames| {
            let polled = poll_end(pin!(Scripted(frames)), &mut Context::from_waker(Waker::noop()));
            polled.map_err(|error| error.to_string())
        };
        for frames in [&[][..], &["*", "*"], &["-", "more"], &[":"]] {
            assert_eq!(checked(frames), Ok(()), "{frames:?}");
        }
        assert_eq!(checked(&["hello"]), Err(LONG.to_owned()));
        assert_eq!(checked(&["*", "hello"]), Err(LONG.to_owned()));
        assert_eq!(checked(&["!"]), Err("broken".to_owned()));
        assert_eq!(checked(&["age:"]), Err(NO_TRAILERS.to_owned()));
    }
}
