//! The server's end of a connection: it answers, refuses, resets and cuts off requests, and ends the connection at a random instant.

use std::time::Duration;

use super::frame::{self, END_HEADERS, END_STREAM, Frame};
use super::heard::{Heard, Response};
use super::ledger::{Event, Ledger};
use super::requests::upload_of;
use crate::cases::{body_of, pass, some_time};
use crate::runs::Random;
use crate::server::Peer;
use crate::system::{has_unread, is_acknowledged};

/// A connection, until it is ended.
pub(super) struct Connection<'a> {
    peer: Peer,
    ledger: &'a Ledger,
    random: Random,
    heard: Heard,
    has_settings: bool,
    /// A request got no complete response, so the connection has to end.
    has_broken_off: bool,
    /// Streams without an action so far, and whether they may be handled before their requests are complete.
    waiting: Vec<(u32, bool)>,
    /// The last stream that was handled.
    newest: u32,
    /// The last stream that may be handled, as GOAWAY says.
    covered: u32,
    /// Requests whose responses were written and are not known to be acknowledged.
    written: Vec<usize>,
}

/// Whether a response goes on to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Whole,
    Cut,
}

impl<'a> Connection<'a> {
    pub(super) fn new(peer: Peer, ledger: &'a Ledger, random: Random) -> Self {
        Self {
            peer,
            ledger,
            random,
            heard: Heard::new(),
            has_settings: false,
            has_broken_off: false,
            waiting: Vec::new(),
            newest: 0,
            covered: MOST_STREAM,
            written: Vec::new(),
        }
    }

    /// Serves the connection at random.
    pub(super) fn serve(mut self) {
        let least = 1 << self.random.below(8);
        let requests = if self.random.below(64) == 0 { 0 } else { least + self.random.below(least) };
        let mut is_reset = false;
        if self.work(requests).and_then(|()| self.say_good_bye()).is_some() {
            pass(some_time(&mut self.random, 10));
            is_reset = self.end();
        } else {
            // A client without a complaint leaves when it has received everything.
            self.settle(true);
        }
        if !self.has_settings {
            // This decides all requests that were read.
            self.heard.streams.values().for_each(|stream| self.ledger.note(stream.request, Event::Decide));
        }
        if is_reset {
            self.peer.reset();
        }
    }

    /// Handles this many requests. `None` if the client has gone.
    fn work(&mut self, requests: u64) -> Option<()> {
        if requests == 0 {
            return Some(());
        }
        self.peer.bytes(PREFACE_LEN)?;
        let is_mute = self.random.below(32) == 0;
        if !is_mute && self.random.below(2) == 0 {
            self.send_settings();
        }
        for _ in 0..requests {
            let stream = self.next()?;
            if is_mute {
                return Some(());
            }
            if !self.has_settings {
                self.send_settings();
            }
            self.handle(stream);
            if self.has_broken_off {
                break;
            }
        }
        Some(())
    }

    /// Ends the connection. Returns `true` if it must be reset.
    fn end(&mut self) -> bool {
        match self.random.below(4) {
            0 => {
                self.peer.end_writing();
                while self.hear().is_some() {}
                self.settle(true);
            }
            1 if self.has_answered_all() => {
                // After GOAWAY, the client closes when it has its responses.
                while self.hear().is_some() {}
                self.settle(true);
            }
            2 => {
                if self.random.below(2) == 0 {
                    self.peer.send_closing_alert();
                }
                self.settle_if_acknowledged();
            }
            _ => {
                self.settle_if_acknowledged();
                return true;
            }
        }
        false
    }

    /// Whether GOAWAY was sent, and all streams that it covers were handled.
    fn has_answered_all(&self) -> bool {
        let mut covered = self.heard.streams.range(..=self.covered);
        self.covered < MOST_STREAM && covered.all(|(_, stream)| stream.response != Response::Open)
    }

