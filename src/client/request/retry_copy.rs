//! What is kept of a request that is under way, in case that it has to go out again.

use http::{Extensions, HeaderMap, Method, Request, Version};

use super::framing::Framing;
use super::upload::{Content, Progress, Upload};
use crate::client::retry::BodyState;
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
    /// What to keep of a request before it is made what goes out.
    #[inline]
    pub(in crate::client) fn of(request: &Request<Upload>) -> Self {
        let progress = request.body().progress();
        Self {
            method: request.method().clone(),
            version: request.version(),
            headers: (!request.headers().is_empty()).then(|| request.headers().clone()),
            extensions: request.extensions().clone(),
            is_empty: progress.is_none(),
            copy: progress.and_then(|progress| progress.copy()),
        }
    }

    /// What to send again while the rest of `upload` may still be sent: nothing is taken from there.
    pub(in crate::client) fn beside(self, upload: Option<&Progress>) -> Option<Request<Upload>> {
        let kept = upload.and_then(Progress::kept).map_or(Content::Gone, Content::Whole);
        let (state, request) = self.with_body(kept, framing(upload));
        (state != BodyState::Gone).then_some(request)
    }

    /// What to send again instead of the rest of `upload`, as far as its body can be had.
    pub(in crate::client) fn instead_of(self, upload: Option<&Progress>) -> (BodyState, Request<Upload>) {
        let (mut body, request) = self.with_body(upload.map_or(Content::Gone, Progress::take), framing(upload));
        if upload.is_some_and(Progress::has_failed) {
            // So would its copy.
            body = BodyState::Gone;
        }
        (body, request)
    }

    /// The request anew, as far as its body can be had: what is `left` of it, or the copy.
    fn with_body(self, left: Content, framing: Framing) -> (BodyState, Request<Upload>) {
        let (state, upload) = match (left, self.copy) {
            _ if self.is_empty => (BodyState::Empty, Upload::empty()),
            (left @ Content::Whole(_), _) => (BodyState::Copied, Upload::again(left, framing)),
            // Rather than what was taken and put back, which cannot be copied any more.
            (Content::Untouched(_) | Content::Gone, Some(copy)) => {
                (BodyState::Copied, Upload::again(Content::Untouched(copy), framing))
            }
            (left @ Content::Untouched(_), None) => (BodyState::Untouched, Upload::again(left, framing)),
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

/// How the request was framed whose body is `upload`.
fn framing(upload: Option<&Progress>) -> Framing {
    upload.map_or(Framing::Empty, |upload| upload.framing().clone())
}
