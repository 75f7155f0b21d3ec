//! One request on one connection.
//!
//! The connection is not a task of its own: whoever waits for the response polls it, and then looks for the response. There is
//! nothing to race. When the connection is over it is looked for once more, and then it is decided: a response, an error, or the
//! request handed back.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::task::unconstrained;

use super::upload::Upload;
use super::wire::Wire;
use crate::timer::{Timer, read_clock};

/// What a request came to that has no response.
pub(super) struct Failure<B> {
    pub(super) error: hyper::Error,
    /// The request, if hyper never took it.
    pub(super) returned: Option<Request<Upload<B>>>,
    pub(super) wire: Box<Wire<B>>,
}

/// Sends `request`, and waits for the head of its response.
///
/// If `continue_timeout` is given, the body is kept back until the server asks for it (RFC 9110 §10.1.1), or so much time
/// has passed.
///
/// # Cancel safety
///
/// Dropping the future closes the connection.
pub(super) async fn exchange<B>(
    mut wire: Box<Wire<B>>,
    request: Request<Upload<B>>,
    continue_timeout: Option<Duration>,
) -> Result<(Response<Incoming>, Box<Wire<B>>), Failure<B>>
where
    B: http_body::Body + Send + 'static,
{
    wire.begin_request(request.body().progress().cloned());
    let sent = wire.sender().expect("a wire that is given out lives").try_send_request(request);
    let result = {
        let mut sent = pin!(sent);
        match continue_timeout {
            None => poll_fn(|cx| poll(&mut wire, sent.as_mut(), cx)).await,
            Some(timeout) => {
                let mut release = pin!(release_after(timeout));
                poll_fn(|cx| {
                    let polled = poll(&mut wire, sent.as_mut(), cx);
                    // The upload is held as long as this has not come.
                    if polled.is_pending() && release.as_mut().poll(cx).is_ready() {
                        if let Some(upload) = wire.upload.as_ref().filter(|upload| upload.is_held()) {
                            upload.release();
                            return poll(&mut wire, sent.as_mut(), cx);
                        }
                    }
                    polled
                })
                .await
            }
        }
    };
    match result {
        Ok(response) => Ok((response, wire)),
        Err(mut failed) => {
            let returned = failed.take_message();
            Err(Failure { error: failed.into_error(), returned, wire })
        }
    }
}

type Sent<B> = Result<Response<Incoming>, TrySendError<Request<Upload<B>>>>;

fn poll<B, F>(wire: &mut Wire<B>, mut sent: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Sent<B>>
where
    F: Future<Output = Sent<B>>,
{
    wire.relay().hold();
    let polled = wire.poll();
    // Only the connection can have filled it, just now or at its end: it has no need of a waker, and must not be told by an
    // exhausted budget that there is nothing.
    let look = pin!(unconstrained(sent.as_mut()));
    if let Poll::Ready(result) = look.poll(&mut Context::from_waker(Waker::noop())) {
        if polled.is_ready() && result.is_ok() {
            tracing::trace!("the connection was over together with its response");
        }
        return Poll::Ready(result);
    }
    if !wire.relay().await_with(cx.waker()) {
        // hyper wants to go on, but others may want to as well.
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

async fn release_after(timeout: Duration) {
    let at = read_clock().checked_add(timeout);
    let mut timer = pin!(Timer::new());
    poll_fn(|cx| timer.as_mut().poll(at, cx)).await;
}

/// What becomes of a connection once the head of the response is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The response is complete: the connection goes home, or is closed.
    Settle,
    /// The body of the response takes the connection along.
    Carry,
    /// So it does, and nothing more of the request is sent: the server does not want it (RFC 9112 §9.5).
    StopUpload,
    /// Request and response go on at the same time, and the connection needs a task of its own.
    Duplex,
}

/// Decides it.
pub(super) fn next(status: StatusCode, is_complete: bool, is_uploading: bool) -> Next {
    match (is_complete, is_uploading) {
        (true, _) => Next::Settle,
        (false, false) => Next::Carry,
        (false, true) if status.as_u16() >= 300 => Next::StopUpload,
        (false, true) => Next::Duplex,
    }
}

/// Whether a connection is to be closed although the exchange is complete: the server may have refused a large upload
/// without reading it, and the system may have swallowed what the server never read. The next request would come after
/// that.
pub(super) fn leaves_debris(status: StatusCode, bytes_written: u64) -> bool {
    status.as_u16() >= 300 && bytes_written > LARGE_UPLOAD
}

/// Whether to ask the system about an idle connection before it is used, which takes a system call.
///
/// It pays for a request that could not be sent again. It also pays after a while: so long ago the last request on this
/// connection ended, that nobody counts its system calls; and what a server says on an idle connection, a 408, must not be taken for an
/// answer. Under a steady load the runtime hears of it soon enough, and a request that meets the end is sent again.
pub(super) fn worth_a_look(repeatable: bool, idle_for: Duration) -> bool {
    !repeatable || idle_for >= LONG_IDLE
}

const LONG_IDLE: Duration = Duration::from_millis(1);

/// About what a server reads on to keep a connection alive.
const LARGE_UPLOAD: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_response_ends_the_exchange_whatever_is_left_of_the_upload() {
        for status in [StatusCode::OK, StatusCode::PAYLOAD_TOO_LARGE] {
            assert_eq!(next(status, true, false), Next::Settle);
            assert_eq!(next(status, true, true), Next::Settle);
            assert_eq!(next(status, false, false), Next::Carry);
        }
    }

    #[test]
    fn an_upload_goes_on_only_for_a_server_that_wants_it() {
        assert_eq!(next(StatusCode::OK, false, true), Next::Duplex);
        for status in [StatusCode::TEMPORARY_REDIRECT, StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE] {
            assert_eq!(next(status, false, true), Next::StopUpload);
        }
    }

    #[test]
    fn only_a_large_upload_that_was_refused_leaves_debris() {
        assert!(leaves_debris(StatusCode::PAYLOAD_TOO_LARGE, LARGE_UPLOAD + 1));
        assert!(!leaves_debris(StatusCode::PAYLOAD_TOO_LARGE, LARGE_UPLOAD));
        assert!(!leaves_debris(StatusCode::OK, u64::MAX));
    }
}
