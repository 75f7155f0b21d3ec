//! Limits the time of a request. A request without limits has no wrapper and no timer.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;

use super::body::ResponseBody;
use super::bounds::{Connector, RequestBody};
use super::deadlines::{Deadlines, Reached};
use super::error::{ClientError, HowFar};
use super::future::ResponseFuture;
use super::request::defaults;
use super::responding::Responding;
use super::shared::Shared;
use super::time_limits::Limits;

/// Begins a request: adds the default fields of the client, and applies the time limits.
// Inlined, since moving a request costs as much as all other work here.
#[inline(always)]
pub(super) fn begin<C: Connector, B: RequestBody>(shared: Arc<Shared<C>>, mut request: Request<B>) -> ResponseFuture {
    if let Some(defaults) = &shared.settings.default_headers {
        defaults::add(&mut request, defaults);
    }
    let limits = shared.settings.limits.of(request.extensions());
    let responding = ResponseFuture::new(shared, request);
    if limits.is_none() { responding } else { within(limits, responding) }
}

#[cold]
fn within(limits: Limits, responding: ResponseFuture) -> ResponseFuture {
    match Deadlines::begin(limits) {
        Some(deadlines) => {
            responding.within(|inner| Box::pin(Limited { inner, has_begun: false, deadlines: Some(deadlines) }))
        }
        None => responding,
    }
}

/// A request that is given up at the first of its deadlines.
struct Limited {
    inner: Pin<Box<dyn Responding>>,
    /// The request was polled.
    has_begun: bool,
    /// `None` once the request has ended.
    deadlines: Option<Pin<Box<Deadlines>>>,
}

impl Future for Limited {
    type Output = Result<Response<ResponseBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let deadlines = this.deadlines.as_mut().expect("not polled after completion");
        if !mem::replace(&mut this.has_begun, true) {
            // A request whose time is over before it begins sends nothing.
            if let Poll::Ready(reached) = deadlines.look() {
                return Poll::Ready(Err(this.give_up(reached)));
            }
        }
        // The response is polled first, so that a response that has arrived is not lost at the limit.
        if let Poll::Ready(answer) = this.inner.as_mut().poll(cx) {
            let deadlines = this.deadlines.take().and_then(Deadlines::on_head);
            return Poll::Ready(answer.map(|response| match deadlines {
                Some(deadlines) if !response.body().is_end_stream() => response.map(|body| body.limited(deadlines)),
                _ => response,
            }));
        }
        let reached = ready!(deadlines.as_mut().poll(cx));
        Poll::Ready(Err(this.give_up(reached)))
    }
}

impl Limited {
    /// Ends the request: closes its connection or its stream, or gives up its connect or its place in the queue.
    fn give_up(&mut self, reached: Reached) -> ClientError {
        self.deadlines = None;
        let HowFar { phase, transfer, end } = self.inner.progress();
        self.inner.as_mut().fail(ClientError::timed_out(reached.during(phase), None, transfer, end))
    }
}

impl Responding for Limited {
    fn progress(&self) -> HowFar {
        self.inner.progress()
    }

    fn fail(mut self: Pin<&mut Self>, error: ClientError) -> ClientError {
        self.inner.as_mut().fail(error)
    }
}
