//! Whether the server still answers PINGs, and the waker of the silence listener, which sleeps while no stream is open.

use std::task::Context;

use crate::client::sync::AtomicWaker;
use crate::client::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[derive(Default)]
pub(super) struct Pulse {
    /// The server has not answered a PING in time: the connection takes no further streams.
    is_silent: AtomicBool,
    /// A PING is to be sent.
    asks: AtomicBool,
    /// The server has not answered for so long that the connection must end.
    is_dead: AtomicBool,
    /// The listener sleeps until a stream is opened.
    is_resting: AtomicBool,
    listener: AtomicWaker,
}

impl Pulse {
    /// Wakes a sleeping listener: a stream was opened.
    #[inline]
    pub(super) fn rouse(&self) {
        if self.is_resting.load(SeqCst) {
            self.listener.wake();
        }
    }

    /// Wakes the listener, which may wait for a time: the connection is gone.
    pub(super) fn on_gone(&self) {
        self.listener.wake();
    }

    /// Registers the listener. An [end of the connection](Self::on_gone) after this call wakes it.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        self.listener.register(cx.waker());
    }

    /// Notes that the listener, which [listens](Self::listen), is about to sleep. A stream that is opened after this call wakes it.
    pub(super) fn rest(&self) {
        self.is_resting.store(true, SeqCst);
    }

    pub(super) fn end_rest(&self) {
        self.is_resting.store(false, SeqCst);
    }

    /// Asks the task of the connection to send a PING.
    pub(super) fn ask(&self) {
        self.asks.store(true, SeqCst);
    }

    /// Whether a PING is to be sent. True once for each [`ask`](Self::ask).
    #[inline]
    pub(super) fn take_question(&self) -> bool {
        self.asks.load(SeqCst) && self.asks.swap(false, SeqCst)
    }

    /// The server has not answered a PING in time.
    pub(super) fn on_silence(&self) {
        self.is_silent.store(true, SeqCst);
    }

    /// Whether the connection takes no further streams, since the server does not answer.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(SeqCst)
    }

    /// The connection must end.
    pub(super) fn on_dead(&self) {
        self.is_dead.store(true, SeqCst);
        self.on_silence();
    }

    /// Whether the connection must end, since the server does not answer.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio_test::task;

    use super::*;

    #[test]
    fn a_stream_wakes_a_listener_that_sleeps_and_the_end_of_the_connection_any() {
        let pulse = Pulse::default();
        let mut listener = task::spawn(std::future::poll_fn(|cx| {
            pulse.listen(cx);
            Poll::<()>::Pending
        }));
        tokio_test::assert_pending!(listener.poll());
        // It waits for a time, at which it looks for streams itself.
        pulse.rouse();
        assert!(!listener.is_woken());
        pulse.on_gone();
        assert!(listener.is_woken());

        tokio_test::assert_pending!(listener.poll());
        pulse.rest();
        pulse.rouse();
        assert!(listener.is_woken());
    }
}
