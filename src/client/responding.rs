//! A request on its way to its response, as those see it that do not know of what it is made.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::bounds::RequestBody;
use super::error::{ClientError, HowFar, Transfer};
use super::request::promise::poll_end;

/// A request on its way to its response.
pub(super) trait Responding: Future<Output = Result<Response<ResponseBody>, ClientError>> + Send {
    /// How far it is, and what has happened on its connection.
    fn progress(&self) -> HowFar;

    /// Ends it with this error, which it completes. It must not be polled any more, and sends nothing.
    fn fail(self: Pin<&mut Self>, error: ClientError) -> ClientError;
}

pin_project! {
    /// A request whose body is said to be empty.
    pub(super) struct RespondToEmpty<B, R> {
        // Until it has been asked whether it is. None also while it is made.
        pub(super) body: Option<B>,
        // None only while it is made.
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
        // One that does not answer at once counts as empty.
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
