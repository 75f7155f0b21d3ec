//! The bodies of scripted requests.

use std::fmt;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Stage;

/// A body that follows a script. By default it is empty.
#[derive(Default)]
pub(crate) struct ScriptedBody {
    spec: BodySpec,
    given: usize,
    /// Fails when this future is ready.
    failure: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    busy: Busy,
}

/// Whether a body blocks its thread before its first frame.
#[derive(Default)]
enum Busy {
    #[default]
    No,
    /// Blocks once the head was sent.
    Soon(Stage),
    Now(Stage),
}

/// The specification of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BodySpec {
    pub(crate) len: usize,
    /// The most bytes of a frame.
    pub(crate) frame: usize,
    /// The length is known in advance.
    pub(crate) sized: bool,
    /// The body cannot be copied.
    pub(crate) once: bool,
    /// The thread is blocked until the mark `answered` is set.
    pub(crate) busy: bool,
    pub(crate) ending: Ending,
}

/// What follows the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    End,
    /// The body stays pending for ever.
    Parks,
    /// The body fails with [`Boom`] when the mark `boom` is set, while the request is under way.
    Fails,
}

/// The error of a body that fails.
#[derive(Debug)]
pub(crate) struct Boom;

impl BodySpec {
    /// Parses a specification: `full 5`, `chunked 64KiB`, …
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

    /// Returns the same body from its beginning, if it can be copied.
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

/// Returns this many arbitrary bytes. Large bodies share one copy in the process.
pub(crate) fn fill(len: usize) -> Bytes {
    static FILL: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; MOST].into());
    FILL.slice(..len)
}

const FRAME: usize = 16 * 1024;

/// The largest body of a script.
pub(crate) const MOST: usize = 16 * 1024 * 1024;
