//! How much of a response the server may send.

use h2::RecvStream;

use super::exchange::Stream;

/// The stream of a response that is read, and the window of that.
///
/// Where all of the body fits into the window, the server is not told what was read: it needs no more. A server that has sent the last response may
/// have closed its socket, and what comes for that makes the system take back what is still on its way here.
pub(super) struct Window {
    stream: Box<Stream>,
    fits: bool,
    /// How much of what was read the server has not been told.
    held: usize,
}

impl Window {
    /// Of a body that has `length` bytes, if that is known.
    pub(super) fn new(stream: Box<Stream>, length: Option<u64>) -> Self {
        let window = stream.rest.connection().settings.stream_window;
        let fits = length.is_some_and(|length| length <= u64::from(window));
        Self { stream, fits, held: 0 }
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// So much was read.
    pub(super) fn on_read(&mut self, recv: &mut RecvStream, len: usize) {
        if self.fits && self.stream.rest.connection().hold(len) {
            self.held += len;
        } else {
            // It fails where there is no window any more.
            drop(recv.flow_control().release_capacity(len));
        }
    }
}

impl Drop for Window {
    /// The stream is dropped next. With it, h2 counts what was held as read.
    fn drop(&mut self) {
        self.stream.rest.connection().let_go(self.held);
    }
}
