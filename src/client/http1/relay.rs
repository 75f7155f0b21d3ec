//! The relay of a connection: two wakers that stay the same for the whole life of the connection, and pass wake-ups on to the task or the sweeper
//! that waits for it.
//!
//! hyper keeps the waker that a connection was last polled with, in the registration of the socket and in the channel of every body. With the waker
//! of the task that uses the connection, a poll would be needed to replace it each time another task takes the connection. And each frame that a
//! task reads would wake that same task.
//!
//! One waker is for the socket, and counts as long as the connection lives. The other is for everything else, and counts only while the connection
//! is in use.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::client::pool::{Place, Watch};
use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use crate::lock::assert_unlocked;

/// The connection is being polled, or about to be: events are only noted.
const HELD: u8 = 0;
/// A task waits for the connection: an event wakes it.
const AWAITED: u8 = 1;
/// The connection is idle: an event is told to the sweeper of its runtime.
const IDLE: u8 = 2;

pub(in crate::client) struct Relay {
    state: AtomicU8,
    /// There was an event on the socket since the connection was last polled.
    socket: AtomicBool,
    /// There was another event since the last poll: the reader took a part of a response body, or a request body has more to send.
    other: AtomicBool,
    task: AtomicWaker,
    place: Place,
    /// The key of the idle connection on the pool's shelf.
    key: AtomicUsize,
    watch: Arc<Watch>,
}

/// The waker for the socket.
struct Socket(Arc<Relay>);

/// The waker for everything else.
struct Other(Arc<Relay>);

impl Relay {
    #[inline]
    pub(in crate::client) fn new(place: Place, watch: Arc<Watch>) -> Arc<Self> {
        let (state, task, key) = (AtomicU8::new(HELD), AtomicWaker::new(), AtomicUsize::new(0));
        // A new connection was never polled: it starts with an event.
        Arc::new(Self { state, socket: AtomicBool::new(true), other: AtomicBool::new(false), task, place, key, watch })
    }

    /// Returns the waker for the socket, and the one for everything else.
    #[inline]
    pub(in crate::client) fn wakers(self: &Arc<Self>) -> (Waker, Waker) {
        (Waker::from(Arc::new(Socket(Arc::clone(self)))), Waker::from(Arc::new(Other(Arc::clone(self)))))
    }

    #[inline]
    pub(in crate::client) fn place(&self) -> Place {
        self.place
    }

    /// What the connection shares with its sweeper.
    #[inline]
    pub(in crate::client) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The connection is taken by an exchange, a body or a task, which will poll it: until then events are only noted.
    #[inline]
    pub(in crate::client) fn hold(&self) {
        self.state.store(HELD, SeqCst);
    }

    /// The connection is about to be polled, which handles all events so far.
    #[inline]
    pub(in crate::client) fn on_poll(&self) {
        self.socket.store(false, SeqCst);
        self.other.store(false, SeqCst);
    }

    /// Whether there was an event on the socket since the last poll.
    #[inline]
    pub(in crate::client) fn is_touched(&self) -> bool {
        self.socket.load(SeqCst)
    }

    /// Has the next event wake the task of `cx`.
    #[inline]
    pub(in crate::client) fn wait(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
        self.state.store(AWAITED, SeqCst);
        // An event after the store above sees the new state. An event before it is seen here.
        if self.socket.load(SeqCst) || self.other.load(SeqCst) {
            // Poll again, after other tasks had their turn.
            cx.waker().wake_by_ref();
        }
    }

    /// Leaves the connection to its sweeper, which finds it by `key`. Returns `false` if there was an event that was not handled yet.
    #[inline]
    #[must_use]
    pub(in crate::client) fn rest(&self, key: usize) -> bool {
        self.key.store(key, SeqCst);
        self.state.store(IDLE, SeqCst);
        !self.socket.load(SeqCst)
    }
}

impl Wake for Socket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        // The waker of another task may be called, which is foreign code.
        assert_unlocked();
        let relay = &self.0;
        let was_touched = relay.socket.swap(true, SeqCst);
        match relay.state.load(SeqCst) {
            HELD => {}
            AWAITED => relay.task.wake(),
            // The sweeper was told already, or `rest` returns `false`.
            _idle if was_touched => {}
            _idle => relay.watch.touched(relay.key.load(SeqCst), relay.place.id),
        }
    }
}

impl Wake for Other {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        let relay = &self.0;
        relay.other.store(true, SeqCst);
        // An idle connection has no body: then this is a late event of a response that is complete, and does not matter.
        if relay.state.load(SeqCst) == AWAITED {
            relay.task.wake();
        }
    }
}