    /// Sends GOAWAY, or not, and handles the streams that it covers, or not. `None` if the client has gone.
    fn say_good_bye(&mut self) -> Option<()> {
        if !self.has_settings || self.random.below(2) == 0 {
            return Some(());
        }
        if self.random.below(4) == 0 {
            // The graceful shutdown (RFC 9113 §6.8): requests on their way may still come.
            self.send_goaway(MOST_STREAM, NO_ERROR);
            let mut left = self.random.below(8);
            while left > 0 && !self.has_broken_off && !(self.waiting.is_empty() && self.is_quiet()) {
                let stream = self.next()?;
                self.handle(stream);
                left -= 1;
            }
        }
        let code = match self.random.below(8) {
            0 => INTERNAL_ERROR,
            1 => ENHANCE_YOUR_CALM,
            _ => NO_ERROR,
        };
        // Covers all handled streams, and perhaps more.
        let at = self.below(self.waiting.len() + 1);
        let more = self.waiting.get(at).map_or(0, |(stream, _)| *stream);
        self.covered = self.newest.max(more);
        self.send_goaway(self.covered, code);
        self.waiting.retain(|(stream, _)| *stream <= self.covered);
        let goes_on = self.random.below(2) == 0;
        while goes_on && !self.has_broken_off && !self.waiting.is_empty() {
            let stream = self.next()?;
            self.handle(stream);
        }
        Some(())
    }

    /// Returns the next stream to handle. `None` if the client has gone.
    fn next(&mut self) -> Option<u32> {
        loop {
            let is_ready =
                |&(_, &(stream, is_early)): &(usize, &(u32, bool))| is_early || self.heard.streams[&stream].has_ended;
            let ready: Vec<_> = self.waiting.iter().enumerate().filter(is_ready).map(|(at, _)| at).collect();
            let has_room = self.heard.window >= ROOM;
            if !ready.is_empty() && has_room && (self.random.below(4) == 0 || self.is_quiet()) {
                let at = ready[self.below(ready.len())];
                return Some(self.waiting.remove(at).0);
            }
            self.hear()?;
        }
    }

    /// Whether nothing arrives for a while.
    fn is_quiet(&mut self) -> bool {
        if self.peer.has_buffered() || has_unread(&self.peer.stream) {
            return false;
        }
        pass(some_time(&mut self.random, 6));
        !has_unread(&self.peer.stream)
    }

    /// Handles a stream.
    fn handle(&mut self, stream: u32) {
        let number = self.heard.streams[&stream].request;
        let conduct = self.random.below(128);
        if conduct == 0 {
            self.reset_stream(stream, REFUSED_STREAM);
            return;
        }
        self.newest = self.newest.max(stream);
        self.ledger.note(number, Event::Act);
        match conduct {
            1 => {
                self.ledger.note(number, Event::Decide);
                let code = CODES[self.below(CODES.len())];
                self.reset_stream(stream, code);
            }
            2 => {
                self.respond(stream, Length::Cut);
                self.reset_stream(stream, INTERNAL_ERROR);
            }
            3 => {
                self.respond(stream, Length::Cut);
                self.has_broken_off = true;
            }
            4 => self.has_broken_off = true,
            _ => self.respond(stream, Length::Whole),
        }
    }

    /// Writes a response.
    fn respond(&mut self, id: u32, length: Length) {
        let stream = &self.heard.streams[&id];
        let (number, is_early) = (stream.request, !stream.has_ended);
        assert!(is_early || stream.received == upload_of(number), "{number}: a body of {} bytes", stream.received);
        let body = body_of(number);
        let status = if is_early && self.random.below(2) == 0 { "413" } else { "200" };
        let (mut head, mut rest, mut block) = (Vec::new(), Vec::new(), Vec::new());
        frame::put_field(&mut block, ":status", status.as_bytes());
        if self.random.below(2) == 0 {
            frame::put_field(&mut block, "content-length", body.len().to_string().as_bytes());
        }
        frame::put(&mut head, frame::HEADERS, END_HEADERS, id, &block);
        self.ledger.note(number, Event::Begin);
        self.heard.window -= i64::try_from(body.len()).expect("a body is short");
        if length == Length::Cut {
            let part = self.below(body.len());
            frame::put(&mut rest, frame::DATA, 0, id, &body.as_bytes()[..part]);
            self.write(head, rest);
            return;
        }
        if self.random.below(8) == 0 {
            frame::put(&mut rest, frame::DATA, 0, id, body.as_bytes());
            let mut trailers = Vec::new();
            frame::put_field(&mut trailers, "x-trailer", b"1");
            frame::put(&mut rest, frame::HEADERS, END_HEADERS | END_STREAM, id, &trailers);
        } else {
            frame::put(&mut rest, frame::DATA, END_STREAM, id, body.as_bytes());
        }
        let mut state = Response::Complete;
        if is_early && self.random.below(2) == 0 {
            // The rest of the request is not wanted (RFC 9113 §8.1).
            frame::put(&mut rest, frame::RST_STREAM, 0, id, &NO_ERROR.to_be_bytes());
            state = Response::Reset;
        }
        self.set_state(id, state);
        if self.write(head, rest) {
            self.written.push(number);
        }
    }

