//! The cases: how the server ends connections, and which requests it gets.

use std::convert::Infallible;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::{Method, Request, StatusCode, Uri};

use crate::ledger::Ledger;
use crate::runs::{AnyBody, Random, empty, full, now, request};
use crate::server::{Head, Peer};
use crate::system::{has_unread, is_acknowledged};

/// How the server ends its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// It answers and closes at once, with or without `Connection: close`.
    Close,
    /// It closes an idle connection without notice, about when the next request comes.
    Idle,
    /// It answers, and resets the connection.
    Reset,
    /// It refuses an upload that is under way, and closes or resets the connection.
    Refusal,
}

impl Case {
    pub(crate) const ALL: [Self; 4] = [Self::Close, Self::Idle, Self::Reset, Self::Refusal];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Close => "answer and close",
            Self::Idle => "close while idle",
            Self::Reset => "answer and reset",
            Self::Refusal => "early 413",
        }
    }

    pub(crate) fn method(self, number: usize) -> Method {
        match self {
            Self::Refusal => Method::POST,
            // Few enough that most requests use reused connections.
            Self::Close | Self::Idle | Self::Reset if number % 8 == 7 => Method::POST,
            Self::Close | Self::Idle | Self::Reset => Method::GET,
        }
    }

    pub(crate) fn request(self, number: usize, uri: Uri) -> Request<AnyBody> {
        let body = match self {
            Self::Refusal if number % 2 == 0 => full(Bytes::from_static(&UPLOAD)),
            Self::Refusal => in_pieces(Bytes::from_static(&UPLOAD)),
            Self::Close | Self::Idle | Self::Reset => empty(),
        };
        request(self.method(number), uri, body)
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Refusal => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Close | Self::Idle | Self::Reset => StatusCode::OK,
        }
    }

    /// The server's side of a connection.
    pub(crate) fn serve(self, mut peer: Peer, ledger: &Ledger, random: &mut Random) {
        match self {
            Self::Close => {
                if let Some(number) = next(&mut peer, ledger) {
                    let (framing, says_close) = match random.below(4) {
                        0 => (Framing::Length, false),
                        1 => (Framing::Length, true),
                        2 => (Framing::Chunks, random.below(2) == 0),
                        _ => (Framing::Close, true),
                    };
                    if self.answer(&mut peer, number, framing, says_close, random) {
                        // The whole request was read, so the FIN follows the response in order.
                        ledger.answered(number, true);
                    }
                    // Without the closing alert, a body that ends with the connection was cut off.
                    if framing == Framing::Close || (peer.tls().is_some() && random.below(2) == 0) {
                        peer.send_closing_alert();
                    }
                }
            }
            Self::Idle => {
                while let Some(number) = next(&mut peer, ledger) {
                    if !self.answer(&mut peer, number, Framing::Length, false, random) {
                        return;
                    }
                    // The next request is sent after the response was read, so that no end can overtake the response.
                    ledger.answered(number, true);
                    if random.below(2) == 0 {
                        return end_unannounced(peer, ledger, random);
                    }
                }
            }
            Self::Reset => {
                while let Some(number) = next(&mut peer, ledger) {
                    let framing = if random.below(2) == 0 { Framing::Length } else { Framing::Chunks };
                    let says_close = random.below(4) == 0;
                    if !self.answer(&mut peer, number, framing, says_close, random) {
                        return;
                    }
                    if says_close || random.below(2) == 0 {
                        ledger.answered(number, may_be_acknowledged(&peer, random));
                        return peer.reset();
                    }
                    ledger.answered(number, true);
                }
            }
            Self::Refusal => {
                let Some(head) = peer.head() else { return };
                let number = number_of(&head);
                ledger.read(number);
                if !self.answer(&mut peer, number, Framing::Length, random.below(2) == 0, random) {
                    return;
                }
                match random.below(3) {
                    0 => {
                        peer.end_writing();
                        ledger.answered(number, true);
                        peer.drain();
                    }
                    // With the unread part of the upload, this close is a reset as well.
                    1 => ledger.answered(number, may_be_acknowledged(&peer, random)),
                    _ => {
                        ledger.answered(number, may_be_acknowledged(&peer, random));
                        peer.reset();
                    }
                }
            }
        }
    }

    /// Sends a response. Returns whether the system took all of it.
    fn answer(self, peer: &mut Peer, number: usize, framing: Framing, says_close: bool, random: &mut Random) -> bool {
        let (head, body) = answer(self.status(), number, framing, says_close);
        if random.below(2) == 0 { peer.send(head) && peer.send(body) } else { peer.send(head + &body) }
    }
}

/// Reads the next request, and returns its number.
fn next(peer: &mut Peer, ledger: &Ledger) -> Option<usize> {
    let number = number_of(&peer.request()?);
    ledger.read(number);
    Some(number)
}

fn number_of(head: &Head) -> usize {
    head.path().parse().expect("the path of a request is its number")
}

/// Closes a connection that is idle, or has just got the next request.
fn end_unannounced(mut peer: Peer, ledger: &Ledger, random: &mut Random) {
    pass(some_time(random, 10));
    if peer.tls().is_some() && random.below(2) == 0 {
        peer.send_closing_alert();
    }
    if random.below(2) == 0 {
        if has_unread(&peer.stream) {
            ledger.came_late();
        }
        return;
    }
    peer.stream.shutdown(Shutdown::Write).ok();
    // Later requests are read, and cannot be answered.
    while next(&mut peer, ledger).is_some() {
        ledger.came_late();
    }
}

/// Whether the client's system has acknowledged the response. Waits for that every other time.
fn may_be_acknowledged(peer: &Peer, random: &mut Random) -> bool {
    let is_acknowledged = random.below(2) == 0 && is_acknowledged(&peer.stream, Duration::from_millis(200));
    if is_acknowledged {
        pass(some_time(random, 6));
    }
    is_acknowledged
}

/// Returns a random time in microseconds, up to two to the power of `most`, with all magnitudes equally likely.
pub(crate) fn some_time(random: &mut Random, most: u64) -> Duration {
    let least = 1 << random.below(most);
    Duration::from_micros(least + random.below(least))
}

/// Waits with microsecond precision, and lets other threads run.
pub(crate) fn pass(time: Duration) {
    let start = now();
    while start.elapsed() < time {
        std::thread::yield_now();
    }
}

/// How the end of a response's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    /// By the end of the connection.
    Close,
}

/// Returns the body of every response to this request.
pub(crate) fn body_of(number: usize) -> String {
    format!("{number}\n{}", "-".repeat(number % 3 * 700))
}

/// Returns the head of a response, and its encoded body.
fn answer(status: StatusCode, number: usize, framing: Framing, says_close: bool) -> (String, String) {
    let body = body_of(number);
    let close = if says_close { "connection: close\r\n" } else { "" };
    let (field, body) = match framing {
        Framing::Length => (format!("content-length: {}\r\n", body.len()), body),
        Framing::Chunks => {
            ("transfer-encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
        }
        Framing::Close => (String::new(), body),
    };
    (format!("HTTP/1.1 {status}\r\n{field}{close}\r\n"), body)
}

static UPLOAD: [u8; 64 * 1024] = [b'u'; 64 * 1024];

/// Returns a body of unknown length that lets other tasks run between its pieces.
pub(crate) fn in_pieces(bytes: Bytes) -> AnyBody {
    let pieces = stream::unfold(bytes, |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::task::yield_now().await;
        let piece = rest.split_to(rest.len().min(4096));
        Some((Ok::<_, Infallible>(Frame::data(piece)), rest))
    });
    BodyExt::boxed(StreamBody::new(pieces))
}
