//! The interface of a request under way, which hides the types of its parts.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::bounds::RequestBody;
use super::error::{ClientError, HowFar, Transfer};
use super::request::promise::poll_end;

/// A request under way to its response.
pub(super) trait Responding: Future<Output = Result<Response<ResponseBody>, ClientError>> + Send {
    /// Returns how far the request is, and what was sent and received on its connection.
    fn progress(&self) -> HowFar;

    /// Ends the request with this error, and returns the error with more details. The request must not be polled any more, and sends nothing.
    fn fail(self: Pin<&mut Self>, error: ClientError) -> ClientError;
}

pin_project! {
    /// A request with a body that is declared empty.
    pub(super) struct RespondToEmpty<B, R> {
        // The body, until it was checked. Also `None` while the request is made.
        pub(super) body: Option<B>,
        // `None` only while the request is made.
        #[pin]
        pub(super) respond: Option<R>,
    }
}

impl<B: RequestBody, R: Responding> Future for RespondToEmpty<B, R> {
    type Output = Result<Response<ResponseBody>, ClientError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let respond = this.respond.as_pin_mut().expect("it was made");
        // A body that is pending counts as empty.
        if let Some(Err(error)) = this.body.take().map(|body| poll_end(pin!(body), cx)) {
            return Poll::Ready(Err(respond.fail(ClientError::request_body(Some(error), Transfer::default()))));
        }
        respond.poll(cx)
    }
}

impl<B: RequestBody, R: Responding> Responding for RespondToEmpty<B, R> {
    fn progress(&self) -> HowFar {
        self.respond.as_ref().expect("it was made").progress()
    }

    fn fail(self: Pin<&mut Self>, error: ClientError) -> ClientError {
        self.project().respond.as_pin_mut().expect("it was made").fail(error)
    }
}
