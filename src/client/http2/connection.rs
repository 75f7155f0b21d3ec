//! A connection that many exchanges share, and the task that drives it.
//!
//! The connection is what the exchanges and the pool hold. When the last of them lets go of it, h2 says GOAWAY, and the task closes the socket.

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
    /// Host and port, as they are shown.
    host: String,
    pub(super) authority: Authority,
    /// What is said of the connection in every response but the first.
    extras: Extensions,
    /// No stream is to be opened any more.
    is_closed: AtomicBool,
    /// How many streams were opened.
    opened: AtomicUsize,
    /// The task is woken when nobody holds the connection any more, or the server is silent. h2 does not do that while it waits for the server to take
    /// something.
    abandoned: Arc<AtomicWaker>,
    pub(super) settings: Settings,
    /// How much was read of responses that the server has not been told.
    held: AtomicUsize,
}

/// What is known of a connection before it is one.
pub(super) struct About {
    pub(super) place: Place,
    pub(super) watch: Arc<Watch>,
    pub(super) observed: Arc<Observed>,
    pub(super) host: String,
    pub(super) authority: Authority,
    /// What the connector says of it.
    pub(super) extras: Extensions,
    pub(super) settings: Settings,
}

impl Connection {
    /// A connection and its task, which is to be started.
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

    /// What it takes to open a stream, and how many there were before. None if none is to be opened any more.
    pub(super) fn open(&self) -> Option<(SendRequest<Bytes>, usize)> {
        self.is_open().then(|| (self.sender.clone(), self.opened.fetch_add(1, SeqCst)))
    }

    /// How many streams were opened.
    pub(super) fn opened(&self) -> usize {
        self.opened.load(SeqCst)
    }

    /// Has the task look at what is known.
    pub(super) fn wake_task(&self) {
        self.abandoned.wake();
    }

    /// Whether the server need not be told that so much was read. Half of the window of the connection is left to other streams.
    pub(super) fn hold(&self, len: usize) -> bool {
        let may_hold =
            self.held.fetch_add(len, SeqCst).saturating_add(len) <= self.settings.connection_window as usize / 2;
        if !may_hold {
            self.let_go(len);
        }
        may_hold
    }

    /// So much of what was held is none any more.
    pub(super) fn let_go(&self, len: usize) {
        self.held.fetch_sub(len, SeqCst);
    }

    /// Adds what is said of the connection to a response of a request that had `before` before it.
    pub(super) fn add_extras(&self, extensions: &mut Extensions, before: usize) {
        extensions.extend(self.extras.clone());
        if before == 0 {
            extensions.insert(ConnectionUse::new(self.place.id, false));
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What has happened on the connection since it had written and read so much.
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
        // The transport knows before the task does.
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
        self.observed.pulse.rouse();
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

/// Drives a connection: reads, writes, answers pings and settings. Ends when the connection does.
pub(in crate::client) struct Driver<T: 'static> {
    h2: h2::client::Connection<Transport<T>, Bytes>,
    connection: Weak<Connection>,
    /// How many streams the server allowed when those that wait were last served.
    most: u32,
    observed: Arc<Observed>,
    /// Given back when the socket is closed.
    lease: Lease,
    place: Place,
    abandoned: Arc<AtomicWaker>,
    /// Who was left there. It is taken at most once, when nobody holds the connection any more, and so need not be left at each poll.
    waker: Option<Waker>,
    /// Once a PING was asked for: h2 does something for it at each poll.
    ping_pong: Option<PingPong>,
    /// Once nobody holds the connection any more.
    farewell: Option<Pin<Box<Farewell>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Gives h2 a PING to send. One is under way at a time.
    #[cold]
    fn send_ping(&mut self, cx: &mut Context<'_>) {
        self.ping_pong = self.ping_pong.take().or_else(|| self.h2.ping_pong());
        if let Some(ping_pong) = &mut self.ping_pong {
            // The answer to the one before is something that was read, which is all that is asked of it.
            let _is_there = ping_pong.poll_pong(cx);
            // Refused if one is under way: then that is the question.
            drop(ping_pong.send_ping(Ping::opaque()));
        }
    }

    /// Takes note of what the last poll has shown.
    fn look(&mut self, is_over: bool) {
        let is_ending = is_over || self.observed.is_ending();
        let most = self.observed.max_streams();
        let has_grown = mem::replace(&mut self.most, most) < most;
        if self.observed.is_idle() {
            // h2 has this task look when the last stream has gone. By then the next request may be there, of a caller that makes one after the other,
            // and no timer is set for the moment between them.
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
        // Who has asked, or has said that the server is silent, has taken the waker.
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
            tracing::debug!("a connection of HTTP/2 was closed whose server does not answer");
            return Poll::Ready(());
        }
        if polled.is_pending() && self.connection.strong_count() == 0 {
            let farewell = self.farewell.get_or_insert_with(Farewell::begin);
            ready!(farewell.as_mut().poll(cx));
            tracing::debug!("a connection of HTTP/2 was closed whose server did not take what was left to be sent");
            return Poll::Ready(());
        }
        if let Err(error) = ready!(polled) {
            tracing::debug!(%error, "a connection of HTTP/2 failed");
        }
        Poll::Ready(())
    }
}

pin_project! {
    /// The time that a connection has to send what is left, with GOAWAY at the end. A server that reads nothing would keep it for ever.
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
    /// No stream is to be opened any more.
    fn close(&self, connection: &Connection) {
        if !connection.is_closed.swap(true, SeqCst) {
            self.lease.leave(self.place);
        }
    }
}

impl<T> Drop for Driver<T> {
    /// The runtime may end before the connection does.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.upgrade() {
            self.close(&connection);
        }
    }
}

/// Far more than a server takes that reads at all.
const MOST_FOR_FAREWELL: Duration = Duration::from_secs(5);
