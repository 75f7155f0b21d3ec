//! The future of a request, over as many connections as it takes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::bounds::{Connector, RequestBody};
use super::checkout::{Checkout, checkout};
use super::connecting::Connecting;
use super::deliver::deliver;
use super::destination::Destination;
use super::dialing::connect;
use super::error::{ClientError, HowFar, Phase, Sendings, Transfer};
use super::http1::exchange::{Exchange, Failure, Sent, exchange};
use super::http1::wire::Wire;
use super::http2::exchange::{Exchange as Sharing, Failure as Unanswered};
use super::pool::current_runtime;
use super::protocol;
use super::ready::{Ready, Share};
use super::request::fields::{self, expects_continue};
use super::request::framing::Framing;
use super::request::retry_copy::RetryCopy;
use super::request::upload::Upload;
use super::responding::{RespondToEmpty, Responding};
use super::retry::{Again, BodyState, RetryPolicy};
use super::security;
use super::shared::Shared;
use super::speaks::Speaks;
use crate::outcome::BoxError;

/// The future of a [`Client`](super::Client)'s response.
///
/// # Cancel safety
///
/// Dropping it closes the connection of the request, or resets its stream. A connect that no other request waits for is cancelled.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    inner: Inner,
}

enum Inner {
    Responding(Pin<Box<dyn Responding>>),
    /// The request cannot be sent.
    Failed(Option<ClientError>),
}

impl ResponseFuture {
    pub(super) fn new<C: Connector, B: RequestBody>(shared: Arc<Shared<C>>, mut request: Request<B>) -> Self {
        let framing = match fields::frame(&mut request) {
            Ok(framing) => framing,
            Err(error) => return Self::failed(error),
        };
        let mut destination = match Destination::take_from(&mut request) {
            Ok(destination) => destination,
            Err(error) => return Self::failed(error),
        };
        if let Err(error) = protocol::choose(&request, &mut destination, &shared.settings.prior_knowledge) {
            return Self::failed(error);
        }
        let sendings = Sendings::default();
        let is_connect = *request.method() == Method::CONNECT;
        if !is_connect {
            if let Err(error) = security::check::<C>(&destination) {
                return Self::failed(error.after(destination.host_and_port().to_owned(), sendings));
            }
        }
        if framing != Framing::Empty {
            let request = Some(request.map(|body| Upload::new(body, framing)));
            let state = State::Connecting { request, connecting: None };
            let respond = Respond { shared, exchange, destination, is_connect, sendings, retry_copy: None, state };
            return Self { inner: Inner::Responding(Box::pin(respond)) };
        }
        // Most requests have no body. The future is made inside its box: moving it there would cost more than all other work here.
        let mut respond = Box::new(RespondToEmpty { body: None, respond: None });
        let body = &mut respond.body;
        respond.respond = Some(Respond {
            shared,
            exchange,
            destination,
            is_connect,
            sendings,
            retry_copy: None,
            state: State::Connecting {
                request: Some(request.map(|asked| {
                    *body = Some(asked);
                    Upload::empty()
                })),
                connecting: None,
            },
        });
        Self { inner: Inner::Responding(Box::into_pin(respond)) }
    }

    /// Wraps the request in another future.
    pub(super) fn within(self, wrap: impl FnOnce(Pin<Box<dyn Responding>>) -> Pin<Box<dyn Responding>>) -> Self {
        match self.inner {
            Inner::Responding(respond) => Self { inner: Inner::Responding(wrap(respond)) },
            Inner::Failed(_) => self,
        }
    }

