//! The body of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::error::ClientError;
use super::http1::body::OwnedBody;
use super::http2::body::StreamBody;

/// The body of a response of a [`Client`](super::Client).
///
/// By the time that its end is reported the connection is idle again, or closed, or still sends a request body that was not
/// complete when the response was: see [`Builder::upload_after_response`](super::Builder::upload_after_response). Over HTTP/2 that is so of its
/// stream.
///
/// # Cancel safety
///
/// Dropping it at any point closes the connection or, if the rest of the body has arrived, keeps it for the next request. What has
/// arrived is what one read gives; nothing is waited for. Over HTTP/2 it ends the stream, and no other.
pub struct ResponseBody {
    inner: Inner,
}

/// The body, by the protocol of its connection.
enum Inner {
    Owned(OwnedBody),
    Stream(StreamBody),
}

impl ResponseBody {
    pub(super) fn owned(body: OwnedBody) -> Self {
        Self { inner: Inner::Owned(body) }
    }

    pub(super) fn stream(body: StreamBody) -> Self {
        Self { inner: Inner::Stream(body) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ClientError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut self.inner {
            Inner::Owned(body) => Pin::new(body).poll_frame(cx),
            Inner::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Owned(body) => body.is_end_stream(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Owned(body) => body.size_hint(),
            Inner::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Inner::Owned(body) => body.fmt(f),
            Inner::Stream(body) => body.fmt(f),
        }
    }
}
