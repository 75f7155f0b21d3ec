//! The flow-control window of a response: how much of it the server may send.

use h2::RecvStream;

use super::exchange::Stream;

/// The stream of a response that is read, and its flow-control window.
///
/// If the whole body fits into the window, no WINDOW_UPDATE is sent, since the server needs none. A server that has sent its last response may have
/// closed its socket: a frame that reaches a closed socket is answered with a reset, and the reset discards what is still on its way here.
pub(super) struct Window {
    stream: Box<Stream>,
    fits: bool,
    /// How many bytes were read without a WINDOW_UPDATE.
    held: usize,
}

impl Window {
    /// The window of a body that has `length` bytes, if that is known.
    pub(super) fn new(stream: Box<Stream>, length: Option<u64>) -> Self {
        let window = stream.rest.connection().settings.stream_window;
        let fits = length.is_some_and(|length| length <= u64::from(window));
        Self { stream, fits, held: 0 }
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// `len` bytes of the body were read.
    pub(super) fn on_read(&mut self, recv: &mut RecvStream, len: usize) {
        if self.fits && self.stream.rest.connection().hold(len) {
            self.held += len;
        } else {
            // Fails if the stream has ended, which needs no window.
            drop(recv.flow_control().release_capacity(len));
        }
    }
}

impl Drop for Window {
    /// h2 counts held bytes as read when the stream is dropped, which happens next.
    fn drop(&mut self) {
        self.stream.rest.connection().let_go(self.held);
    }
}