    pub(super) fn failed(error: ClientError) -> Self {
        Self { inner: Inner::Failed(Some(error)) }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.inner {
            Inner::Responding(respond) => respond.as_mut().poll(cx),
            Inner::Failed(error) => Poll::Ready(Err(error.take().expect("not polled after completion"))),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// Sends a request, over as many connections as it takes, and returns its response.
    struct Respond<C, E, F> {
        shared: Arc<Shared<C>>,
        // Makes an exchange. A function, since the type of hyper's future cannot be named.
        exchange: E,
        destination: Destination,
        is_connect: bool,
        sendings: Sendings,
        retry_copy: Option<RetryCopy>,
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        // Not polled yet, or there was no idle connection.
        Connecting { request: Option<Request<Upload>>, connecting: Option<Connecting> },
        Exchanging { #[pin] exchange: Exchange<F> },
        // On a shared connection, which has taken the request and its body.
        Sharing { sharing: Sharing },
    }
}

impl<C, E, F> Respond<C, E, F>
where
    C: Connector,
    E: Fn(Box<Wire>, &mut Option<Request<Upload>>, &Destination, Duration) -> Exchange<F> + Send,
    F: Future<Output = Sent> + Send,
{
    /// Sends the request on an HTTP/1.1 connection.
    #[inline]
    fn send(self: Pin<&mut Self>, wire: Box<Wire>) -> Result<(), ClientError> {
        let mut this = self.project();
        let StateProj::Connecting { request, connecting } = this.state.as_mut().project() else {
            unreachable!("it was connecting");
        };
        let ready = request.as_mut().expect("it was not sent");
        if ready.version() == Version::HTTP_2 {
            wire.settle();
            return Err(ClientError::connect("the server did not choose HTTP/2"));
        }
        if wire.is_proxied && this.destination.is_asterisk() {
            // The proxy form of `*` is a URI without a path (RFC 9112 §3.2.4), which hyper does not write.
            wire.settle();
            return Err(ClientError::invalid_request("OPTIONS * cannot be sent over a proxy"));
        }
        if wire.is_http10 && ready.body().is_chunked() {
            // hyper would send HTTP/1.0, which has no chunks, and drop the body.
            let lease = wire.give_up().expect("a connection has a lease");
            *connecting = Some(Connecting::new(connect(this.shared, this.destination, lease, current_runtime())));
            return Ok(());
        }
        let settings = &this.shared.settings;
        // A request on a fresh connection is never retried.
        let may_be_sent_again = wire.reused && settings.retry_policy != RetryPolicy::Never;
        *this.retry_copy = may_be_sent_again.then(|| RetryCopy::of(ready));
        let exchange = (this.exchange)(wire, request, this.destination, settings.continue_timeout);
        this.state.set(State::Exchanging { exchange });
        Ok(())
    }

    /// Sends the request on a shared connection.
    fn share(self: Pin<&mut Self>, share: Share) -> Result<(), ClientError> {
        let mut this = self.project();
        let StateProj::Connecting { request, .. } = this.state.as_mut().project() else {
            unreachable!("it was connecting");
        };
        if request.as_ref().is_some_and(protocol::needs_http1) {
            // This happens with connectors that do not take the client's protocols.
            return Err(ClientError::connect("HTTP/2 was negotiated, and the request needs HTTP/1.1"));
        }
        let settings = &this.shared.settings;
        let may_be_sent_again = settings.retry_policy != RetryPolicy::Never;
        *this.retry_copy = request.as_ref().filter(|_| may_be_sent_again).map(RetryCopy::of);
        let (wait, max_head) = (settings.continue_timeout, settings.connections.max_response_head);
        let sharing = Sharing::begin(share, request, this.destination, wait, max_head)?;
        this.state.set(State::Sharing { sharing });
        Ok(())
    }

    /// Sends the request again after a failed stream, if that is allowed. Otherwise returns the error.
    #[cold]
    fn on_stream_failure(self: Pin<&mut Self>, failure: Unanswered) -> Result<(), ClientError> {
        let mut this = self.project();
        let again = this.retry_copy.take().map(|copy| copy.instead_of(failure.progress.as_deref()));
        let (again, sendings) = (again.filter(|(body, _)| *body != BodyState::Gone), &mut *this.sendings);
        let asks_for_http1 = failure.again() == Again::OverHttp1;
        let again = again.filter(|_| !asks_for_http1 || this.destination.speaks() == Speaks::Negotiated);
        let Some((_, request)) = again.filter(|_| sendings.repeats.allow(failure.again(), sendings.covered)) else {
            return Err(failure.into_error());
        };
        if asks_for_http1 {
            this.shared.pool.ask_elsewhere(this.destination);
            this.destination.set_speaks(Speaks::Http1);
        }
        tracing::debug!(host = this.destination.host_and_port(), method = %request.method(), "a request is sent again");
        sendings.retries += 1;
        sendings.has_sent |= failure.may_have_been_processed();
        sendings.was_turned_away |= failure.was_turned_away();
        this.state.set(State::Connecting { request: Some(request), connecting: None });
        Ok(())
    }

    /// Returns the request to send again instead of returning the response, if a retry is due.
    #[inline]
    fn on_answer(
        self: Pin<&mut Self>,
        response: &Response<Incoming>,
        wire: &mut Wire,
    ) -> Result<Option<Request<Upload>>, ClientError> {
        let this = self.project();
        if wire.has_broken_promise() && response.status().as_u16() < 300 {
            // The server has read a body of another length than the caller meant. After an error of the body itself, the request is incomplete, which
            // the server can tell, and the response is returned.
            let error = wire.take_error().map(BoxError::from);
            return Err(ClientError::request_body(error, wire.transfer()));
        }
        if this.shared.settings.retries_on_request_timeout && this.sendings.covered && is_good_bye(response) {
            return Ok(this.retry_copy.take().and_then(|copy| copy.beside(wire.upload.as_deref())));
        }
        Ok(None)
    }

    /// Sends the request again after a failed exchange, if that is allowed. Otherwise returns the error.
    #[cold]
    fn on_failure(mut self: Pin<&mut Self>, failure: Failure) -> Result<(), ClientError> {
        let this = self.as_mut().project();
        let wire = &failure.wire;
        if wire.reused && wire.control.bytes_read() == 0 && !wire.has_body_failed() {
            this.shared.pool.on_closed(this.destination, wire.created, wire.idle_for);
        }
        let policy = this.shared.settings.retry_policy;
        // A server may act twice on an idempotent request, but not three times. Retries over HTTP/2 count.
        let covered = this.sendings.covered && !this.sendings.repeats.has_unknown();
        let Some(again) = this.retry_copy.take().and_then(|copy| failure.recover(copy, covered, policy)) else {
            let Failure { error, is_endless, wire } = failure;
            if is_endless {
                return Err(ClientError::endless_head(wire.max_response_head, wire.transfer(), None));
            }
            let error = ClientError::exchange(error, wire.take_write_error(), wire.has_body_failed(), wire.transfer());
            return Err(if wire.is_answered_in_tls() { error.answered_in_tls() } else { error });
        };
        self.send_again(again, failure.wire);
        Ok(())
    }

    /// Sends the request again on a new connection, with the lease of the old one.
    #[cold]
    fn send_again(self: Pin<&mut Self>, request: Request<Upload>, wire: Box<Wire>) {
        let mut this = self.project();
        tracing::debug!(host = this.destination.host_and_port(), method = %request.method(), "a request is sent again");
        this.sendings.on_sent_again(wire.bytes_written() > 0);
        let lease = wire.give_up().expect("a connection has a lease");
        let connecting = Connecting::new(connect(this.shared, this.destination, lease, current_runtime()));
        this.state.set(State::Connecting { request: Some(request), connecting: Some(connecting) });
    }
}

impl<C, E, F> Future for Respond<C, E, F>
where
    C: Connector,
    E: Fn(Box<Wire>, &mut Option<Request<Upload>>, &Destination, Duration) -> Exchange<F> + Send,
    F: Future<Output = Sent> + Send,
{
    type Output = Result<Response<ResponseBody>, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            let result = match this.state.project() {
                StateProj::Connecting { connecting: Some(connecting), .. } => match ready!(connecting.poll(cx)) {
                    Ok(Ready::Owned(wire)) => self.as_mut().send(wire),
                    Ok(Ready::Shared(share)) => self.as_mut().share(share),
                    Err(error) => Err(error),
                },
                StateProj::Connecting { request, connecting } => {
                    let request = request.as_mut().expect("not polled after completion");
                    let settings = &this.shared.settings;
                    this.sendings.covered = settings.retry_policy.covers(request.method(), request.headers());
                    let can_be_kept = can_be_kept(request, settings.retry_policy, cx);
                    match checkout(this.shared, this.destination, this.sendings.covered && can_be_kept) {
                        Checkout::Idle(wire) => self.as_mut().send(wire),
                        Checkout::Shared(share) => self.as_mut().share(share),
                        Checkout::Elsewhere => {
                            this.destination.set_speaks(Speaks::Http1);
                            Ok(())
                        }
                        // The wait is lazy: nothing happens before it is polled.
                        Checkout::Wait(wait) => this.destination.check().map(|()| *connecting = Some(wait)),
                    }
                }
                StateProj::Exchanging { exchange } => match ready!(exchange.poll(cx)) {
                    Ok((response, mut wire)) => match self.as_mut().on_answer(&response, &mut wire) {
                        Ok(None) => {
                            let after_response = self.shared.settings.upload_after_response;
                            return Poll::Ready(Ok(deliver(response, wire, self.is_connect, after_response)));
                        }
                        Ok(Some(again)) => {
                            self.as_mut().send_again(again, wire);
                            Ok(())
                        }
                        Err(error) => Err(error),
                    },
                    Err(failure) => self.as_mut().on_failure(failure),
                },
                StateProj::Sharing { sharing } => match ready!(Pin::new(sharing).poll(cx)) {
                    Ok(answer) => match answer.deliver(this.shared.settings.upload_after_response) {
                        Ok(response) => return Poll::Ready(Ok(response.map(ResponseBody::stream))),
                        Err(error) => Err(error),
                    },
                    Err(failure) => self.as_mut().on_stream_failure(failure),
                },
            };
            if let Err(error) = result {
                return Poll::Ready(Err(self.fail(error)));
            }
        }
    }
}

impl<C, E, F> Responding for Respond<C, E, F>
where
    C: Connector,
    E: Fn(Box<Wire>, &mut Option<Request<Upload>>, &Destination, Duration) -> Exchange<F> + Send,
    F: Future<Output = Sent> + Send,
{
    fn progress(&self) -> HowFar {
        match &self.state {
            State::Connecting { connecting, .. } => {
                let phase = connecting.as_ref().map_or(Phase::WaitingForConnection, Connecting::phase);
                HowFar::owned(phase, Transfer::default())
            }
            State::Exchanging { exchange } => exchange.progress(),
            State::Sharing { sharing } => sharing.progress(),
        }
    }

    #[cold]
    fn fail(self: Pin<&mut Self>, error: ClientError) -> ClientError {
        let mut this = self.project();
        // The request is dropped. A further poll panics, and sends nothing.
        this.state.set(State::Connecting { request: None, connecting: None });
        let error = error.after(this.destination.host_and_port().to_owned(), *this.sendings);
        tracing::debug!(%error, "a request failed");
        error
    }
}

/// Whether the body will be available for a retry. Must be called before the body is sent.
#[inline]
fn can_be_kept(request: &Request<Upload>, policy: RetryPolicy, cx: &mut Context<'_>) -> bool {
    let Some(progress) = request.body().progress() else { return true };
    // A body that waits for 100 (Continue) must not be polled before.
    let may_ask = policy != RetryPolicy::Never && !expects_continue(request.headers());
    progress.can_be_kept(may_ask, cx)
}

/// Whether the response is a `408 Request Timeout` that may be answered with a retry.
fn is_good_bye(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::REQUEST_TIMEOUT && !response.headers().contains_key(RETRY_AFTER)
}
