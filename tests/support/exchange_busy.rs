//! A server that answers 503 before it has the request, and ends the connection in one of several ways.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hyper::{Method, StatusCode, Uri};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Connector;

use crate::runs::{empty, exchange, full, request, times};
use crate::server::Peer;

pub(crate) const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";

/// How the server ends the connection after its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Close,
    HalfCloseAndDrain,
    /// By a reset, once the other system has all bytes.
    Reset,
}

pub(crate) const ENDS: [End; 3] = [End::Close, End::HalfCloseAndDrain, End::Reset];

impl End {
    pub(crate) fn end(self, mut peer: Peer) {
        match self {
            Self::Close => {}
            Self::HalfCloseAndDrain => {
                peer.end_writing();
                peer.drain_wire();
            }
            // On loopback the other system has the bytes when the write returns.
            Self::Reset => peer.reset(),
        }
    }
}

/// Asserts that each of `count` requests gets the early answer.
pub(crate) async fn assert_busy<C: Connector>(client: &Client<C>, uri: &Uri, end: End, count: usize) {
    for number in 0..times(count) {
        let (method, body) = match number % 3 {
            0 => (Method::GET, empty()),
            1 => (Method::POST, full("hello".into())),
            _ => (Method::POST, full(vec![0; 1024 * 1024].into())),
        };
        let (status, text) = exchange(client, request(method, uri.clone(), body)).await.unwrap_or_else(|error| {
            panic!("{end:?}, request {number}: {error:?}");
        });
        assert_eq!((status, &*text), (StatusCode::SERVICE_UNAVAILABLE, &b"busy"[..]), "{end:?}");
    }
}
