//! The wire: one HTTP/1.1 connection and everything that belongs to it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderValue};
use hyper::client::conn::http1::SendRequest;
use tokio::task::coop::{has_budget_remaining, unconstrained};

use super::relay::Relay;
use crate::client::connection_use::ConnectionUse;
use crate::client::error::{About, Transfer};
use crate::client::pool::Lease;
use crate::client::request::upload::{Progress, Upload};
use crate::connect::ConnectInfo;
use crate::lock::assert_unlocked;
use crate::response_first::{Allowance, ResponseFirstHandle};

/// An HTTP/1.1 connection. It is owned by an exchange, by the body of a response, by a task, or by the pool.
///
/// Dropping it closes the connection: with a reset if an upload is under way, since an ordinary close would queue up behind data that the server may
/// never read.
pub(in crate::client) struct Wire {
    /// Both halves of hyper's connection, until it is closed.
    pub(super) halves: Option<Halves>,
    /// hyper has finished with the connection.
    pub(super) is_over: bool,
    /// The error that hyper finished with, if it was not returned to a request.
    error: Option<hyper::Error>,
    pub(super) relay: Arc<Relay>,
    /// The relay as a waker, for everything but the socket.
    waker: Waker,
    pub(in crate::client) control: ResponseFirstHandle,
    /// The handle of the wrapper below TLS, if there is one.
    pub(super) below_tls: Option<ResponseFirstHandle>,
    /// The extensions that every response gets: those of the connector and, once the connection was reused, its [`ConnectionUse`].
    extras: Extensions,
    extras_say_reused: bool,
    pub(in crate::client) is_proxied: bool,
    /// Whether the connection has TLS, by the scheme of the URI.
    pub(super) does_tls: bool,
    pub(in crate::client) host: HeaderValue,
    pub(in crate::client) created: Instant,
    pub(in crate::client) reused: bool,
    /// The last response was HTTP/1.0. hyper writes the next request as HTTP/1.0 too.
    pub(in crate::client) is_http10: bool,
    /// How long the connection had been idle before the current request.
    pub(in crate::client) idle_for: Duration,
    /// When the connection was taken for the current request.
    pub(in crate::client) begun: Instant,
    /// The upload of the current request, if it has a body.
    pub(in crate::client) upload: Option<Arc<Progress>>,
    /// How many bytes the heads of a response may have, informational ones included.
    pub(in crate::client) max_response_head: u64,
    /// How long the server says that it keeps the connection.
    pub(super) kept_for: Option<Duration>,
    /// The server may not have read all of the last request.
    pub(super) is_doubted: bool,
    /// The connection is not to be used again, whatever hyper says.
    pub(in crate::client) spent: bool,
    /// The connection is closed with a reset: the rest of the upload is not wanted.
    pub(in crate::client) resets: bool,
    /// How much one poll may read and write.
    allowance: Allowance,
    pub(in crate::client) pool: Arc<Pool>,
    /// `None` after the lease was taken for another dial.
    pub(super) lease: Option<Lease>,
}

/// The connections of a client.
pub(in crate::client) type Pool = crate::client::pool::Pool<Wire>;

pub(super) struct Halves {
    pub(super) sender: SendRequest<Upload>,
    pub(super) connection: ConnectionFuture,
}

/// hyper's state machine of a connection that can be upgraded. Boxed, since its type cannot be named.
pub(in crate::client) type ConnectionFuture = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What a [`Wire`] is made of.
pub(in crate::client) struct Dialed {
    pub(in crate::client) sender: SendRequest<Upload>,
    pub(in crate::client) connection: ConnectionFuture,
    pub(in crate::client) relay: Arc<Relay>,
    pub(in crate::client) waker: Waker,
    pub(in crate::client) control: ResponseFirstHandle,
    pub(in crate::client) extras: Extensions,
    pub(in crate::client) is_proxied: bool,
    pub(in crate::client) does_tls: bool,
    pub(in crate::client) host: HeaderValue,
    pub(in crate::client) created: Instant,
    pub(in crate::client) max_response_head: u64,
}

