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

use super::connection_use::ConnectionUse;
use super::error::{About, Transfer};
use super::pool::{Lease, Owned, Place, Watch};
use super::relay::Relay;
use super::upload::{Progress, Upload};
use crate::connect::ConnectInfo;
use crate::lock::assert_unlocked;
use crate::response_first::{Allowance, Control};

/// A connection in somebody's hands: of the exchange, of a response's body, or of the pool.
///
/// Dropping it closes it. If an upload is under way that is done by a reset: the end would queue up behind data that the
/// server may never read.
pub(super) struct Wire {
    /// Both halves of hyper's connection, until it is closed.
    halves: Option<Halves>,
    /// hyper has finished with the connection.
    is_over: bool,
    /// What hyper finished with, if nobody else was told.
    error: Option<hyper::Error>,
    relay: Arc<Relay>,
    /// The relay as a waker, for everything but the socket.
    waker: Waker,
    pub(super) control: Control,
    /// That of the wrapper below TLS, if there is one.
    below_tls: Option<Control>,
    /// What is said of the connection in every response: by the connector, and which one it is.
    extras: Extensions,
    pub(super) is_proxied: bool,
    pub(super) host: HeaderValue,
    pub(super) created: Instant,
    pub(super) reused: bool,
    /// The last response was one of HTTP/1.0. hyper writes the next request as HTTP/1.0 too.
    pub(super) is_http10: bool,
    /// How long it had been idle before the current request.
    pub(super) idle_for: Duration,
    /// The upload of the current request, if it has a body.
    pub(super) upload: Option<Arc<Progress>>,
    /// The connection is not to be used again, whatever hyper says.
    pub(super) spent: bool,
    /// What is left of the upload is not worth waiting for.
    pub(super) resets: bool,
    /// How much one poll may read and write.
    allowance: Allowance,
    pub(super) pool: Arc<Pool>,
    /// Some until it is passed on.
    lease: Option<Lease>,
}

/// The connections of a client.
pub(super) type Pool = super::pool::Pool<Wire>;

struct Halves {
    sender: SendRequest<Upload>,
    connection: ConnectionFuture,
}

/// hyper's state machine of a connection that can be upgraded, whose type has no name.
pub(super) type ConnectionFuture = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What a [`Wire`] is made of.
pub(super) struct Dialed {
    pub(super) sender: SendRequest<Upload>,
    pub(super) connection: ConnectionFuture,
    pub(super) relay: Arc<Relay>,
    pub(super) waker: Waker,
    pub(super) control: Control,
    pub(super) connected: Connected,
    pub(super) host: HeaderValue,
    pub(super) created: Instant,
}

impl Wire {
    pub(super) fn new(dialed: Dialed, pool: Arc<Pool>, lease: Lease) -> Self {
        let Dialed { sender, connection, relay, waker, control, connected, host, created } = dialed;
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        let below_tls = extras.remove();
        extras.insert(ConnectionUse::new(relay.place().id, false));
        Self {
            halves: Some(Halves { sender, connection }),
            is_over: false,
            error: None,
            waker,
            relay,
            control,
            below_tls,
            extras,
            is_proxied: connected.is_proxied(),
            host,
            created,
            reused: false,
            is_http10: false,
            idle_for: Duration::ZERO,
            upload: None,
            spent: false,
            resets: false,
            allowance: BY_DEFAULT,
            pool,
            lease: Some(lease),
        }
    }

    pub(super) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The waker for everything but the socket.
    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Adds what is said of the connection.
    pub(super) fn add_extras(&self, extensions: &mut Extensions) {
        if extensions.is_empty() {
            *extensions = self.extras.clone();
        } else {
            extensions.extend(self.extras.clone());
        }
    }

    /// The sending half, while the connection lives.
    pub(super) fn sender(&mut self) -> Option<&mut SendRequest<Upload>> {
        self.halves.as_mut().map(|halves| &mut halves.sender)
    }

    /// Why hyper has finished with the connection, if nobody else was told.
    pub(super) fn take_error(&mut self) -> Option<hyper::Error> {
        self.error.take()
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// hyper has nothing to do: the last response is complete, and the next request welcome.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_over && self.halves.as_ref().is_some_and(|halves| halves.sender.is_ready())
    }

    pub(super) fn begin_request(&mut self, upload: Option<Arc<Progress>>) {
        self.upload = upload;
        self.allowance = BY_DEFAULT;
        self.control.begin_request();
        self.control.hold_reads_until_written();
        if let Some(below) = &self.below_tls {
            below.begin_request();
        }
    }

