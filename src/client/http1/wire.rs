//! One HTTP/1.1 connection, and everything that belongs to it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Extensions, HeaderValue};
use hyper::client::conn::http1::SendRequest;
use hyper_util::client::legacy::connect::Connected;
use tokio::task::coop::{has_budget_remaining, unconstrained};

use super::relay::Relay;
use crate::client::connection_use::ConnectionUse;
use crate::client::error::{About, Transfer};
use crate::client::pool::Lease;
use crate::client::request::upload::{Progress, Upload};
use crate::connect::ConnectInfo;
use crate::lock::assert_unlocked;
use crate::response_first::{Allowance, ResponseFirstHandle};

/// A connection in somebody's hands: of the exchange, of a response's body, or of the pool.
///
/// Dropping it closes it. If an upload is under way that is done by a reset: the end would queue up behind data that the
/// server may never read.
pub(in crate::client) struct Wire {
    /// Both halves of hyper's connection, until it is closed.
    pub(super) halves: Option<Halves>,
    /// hyper has finished with the connection.
    pub(super) is_over: bool,
    /// What hyper finished with, if nobody else was told.
    error: Option<hyper::Error>,
    pub(super) relay: Arc<Relay>,
    /// The relay as a waker, for everything but the socket.
    waker: Waker,
    pub(in crate::client) control: ResponseFirstHandle,
    /// That of the wrapper below TLS, if there is one.
    pub(super) below_tls: Option<ResponseFirstHandle>,
    /// What is said of the connection in every response: by the connector and, once it was used again, which one it is.
    extras: Extensions,
    extras_say_reused: bool,
    pub(in crate::client) is_proxied: bool,
    /// The connection has TLS, as far as can be told by its URI.
    pub(super) does_tls: bool,
    pub(in crate::client) host: HeaderValue,
    pub(in crate::client) created: Instant,
    pub(in crate::client) reused: bool,
    /// The last response was one of HTTP/1.0. hyper writes the next request as HTTP/1.0 too.
    pub(in crate::client) is_http10: bool,
    /// How long it had been idle before the current request.
    pub(in crate::client) idle_for: Duration,
    /// When it was taken for the current request.
    pub(in crate::client) begun: Instant,
    /// The upload of the current request, if it has a body.
    pub(in crate::client) upload: Option<Arc<Progress>>,
    /// How many bytes the heads of a response may have.
    pub(in crate::client) max_response_head: u64,
    /// How long the server says that it keeps the connection.
    pub(super) kept_for: Option<Duration>,
    /// The server may not have read all of the last request.
    pub(super) is_doubted: bool,
    /// The connection is not to be used again, whatever hyper says.
    pub(in crate::client) spent: bool,
    /// What is left of the upload is not worth waiting for.
    pub(in crate::client) resets: bool,
    /// How much one poll may read and write.
    allowance: Allowance,
    pub(in crate::client) pool: Arc<Pool>,
    /// Some until it is passed on.
    pub(super) lease: Option<Lease>,
}

/// The connections of a client.
pub(in crate::client) type Pool = crate::client::pool::Pool<Wire>;

pub(super) struct Halves {
    pub(super) sender: SendRequest<Upload>,
    pub(super) connection: ConnectionFuture,
}

/// hyper's state machine of a connection that can be upgraded, whose type has no name.
pub(in crate::client) type ConnectionFuture = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What a [`Wire`] is made of.
pub(in crate::client) struct Dialed {
    pub(in crate::client) sender: SendRequest<Upload>,
    pub(in crate::client) connection: ConnectionFuture,
    pub(in crate::client) relay: Arc<Relay>,
    pub(in crate::client) waker: Waker,
    pub(in crate::client) control: ResponseFirstHandle,
    pub(in crate::client) connected: Connected,
    pub(in crate::client) does_tls: bool,
    pub(in crate::client) host: HeaderValue,
    pub(in crate::client) created: Instant,
    pub(in crate::client) max_response_head: u64,
}

