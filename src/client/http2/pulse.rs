//! Whether the server still answers, as far as it was asked, and where whoever asks it sleeps while nothing is waited for.

use std::task::Context;

use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[derive(Default)]
pub(super) struct Pulse {
    /// The server does not answer a PING.
    is_silent: AtomicBool,
    /// A PING is to be sent.
    asks: AtomicBool,
    /// It has not for so long that the connection is to end.
    is_dead: AtomicBool,
    /// The listener sleeps until a stream is watched.
    is_resting: AtomicBool,
    listener: AtomicWaker,
}

impl Pulse {
    /// A stream is watched, or there will be none any more.
    #[inline]
    pub(super) fn rouse(&self) {
        if self.is_resting.load(SeqCst) {
            self.listener.wake();
        }
    }

    /// The listener sleeps until it is roused. A stream that is watched afterwards rouses it.
    pub(super) fn rest(&self, cx: &Context<'_>) {
        self.listener.register(cx.waker());
        self.is_resting.store(true, SeqCst);
    }

    pub(super) fn end_rest(&self) {
        self.is_resting.store(false, SeqCst);
    }

    /// The task of the connection is to send a PING.
    pub(super) fn ask(&self) {
        self.asks.store(true, SeqCst);
    }

    /// Whether a PING is to be sent. It is asked for once.
    #[inline]
    pub(super) fn take_question(&self) -> bool {
        self.asks.load(SeqCst) && self.asks.swap(false, SeqCst)
    }

    /// The server does not answer a PING.
    pub(super) fn on_silence(&self) {
        self.is_silent.store(true, SeqCst);
    }

    /// Whether the connection is to have no further stream, since the server does not answer.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(SeqCst)
    }

    /// The connection is to end.
    pub(super) fn on_dead(&self) {
        self.is_dead.store(true, SeqCst);
        self.on_silence();
    }

    /// Whether the connection is to end, since the server does not answer.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(SeqCst)
    }
}
