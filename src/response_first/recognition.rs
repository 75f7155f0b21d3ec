//! Recognises requests and upgrades in the bytes that are written and read, under a client that does not report them.

use super::handle::ResponseFirstHandle;
use super::request_head::RequestHead;
use super::response_head::{Answer, ResponseHead};

/// The state of the messages on a connection, as far as it can be seen in the bytes.
pub(crate) struct Recognition {
    /// The next write may begin a request.
    between_messages: bool,
    /// Reads the responses to the present request, until the status of the final one is known.
    response: Option<ResponseHead>,
}

impl Recognition {
    /// The state of a connection on which nothing was sent yet.
    pub(crate) const fn new() -> Self {
        Self { between_messages: true, response: None }
    }

    /// `first` is about to be written.
    #[inline]
    pub(crate) fn on_write(&mut self, first: &[u8], handle: &ResponseFirstHandle) {
        if self.between_messages {
            self.between_messages = false;
            if handle.recognises_requests() {
                self.response = RequestHead::of(first).map(|head| {
                    handle.reset_counts();
                    ResponseHead::of(&head)
                });
            }
        }
    }

    /// `bytes` were read. After the status of the final response the next write may begin a request. If the stream is upgraded, the handle is
    /// disarmed.
    #[inline]
    pub(crate) fn on_read(&mut self, bytes: &[u8], handle: &ResponseFirstHandle) {
        self.between_messages = match self.response {
            None => true,
            Some(_) => self.is_answered(bytes, handle),
        };
    }

    #[cold]
    fn is_answered(&mut self, bytes: &[u8], handle: &ResponseFirstHandle) -> bool {
        let Some(answer) = self.response.as_mut().and_then(|response| response.read(bytes)) else {
            return false;
        };
        self.response = None;
        if answer == Answer::Switched {
            handle.disarm();
        }
        true
    }
}
