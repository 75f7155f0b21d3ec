//! A copy of a request, kept for a retry.

use http::{Extensions, HeaderMap, Method, Request, Version};

use super::framing::Framing;
use super::upload::{Content, Progress, Upload};
use crate::client::retry::BodyState;
use crate::client::retry_body::ErasedBody;

/// What is needed to send a request again to the same destination. It is kept while the request is on a connection that may be dead.
pub(in crate::client) struct RetryCopy {
    method: Method,
    version: Version,
    /// `None` if the request has no fields, which saves the copy.
    headers: Option<HeaderMap>,
    extensions: Extensions,
    /// The body is empty.
    is_empty: bool,
    /// A copy of the body, if it can be copied. Without a copy the body can still be sent again if nothing was taken from it, or if it was kept as a
    /// whole.
    copy: Option<ErasedBody>,
}

impl RetryCopy {
    /// Copies a request, before it is rewritten for sending.
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

    /// Returns the request to send again while the rest of `upload` may still be sent, so that nothing is taken from `upload`.
    pub(in crate::client) fn beside(self, upload: Option<&Progress>) -> Option<Request<Upload>> {
        let kept = upload.and_then(Progress::kept).map_or(Content::Gone, Content::Whole);
        let (state, request) = self.with_body(kept, framing(upload));
        (state != BodyState::Gone).then_some(request)
    }

    /// Returns the request to send again instead of the rest of `upload`, and the state of its body.
    pub(in crate::client) fn instead_of(self, upload: Option<&Progress>) -> (BodyState, Request<Upload>) {
        let (mut body, request) = self.with_body(upload.map_or(Content::Gone, Progress::take), framing(upload));
        if upload.is_some_and(Progress::has_failed) {
            // A copy would fail as well.
            body = BodyState::Gone;
        }
        (body, request)
    }

    /// Returns the request with a body: what is `left` of the old one, or the copy.
    fn with_body(self, left: Content, framing: Framing) -> (BodyState, Request<Upload>) {
        let (state, upload) = match (left, self.copy) {
            _ if self.is_empty => (BodyState::Empty, Upload::empty()),
            (left @ Content::Whole(_), _) => (BodyState::Copied, Upload::again(left, framing)),
            // The copy is preferred to a body that was put back, which cannot be copied again.
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

/// Returns how the request with this upload was framed.
fn framing(upload: Option<&Progress>) -> Framing {
    upload.map_or(Framing::Empty, |upload| upload.framing().clone())
}
