//! The HTTP/1.1 connection as the pool sees it: whether it can have another exchange, and what closes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Response, Version};

use super::keep_alive;
use super::wire::Wire;
use crate::client::http2::connection::Connection;
use crate::client::pool::{Lease, Owned, Place, Watch};
use crate::response_first::ResponseFirstHandle;

impl Wire {
    /// Ends the exchange: the connection goes back to the pool if it can have another exchange, and is closed otherwise.
    pub(in crate::client) fn settle(mut self: Box<Self>) {
        if self.is_usable() {
            let pool = Arc::clone(&self.pool);
            pool.check_in(self);
        }
    }

    /// Notes what the head of a response says of the connection: its version, and its `Keep-Alive` field.
    #[inline]
    pub(in crate::client) fn on_response<B>(&mut self, response: &Response<B>) {
        self.is_http10 = response.version() == Version::HTTP_10;
        // A server that sends `Keep-Alive` sends it in its first response too. If that had none, later responses are not searched for it.
        if !self.reused || self.kept_for.is_some() {
            self.kept_for = keep_alive::kept_for(response.headers());
        }
        self.is_doubted = false;
    }

    /// Notes that the server may have answered without reading all of the request, and may close the connection because of that. Then only requests
    /// that can be sent again may use the connection.
    pub(in crate::client) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// Whether the server may be about to close the connection, which has been idle for `idle_for`: its `Keep-Alive` time is nearly over, or it may
    /// not have read the last request.
    #[inline]
    pub(in crate::client) fn is_about_to_close(&self, idle_for: Duration) -> bool {
        self.is_doubted || self.kept_for.is_some_and(|kept_for| keep_alive::is_nearly_over(kept_for, idle_for))
    }

    /// Closes the connection, for the right to make another in its place.
    pub(in crate::client) fn give_up(mut self: Box<Self>) -> Option<Lease> {
        self.lease.take().map(Lease::redial)
    }
}

impl Owned for Wire {
    type Shared = Connection;

    #[inline]
    fn place(&self) -> Place {
        self.relay.place()
    }

    #[inline]
    fn watch(&self) -> &Watch {
        self.relay.watch()
    }

    #[inline]
    fn created(&self) -> Instant {
        self.created
    }

    #[inline]
    fn kept_for(&self) -> Option<Duration> {
        self.kept_for
    }

    #[inline]
    fn is_usable(&mut self) -> bool {
        self.relay.hold();
        let is_unfit = |below: &ResponseFirstHandle| below.is_broken() || below.is_blocked();
        if self.spent || self.below_tls.as_ref().is_some_and(is_unfit) || self.is_sending_body() {
            return false;
        }
        if !self.control.is_at_rest() {
            // No request was written yet. The wrapper holds reads back until then, so that what the server sends is taken for the response to that
            // request. In the pool there is no request: any data means that the connection cannot be used.
            return !self.control.is_broken() && !self.control.is_blocked() && self.look();
        }
        if (self.relay.is_touched() || !self.is_ready()) && self.poll_once().is_ready() {
            return false;
        }
        self.is_ready()
    }

    // A poll alone shows only what the runtime has already noticed of the socket.
    fn look(&mut self) -> bool {
        self.next_to_the_socket().look();
        let is_over = self.poll_once().is_ready();
        self.next_to_the_socket().end_look();
        // hyper ends an idle connection on which anything is read.
        !is_over && self.is_ready()
    }

    #[inline]
    fn on_return(&mut self) {
        self.reused = true;
        self.upload = None;
    }

    #[inline]
    fn rest(&self, key: usize) -> bool {
        self.relay.rest(key)
    }

    fn take_lease(&mut self) -> Option<Lease> {
        self.lease.take()
    }
}
