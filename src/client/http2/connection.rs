//! A connection that many exchanges share, and the task that drives it.
//!
//! Exchanges and the pool hold a `Connection`. When the last of them drops it, h2 sends GOAWAY, and the task closes the socket.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong};
use http::Extensions;
use http::uri::Authority;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use super::seen::Observed;
use super::settings::Settings;
use super::transport::Transport;
use crate::client::connection_use::ConnectionUse;
use crate::client::error::Transfer;
use crate::client::pool::{Lease, Place, RuntimeId, Shared, Watch};
use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::connect::ConnectInfo;
use crate::timer::{Timer, read_clock};

/// A connection that many exchanges share.
pub(in crate::client) struct Connection {
    place: Place,
    watch: Arc<Watch>,
    created: Instant,
    sender: SendRequest<Bytes>,
    pub(super) observed: Arc<Observed>,
    /// Host and port, as errors show them.
    host: String,
    pub(super) authority: Authority,
    /// The extensions of every response but the first.
    extras: Extensions,
    /// The connection takes no further streams.
    is_closed: AtomicBool,
    /// How many streams were opened.
    opened: AtomicUsize,
    /// Wakes the task when nobody holds the connection any more, or when the server is silent. While h2 waits for the server to read, h2 itself does
    /// not wake it.
    abandoned: Arc<AtomicWaker>,
    pub(super) settings: Settings,
    /// How many bytes of responses were read that the server was not told of by WINDOW_UPDATE.
    held: AtomicUsize,
}

/// What a new [`Connection`] is made of.
pub(super) struct About {
    pub(super) place: Place,
    pub(super) watch: Arc<Watch>,
    pub(super) observed: Arc<Observed>,
    pub(super) host: String,
    pub(super) authority: Authority,
    /// The connector's extensions.
    pub(super) extras: Extensions,
    pub(super) settings: Settings,
}

impl Connection {
    /// Returns a connection and its task. The caller spawns the task.
    pub(super) fn new<T: AsyncRead + AsyncWrite + Unpin>(
        sender: SendRequest<Bytes>,
        h2: h2::client::Connection<Transport<T>, Bytes>,
        about: About,
        lease: Lease,
    ) -> (Arc<Self>, Driver<T>) {
        let About { place, watch, observed, host, authority, mut extras, settings } = about;
        extras.insert(ConnectionUse::new(place.id, true));
        let connection = Arc::new(Self {
            place,
            watch,
            created: read_clock(),
            sender,
            observed: Arc::clone(&observed),
            host,
            authority,
            extras,
            is_closed: AtomicBool::new(false),
            opened: AtomicUsize::new(0),
            abandoned: Arc::new(AtomicWaker::new()),
            settings,
            held: AtomicUsize::new(0),
        });
        let most = observed.max_streams();
        let (abandoned, connection_of_task) = (Arc::clone(&connection.abandoned), Arc::downgrade(&connection));
        let driver = Driver {
            h2,
            connection: connection_of_task,
            most,
            observed,
            lease,
            place,
            abandoned,
            waker: None,
            ping_pong: None,
            farewell: None,
        };
        (connection, driver)
    }

    /// Returns h2's sender for one more stream, and how many streams were opened before. `None` if the connection takes no further streams.
    pub(super) fn open(&self) -> Option<(SendRequest<Bytes>, usize)> {
        self.is_open().then(|| (self.sender.clone(), self.opened.fetch_add(1, SeqCst)))
    }

