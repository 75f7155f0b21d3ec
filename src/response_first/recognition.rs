//! Recognises requests and upgrades in what is written and read under a client that says nothing of them.

use super::handle::ResponseFirstHandle;
use super::request_head::RequestHead;
use super::response_head::{Answer, ResponseHead};

/// Where a connection is between its messages, as far as its bytes tell.
pub(crate) struct Recognition {
    /// The next write may begin a request.
    between_messages: bool,
    /// The responses to the request under way, until the status of the final one is read.
    response: Option<ResponseHead>,
}

impl Recognition {
    /// Of a connection on which nothing has been sent yet.
    pub(crate) const fn new() -> Self {
        Self { between_messages: true, response: None }
    }

    /// `first` is written next, or tried to be.
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

    /// `bytes` were read. After the status of the final response the next write may begin a request; the handle is disarmed if there will be none.
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