impl Wire {
    pub(in crate::client) fn new(dialed: Dialed, pool: Arc<Pool>, lease: Lease) -> Self {
        let mut extras = dialed.extras;
        let below_tls = extras.remove();
        Self {
            halves: Some(Halves { sender: dialed.sender, connection: dialed.connection }),
            is_over: false,
            error: None,
            waker: dialed.waker,
            relay: dialed.relay,
            control: dialed.control,
            below_tls,
            extras,
            extras_say_reused: false,
            is_proxied: dialed.is_proxied,
            does_tls: dialed.does_tls,
            host: dialed.host,
            created: dialed.created,
            reused: false,
            is_http10: false,
            idle_for: Duration::ZERO,
            begun: dialed.created,
            upload: None,
            max_response_head: dialed.max_response_head,
            kept_for: None,
            is_doubted: false,
            spent: false,
            resets: false,
            allowance: BY_DEFAULT,
            pool,
            lease: Some(lease),
        }
    }

    pub(in crate::client) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The waker for everything but the socket.
    pub(in crate::client) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Adds the extensions of the connection to those of a response.
    pub(in crate::client) fn add_extras(&mut self, extensions: &mut Extensions) {
        let connection = ConnectionUse::new(self.relay.place().id, self.reused);
        // A connection that was reused stays so: from then on its `ConnectionUse` is one of the extras.
        if self.reused && !self.extras_say_reused {
            self.extras.insert(connection);
            self.extras_say_reused = true;
        }
        if extensions.is_empty() {
            *extensions = self.extras.clone();
        } else {
            extensions.extend(self.extras.clone());
        }
        if !self.reused {
            extensions.insert(connection);
        }
    }

    /// Returns hyper's sender, unless the connection is closed.
    pub(in crate::client) fn sender(&mut self) -> Option<&mut SendRequest<Upload>> {
        self.halves.as_mut().map(|halves| &mut halves.sender)
    }

    /// Takes the error that hyper finished with, if it was not returned to a request.
    pub(in crate::client) fn take_error(&mut self) -> Option<hyper::Error> {
        self.error.take()
    }

    pub(in crate::client) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether hyper is ready for the next request: the last response is complete.
    pub(in crate::client) fn is_ready(&self) -> bool {
        !self.is_over && self.halves.as_ref().is_some_and(|halves| halves.sender.is_ready())
    }

    pub(in crate::client) fn begin_request(&mut self, upload: Option<Arc<Progress>>) {
        self.upload = upload;
        self.allowance = BY_DEFAULT;
        self.control.begin_request();
        self.control.hold_reads_until_written();
        if let Some(below) = &self.below_tls {
            below.begin_request();
        }
    }

    /// The exchange has seen what was read so far: the writing of a long request may go on.
    pub(in crate::client) fn go_on(&self) {
        self.control.go_on();
        if let Some(below) = &self.below_tls {
            below.go_on();
        }
    }

    /// Sets how much the next polls may read. While polls give the reader of a response something (`flows`), they may read as much as hyper has room
    /// for. Otherwise they may read less, since hyper may have to look at each byte.
    #[inline]
    fn flows(&mut self, flows: bool) {
        self.allowance = if flows { Allowance::new(MOST, MOST) } else { BY_DEFAULT };
    }

    /// Limits how much of the request may still be written.
    pub(in crate::client) fn limit_upload(&mut self, bytes: u64) {
        self.allowance = Allowance::new(A_READ, u32::try_from(bytes).map_or(MOST, |bytes| bytes.min(MOST)));
    }

