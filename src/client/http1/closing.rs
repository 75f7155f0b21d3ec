//! Closes an HTTP/1.1 connection that is not in the pool.

use std::future::Future;
use std::mem;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use tokio::task::coop::unconstrained;

use super::wire::{Halves, Wire};
use crate::lock::assert_unlocked;
use crate::timer::read_clock;

impl Wire {
    /// If a request was given up after a while without a byte of a response, the path may be dead: the idle connections to the host are closed.
    fn tell_of_silence(&self) {
        // Without the lease the host is not known.
        let is_silent = self.lease.is_some() && self.control.bytes_read() == 0 && self.bytes_written() > 0;
        if is_silent && read_clock().saturating_duration_since(self.begun) >= SILENCE {
            self.pool.on_silence(self.relay.place().slot, self.begun);
        }
    }

    /// Closes the connection.
    ///
    /// *Both* halves are dropped. hyper's connection holds the receiver of the queue, and the sender keeps the queue alive: if one half were left, a
    /// request could stay in the queue forever. Afterwards hyper's result is final: a response or an error.
    pub(in crate::client) fn hang_up(&mut self) {
        let was_over = mem::replace(&mut self.is_over, true);
        self.tell_of_silence();
        let halves = self.halves.take();
        if self.resets || self.is_uploading() {
            self.next_to_the_socket().reset_on_close();
        } else if let Some(halves) = halves.filter(|_| self.does_tls && !was_over && !thread::panicking()) {
            self.begin_poll();
            send_closing_alert(halves);
        }
    }
}

/// How long the server must have been silent on a request before `tell_of_silence` closes the idle connections to its host.
const SILENCE: Duration = Duration::from_secs(1);

/// Sends the closing alert of TLS (RFC 9112 §9.8, RFC 8446 §6.1), if the system takes it at once. Nothing waits for a connection that is closed.
///
/// Dropping the sender tells hyper that no request will come, so that one poll of the connection shuts it down and writes the alert.
fn send_closing_alert(halves: Halves) {
    let Halves { sender, connection } = halves;
    drop(sender);
    // hyper polls the I/O of the connector, which is foreign code.
    assert_unlocked();
    let _is_shut_down = pin!(unconstrained(connection)).poll(&mut Context::from_waker(Waker::noop()));
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.hang_up();
    }
}
