//! Delivers a response: decides who drives the connection from here on.

use http::{Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;

use super::body::ResponseBody;
use super::http1::body::OwnedBody;
use super::http1::duplex::finish_upload;
use super::http1::wire::Wire;
use super::request::after_response::{AfterResponse, wants_body};

/// Returns the response with its body, and hands the connection on.
#[inline]
pub(super) fn deliver(
    mut response: Response<Incoming>,
    mut wire: Box<Wire>,
    is_connect: bool,
    after: AfterResponse,
) -> Response<ResponseBody> {
    wire.add_extras(response.extensions_mut());
    let status = response.status();
    wire.on_response(&response);
    if status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && status.is_success()) {
        wire.disarm();
        return response.map(|incoming| ResponseBody::owned(OwnedBody::upgraded(incoming, wire)));
    }
    if leaves_debris(status, wire.control.bytes_written()) {
        if is_about_content(status) {
            wire.doubt();
        } else {
            (wire.spent, wire.resets) = (true, true);
        }
    }
    response.map(|incoming| ResponseBody::owned(body(incoming, wire, status, after)))
}

#[inline]
fn body(incoming: Incoming, mut wire: Box<Wire>, status: StatusCode, after: AfterResponse) -> OwnedBody {
    if wire.is_over() {
        wire.hang_up();
        return OwnedBody::of_over(incoming, &wire);
    }
    let is_complete = wire.is_ready() || incoming.is_end_stream();
    match next(status, is_complete, wire.is_uploading()) {
        // A request body that is still held back is not wanted any more.
        Next::FinishUpload if !after.stops_at_once() && !wire.is_upload_held() => {
            finish_upload(wire, after);
            OwnedBody::detached(incoming)
        }
        Next::Settle | Next::FinishUpload => {
            wire.settle();
            OwnedBody::detached(incoming)
        }
        Next::Carry => {
            wire.go_on();
            OwnedBody::carried(incoming, wire)
        }
        Next::StopUpload => {
            tracing::debug!(%status, "the rest of a request is not sent: the response came first");
            wire.stop_upload();
            OwnedBody::carried(incoming, wire)
        }
        Next::Duplex => {
            wire.release_upload();
            OwnedBody::duplex(incoming, wire, after)
        }
    }
}

/// What happens to a connection once the head of the response is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The response is complete: the connection goes back to the pool, or is closed.
    Settle,
    /// The response is complete. A task sends the rest of the request, within limits.
    FinishUpload,
    /// The body of the response owns the connection, and drives it.
    Carry,
    /// The body of the response owns the connection, and the upload stops: the server does not want the rest (RFC 9112 §9.5).
    StopUpload,
    /// Request and response go on at the same time, in a task that drives the connection.
    Duplex,
}

/// Decides what happens to the connection.
fn next(status: StatusCode, is_complete: bool, is_uploading: bool) -> Next {
    match (is_complete, is_uploading) {
        (true, true) if wants_body(status) => Next::FinishUpload,
        (true, _) => Next::Settle,
        (false, false) => Next::Carry,
        (false, true) if wants_body(status) => Next::Duplex,
        (false, true) => Next::StopUpload,
    }
}

/// Whether the server may have answered a large upload without reading it, although the exchange is complete: the system may have taken data that the
/// server never reads. A further request would be queued behind that data, so the connection is closed.
fn leaves_debris(status: StatusCode, bytes_written: u64) -> bool {
    status.as_u16() >= 400 && bytes_written > LARGE_UPLOAD
}

/// Whether servers usually send this status after reading the content. Then the connection is kept for requests that can be sent again, since a new
/// one would cost a TLS handshake.
fn is_about_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::GONE
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::LOCKED
            | StatusCode::FAILED_DEPENDENCY
    )
}

/// About the size up to which servers read a body on to keep the connection alive.
const LARGE_UPLOAD: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_response_ends_the_exchange() {
        for status in [StatusCode::OK, StatusCode::PAYLOAD_TOO_LARGE] {
            assert_eq!(next(status, true, false), Next::Settle);
            assert_eq!(next(status, false, false), Next::Carry);
        }
        assert_eq!(next(StatusCode::PAYLOAD_TOO_LARGE, true, true), Next::Settle);
    }

    #[test]
    fn an_upload_goes_on_only_for_a_server_that_wants_it() {
        assert_eq!(next(StatusCode::OK, false, true), Next::Duplex);
        assert_eq!(next(StatusCode::OK, true, true), Next::FinishUpload);
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
