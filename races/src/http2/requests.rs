//! The requests over HTTP/2, which follow from their numbers.

use bytes::Bytes;
use hyper::{Method, Request, Uri};

use super::ledger::Asked;
use crate::cases::in_pieces;
use crate::runs::{AnyBody, empty, full, request};

pub(super) fn method(number: usize) -> Method {
    [Method::GET, Method::PUT, Method::POST][number % 3].clone()
}

pub(super) fn asked(number: usize) -> Asked {
    Asked { is_idempotent: method(number).is_idempotent(), has_copy: !is_in_pieces(number) }
}

/// Returns the length of the body.
pub(super) fn upload_of(number: usize) -> usize {
    match number % 3 {
        0 => 0,
        _ if number % 7 == 0 => UPLOAD.len(),
        _ => number % 11 * 100 + 1,
    }
}

pub(super) fn new(number: usize, uri: Uri) -> Request<AnyBody> {
    let bytes = Bytes::from_static(&UPLOAD[..upload_of(number)]);
    let body = match method(number) {
        Method::GET => empty(),
        _ if is_in_pieces(number) => in_pieces(bytes),
        _ => full(bytes),
    };
    request(method(number), uri, body)
}

/// Whether the body comes in pieces that are not kept.
fn is_in_pieces(number: usize) -> bool {
    number % 3 > 0 && number % 4 == 0
}

/// Less than the window of a stream, which servers do not extend after their response.
static UPLOAD: [u8; 40 * 1024] = [b'u'; 40 * 1024];
