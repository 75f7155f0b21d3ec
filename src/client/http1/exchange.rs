//! One request on one HTTP/1.1 connection.
//!
//! The connection has no task of its own: the future of the response polls it, and then looks for the response, so that the two cannot race. When the
//! connection is over, the future looks once more. Then the result is final: a response or an error.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::task::coop::{has_budget_remaining, unconstrained};

use super::wire::Wire;
use crate::client::destination::Destination;
use crate::client::error::{HowFar, Phase, Transfer};
use crate::client::request::fields;
use crate::client::request::held::Held;
use crate::client::request::informational::{self, Callback};
use crate::client::request::retry_copy::RetryCopy;
use crate::client::request::upload::{Progress, Upload};
use crate::client::retry::{Failed, Fate, RetryPolicy, may_retry};

/// A request without a response.
pub(in crate::client) struct Failure {
    /// `None` if hyper dropped the request without an error, or if the heads `is_endless`.
    pub(in crate::client) error: Option<hyper::Error>,
    /// The heads of the response, informational ones included, were too large.
    pub(in crate::client) is_endless: bool,
    pub(in crate::client) wire: Box<Wire>,
}

impl Failure {
    /// Returns the request to send again, made from `copy`, if a retry is allowed.
    pub(in crate::client) fn recover(
        &self,
        copy: RetryCopy,
        covered: bool,
        policy: RetryPolicy,
    ) -> Option<Request<Upload>> {
        let wire = &self.wire;
        let (body, request) = copy.instead_of(wire.upload.as_deref());
        let failed = Failed {
            reused: wire.reused,
            fate: Fate {
                unsent: self.error.as_ref().is_some_and(hyper::Error::is_canceled),
                written: wire.bytes_written() > 0,
                read: wire.control.bytes_read() > 0,
                covered,
            },
            body,
        };
        may_retry(policy, failed).then_some(request)
    }
}

pin_project! {
    /// A request under way, to the head of its response.
    ///
    /// Dropping it closes the connection.
    pub(in crate::client) struct Exchange<F> {
        // Dropped before the connection, so that hyper knows that the caller is gone when it closes the connection.
        #[pin]
        sent: F,
        // `None` once the exchange has ended.
        wire: Option<Box<Wire>>,
        // The timer that releases a body which waits for 100 (Continue).
        held: Option<Pin<Box<Held>>>,
    }
}

/// hyper's result. hyper could return a request that it has not taken, but the retry copy is kept in any case.
pub(in crate::client) type Sent = hyper::Result<Response<Incoming>>;

/// Sends `request`.
///
/// A body with `Expect: 100-continue` is held back until the server asks for it (RFC 9110 §10.1.1), or until `continue_timeout` has passed.
#[inline]
pub(in crate::client) fn exchange(
    mut wire: Box<Wire>,
    request: &mut Option<Request<Upload>>,
    destination: &Destination,
    continue_timeout: Duration,
) -> Exchange<impl Future<Output = Sent> + Send + use<>> {
    let held = request.as_mut().and_then(|request| prepare(request, destination, &wire));
    wire.begin_request(request.as_ref().and_then(|request| request.body().progress().cloned()));
    let sender = wire.sender().expect("a connection that is given out lives");
    let sent = sender.send_request(request.take().expect("it was not sent"));
    let held = held.map(|held| Held::new(held, continue_timeout));
    Exchange { wire: Some(wire), sent, held }
}

/// Rewrites `request` to the form that hyper writes. Returns the progress of its body if that is held back.
#[inline]
fn prepare(request: &mut Request<Upload>, destination: &Destination, wire: &Wire) -> Option<Arc<Progress>> {
    *request.uri_mut() = destination.target(request.method(), wire.is_proxied);
    let has_body = request.body().progress().is_some();
    // The whole target of CONNECT is the authority, with the port (RFC 9112 §3.2).
    let tunnel = if *request.method() == Method::CONNECT { fields::host_of_tunnel(request.uri()) } else { None };
    // The caller decides how long a tunnel lives.
    let closes = wire.pool.keeps_none() && tunnel.is_none();
    fields::complete(request.headers_mut(), tunnel.as_ref().unwrap_or(&wire.host), has_body, closes);
    let held = request.body().progress().filter(|_| fields::expects_continue(request.headers())).cloned();
    if let Some(held) = &held {
        held.hold();
    }
    let callback = Callback::take(request.extensions_mut());
    informational::listen(request, callback, held.clone());
    held
}

