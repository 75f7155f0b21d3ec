//! From a request to its response: on which connection, and how often.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use hyper::body::Incoming;

use super::body::{ResponseBody, settle};
use super::checkout::{checkout, connect};
use super::error::Error;
use super::exchange::{Failure, Next, exchange, leaves_debris, next};
use super::informational::{self, Callback};
use super::pool::{Key, Lease};
use super::replay::{BodyState, Failed, Replay, may_repeat};
use super::request;
use super::service::{Connector, RequestBody, Settings, Shared};
use super::upload::Upload;
use super::wire::Wire;

/// The response to come of a [`Client`](super::Client).
///
/// # Cancel safety
///
/// Dropping it closes the connection that the request is on; a connect under way is given up.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Error>> + Send>>,
}

impl ResponseFuture {
    pub(super) fn new<C: Connector, B: RequestBody>(shared: Arc<Shared<C, B>>, request: Request<B>) -> Self {
        Self { inner: Box::pin(respond(shared, request)) }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A request that is to be sent, or sent again.
struct Sending<B> {
    head: Parts,
    /// None for an empty one.
    body: Option<B>,
}

/// What it takes to send a request again, kept while it is under way on a connection that may be dead.
struct Spare<B> {
    head: Parts,
    body: SpareBody<B>,
}

enum SpareBody<B> {
    Empty,
    Copy(B),
    /// Only if nothing is taken from the body.
    None,
}

async fn respond<C: Connector, B: RequestBody>(
    shared: Arc<Shared<C, B>>,
    request: Request<B>,
) -> Result<Response<ResponseBody>, Error> {
    let (head, body) = request.into_parts();
    let key = request::destination(&head)?;
    let settings = &shared.settings;
    let covered = settings.replay.covers(&head.method, &head.headers);
    let is_connect = head.method == Method::CONNECT;
    let mut sending = Sending { head, body: (!body.is_end_stream()).then_some(body) };
    let repeatable = covered && (sending.body.is_none() || settings.replay_body.is_some());
    let mut wire = checkout(&shared, &key, repeatable).await?;
    let mut repeats = 0;
    loop {
        let spare = sending.spare(wire.reused, settings);
        let (request, continue_timeout) = sending.into_request(&key, &wire, settings);
        let (again, lease) = match exchange(wire, request, continue_timeout).await {
            Ok((response, mut answered)) => {
                let good_bye = settings.repeats_on_request_timeout && covered && is_good_bye(&response);
                match spare.filter(|_| good_bye).and_then(Spare::into_sending) {
                    Some(again) => (again, answered.lease.take()),
                    None => return Ok(deliver(response, answered, is_connect)),
                }
            }
            Err(failure) => recover(failure, spare, covered, settings.replay).map_err(|error| {
                let error = error.of_host(key.host_and_port().to_owned()).after_repeats(repeats);
                tracing::debug!(host = key.host_and_port(), %error, "a request failed");
                error
            })?,
        };
        repeats += 1;
        tracing::debug!(host = key.host_and_port(), method = %again.head.method, "a request is sent again");
        sending = again;
        wire = connect(&shared, &key, lease).await.map_err(|error| error.after_repeats(repeats))?;
    }
}

impl<B: RequestBody> Sending<B> {
    /// What to keep. A request on a fresh connection is never sent again.
    fn spare(&self, reused: bool, settings: &Settings<B>) -> Option<Spare<B>> {
        if !reused || settings.replay == Replay::Never {
            return None;
        }
        let body = match &self.body {
            None => SpareBody::Empty,
            Some(body) => {
                settings.replay_body.as_ref().and_then(|copy| copy(body)).map_or(SpareBody::None, SpareBody::Copy)
            }
        };
        Some(Spare { head: self.head.clone(), body })
    }

    /// The request as hyper is to write it, and how long its body is to be kept back.
    fn into_request(self, key: &Key, wire: &Wire<B>, settings: &Settings<B>) -> (Request<Upload<B>>, Option<Duration>) {
        let Self { mut head, body } = self;
        head.uri = request::target(&head.uri, key, &head.method, wire.connected().is_proxied());
        request::complete(&mut head, &wire.host, body.is_some());
        let callback = Callback::take(&mut head.extensions);
        let upload = body.map_or_else(Upload::empty, Upload::new);
        let held = upload.progress().filter(|_| request::expects_continue(&head)).cloned();
        if let Some(held) = &held {
            held.hold();
        }
        let continue_timeout = held.as_ref().map(|_| settings.continue_timeout);
        let mut request = Request::from_parts(head, upload);
        informational::listen(&mut request, callback, held);
        (request, continue_timeout)
    }
}

impl<B> Spare<B> {
    /// A request whose body was taken from has no other than a copy.
    fn into_sending(self) -> Option<Sending<B>> {
        let body = match self.body {
            SpareBody::Empty => None,
            SpareBody::Copy(body) => Some(body),
            SpareBody::None => return None,
        };
        Some(Sending { head: self.head, body })
    }
}

/// A `408 Request Timeout` that may be repeated.
fn is_good_bye(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::REQUEST_TIMEOUT && !response.headers().contains_key(RETRY_AFTER)
}

/// What to send again after a failure, and the right to a connection for it; or the error.
fn recover<B>(
    failure: Failure<B>,
    spare: Option<Spare<B>>,
    covered: bool,
    replay: Replay,
) -> Result<(Sending<B>, Option<Lease<B>>), Error> {
    let Failure { error, returned, mut wire } = failure;
    let transfer = wire.transfer();
    let untouched = wire.upload.as_ref().and_then(|upload| upload.take_untouched());
    let again = spare.and_then(|Spare { head, body }| {
        let (state, body) = match (untouched, body) {
            (Some(body), _) => (BodyState::Untouched, Some(body)),
            (None, SpareBody::Empty) => (BodyState::Empty, None),
            (None, SpareBody::Copy(body)) => (BodyState::Copied, Some(body)),
            (None, SpareBody::None) => (BodyState::Gone, None),
        };
        let (written, read) = (transfer.bytes_written > 0, transfer.bytes_read > 0);
        let failed =
            Failed { reused: transfer.reused, returned: returned.is_some(), written, read, covered, body: state };
        may_repeat(replay, failed).then_some(Sending { head, body })
    });
    match again {
        Some(again) => Ok((again, wire.lease.take())),
        None => Err(Error::exchange(error, returned.is_some(), transfer)),
    }
}

/// The response with its body, and the connection where it belongs.
fn deliver<B: RequestBody>(
    response: Response<Incoming>,
    mut wire: Box<Wire<B>>,
    is_connect: bool,
) -> Response<ResponseBody> {
    let (mut head, mut incoming) = response.into_parts();
    wire.connected().get_extras(&mut head.extensions);
    let status = head.status;
    if status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && status.is_success()) {
        wire.disarm();
        return Response::from_parts(head, ResponseBody::upgraded(incoming, wire));
    }
    if leaves_debris(status, wire.control.bytes_written()) {
        wire.spent = true;
    }
    let is_complete = wire.is_ready() || incoming.is_end_stream();
    let body = if wire.is_over() {
        ResponseBody::detached(incoming, None)
    } else {
        match next(status, is_complete, wire.is_uploading()) {
            Next::Settle => {
                let first = take_frame(&mut incoming);
                settle(wire);
                ResponseBody::detached(incoming, first)
            }
            Next::Carry => ResponseBody::carried(incoming, wire),
            Next::StopUpload => {
                tracing::debug!(%status, "the rest of a request is not sent: the response came first");
                wire.stop_upload();
                ResponseBody::carried(incoming, wire)
            }
            Next::Duplex => {
                wire.release_upload();
                ResponseBody::duplex(incoming, wire)
            }
        }
    };
    Response::from_parts(head, body)
}

/// The frame that has arrived with the head. Taken later, it would wake a connection that is somebody else's by then.
fn take_frame(incoming: &mut Incoming) -> Option<Frame<Bytes>> {
    match Pin::new(incoming).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => Some(frame),
        // Of a complete response, this is the end.
        Poll::Ready(Some(Err(_)) | None) | Poll::Pending => None,
    }
}
