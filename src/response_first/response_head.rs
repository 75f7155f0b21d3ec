//! Finds the status of the final response in the bytes that are read, however they are split. Pure functions.

use super::request_head::RequestHead;

/// Reads the responses to one request up to the status of the final one (RFC 9110 §15).
#[derive(Debug)]
pub(super) struct ResponseHead {
    is_connect: bool,
    at: At,
}

#[derive(Debug)]
enum At {
    /// In the status line. `line` has the first `length` bytes of it.
    Status { line: [u8; STATUS.len()], length: usize },
    /// In the rest of the head of an informational response.
    Fields { begins_line: bool },
}

/// What the final response means for the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The stream is still HTTP. This is also returned if the response is not HTTP at all.
    Http,
    /// The stream is not HTTP any more: the status is `101`, or `CONNECT` was successful.
    Switched,
}

impl ResponseHead {
    /// Reads the responses to the request with this head.
    pub(super) fn of(head: &RequestHead) -> Self {
        Self { is_connect: head.is_connect, at: At::START }
    }

    /// Reads the next bytes. `None` if the final status is still to come.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Answer> {
        for &byte in bytes {
            self.at = match &mut self.at {
                // Empty lines before a status line are tolerated (RFC 9112 §2.2).
                At::Status { length: 0, .. } if matches!(byte, b'\r' | b'\n') => continue,
                At::Status { line, length } => {
                    line[*length] = byte;
                    *length += 1;
                    if *length < line.len() {
                        continue;
                    }
                    match status(line) {
                        Some(b"101") => return Some(Answer::Switched),
                        Some([b'1', _, _]) => At::Fields { begins_line: false },
                        Some([b'2', _, _]) if self.is_connect => return Some(Answer::Switched),
                        _ => return Some(Answer::Http),
                    }
                }
                At::Fields { begins_line: true } if byte == b'\n' => At::START,
                At::Fields { begins_line: true } if byte == b'\r' => continue,
                At::Fields { .. } => At::Fields { begins_line: byte == b'\n' },
            };
        }
        None
    }
}

impl At {
    const START: Self = Self::Status { line: [0; STATUS.len()], length: 0 };
}

/// Returns the three digits of the status, if this is a status line of HTTP/1.
fn status(line: &[u8; STATUS.len()]) -> Option<&[u8; 3]> {
    if line.starts_with(b"HTTP/1.") { line.last_chunk() } else { None }
}

/// An example of the first bytes of a response, up to the status. Only its length is used.
const STATUS: &[u8] = b"HTTP/1.1 200";

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the result for `text` in one piece. Asserts that it is the same in two pieces, wherever it is cut, and byte by byte.
    fn answer(is_connect: bool, text: &str) -> Option<Answer> {
        let head = RequestHead { is_connect };
        let read = |pieces: &[&[u8]]| {
            let mut response = ResponseHead::of(&head);
            pieces.iter().find_map(|piece| response.read(piece))
        };
        let whole = read(&[text.as_bytes()]);
        for at in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(read(&[first, second]), whole, "{text:?} cut at {at}");
        }
        assert_eq!(read(&text.as_bytes().chunks(1).collect::<Vec<_>>()), whole, "{text:?}");
        whole
    }

    #[test]
    fn an_upgrade_is_what_is_answered_with_101() {
        assert_eq!(answer(false, "HTTP/1.1 101 Switching Protocols\r\n\r\n"), Some(Answer::Switched));
        for declined in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 404 No\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\n\r\n"]
        {
            assert_eq!(answer(false, declined), Some(Answer::Http), "{declined:?}");
        }
    }

    #[test]
    fn a_tunnel_is_what_is_answered_with_success() {
        assert_eq!(answer(true, "HTTP/1.1 200 Connected\r\n\r\n"), Some(Answer::Switched));
        assert_eq!(answer(true, "HTTP/1.0 204\r\n\r\n"), Some(Answer::Switched));
        assert_eq!(answer(true, "HTTP/1.1 407 Who?\r\n\r\n"), Some(Answer::Http));
    }

    #[test]
    fn informational_responses_come_before_the_final_one() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: <HTTP/1.1 101>\r\n\r\n";
        let go_on = "HTTP/1.1 100 Continue\n\n";
        assert_eq!(answer(false, early), None);
        assert_eq!(answer(false, &format!("{go_on}{early}\r\nHTTP/1.1 101 \r\n\r\n")), Some(Answer::Switched));
        assert_eq!(answer(false, &format!("{early}{go_on}HTTP/1.1 200 OK\r\n\r\n")), Some(Answer::Http));
        assert_eq!(answer(true, &format!("{go_on}HTTP/1.1 200 OK\r\n\r\n")), Some(Answer::Switched));
    }

    #[test]
    fn what_is_no_http_is_final() {
        assert_eq!(answer(true, "SSH-2.0-OpenSSH_9.9\r\n"), Some(Answer::Http));
        assert_eq!(answer(false, "HTTP/1.1 1"), None);
    }
}
