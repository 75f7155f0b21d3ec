//! A request and its response, as the server sees them.

use super::acting::Actor;
use super::server::Server;
use super::{fields, frames};
use crate::http1::{content, for_whom};
use crate::ledger::Answered;
use crate::net::State;
use crate::plan::{Answer, Framing, Step, Until};

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) attempt: usize,
    is_head: bool,
    pub(super) actor: Actor,

    // What the client has written.
    pub(super) client_has_ended: bool,
    pub(super) client_has_reset: bool,

    // What the server has noticed of the request.
    pub(super) is_here: bool,
    pub(super) has_end: bool,
    /// The client has reset it.
    pub(super) is_gone: bool,
    /// Bytes of the request that are unread, and that are read; and how many of them the present step waits for.
    pub(super) unread: u64,
    read: u64,
    target: Option<u64>,

    // What the server has written.
    /// The client's window of this stream.
    pub(super) window: i64,
    /// Where an informational response ends in the bytes of the connection.
    pub(super) informed: Option<u64>,
    pub(super) answer: Option<usize>,
    framing: Framing,
    /// Bytes of the response that are not written, and how many of them the present step writes.
    left: u64,
    sending: Option<u64>,
    pub(super) has_ended: bool,
    /// Where its RST_STREAM ends, and the error code.
    pub(super) reset: Option<(u64, u32)>,
    /// A GOAWAY does not cover it.
    pub(super) is_turned_away: bool,
}

impl Stream {
    pub(super) fn new(id: u32, attempt: usize, is_head: bool, is_turned_away: bool, window: i64, actor: Actor) -> Self {
        Self {
            id,
            attempt,
            is_head,
            actor,
            client_has_ended: false,
            client_has_reset: false,
            is_here: false,
            has_end: false,
            is_gone: false,
            unread: 0,
            read: 0,
            target: None,
            window,
            informed: None,
            answer: None,
            framing: Framing::Length(0),
            left: 0,
            sending: None,
            has_ended: false,
            reset: None,
            is_turned_away,
        }
    }

    /// Whether both sides have ended the stream.
    pub(super) fn is_complete(&self) -> bool {
        self.has_ended && self.has_end
    }

    /// Whether the stream is over for the server.
    pub(super) fn is_over(&self) -> bool {
        self.is_complete() || self.is_gone || self.reset.is_some() || self.is_turned_away
    }

    /// Whether the stream counts against the limit, as far as the client can know.
    pub(super) fn is_open(&self) -> bool {
        let is_complete = self.client_has_ended && self.has_ended;
        !is_complete && !self.client_has_reset && self.reset.is_none() && !self.is_turned_away
    }

    /// Returns the step that serves the stream correctly.
    fn step_by_itself(&self) -> Step {
        match self.answer {
            None if !self.has_end => Step::Read(Until::End),
            None => Step::Answer(Answer { status: 200, framing: Framing::Length(7), close: false }),
            Some(_) if !self.has_ended => Step::SendRest,
            Some(_) => Step::Read(Until::End),
        }
    }
}

impl Server {
    /// Runs the steps of a stream.
    pub(super) fn serve(&mut self, net: &mut State, id: usize, at: usize) {
        loop {
            let stream = &mut self.streams[at];
            if !stream.is_here {
                return;
            }
            if stream.is_over() {
                let unread = std::mem::take(&mut stream.unread);
                if unread > 0 {
                    self.write(net, id, &frames::window(0, unread as u32));
                }
                return;
            }
            let is_done = match stream.actor.step().unwrap_or_else(|| stream.step_by_itself()) {
                Step::Wait(pause) => return stream.actor.wait(net, id, at + 1, pause),
                Step::Read(until) => self.read(net, id, at, until),
                Step::Inform(status) => {
                    if stream.answer.is_none() {
                        let head = frames::headers(stream.id, &fields::informational(status), false);
                        self.write(net, id, &head);
                        self.streams[at].informed.get_or_insert(self.written);
                    }
                    true
                }
                Step::Answer(answer) => {
                    self.answer(net, id, at, answer);
                    true
                }
                Step::Send(bytes) => self.send_some(net, id, at, bytes.into()),
                Step::SendRest => self.send_some(net, id, at, u64::MAX),
                Step::ResetStream(code) => {
                    let reset = frames::reset(stream.id, code);
                    self.write(net, id, &reset);
                    self.streams[at].reset = Some((self.written, code));
                    true
                }
                _ => true,
            };
            if !is_done {
                return;
            }
            let stream = &mut self.streams[at];
            (stream.target, stream.sending) = (None, None);
            stream.actor.done();
        }
    }

