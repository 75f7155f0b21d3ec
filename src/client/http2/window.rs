//! How much of a response the server may send.

use std::sync::Arc;

use h2::RecvStream;

use super::connection::Connection;
use crate::client::pool::Share;

/// The window of a response that is read.
///
/// Where all of the body fits into the window, the server is not told what was read: it needs no more. A server that has sent the last response may
/// have closed its socket, and what comes for that makes the system take back what is still on its way here.
pub(super) struct Window {
    /// Given back when the request has ended as well.
    share: Arc<Share<Connection>>,
    fits: bool,
    /// How much of what was read the server has not been told.
    held: usize,
}

impl Window {
    /// Of a body that has `length` bytes, if that is known.
    pub(super) fn new(share: Arc<Share<Connection>>, length: Option<u64>) -> Self {
        let fits = length.is_some_and(|length| length <= u64::from(share.connection().settings.stream_window));
        Self { share, fits, held: 0 }
    }

    /// So much was read.
    pub(super) fn on_read(&mut self, stream: &mut RecvStream, len: usize) {
        if self.fits && self.share.connection().hold(len) {
            self.held += len;
        } else {
            // It fails where there is no window any more.
            drop(stream.flow_control().release_capacity(len));
        }
    }
}

impl Drop for Window {
    /// With the stream h2 counts what was held as read.
    fn drop(&mut self) {
        self.share.connection().let_go(self.held);
    }
}
