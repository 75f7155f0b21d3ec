//! A connection that many exchanges share, and the task that drives it.
//!
//! The connection is what the exchanges and the pool hold. When the last of them lets go of it, h2 says GOAWAY, and the task closes the socket.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Extensions;
use http::uri::Authority;
use tokio::io::{AsyncRead, AsyncWrite};

use super::seen::Observed;
use super::settings::Settings;
use super::transport::Transport;
use crate::client::connection_use::ConnectionUse;
use crate::client::error::Transfer;
use crate::client::pool::{Lease, Place, RuntimeId, Shared, Watch};
use crate::client::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use crate::connect::ConnectInfo;
use crate::timer::read_clock;

/// A connection that many exchanges share.
pub(in crate::client) struct Connection {
    place: Place,
    watch: Arc<Watch>,
    created: Instant,
    sender: SendRequest<Bytes>,
    pub(super) observed: Arc<Observed>,
    pub(super) authority: Authority,
    /// What is said of the connection in every response.
    extras: Extensions,
    /// No stream is to be opened any more.
    is_closed: AtomicBool,
    /// It did not take a request.
    has_refused: AtomicBool,
    /// How many streams were opened.
    opened: AtomicUsize,
    pub(super) settings: Settings,
    /// How much was read of responses that the server has not been told.
    held: AtomicUsize,
}

/// What is known of a connection before it is one.
pub(super) struct About {
    pub(super) place: Place,
    pub(super) watch: Arc<Watch>,
    pub(super) observed: Arc<Observed>,
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
        let About { place, watch, observed, authority, extras, settings } = about;
        let connection = Arc::new(Self {
            place,
            watch,
            created: read_clock(),
            sender,
            observed,
            authority,
            extras,
            is_closed: AtomicBool::new(false),
            has_refused: AtomicBool::new(false),
            opened: AtomicUsize::new(0),
            settings,
            held: AtomicUsize::new(0),
        });
        let most = connection.most();
        let driver = Driver { h2, connection: Arc::downgrade(&connection), most, lease, place };
        (connection, driver)
    }

    /// What it takes to open a stream, and how many there were before. None if none is to be opened any more.
    pub(super) fn open(&self) -> Option<(SendRequest<Bytes>, usize)> {
        self.is_open().then(|| (self.sender.clone(), self.opened.fetch_add(1, SeqCst)))
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

    /// It does not take what it is given: its task has yet to see why.
    pub(super) fn on_refusal(&self) {
        self.has_refused.store(true, SeqCst);
    }

    /// Adds what is said of the connection to a response of a request that had `before` before it.
    pub(super) fn add_extras(&self, extensions: &mut Extensions, before: usize) {
        extensions.extend(self.extras.clone());
        extensions.insert(ConnectionUse::new(self.place.id, before > 0));
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

    fn is_open(&self) -> bool {
        // The transport knows before the task does.
        !self.is_closed.load(SeqCst)
            && !self.has_refused.load(SeqCst)
            && !self.observed.has_ended()
            && self.observed.goaway().is_none()
            && !self.observed.is_write_broken()
    }

    fn had_before_turning_away(&self) -> Option<usize> {
        let had = self.observed.goaway()?.last.div_ceil(2) as usize;
        (had < self.opened.load(SeqCst)).then_some(had)
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
    most: usize,
    /// Given back when the socket is closed.
    lease: Lease,
    place: Place,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Takes note of what the last poll has shown.
    fn look(&mut self, is_over: bool) {
        let Some(connection) = self.connection.upgrade() else { return };
        if is_over || !connection.is_open() {
            self.close(&connection);
            return;
        }
        let most = connection.most();
        if mem::replace(&mut self.most, most) < most {
            self.lease.serve();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.h2).poll(cx);
        self.look(polled.is_ready());
        if let Err(error) = ready!(polled) {
            tracing::debug!(%error, "a connection of HTTP/2 failed");
        }
        Poll::Ready(())
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