    /// Reads, and opens the window by as much. Returns whether that is enough for the step.
    fn read(&mut self, net: &mut State, id: usize, at: usize, until: Until) -> bool {
        let stream = &mut self.streams[at];
        let target = match until {
            Until::Begun | Until::Head => return true,
            Until::Body(bytes) => {
                let read = stream.read;
                *stream.target.get_or_insert_with(|| read + u64::from(bytes))
            }
            Until::End => u64::MAX,
        };
        let bytes = stream.unread.min(target - stream.read);
        stream.unread -= bytes;
        stream.read += bytes;
        let is_done = stream.read == target || (stream.has_end && stream.unread == 0);
        let (stream, has_end) = (stream.id, stream.has_end);
        if bytes > 0 {
            if !has_end {
                self.write(net, id, &frames::window(stream, bytes as u32 + MORE));
            }
            self.write(net, id, &frames::window(0, bytes as u32));
        }
        is_done
    }

    /// Writes the head of a response.
    fn answer(&mut self, net: &mut State, id: usize, at: usize, answer: Answer) {
        let stream = &mut self.streams[at];
        if stream.answer.is_some() {
            return;
        }
        let number = net.ledger.answers.len();
        let (attempt, stream_id) = (stream.attempt, stream.id);
        let whose = for_whom(Some(net.ledger.attempts[attempt].request), number);
        let has_content = !stream.is_head && !matches!(answer.status, 204 | 304);
        let (bytes, length) = match answer.framing {
            Framing::Length(bytes) => (bytes, Some(bytes).filter(|_| answer.status != 204)),
            Framing::Chunked(bytes) | Framing::Trailers(bytes) | Framing::UntilClose(bytes) => (bytes, None),
        };
        stream.answer = Some(number);
        stream.framing = answer.framing;
        stream.left = if has_content { bytes.into() } else { 0 };
        stream.has_ended = stream.left == 0 && (!has_content || matches!(answer.framing, Framing::Length(_)));
        let (content, ends) = (stream.left, stream.has_ended);
        let length = length.filter(|_| answer.status != 304);
        let start = self.written;
        self.write(net, id, &frames::headers(stream_id, &fields::response(answer.status, &whose, length), ends));
        net.ledger.answers.push(Answered {
            attempt: Some(attempt),
            connection: id,
            status: answer.status,
            close: false,
            until_close: false,
            start,
            head_end: self.written,
            end: if ends { self.written } else { u64::MAX },
            content,
            has_trailers: !ends && matches!(answer.framing, Framing::Trailers(_)),
            first_arrived: None,
            head_arrived: None,
            all_arrived: None,
        });
        net.ledger.attempts[attempt].answer = Some(number);
        net.connections[id].answers.push(number);
    }

    /// Writes this many bytes of a response, with END_STREAM at its end. Returns whether the window had room for them.
    fn send_some(&mut self, net: &mut State, id: usize, at: usize, bytes: u64) -> bool {
        loop {
            let window = self.window;
            let stream = &mut self.streams[at];
            let Some(answer) = stream.answer.filter(|_| !stream.has_ended) else { return true };
            let sending = stream.sending.get_or_insert(bytes);
            let goes_on = *sending > stream.left;
            if stream.left == 0 {
                if goes_on {
                    self.finish(net, id, at, answer);
                }
                return true;
            }
            let comes_in_many = matches!(stream.framing, Framing::Chunked(_)) && stream.left <= MANY;
            let most = if comes_in_many { SMALL } else { LARGE };
            let room = u64::try_from(stream.window.min(window)).unwrap_or(0);
            let len = stream.left.min(*sending).min(most).min(room);
            if *sending == 0 {
                return true;
            }
            if len == 0 {
                return false;
            }
            *sending -= len.min(*sending);
            if bytes == u64::MAX {
                *sending = u64::MAX;
            }
            stream.window -= len as i64;
            self.window -= len as i64;
            let stream = &mut self.streams[at];
            let request = net.ledger.attempts[stream.attempt].request;
            let from = net.ledger.answers[answer].content - stream.left;
            stream.left -= len;
            stream.has_ended = stream.left == 0 && matches!(stream.framing, Framing::Length(_));
            let (stream_id, ends) = (stream.id, stream.has_ended);
            let data: Vec<u8> = (from..from + len).map(|offset| content(request, offset)).collect();
            self.write(net, id, &frames::data(stream_id, &data, ends));
            if ends {
                net.ledger.answers[answer].end = self.written;
            }
        }
    }

    /// Writes the end of a response whose last frame of data does not have END_STREAM.
    fn finish(&mut self, net: &mut State, id: usize, at: usize, answer: usize) {
        let stream = &mut self.streams[at];
        stream.has_ended = true;
        let (stream_id, has_trailers) = (stream.id, matches!(stream.framing, Framing::Trailers(_)));
        let end = match has_trailers {
            true => frames::headers(stream_id, &fields::trailers(), true),
            false => frames::data(stream_id, &[], true),
        };
        self.write(net, id, &end);
        net.ledger.answers[answer].end = self.written;
    }
}

/// How much the window grows at each read, so that an upload through the smallest window ends.
const MORE: u32 = 2_000;

/// The largest frames of a response: of a short one in many frames, and of others. h2 ends a connection with too much unread data in small frames.
const MANY: u64 = 100;
const SMALL: u64 = 16;
const LARGE: u64 = 4_096;
