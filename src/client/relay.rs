//! One waker for the whole life of a connection, whoever waits for it.
//!
//! hyper keeps the waker that a connection was last polled with, in the socket's registration and in the channel of every body. If that
//! were the waker of the task that happens to use the connection, it would have to be replaced, by a poll, each time the
//! connection changes hands, and each frame taken would wake the task that takes it. The relay stays the same, and knows
//! whom to tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::task::{Wake, Waker};

use atomic_waker::AtomicWaker;

use super::pool::{Place, Watch};

/// Somebody polls the connection, or is about to: a wake-up is only noted.
const HELD: u8 = 0;
/// A task waits for the connection: it is woken.
const AWAITED: u8 = 1;
/// Nobody uses the connection: the sweeper is told where it is.
const IDLE: u8 = 2;

pub(super) struct Relay {
    state: AtomicU8,
    /// There was a wake-up since the connection was last polled.
    hit: AtomicBool,
    task: AtomicWaker,
    place: Place,
    watch: Arc<Watch>,
}

impl Relay {
    pub(super) fn new(place: Place, watch: Arc<Watch>) -> Arc<Self> {
        let (state, hit) = (AtomicU8::new(HELD), AtomicBool::new(true));
        Arc::new(Self { state, hit, task: AtomicWaker::new(), place, watch })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The connection is in somebody's hands.
    pub(super) fn hold(&self) {
        self.state.store(HELD, SeqCst);
    }

    /// Whether the connection is worth a poll. It is about to be polled, if so.
    pub(super) fn take_hit(&self) -> bool {
        // Most often there is none; to look costs less than to swap.
        self.hit.load(SeqCst) && self.hit.swap(false, SeqCst)
    }

    /// Leaves the connection to wait for its next event. `false` if that has been missed already.
    #[must_use]
    pub(super) fn await_with(&self, waker: &Waker) -> bool {
        self.task.register(waker);
        self.state.store(AWAITED, SeqCst);
        // Whoever hits from here on sees the state; whoever did so before is seen here.
        !self.hit.load(SeqCst)
    }

    /// Leaves the connection to the sweeper. `false` if an event has been missed already.
    #[must_use]
    pub(super) fn rest(&self) -> bool {
        self.state.store(IDLE, SeqCst);
        !self.hit.load(SeqCst)
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.hit.store(true, SeqCst);
        match self.state.load(SeqCst) {
            HELD => {}
            AWAITED => self.task.wake(),
            _idle => self.watch.touched(self.place.clone()),
        }
    }
}