    /// Returns how many streams were opened.
    pub(super) fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }

    /// Wakes the task, so that it looks at what was observed.
    pub(super) fn wake_task(&self) {
        self.abandoned.wake();
    }

    /// Whether the WINDOW_UPDATE for `len` bytes that were read may be held back. Half of the connection's window is left to other streams.
    pub(super) fn hold(&self, len: usize) -> bool {
        let may_hold =
            self.held.fetch_add(len, SeqCst).saturating_add(len) <= self.settings.connection_window as usize / 2;
        if !may_hold {
            self.let_go(len);
        }
        may_hold
    }

    /// Subtracts `len` from the bytes that are held back.
    pub(super) fn let_go(&self, len: usize) {
        self.held.fetch_sub(len, SeqCst);
    }

    /// Adds the connection's extensions to a response. `before` is how many requests the connection had before this one.
    pub(super) fn add_extras(&self, extensions: &mut Extensions, before: usize) {
        extensions.extend(self.extras.clone());
        if before == 0 {
            extensions.insert(ConnectionUse::new(self.place.id, false));
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns what was sent and received on the connection since its counters were `written` and `read`.
    pub(super) fn transfer(&self, before: usize, written: u64, read: u64) -> Transfer {
        Transfer {
            info: self.extras.get::<ConnectInfo>().cloned(),
            reused: before > 0,
            bytes_written: self.observed.bytes_written().saturating_sub(written),
            bytes_read: self.observed.bytes_read().saturating_sub(read),
        }
    }
}

impl Shared for Connection {
    fn place(&self) -> Place {
        self.place
    }

    fn runtime(&self) -> RuntimeId {
        self.watch.runtime()
    }

    fn created(&self) -> Instant {
        self.created
    }

    fn most(&self) -> usize {
        usize::try_from(self.observed.max_streams()).unwrap_or(usize::MAX)
    }

    fn has_said_most(&self) -> bool {
        self.observed.has_settings()
    }

    fn is_open(&self) -> bool {
        // The transport sees the end of a connection before the task does.
        !self.is_closed.load(SeqCst) && !self.observed.is_ending()
    }

    fn has_begun(&self) -> bool {
        self.opened() > 0
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        let had = self.observed.goaway()?.last.div_ceil(2) as usize;
        (had < self.opened.load(SeqCst)).then_some(had)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.abandoned.wake();
        self.observed.pulse.on_gone();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("place", &self.place)
            .field("opened", &self.opened)
            .field("most", &self.observed.max_streams())
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// Drives a connection: reads, writes, acknowledges PING and SETTINGS. Ends when the connection ends.
pub(in crate::client) struct Driver<T: 'static> {
    h2: h2::client::Connection<Transport<T>, Bytes>,
    connection: Weak<Connection>,
    /// How many streams the server allowed when waiting requests were last served.
    most: u32,
    observed: Arc<Observed>,
    /// Given back when the socket is closed.
    lease: Lease,
    place: Place,
    abandoned: Arc<AtomicWaker>,
    /// The waker that `abandoned` has. `abandoned` takes it at most once, so polls with the same waker need not register it again.
    waker: Option<Waker>,
    /// h2's PINGs, from the first PING on: with it, h2 does more at each poll of the connection.
    ping_pong: Option<PingPong>,
    /// The time that is left to send GOAWAY, once nobody holds the connection any more.
    farewell: Option<Pin<Box<Farewell>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Gives h2 a PING to send. Only one PING is under way at a time.
    #[cold]
    fn send_ping(&mut self, cx: &mut Context<'_>) {
        self.ping_pong = self.ping_pong.take().or_else(|| self.h2.ping_pong());
        if let Some(ping_pong) = &mut self.ping_pong {
            // The answer to the PING before this one shows in the count of bytes read.
            let _is_there = ping_pong.poll_pong(cx);
            // h2 refuses a second PING while one is under way. The answer to that one will do.
            drop(ping_pong.send_ping(Ping::opaque()));
        }
    }

    /// Applies what the last poll has shown: an end, a higher limit of streams, or that the connection is idle.
    fn look(&mut self, is_over: bool) {
        let is_ending = is_over || self.observed.is_ending();
        let most = self.observed.max_streams();
        let has_grown = mem::replace(&mut self.most, most) < most;
        if self.observed.is_idle() {
            // h2 wakes this task after the last stream was dropped. If a sequential caller has sent its next request by then, the connection is not
            // idle here, and the sweeper sets no timer for the moment in between.
            self.lease.has_idle();
        }
        if !is_ending && !has_grown {
            return;
        }
        let Some(connection) = self.connection.upgrade() else { return };
        if is_ending {
            self.close(&connection);
        } else {
            self.lease.serve();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let asks = self.observed.pulse.take_question();
        // The silence listener has woken this task, which took the waker.
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_known || asks || self.observed.pulse.is_silent() {
            self.abandoned.register(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        if asks {
            self.send_ping(cx);
        }
        let polled = Pin::new(&mut self.h2).poll(cx);
        self.look(polled.is_ready());
        if self.observed.pulse.is_dead() {
            tracing::debug!("an HTTP/2 connection was closed: its server is silent");
            return Poll::Ready(());
        }
        if polled.is_pending() && self.connection.strong_count() == 0 {
            let farewell = self.farewell.get_or_insert_with(Farewell::begin);
            ready!(farewell.as_mut().poll(cx));
            tracing::debug!("an HTTP/2 connection was closed: its server did not read what was left to be sent");
            return Poll::Ready(());
        }
        if let Err(error) = ready!(polled) {
            tracing::debug!(%error, "an HTTP/2 connection failed");
        }
        Poll::Ready(())
    }
}

pin_project! {
    /// The time that an abandoned connection has to send what is left, with GOAWAY at the end. A server that reads nothing would otherwise keep it
    /// open for ever.
    struct Farewell {
        until: Option<Instant>,
        #[pin]
        timer: Timer,
    }
}

impl Farewell {
    fn begin() -> Pin<Box<Self>> {
        Box::pin(Self { until: read_clock().checked_add(MOST_FOR_FAREWELL), timer: Timer::new() })
    }
}

impl Future for Farewell {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.timer.poll(*this.until, cx)
    }
}

impl<T> Driver<T> {
    /// Closes the connection for further streams, and takes it out of the pool.
    fn close(&self, connection: &Connection) {
        if !connection.is_closed.swap(true, SeqCst) {
            self.lease.leave(self.place);
        }
    }
}

impl<T> Drop for Driver<T> {
    /// A runtime that shuts down drops the task before the connection has ended.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.upgrade() {
            self.close(&connection);
        }
    }
}

/// Far more than a server needs that reads at all.
const MOST_FOR_FAREWELL: Duration = Duration::from_secs(5);
