//! The wakers of a connection, for the whole of its life, whoever waits for it.
//!
//! hyper keeps the waker that a connection was last polled with: in the registration of the socket, in the channel of every
//! body. If that were the waker of the task that happens to use the connection, it would have to be replaced, by a poll,
//! each time the connection changes hands, and each frame taken would wake the task that takes it. The relay stays the
//! same, and knows whom to tell.
//!
//! There are two: one for the socket, which matters as long as the connection lives, and one for everything else, which matters
//! only while somebody uses it.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::client::pool::{Place, Watch};
use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use crate::lock::assert_unlocked;

/// Somebody polls the connection, or is about to: a wake-up is only noted.
const HELD: u8 = 0;
/// A task waits for the connection: it is woken.
const AWAITED: u8 = 1;
/// Nobody uses the connection: its sweeper is told where it is.
const IDLE: u8 = 2;

pub(in crate::client) struct Relay {
    state: AtomicU8,
    /// Something happened on the socket since the connection was last polled.
    socket: AtomicBool,
    /// Something else did: a body was read on, or can be sent on.
    other: AtomicBool,
    task: AtomicWaker,
    place: Place,
    /// Where an idle connection is found.
    key: AtomicUsize,
    watch: Arc<Watch>,
}

/// The relay as the socket sees it.
struct Socket(Arc<Relay>);

/// The relay as everything else does.
struct Other(Arc<Relay>);

impl Relay {
    #[inline]
    pub(in crate::client) fn new(place: Place, watch: Arc<Watch>) -> Arc<Self> {
        let (state, task, key) = (AtomicU8::new(HELD), AtomicWaker::new(), AtomicUsize::new(0));
        // It has not been polled at all.
        Arc::new(Self { state, socket: AtomicBool::new(true), other: AtomicBool::new(false), task, place, key, watch })
    }

    /// The waker for the socket, and the one for everything else.
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

    /// The connection is in somebody's hands.
    #[inline]
    pub(in crate::client) fn hold(&self) {
        self.state.store(HELD, SeqCst);
    }

    /// The connection is polled: what has happened so far is seen.
    #[inline]
    pub(in crate::client) fn on_poll(&self) {
        self.socket.store(false, SeqCst);
        self.other.store(false, SeqCst);
    }

    /// Whether something has happened on the socket that was not polled for.
    #[inline]
    pub(in crate::client) fn is_touched(&self) -> bool {
        self.socket.load(SeqCst)
    }

    /// Leaves the connection to wait for its next event, for the task of `cx`.
    #[inline]
    pub(in crate::client) fn wait(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
        self.state.store(AWAITED, SeqCst);
        // Whoever hits from here on sees the state; whoever did so before is seen here.
        if self.socket.load(SeqCst) || self.other.load(SeqCst) {
            // hyper wants to go on, but others may want to as well.
            cx.waker().wake_by_ref();
        }
    }

    /// Leaves the connection to its sweeper, which will find it by `key`. `false` if an event has been missed already.
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
        // Another task's waker may be called.
        assert_unlocked();
        let relay = &self.0;
        let was_touched = relay.socket.swap(true, SeqCst);
        match relay.state.load(SeqCst) {
            HELD => {}
            AWAITED => relay.task.wake(),
            // The sweeper has been told, or `rest` says that an event was missed.
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
        // An idle connection has nothing but a socket: this is the body of a response that is complete.
        if relay.state.load(SeqCst) == AWAITED {
            relay.task.wake();
        }
    }
}
