//! Uploads that a server refuses, and their expected results.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt::Debug;

use bytes::Bytes;
use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::BoxError;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect;

use crate::runs::{AnyBody, full, in_time, read, request, streamed};

pub(crate) const REFUSED: StatusCode = StatusCode::PAYLOAD_TOO_LARGE;
const REASON: &str = "too large";
pub(crate) const MEGABYTE: usize = 1024 * 1024;
/// The largest upload.
pub(crate) const LARGEST: usize = 16 * MEGABYTE;

pub(crate) fn refusal(says_close: bool) -> String {
    let close = if says_close { "connection: close\r\n" } else { "" };
    format!("HTTP/1.1 413 Content Too Large\r\ncontent-length: {}\r\n{close}\r\n{REASON}", REASON.len())
}

pub(crate) type Upload = fn(Bytes) -> AnyBody;

pub(crate) const UPLOADS: [(&str, Upload); 2] = [("full", full), ("streamed", streamed)];

/// One piece of memory for every body.
pub(crate) fn zeros() -> Bytes {
    Bytes::from(vec![0; LARGEST])
}

pub(crate) fn assert_refused<E: Debug>(result: Result<(StatusCode, Bytes), E>, cell: impl FnOnce() -> String) {
    match result {
        Ok((status, body)) => assert_eq!((status, &*body), (REFUSED, REASON.as_bytes()), "{}", cell()),
        Err(error) => panic!("{}: {error:?}", cell()),
    }
}

/// The response to a request of hyper-util's client.
pub(crate) async fn exchange_by_hyper_util<C: Connect + Clone + Send + Sync + 'static>(
    client: &legacy::Client<C, AnyBody>,
    method: Method,
    uri: Uri,
    body: AnyBody,
) -> Result<(StatusCode, Bytes), BoxError> {
    let response = client.request(request(method, uri, body));
    in_time(async { Ok(read(response.await?).await?) }).await
}
