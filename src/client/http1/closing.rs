//! The end of a connection that is in somebody's hands.

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
    /// A request that the server has not said a byte to for a while makes its other connections suspect: the path may be dead.
    fn tell_of_silence(&self) {
        // Whoever has the lease knows the host.
        let is_silent = self.lease.is_some() && self.control.bytes_read() == 0 && self.bytes_written() > 0;
        if is_silent && read_clock().saturating_duration_since(self.begun) >= SILENCE {
            self.pool.on_silence(self.relay.place().slot, self.begun);
        }
    }

    /// Closes the connection.
    ///
    /// *Both* halves are dropped: the connection holds the receiver of the queue, the sender keeps the queue alive, and a
    /// request in between would be in nobody's hands. After that every response is decided.
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

/// How long a server is to have been silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Has TLS say that nothing more will come (RFC 9112 §9.8, RFC 8446 §6.1), if the system takes that at once: nobody waits for a connection that is closed.
///
/// A connection to which nobody can give a request any more is shut down by hyper.
fn send_closing_alert(halves: Halves) {
    let Halves { sender, connection } = halves;
    drop(sender);
    // hyper polls the connector's I/O.
    assert_unlocked();
    let _is_shut_down = pin!(unconstrained(connection)).poll(&mut Context::from_waker(Waker::noop()));
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.hang_up();
    }
}
