//! What is kept of a request that is under way, in case that it has to go out again.

use http::{Extensions, HeaderMap, Method, Request, Version};

use super::exchange::Failure;
use super::wire::Wire;
use crate::client::request::framing::Framing;
use crate::client::request::upload::{Content, Upload};
use crate::client::retry::{BodyState, Failed, Fate, RetryPolicy, may_retry};
use crate::client::retry_body::ErasedBody;

/// What it takes to send a request again to the same destination, kept while it is under way on a connection that may be dead.
pub(in crate::client) struct RetryCopy {
    method: Method,
    version: Version,
    /// None if there are none, which costs nothing to keep.
    headers: Option<HeaderMap>,
    extensions: Extensions,
    /// The body is empty.
    is_empty: bool,
    /// A copy of the body. Without one, the body may be untouched or kept.
    copy: Option<ErasedBody>,
}

impl RetryCopy {
    /// What to keep of a request before it is made what hyper is to write. One on a fresh connection is never sent again.
    #[inline]
    pub(in crate::client) fn of(request: &Request<Upload>, reused: bool, policy: RetryPolicy) -> Option<Self> {
        if !reused || policy == RetryPolicy::Never {
            return None;
        }
        let progress = request.body().progress();
        Some(Self {
            method: request.method().clone(),
            version: request.version(),
            headers: (!request.headers().is_empty()).then(|| request.headers().clone()),
            extensions: request.extensions().clone(),
            is_empty: progress.is_none(),
            copy: progress.and_then(|progress| progress.copy()),
        })
    }

    /// What to send again after an answer on `wire`, if the body can be had without taking it from there: the rest may still be sent.
    pub(in crate::client) fn into_request(self, wire: &Wire) -> Option<Request<Upload>> {
        let kept = wire.upload.as_ref().and_then(|upload| upload.kept());
        let (state, request) = self.with_body(kept.map_or(Content::Gone, Content::Whole), framing(wire));
        (state != BodyState::Gone).then_some(request)
    }

    /// What to send again after a failure, if that may be.
    pub(in crate::client) fn recover(
        self,
        failure: &Failure,
        covered: bool,
        policy: RetryPolicy,
    ) -> Option<Request<Upload>> {
        let wire = &failure.wire;
        let left = wire.upload.as_ref().map_or(Content::Gone, |upload| upload.take());
        let (mut body, request) = self.with_body(left, framing(wire));
        if wire.has_body_failed() {
            // So would its copy.
            body = BodyState::Gone;
        }
        let failed = Failed {
            reused: wire.reused,
            fate: Fate {
                unsent: failure.error.as_ref().is_some_and(hyper::Error::is_canceled),
                written: wire.bytes_written() > 0,
                read: wire.control.bytes_read() > 0,
                covered,
            },
            body,
        };
        may_retry(policy, failed).then_some(request)
    }

    /// The request anew, as far as its body can be had: what is `left` of it, or the copy.
    fn with_body(self, left: Content, framing: Framing) -> (BodyState, Request<Upload>) {
        let (state, upload) = match (left, self.copy) {
            _ if self.is_empty => (BodyState::Empty, Upload::empty()),
            (left @ Content::Untouched(_), _) => (BodyState::Untouched, Upload::again(left, framing)),
            (left @ Content::Whole(_), _) => (BodyState::Copied, Upload::again(left, framing)),
            (Content::Gone, Some(copy)) => (BodyState::Copied, Upload::again(Content::Untouched(copy), framing)),
            (Content::Gone, None) => (BodyState::Gone, Upload::empty()),
        };
        let mut request = Request::new(upload);
        *request.method_mut() = self.method;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.unwrap_or_default();
        *request.extensions_mut() = self.extensions;
        (state, request)
    }
}

/// How the request was framed that is on `wire`.
fn framing(wire: &Wire) -> Framing {
    wire.upload.as_ref().map_or(Framing::Empty, |upload| upload.framing().clone())
}