    /// What was read so far has been seen: a long request may go on.
    pub(super) fn go_on(&self) {
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
    pub(super) fn limit_upload(&mut self, bytes: u64) {
        self.allowance = Allowance::new(A_READ, u32::try_from(bytes).map_or(MOST, |bytes| bytes.min(MOST)));
    }

    /// Runs hyper's state machine as far as it goes, or as far as one poll may read and write. Ready when the connection is over.
    #[inline(always)]
    pub(super) fn poll(&mut self) -> Poll<()> {
        let (Some(halves), false) = (&mut self.halves, self.is_over) else {
            return Poll::Ready(());
        };
        // hyper polls the caller's I/O and body.
        assert_unlocked();
        self.relay.on_poll();
        self.control.begin_poll(self.allowance);
        if let Some(below) = &self.below_tls {
            below.begin_poll(self.allowance);
        }
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

    /// [`poll`](Self::poll), also for a task that has used up its budget: what it says decides what becomes of the connection.
    pub(super) fn poll_once(&mut self) -> Poll<()> {
        // The budget bounds what is read by a transport that this crate does not see.
        if has_budget_remaining() {
            return self.poll();
        }
        let poll = pin!(unconstrained(poll_fn(|_| self.poll())));
        poll.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// [`poll`](Self::poll) for whoever reads the body of the response, who is in charge of the connection.
    pub(super) fn poll_for_body(&mut self) {
        self.relay.hold();
        if self.poll().is_ready() {
            self.hang_up();
        }
        self.go_on();
    }

    /// [`poll_for_body`](Self::poll_for_body) gave the reader something, or the connection waits for its next event.
    pub(super) fn on_body_polled(&mut self, gave: bool, cx: &Context<'_>) {
        self.flows(gave);
        if !gave {
            self.relay.wait(cx);
        }
    }

    /// The exchange is over: the connection goes back to the pool if it can have another, and is closed if not.
    pub(super) fn settle(mut self: Box<Self>) {
        if self.is_usable() {
            let pool = Arc::clone(&self.pool);
            pool.check_in(self);
        }
    }

    /// Closes the connection, for the right to make another in its place.
    pub(super) fn give_up(mut self: Box<Self>) -> Option<Lease> {
        self.lease.take().map(Lease::redial)
    }

    /// Whether the connection can have another request, as far as is known without asking the system.
    pub(super) fn is_usable(&mut self) -> bool {
        self.relay.hold();
        let is_unfit = |below: &Control| below.is_broken() || below.is_blocked();
        if self.spent || self.below_tls.as_ref().is_some_and(is_unfit) || self.is_sending_body() {
            return false;
        }
        if !self.control.is_at_rest() {
            // What the server says before the first request is written is taken for the answer. Here it is none.
            return !self.control.is_broken() && !self.control.is_blocked() && self.look();
        }
        if (self.relay.is_touched() || !self.is_ready()) && self.poll_once().is_ready() {
            return false;
        }
        self.is_ready()
    }

    /// Asks the system whether the server has closed, or said anything. A poll alone shows what the runtime has heard.
    pub(super) fn look(&mut self) -> bool {
        self.next_to_the_socket().look();
        let is_over = self.poll_once().is_ready();
        !self.next_to_the_socket().is_touched() && !is_over && self.is_ready()
    }

    fn next_to_the_socket(&self) -> &Control {
        self.below_tls.as_ref().unwrap_or(&self.control)
    }

    /// Whether some of the request has not been given to the system.
    pub(super) fn is_uploading(&self) -> bool {
        // The head of a request without a body may be blocked as well, and TLS may have what its socket has not taken.
        self.is_sending_body() || self.control.is_blocked() || self.below_tls.as_ref().is_some_and(Control::is_blocked)
    }

    fn is_sending_body(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| !upload.is_finished())
    }

    pub(super) fn about(&self) -> About {
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
    pub(super) fn bytes_written(&self) -> u64 {
        let written = self.control.bytes_written();
        match self.below_tls.as_ref().map(Control::bytes_written) {
            None => written,
            Some(0) => 0,
            Some(sent) => written.clamp(1, sent),
        }
    }

    /// The error of a write of the current request, if the server's side of the connection did not say what it means.
    pub(super) fn take_write_error(&self) -> Option<io::Error> {
        self.control.take_write_error().or_else(|| self.below_tls.as_ref().and_then(Control::take_write_error))
    }

    pub(super) fn has_broken_promise(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_broken_promise())
    }

    pub(super) fn has_body_failed(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.has_failed())
    }

    /// Sends nothing more of the request, and reads on. The connection is closed when the response ends.
    pub(super) fn stop_upload(&mut self) {
        if let Some(upload) = &self.upload {
            upload.stop();
        }
        self.spent = true;
        self.control.stop_writing();
    }

    /// The body of the request is kept back.
    pub(super) fn is_upload_held(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_held())
    }

    /// A body that was kept back may go.
    pub(super) fn release_upload(&self) {
        if let Some(upload) = &self.upload {
            upload.release();
        }
    }

    /// The stream is no longer HTTP: its write errors are its user's.
    pub(super) fn disarm(&mut self) {
        // Its user polls it without the client, which would have to say when a poll begins.
        self.allowance = Allowance::UNLIMITED;
        self.control.disarm();
        if let Some(below) = &self.below_tls {
            below.disarm();
        }
    }

    pub(super) fn transfer(&self) -> Transfer {
        Transfer {
            info: self.extras.get::<ConnectInfo>().cloned(),
            reused: self.reused,
            bytes_written: self.bytes_written(),
            bytes_read: self.control.bytes_read(),
        }
    }

    /// Closes the connection.
    ///
    /// *Both* halves are dropped: the connection holds the receiver of the queue, the sender keeps the queue alive, and a
    /// request in between would be in nobody's hands. After that every response is decided.
    pub(super) fn hang_up(&mut self) {
        self.is_over = true;
        if self.resets || self.is_uploading() {
            self.next_to_the_socket().reset_on_close();
        }
        self.halves = None;
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

impl Owned for Wire {
    #[inline]
    fn place(&self) -> Place {
        self.relay.place()
    }

    #[inline]
    fn watch(&self) -> &Watch {
        self.relay.watch()
    }

    #[inline]
    fn created(&self) -> Instant {
        self.created
    }

    #[inline]
    fn is_usable(&mut self) -> bool {
        Self::is_usable(self)
    }

    fn look(&mut self) -> bool {
        Self::look(self)
    }

    #[inline]
    fn on_return(&mut self) {
        if !self.reused {
            self.reused = true;
            self.extras.insert(ConnectionUse::new(self.place().id, true));
        }
        self.upload = None;
    }

    #[inline]
    fn rest(&self, key: usize) -> bool {
        self.relay.rest(key)
    }

    fn take_lease(&mut self) -> Option<Lease> {
        self.lease.take()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.hang_up();
    }
}

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