impl<F> Exchange<F> {
    /// Returns how far the request is, and what was sent and received on the connection.
    pub(in crate::client) fn progress(&self) -> HowFar {
        let Some(wire) = &self.wire else { return HowFar::owned(Phase::WaitingForResponse, Transfer::default()) };
        let transfer = wire.transfer();
        let is_sending = transfer.bytes_written == 0 || wire.is_uploading();
        HowFar::owned(if is_sending { Phase::SendingRequest } else { Phase::WaitingForResponse }, transfer)
    }
}

impl<F: Future<Output = Sent>> Future for Exchange<F> {
    type Output = Result<(Response<Incoming>, Box<Wire>), Failure>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let wire = this.wire.as_mut().expect("not polled after completion");
        if let Some(held) = this.held {
            held.as_mut().poll_release(cx);
        }
        wire.relay().hold();
        let mut polled = wire.poll();
        if polled.is_pending() && wire.control.was_held_back() {
            // The request has been written, so reads are no longer held back.
            polled = wire.poll();
        }
        if polled.is_pending() && !wire.control.has_heard() {
            // Nothing arrived that could be the response, except perhaps TLS's own messages.
            wire.go_on();
            wire.relay().wait(cx);
            return Poll::Pending;
        }
        // Only the connection can complete the response, and it was polled just now. So no waker is needed, and an exhausted task budget must not
        // hide the response.
        let mut looked = look(this.sent.as_mut());
        if looked.is_pending() {
            if polled.is_pending() {
                // What arrived was no response, or not the final one.
                if wire.control.bytes_read() > wire.max_response_head {
                    let wire = this.wire.take().expect("not polled after completion");
                    return Poll::Ready(Err(Failure { error: None, is_endless: true, wire }));
                }
                wire.go_on();
                wire.relay().wait(cx);
                return Poll::Pending;
            }
            // After this the result is final.
            wire.hang_up();
            looked = look(this.sent.as_mut());
        }
        if polled.is_ready() && matches!(looked, Poll::Ready(Ok(_))) {
            tracing::trace!("a connection ended in the poll that brought its response");
        }
        let wire = this.wire.take().expect("not polled after completion");
        Poll::Ready(match looked {
            Poll::Ready(Ok(response)) => Ok((response, wire)),
            Poll::Ready(Err(error)) => Err(Failure { error: Some(error), is_endless: false, wire }),
            // The connection is gone, and hyper has not answered.
            Poll::Pending => Err(Failure { error: None, is_endless: false, wire }),
        })
    }
}

/// Polls a future that uses at most one unit of the task's budget.
fn look<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let cx = &mut Context::from_waker(Waker::noop());
    // A plain poll is cheaper, and nearly always there is budget left.
    if has_budget_remaining() { future.poll(cx) } else { pin!(unconstrained(future)).poll(cx) }
}

#[cfg(test)]
mod tests {
    use std::future::{Pending, pending};

    use hyper::Uri;
    use hyper_util::rt::TokioIo;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::client::destination::Destination;
    use crate::client::dialing::connect;
    use crate::client::error::ClientError;
    use crate::client::pool::{Acquired, current_runtime};
    use crate::client::ready::Ready;
    use crate::client::service::Client;

    #[tokio::test]
    async fn a_request_that_is_never_decided_is_an_error_when_its_connection_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connector =
            tower::service_fn(move |_: Uri| async move { TcpStream::connect(address).await.map(TokioIo::new) });
        let client = Client::new(connector);
        let mut request = Request::new(());
        *request.uri_mut() = format!("http://{address}/").parse().unwrap();
        let destination = Destination::take_from(&mut request).unwrap();
        let Acquired::Dial(lease) = client.shared.pool.acquire(&destination, current_runtime()) else {
            panic!("there is no connection")
        };
        let Ok(Ready::Owned(wire)) = connect(&client.shared, &destination, lease, current_runtime()).await else {
            panic!("there is a connection")
        };
        // The server has gone.
        drop(listener.accept().await.unwrap());
        let undecided: Pending<Sent> = pending();
        let exchange = Exchange { wire: Some(wire), sent: undecided, held: None };
        let Err(Failure { error, wire, .. }) = exchange.await else { panic!("there is no response") };
        assert!(error.is_none());
        let error = ClientError::exchange(error, None, false, wire.transfer());
        assert!(error.is_closed_before_response() && !error.is_canceled(), "{error:?}");
    }
}