    /// Writes both, together or separately. Returns whether the system took them.
    fn write(&mut self, head: Vec<u8>, rest: Vec<u8>) -> bool {
        if self.random.below(2) == 0 {
            self.peer.send([head, rest].concat())
        } else {
            self.peer.send(head) && self.peer.send(rest)
        }
    }

    fn reset_stream(&mut self, id: u32, code: u32) {
        self.set_state(id, Response::Reset);
        self.send(frame::RST_STREAM, id, &code.to_be_bytes());
    }

    fn set_state(&mut self, id: u32, state: Response) {
        self.heard.streams.get_mut(&id).expect("it is open").response = state;
    }

    fn send_settings(&mut self) {
        self.has_settings = true;
        let most = match self.random.below(4) {
            0 => Some(1 + self.random.below(8)),
            1 => Some(100),
            _ => None,
        };
        let most = most.map(|most| u32::try_from(most).expect("it is small"));
        self.heard.limits.extend(most.map(|most| (1, most as usize)));
        let setting = most.map(|most| [&MAX_CONCURRENT_STREAMS.to_be_bytes()[..], &most.to_be_bytes()].concat());
        self.send(frame::SETTINGS, 0, &setting.unwrap_or_default());
    }

    fn send_goaway(&mut self, last: u32, code: u32) {
        self.send(frame::GOAWAY, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat());
    }

    /// Sends a frame without flags. The client may have gone.
    fn send(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        let mut out = Vec::new();
        frame::put(&mut out, kind, 0, stream, payload);
        self.peer.send(out);
    }

    /// Reads a frame. `None` if the client has gone.
    fn hear(&mut self) -> Option<()> {
        if is_acknowledged(&self.peer.stream, Duration::ZERO) {
            self.settle(true);
        }
        let head = self.peer.bytes(HEAD_LEN)?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = self.peer.bytes(usize::try_from(len).expect("a length has 24 bits"))?;
        let before = self.heard.streams.len();
        let handled = self.heard.handle(Frame { kind: head[3], flags: head[4], stream, payload });
        assert_eq!(handled, Ok(()), "the client breaks the protocol");
        if self.heard.streams.len() > before {
            self.ledger.note(self.heard.streams[&stream].request, Event::Read);
            if stream <= self.covered {
                let is_early = self.random.below(4) == 0;
                self.waiting.push((stream, is_early));
            }
        }
        self.waiting.retain(|(stream, _)| self.heard.streams[stream].reset.is_none());
        let replies = std::mem::take(&mut self.heard.replies);
        if !replies.is_empty() {
            self.peer.send(replies);
        }
        Some(())
    }

    /// Notes whether the written responses have arrived.
    fn settle(&mut self, have_arrived: bool) {
        let event = if have_arrived { Event::Arrive } else { Event::Write };
        self.written.drain(..).for_each(|number| self.ledger.note(number, event));
    }

    /// Every fourth time, waits until they are acknowledged.
    fn settle_if_acknowledged(&mut self) {
        let patience = Duration::from_millis(if self.random.below(4) == 0 { 200 } else { 0 });
        let are_acknowledged = is_acknowledged(&self.peer.stream, patience);
        self.settle(are_acknowledged);
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = self.random.below(limit.try_into().expect("a usize has 64 bits"));
        number.try_into().expect("it is below a usize")
    }
}

const PREFACE_LEN: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEAD_LEN: usize = 9;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const MOST_STREAM: u32 = u32::MAX >> 1;

/// More than any body of a response.
const ROOM: i64 = 4096;

/// Error codes (RFC 9113 §7).
const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;
const ENHANCE_YOUR_CALM: u32 = 0xb;
/// The codes for streams that are reset without a response.
const CODES: [u32; 4] = [NO_ERROR, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM];
