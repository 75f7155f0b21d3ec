//! The bodies of scripted requests.

use std::fmt;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Stage;

/// A body that does what the script says; nothing, by default.
#[derive(Default)]
pub(crate) struct ScriptedBody {
    spec: BodySpec,
    given: usize,
    /// When to fail.
    failure: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    busy: Busy,
}

/// Whether a body keeps its thread busy before it gives anything.
#[derive(Default)]
enum Busy {
    #[default]
    No,
    /// The head goes out before.
    Soon(Stage),
    Now(Stage),
}

/// What a body is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BodySpec {
    pub(crate) len: usize,
    /// The most that it gives at a time.
    pub(crate) frame: usize,
    /// The length is known beforehand.
    pub(crate) sized: bool,
    /// There can be no second copy.
    pub(crate) once: bool,
    /// The thread is busy until the mark `answered` has been told.
    pub(crate) busy: bool,
    pub(crate) ending: Ending,
}

/// What comes after the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    End,
    /// Nothing, for ever.
    Parks,
    /// [`Boom`], once the mark `boom` has been told: the request is under way then.
    Fails,
}

/// The error of a body that fails.
#[derive(Debug)]
pub(crate) struct Boom;

impl BodySpec {
    /// `full 5`, `chunked 64KiB`, …
    pub(crate) fn new(kind: &str, len: usize) -> Option<Self> {
        let frame = FRAME;
        Some(match kind {
            "full" => Self { len, frame: len, sized: true, ..Self::default() },
            "sized" => Self { len, frame, sized: true, ..Self::default() },
            "chunked" => Self { len, frame, ..Self::default() },
            "once" => Self { len, frame, sized: true, once: true, ..Self::default() },
            "busy" => Self { len, frame, once: true, busy: true, ..Self::default() },
            "parks" => Self { len, frame, once: true, ending: Ending::Parks, ..Self::default() },
            "fails" => Self { len, frame, once: true, ending: Ending::Fails, ..Self::default() },
            _ => return None,
        })
    }
}

impl ScriptedBody {
    pub(crate) fn new(spec: BodySpec, stage: &Stage) -> Self {
        let busy = if spec.busy { Busy::Soon(stage.clone()) } else { Busy::No };
        let stage = stage.clone();
        let failure = async move { stage.until("boom").await };
        let failure = (spec.ending == Ending::Fails).then(|| Box::pin(failure) as _);
        Self { spec, given: 0, failure, busy }
    }

    /// The same body from its beginning, where there can be one.
    pub(crate) fn copy(&self) -> Option<Self> {
        (!self.spec.once).then(|| Self { spec: self.spec, ..Self::default() })
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = Boom;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Boom>>> {
        match std::mem::take(&mut self.busy) {
            Busy::No => {}
            Busy::Soon(stage) => {
                self.busy = Busy::Now(stage);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Busy::Now(stage) => stage.block("answered").unwrap(),
        }
        let BodySpec { len, frame, ending, .. } = self.spec;
        let next = (len - self.given).min(frame);
        if next > 0 {
            self.given += next;
            return Poll::Ready(Some(Ok(Frame::data(fill(next)))));
        }
        match (ending, &mut self.failure) {
            (Ending::End, _) => Poll::Ready(None),
            (Ending::Fails, Some(failure)) => failure.as_mut().poll(cx).map(|()| Some(Err(Boom))),
            (Ending::Parks | Ending::Fails, _) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.given == self.spec.len && self.spec.ending == Ending::End
    }

    fn size_hint(&self) -> SizeHint {
        let left = (self.spec.len - self.given) as u64;
        if self.spec.sized || self.is_end_stream() { SizeHint::with_exact(left) } else { SizeHint::new() }
    }
}

impl fmt::Display for Boom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("boom")
    }
}

impl std::error::Error for Boom {}

/// So many bytes that mean nothing. Of large bodies there is only one copy in the whole process.
pub(crate) fn fill(len: usize) -> Bytes {
    static FILL: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; MOST].into());
    FILL.slice(..len)
}

const FRAME: usize = 16 * 1024;

/// The largest body of a script.
pub(crate) const MOST: usize = 16 * 1024 * 1024;
