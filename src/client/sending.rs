//! A request on its way: what goes out, and what is kept in case that it has to go out again.

use std::mem;
use std::time::Duration;

use http::{Request, Uri};
use http_body::Body;

use super::exchange::Failure;
use super::informational::{self, Callback};
use super::pool::Key;
use super::replay::{BodyState, Failed, Replay, may_repeat};
use super::request;
use super::service::Settings;
use super::upload::Upload;
use super::wire::Wire;

/// What it takes to send a request again, kept while it is under way on a connection that may be dead.
pub(super) struct Spare<B> {
    head: Request<()>,
    body: SpareBody<B>,
}

enum SpareBody<B> {
    Empty,
    Copy(B),
    /// Only if nothing is taken from the body.
    None,
}

/// Makes `request` what hyper is to write. Returns how long its body is to be kept back, and what to keep; a request on a fresh
/// connection is never sent again.
pub(super) fn prepare<B: Body + Send + 'static>(
    request: &mut Request<Upload<B>>,
    key: &Key,
    wire: &Wire<B>,
    settings: &Settings<B>,
) -> (Option<Duration>, Option<Spare<B>>) {
    let target = request::target(request.uri(), key, request.method(), wire.connected().is_proxied());
    let uri = mem::replace(request.uri_mut(), target);
    let may_need_spare = wire.reused && settings.replay != Replay::Never;
    let spare =
        may_need_spare.then(|| Spare { head: head_of(request, uri), body: SpareBody::of(request.body(), settings) });
    let has_body = request.body().progress().is_some();
    request::complete(request.headers_mut(), &wire.host, has_body);
    let held = request.body().progress().filter(|_| request::expects_continue(request.headers())).cloned();
    if let Some(held) = &held {
        held.hold();
    }
    let continue_timeout = held.as_ref().map(|_| settings.continue_timeout);
    let callback = Callback::take(request.extensions_mut());
    informational::listen(request, callback, held);
    (continue_timeout, spare)
}

impl<B: Body> SpareBody<B> {
    fn of(upload: &Upload<B>, settings: &Settings<B>) -> Self {
        let Some(progress) = upload.progress() else {
            return Self::Empty;
        };
        settings.replay_body.as_ref().and_then(|copy| progress.copy(&**copy)).map_or(Self::None, Self::Copy)
    }
}

/// The head of a request, with the URI that it was given.
fn head_of<B>(request: &Request<B>, uri: Uri) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = uri;
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    head
}

impl<B: Body> Spare<B> {
    /// What to send again after an answer, if the body can be had.
    pub(super) fn into_request(self) -> Option<Request<Upload<B>>> {
        let upload = match self.body {
            SpareBody::Empty => Upload::empty(),
            SpareBody::Copy(body) => Upload::new(body),
            SpareBody::None => return None,
        };
        Some(self.head.map(|()| upload))
    }

    /// What to send again after a failure, if that may be.
    pub(super) fn recover(self, failure: &Failure<B>, covered: bool, replay: Replay) -> Option<Request<Upload<B>>> {
        let wire = &failure.wire;
        let untouched = wire.upload.as_ref().and_then(|upload| upload.take_untouched());
        let (body, upload) = match (untouched, self.body) {
            (Some(body), _) => (BodyState::Untouched, Upload::new(body)),
            (None, SpareBody::Empty) => (BodyState::Empty, Upload::empty()),
            (None, SpareBody::Copy(body)) => (BodyState::Copied, Upload::new(body)),
            (None, SpareBody::None) => (BodyState::Gone, Upload::empty()),
        };
        let failed = Failed {
            reused: wire.reused,
            unsent: failure.error.is_canceled(),
            written: wire.control.bytes_written() > 0,
            read: wire.control.bytes_read() > 0,
            covered,
            body,
        };
        may_repeat(replay, failed).then(|| self.head.map(|()| upload))
    }
}
