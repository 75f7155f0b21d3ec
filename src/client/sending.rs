//! A request on its way: what goes out, and what is kept in case that it has to go out again.

use std::time::Duration;

use http::{Extensions, HeaderMap, Method, Request, Version};
use http_body::Body;

use super::destination::Destination;
use super::exchange::Failure;
use super::framing::Framing;
use super::informational::{self, Callback};
use super::replay::{BodyState, Failed, Fate, Replay, may_repeat};
use super::request;
use super::service::Settings;
use super::upload::Upload;
use super::wire::Wire;

/// What it takes to send a request again to the same destination, kept while it is under way on a connection that may be dead.
pub(super) struct Spare<B> {
    method: Method,
    version: Version,
    /// None if there are none, which costs nothing to keep.
    headers: Option<HeaderMap>,
    extensions: Extensions,
    body: SpareBody<B>,
}

enum SpareBody<B> {
    Empty,
    Copy(B),
    /// Only if nothing is taken from the body.
    None,
}

/// Makes `request` what hyper is to write, and says how long its body is to be kept back.
#[inline]
pub(super) fn prepare<B: Body + Send + 'static>(
    request: &mut Request<Upload<B>>,
    destination: &Destination,
    wire: &Wire<B>,
    settings: &Settings<B>,
) -> Option<Duration> {
    *request.uri_mut() = destination.target(request.method(), wire.is_proxied);
    let has_body = request.body().progress().is_some();
    request::complete(request.headers_mut(), &wire.host, has_body);
    let held = request.body().progress().filter(|_| request::expects_continue(request.headers())).cloned();
    if let Some(held) = &held {
        held.hold();
    }
    let continue_timeout = held.as_ref().map(|_| settings.continue_timeout);
    let callback = Callback::take(request.extensions_mut());
    informational::listen(request, callback, held);
    continue_timeout
}

impl<B: Body> Spare<B> {
    /// What to keep of a request that is not [prepared](prepare) yet. One on a fresh connection is never sent again.
    #[inline]
    pub(super) fn of(request: &Request<Upload<B>>, reused: bool, settings: &Settings<B>) -> Option<Self> {
        if !reused || settings.replay == Replay::Never {
            return None;
        }
        let body = match (request.body().progress(), &settings.replay_body) {
            (None, _) => SpareBody::Empty,
            (Some(progress), Some(copy)) => progress.copy(&**copy).map_or(SpareBody::None, SpareBody::Copy),
            (Some(_), None) => SpareBody::None,
        };
        Some(Self {
            method: request.method().clone(),
            version: request.version(),
            headers: (!request.headers().is_empty()).then(|| request.headers().clone()),
            extensions: request.extensions().clone(),
            body,
        })
    }

    /// What to send again after an answer on `wire`, if the body can be had.
    pub(super) fn into_request(self, wire: &Wire<B>) -> Option<Request<Upload<B>>> {
        match &self.body {
            SpareBody::None => None,
            SpareBody::Empty | SpareBody::Copy(_) => Some(self.with_body(None, framing(wire)).1),
        }
    }

    /// What to send again after a failure, if that may be.
    pub(super) fn recover(self, failure: &Failure<B>, covered: bool, replay: Replay) -> Option<Request<Upload<B>>> {
        let wire = &failure.wire;
        let untouched = wire.upload.as_ref().and_then(|upload| upload.take_untouched());
        let (mut body, request) = self.with_body(untouched, framing(wire));
        if wire.has_body_failed() {
            // So would its copy.
            body = BodyState::Gone;
        }
        let fate = Fate {
            unsent: failure.error.as_ref().is_some_and(hyper::Error::is_canceled),
            written: wire.bytes_written() > 0,
            read: wire.control.bytes_read() > 0,
            covered,
        };
        may_repeat(replay, Failed { reused: wire.reused, fate, body }).then_some(request)
    }

    /// The request anew, as far as its body can be had.
    fn with_body(self, untouched: Option<B>, framing: Framing) -> (BodyState, Request<Upload<B>>) {
        let (state, upload) = match (untouched, self.body) {
            (Some(body), _) => (BodyState::Untouched, Upload::new(body, framing)),
            (None, SpareBody::Empty) => (BodyState::Empty, Upload::empty()),
            (None, SpareBody::Copy(body)) => (BodyState::Copied, Upload::new(body, framing)),
            (None, SpareBody::None) => (BodyState::Gone, Upload::empty()),
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
fn framing<B>(wire: &Wire<B>) -> Framing {
    wire.upload.as_ref().map_or(Framing::Empty, |upload| upload.framing().clone())
}
