//! Recognises requests and upgrades in the bytes that are written and read, under a client that does not report them.

use super::handle::ResponseFirstHandle;
use super::request_head::RequestHead;
use super::response_head::{Answer, ResponseHead};

/// The state of the messages on a connection, as far as it can be seen in the bytes.
pub(crate) struct Recognition {
    /// The next write may begin a request.
    between_messages: bool,
    awaited: Awaited,
}

/// What is looked for in what is read.
enum Awaited {
    Nothing,
    /// The first bytes of the connection.
    First,
    /// The responses to the request under way, until the status of the final one is read.
    Response(ResponseHead),
}

/// How an alert of TLS begins, of any version since SSL 3.0: type and major version (RFC 8446 §5.1).
const ALERT: [u8; 2] = [21, 3];

impl Recognition {
    /// The state of a connection on which nothing was sent yet.
    pub(crate) const fn new() -> Self {
        Self { between_messages: true, awaited: Awaited::First }
    }

    /// `first` is about to be written.
    #[inline]
    pub(crate) fn on_write(&mut self, first: &[u8], handle: &ResponseFirstHandle) {
        if self.between_messages {
            self.between_messages = false;
            if handle.recognises_requests() {
                self.awaited = RequestHead::of(first).map_or(Awaited::Nothing, |head| {
                    handle.reset_counts();
                    Awaited::Response(ResponseHead::of(&head))
                });
            }
        }
    }

    /// `bytes` were read. After the status of the final response the next write may begin a request. If the stream is upgraded, the handle is
    /// disarmed.
    #[inline]
    pub(crate) fn on_read(&mut self, bytes: &[u8], handle: &ResponseFirstHandle) {
        self.between_messages = match self.awaited {
            Awaited::Nothing => true,
            Awaited::First | Awaited::Response(_) => self.is_answered(bytes, handle),
        };
    }

    #[cold]
    fn is_answered(&mut self, bytes: &[u8], handle: &ResponseFirstHandle) -> bool {
        match &mut self.awaited {
            Awaited::Nothing => {}
            Awaited::First if bytes.starts_with(&ALERT) => handle.on_tls_alert(),
            Awaited::First => {}
            Awaited::Response(response) => match response.read(bytes) {
                None => return false,
                Some(Answer::Http) => {}
                Some(Answer::Switched) => handle.disarm(),
            },
        }
        self.awaited = Awaited::Nothing;
        true
    }
}