    /// Polls hyper's state machine, within the bounds of one poll. Ready when the connection is over.
    #[inline(always)]
    pub(in crate::client) fn poll(&mut self) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.begin_poll();
        let Some(halves) = &mut self.halves else {
            return Poll::Ready(());
        };
        // hyper polls the I/O and the caller's body, which are foreign code.
        assert_unlocked();
        self.relay.on_poll();
        match halves.connection.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                self.error = result.err();
                if let Some(error) = self.error.as_ref().filter(|_| !self.spent) {
                    tracing::debug!(%error, "a connection failed, and no request waited for it");
                }
                self.is_over = true;
                Poll::Ready(())
            }
        }
    }

    /// Tells the wrappers how much the next poll of hyper may read and write.
    #[inline]
    pub(super) fn begin_poll(&self) {
        self.control.begin_poll(self.allowance);
        if let Some(below) = &self.below_tls {
            below.begin_poll(self.allowance);
        }
    }

    /// As [`poll`](Self::poll), also if the task has used up its budget of tokio: the result decides what becomes of the connection.
    pub(in crate::client) fn poll_once(&mut self) -> Poll<()> {
        // With budget left it is kept, since it bounds what a transport reads that this crate does not know.
        if has_budget_remaining() {
            return self.poll();
        }
        let poll = pin!(unconstrained(poll_fn(|_| self.poll())));
        poll.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// As [`poll`](Self::poll), for the body of the response, which owns the connection. Closes the connection when it is over.
    pub(in crate::client) fn poll_for_body(&mut self) {
        self.relay.hold();
        if self.poll().is_ready() {
            self.hang_up();
        }
        self.go_on();
    }

    /// To be called after [`poll_for_body`](Self::poll_for_body). If it did not give the reader anything, the next event wakes the task of `cx`.
    pub(in crate::client) fn on_body_polled(&mut self, gave: bool, cx: &Context<'_>) {
        self.flows(gave);
        if !gave {
            self.relay.wait(cx);
        }
    }

    pub(super) fn next_to_the_socket(&self) -> &ResponseFirstHandle {
        self.below_tls.as_ref().unwrap_or(&self.control)
    }

    /// Whether the system has not yet taken all of the request.
    pub(in crate::client) fn is_uploading(&self) -> bool {
        // A head without a body may be blocked too, and TLS may hold data that its socket has not taken.
        self.is_sending_body()
            || self.control.is_blocked()
            || self.below_tls.as_ref().is_some_and(ResponseFirstHandle::is_blocked)
    }

    pub(super) fn is_sending_body(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| !upload.is_finished())
    }

    pub(in crate::client) fn about(&self) -> About {
        About {
            host: self.host.to_str().unwrap_or_default().to_owned(),
            transfer: self.transfer(),
            write: self.take_write_error(),
        }
    }

    /// Returns how many bytes of the current request the system has taken.
    ///
    /// With TLS only the wrapper below TLS knows whether there were any. The wrapper above also counts what the one below has swallowed after a write
    /// error, and does not count what TLS has sent of a write that it could not finish.
    pub(in crate::client) fn bytes_written(&self) -> u64 {
        let written = self.control.bytes_written();
        match self.below_tls.as_ref().map(ResponseFirstHandle::bytes_written) {
            None => written,
            Some(0) => 0,
            Some(sent) => written.clamp(1, sent),
        }
    }

    /// Takes the write error of the current request, if reading has not shown what it means.
    pub(in crate::client) fn take_write_error(&self) -> Option<io::Error> {
        self.control
            .take_write_error()
            .or_else(|| self.below_tls.as_ref().and_then(ResponseFirstHandle::take_write_error))
    }

    /// Whether the server has answered in TLS on a connection without.
    pub(in crate::client) fn is_answered_in_tls(&self) -> bool {
        !self.does_tls && self.control.has_tls_alert()
    }

    pub(in crate::client) fn has_broken_promise(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_broken_promise())
    }

    pub(in crate::client) fn has_body_failed(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_failed())
    }

    /// Stops the upload, and goes on reading. The connection is closed when the response ends.
    pub(in crate::client) fn stop_upload(&mut self) {
        if let Some(upload) = &self.upload {
            upload.stop();
        }
        self.spent = true;
        self.control.stop_writing();
    }

    /// Whether the body of the request is held back, until the server asks for it.
    pub(in crate::client) fn is_upload_held(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_held())
    }

    /// Lets a body that was held back go.
    pub(in crate::client) fn release_upload(&self) {
        if let Some(upload) = &self.upload {
            upload.release();
        }
    }

    /// After an upgrade the stream is not HTTP any more: the wrapper is disarmed, so that write errors go to the user of the stream.
    pub(in crate::client) fn disarm(&mut self) {
        // The user polls the stream without the client, so that nobody would tell the wrapper when a poll begins.
        self.allowance = Allowance::UNLIMITED;
        self.control.disarm();
        if let Some(below) = &self.below_tls {
            below.disarm();
        }
    }

    pub(in crate::client) fn transfer(&self) -> Transfer {
        Transfer {
            info: self.extras.get::<ConnectInfo>().cloned(),
            reused: self.reused,
            bytes_written: self.bytes_written(),
            bytes_read: self.control.bytes_read(),
        }
    }
}

/// How many bytes a poll may read if the poll before has given the reader nothing. hyper may look at each of them: that takes a few milliseconds in a
/// build without optimisation.
const A_READ: u32 = 16 * 1024;

/// How many bytes a poll may read if the poll before has given the reader something, and how many any poll may write: about the size of hyper's
/// largest buffer by default.
const MOST: u32 = 512 * 1024;

/// The allowance if the poll before has given the reader of a response nothing.
const BY_DEFAULT: Allowance = Allowance::new(A_READ, MOST);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("place", &self.relay.place())
            .field("reused", &self.reused)
            .field("over", &self.is_over())
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}