impl Wire {
    pub(in crate::client) fn new(dialed: Dialed, pool: Arc<Pool>, lease: Lease) -> Self {
        let Dialed { sender, connection, relay, waker, control, connected, does_tls, host, created, max_response_head } =
            dialed;
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        let below_tls = extras.remove();
        Self {
            halves: Some(Halves { sender, connection }),
            is_over: false,
            error: None,
            waker,
            relay,
            control,
            below_tls,
            extras,
            extras_say_reused: false,
            is_proxied: connected.is_proxied(),
            does_tls,
            host,
            created,
            reused: false,
            is_http10: false,
            idle_for: Duration::ZERO,
            begun: created,
            upload: None,
            max_response_head,
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

    /// Adds what is said of the connection.
    pub(in crate::client) fn add_extras(&mut self, extensions: &mut Extensions) {
        let connection = ConnectionUse::new(self.relay.place().id, self.reused);
        // Once it is used again it stays so, and need not be added to each response by itself.
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

    /// The sending half, while the connection lives.
    pub(in crate::client) fn sender(&mut self) -> Option<&mut SendRequest<Upload>> {
        self.halves.as_mut().map(|halves| &mut halves.sender)
    }

    /// Why hyper has finished with the connection, if nobody else was told.
    pub(in crate::client) fn take_error(&mut self) -> Option<hyper::Error> {
        self.error.take()
    }

    pub(in crate::client) fn is_over(&self) -> bool {
        self.is_over
    }

    /// hyper has nothing to do: the last response is complete, and the next request welcome.
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

    /// What was read so far has been seen: a long request may go on.
    pub(in crate::client) fn go_on(&self) {
        self.control.go_on();
        if let Some(below) = &self.below_tls {
            below.go_on();
        }
    }

    /// Whether the last poll gave the reader of a response something. While that is so, a poll may read as much as hyper has room
    /// for; otherwise less, since hyper may have to look at each byte of what the server sends.
    #[inline]
    fn flows(&mut self, flows: bool) {
        self.allowance = if flows { Allowance::new(MOST, MOST) } else { BY_DEFAULT };
    }

    /// So much of the request may still be written.
    pub(in crate::client) fn limit_upload(&mut self, bytes: u64) {
        self.allowance = Allowance::new(A_READ, u32::try_from(bytes).map_or(MOST, |bytes| bytes.min(MOST)));
    }

    /// Runs hyper's state machine as far as it goes, or as far as one poll may read and write. Ready when the connection is over.
    #[inline(always)]
    pub(in crate::client) fn poll(&mut self) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.begin_poll();
        let Some(halves) = &mut self.halves else {
            return Poll::Ready(());
        };
        // hyper polls the caller's I/O and body.
        assert_unlocked();
        self.relay.on_poll();
        match halves.connection.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                self.error = result.err();
                if let Some(error) = self.error.as_ref().filter(|_| !self.spent) {
                    tracing::debug!(%error, "a connection failed with nobody waiting for it");
                }
                self.is_over = true;
                Poll::Ready(())
            }
        }
    }

    /// The next poll of hyper may read and write so much.
    #[inline]
    pub(super) fn begin_poll(&self) {
        self.control.begin_poll(self.allowance);
        if let Some(below) = &self.below_tls {
            below.begin_poll(self.allowance);
        }
    }

    /// [`poll`](Self::poll), also for a task that has used up its budget: what it says decides what becomes of the connection.
    pub(in crate::client) fn poll_once(&mut self) -> Poll<()> {
        // The budget bounds what is read by a transport that this crate does not see.
        if has_budget_remaining() {
            return self.poll();
        }
        let poll = pin!(unconstrained(poll_fn(|_| self.poll())));
        poll.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// [`poll`](Self::poll) for whoever reads the body of the response, who is in charge of the connection.
    pub(in crate::client) fn poll_for_body(&mut self) {
        self.relay.hold();
        if self.poll().is_ready() {
            self.hang_up();
        }
        self.go_on();
    }

    /// [`poll_for_body`](Self::poll_for_body) gave the reader something, or the connection waits for its next event.
    pub(in crate::client) fn on_body_polled(&mut self, gave: bool, cx: &Context<'_>) {
        self.flows(gave);
        if !gave {
            self.relay.wait(cx);
        }
    }

    pub(super) fn next_to_the_socket(&self) -> &ResponseFirstHandle {
        self.below_tls.as_ref().unwrap_or(&self.control)
    }

    /// Whether some of the request has not been given to the system.
    pub(in crate::client) fn is_uploading(&self) -> bool {
        // The head of a request without a body may be blocked as well, and TLS may have what its socket has not taken.
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

    /// Bytes of the current request that the system has taken.
    ///
    /// Under TLS the wrapper below knows whether there were any: the other one counts what the one below has swallowed after a write
    /// error, and not what TLS has sent of a write that it could not finish.
    pub(in crate::client) fn bytes_written(&self) -> u64 {
        let written = self.control.bytes_written();
        match self.below_tls.as_ref().map(ResponseFirstHandle::bytes_written) {
            None => written,
            Some(0) => 0,
            Some(sent) => written.clamp(1, sent),
        }
    }

    /// The error of a write of the current request, if the server's side of the connection did not say what it means.
    pub(in crate::client) fn take_write_error(&self) -> Option<io::Error> {
        self.control
            .take_write_error()
            .or_else(|| self.below_tls.as_ref().and_then(ResponseFirstHandle::take_write_error))
    }

    pub(in crate::client) fn has_broken_promise(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_broken_promise())
    }

    pub(in crate::client) fn has_body_failed(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_failed())
    }

    /// Sends nothing more of the request, and reads on. The connection is closed when the response ends.
    pub(in crate::client) fn stop_upload(&mut self) {
        if let Some(upload) = &self.upload {
            upload.stop();
        }
        self.spent = true;
        self.control.stop_writing();
    }

    /// The body of the request is kept back.
    pub(in crate::client) fn is_upload_held(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_held())
    }

    /// A body that was kept back may go.
    pub(in crate::client) fn release_upload(&self) {
        if let Some(upload) = &self.upload {
            upload.release();
        }
    }

    /// The stream is no longer HTTP: its write errors are its user's.
    pub(in crate::client) fn disarm(&mut self) {
        // Its user polls it without the client, which would have to say when a poll begins.
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

/// How much a poll may read whose reader got nothing of it before: what hyper looks at byte by byte in a few milliseconds, without
/// any optimisation.
const A_READ: u32 = 16 * 1024;

/// How much a poll may read for a reader that gets what is read, and how much any poll may write: as much as hyper's largest buffer
/// by default.
const MOST: u32 = 512 * 1024;

/// Of a poll that gives the reader of a response nothing.
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
