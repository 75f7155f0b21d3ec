//! The server's end of a connection of HTTP/2.
//!
//! Each frame is handled twice: for the judge when the client has written it, and for the server when the server has noticed it.

use std::collections::VecDeque;
use std::mem;

use super::acting::Actor;
use super::frames::{self, Frame, Reader};
use super::stream::Stream;
use super::{dials, fields, judge};
use crate::ledger::{Attempt, Rule, Stamp};
use crate::net::{Connection, Event, State};
use crate::plan::{Pause, Step};
use crate::{judge as any, wire};

/// The server's end of a connection of HTTP/2.
#[derive(Debug)]
pub(crate) struct Server {
    reader: Reader,
    /// Frames that the server has not noticed.
    inbox: VecDeque<Frame>,
    /// The streams in the order of opening: 1, 3, 5 and so on.
    pub(super) streams: Vec<Stream>,
    pub(super) actor: Actor,
    pub(super) is_deaf: bool,
    /// How many bytes the server has written, sent or not.
    pub(super) written: u64,
    /// Where the first SETTINGS end.
    pub(super) settings_end: Option<u64>,
    /// The stream limits of SETTINGS that the client has not acknowledged, after the acknowledged one.
    pub(super) unacknowledged: VecDeque<Option<u32>>,
    pub(super) most: Option<u32>,
    /// The stream limit that the server has sent last.
    pub(super) said: Option<u32>,
    /// The client's windows: of the connection, and the initial one of streams.
    pub(super) window: i64,
    initial_window: i64,
    pub(super) goaways: Vec<GoAway>,
    /// No bytes beyond this number are sent.
    pub(super) limit: Option<u64>,
    is_sending: bool,
    /// When each number of bytes became readable, and when it was read.
    deliveries: Vec<(u64, Stamp)>,
    reads: Vec<(u64, Stamp)>,
}

/// A GOAWAY that the server has written.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoAway {
    /// Where it ends in the bytes of the connection.
    pub(super) end: u64,
    pub(super) last: u32,
    pub(super) code: u32,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            reader: Reader::default(),
            inbox: VecDeque::new(),
            streams: Vec::new(),
            actor: Actor::default(),
            is_deaf: false,
            written: 0,
            settings_end: None,
            unacknowledged: VecDeque::new(),
            most: None,
            said: None,
            window: DEFAULT_WINDOW,
            initial_window: DEFAULT_WINDOW,
            goaways: Vec::new(),
            limit: None,
            is_sending: false,
            deliveries: Vec::new(),
            reads: Vec::new(),
        }
    }
}

/// The client has written `bytes`.
pub(crate) fn accept(state: &mut State, id: usize, bytes: &[u8]) {
    let connection = &mut state.connections[id];
    connection.accepted += bytes.len() as u64;
    connection.http2.reader.push(bytes);
    loop {
        match state.connections[id].http2.reader.next() {
            Ok(None) => return,
            Ok(Some(frame)) => {
                if let Err(problem) = on_frame(state, id, &frame) {
                    state.ledger.violate(Rule::WrongRequest, format!("on connection {id} {problem}"));
                }
                state.connections[id].http2.inbox.push_back(frame);
            }
            Err(problem) => {
                return state.ledger.violate(Rule::WrongRequest, format!("on connection {id} {problem}"));
            }
        }
    }
}

/// The client has written a frame.
fn on_frame(state: &mut State, id: usize, frame: &Frame) -> Result<(), String> {
    match frame {
        Frame::Headers { stream, block, ends } => {
            let attempt = begin(state, id, *stream, block)?;
            if *ends {
                any::on_whole_request(&mut state.ledger, attempt);
            }
            state.connections[id].http2.stream(*stream).ok_or("there is no such stream")?.client_has_ended = *ends;
        }
        Frame::Data { stream, data, ends } => {
            let stream = state.connections[id].http2.stream(*stream).ok_or("DATA is for no stream")?;
            let attempt = stream.attempt;
            stream.client_has_ended |= ends;
            any::on_content(&mut state.ledger, attempt, data);
            if *ends {
                any::on_whole_request(&mut state.ledger, attempt);
            }
        }
        Frame::Reset { stream } => {
            let server = &mut state.connections[id].http2;
            let is_turned_away = server.last().is_some_and(|last| last < *stream);
            match server.stream(*stream) {
                Some(stream) => stream.client_has_reset = true,
                // The request was cancelled before it was written. A server that has sent GOAWAY ignores that (RFC 9113 §6.8).
                None if is_turned_away => {}
                None => return Err(format!("RST_STREAM is for stream {stream}, which was not opened")),
            }
        }
        Frame::SettingsAck => {
            let server = &mut state.connections[id].http2;
            let most = server.unacknowledged.pop_front().ok_or("settings were acknowledged that nobody sent")?;
            server.most = most.or(server.most);
        }
        Frame::Settings { .. } | Frame::Ping(_) | Frame::Window { .. } | Frame::Other => {}
    }
    Ok(())
}

/// Begins a request. Returns its attempt.
fn begin(state: &mut State, id: usize, stream: u32, block: &[u8]) -> Result<usize, String> {
    let request = fields::request_id(block)?;
    let connection = &state.connections[id];
    if (request as usize) >= state.ledger.requests.len() {
        return Err(format!("{request} was asked for, and by nobody"));
    }
    let expected = connection.http2.streams.len() as u32 * 2 + 1;
    if stream != expected {
        return Err(format!("stream {stream} was opened, not {expected}"));
    }
    let (delivered_before, read_before) = (connection.delivered, connection.read);
    let began = state.stamp();
    let attempt = state.ledger.attempts.len();
    let connection = &mut state.connections[id];
    state.ledger.attempts.push(Attempt {
        request,
        connection: id,
        began,
        accepted: block.len() as u64,
        head_end: Some(connection.accepted),
        end: None,
        content: 0,
        reused: !connection.attempts.is_empty(),
        delivered_before,
        read_before,
        answer: None,
    });
    connection.attempts.push(attempt);
    let steps = steps_of(&connection.script.steps, connection.http2.streams.len() + 1);
    let is_head = state.ledger.requests[request as usize].ask.method == crate::plan::Method::Head;
    let server = &mut connection.http2;
    let is_turned_away = server.last().is_some_and(|last| last < stream);
    let window = server.initial_window;
    server.streams.push(Stream::new(stream, attempt, is_head, is_turned_away, window, Actor::new(steps)));
    judge::on_attempt(state, id, attempt);
    dials::on_stream(state, id);
    Ok(attempt)
}

/// Returns the steps of the connection, or of one of its streams.
fn steps_of(steps: &[Step], which: usize) -> Vec<Step> {
    steps.split(|step| *step == Step::Stream).nth(which).map(<[Step]>::to_vec).unwrap_or_default()
}

/// The client has read something.
pub(crate) fn on_read(state: &mut State, id: usize) {
    let now = state.stamp();
    let connection = &mut state.connections[id];
    connection.http2.reads.push((connection.read, now));
}

/// A wait of the server is over.
pub(crate) fn on_timer(state: &mut State, id: usize, token: u64) {
    if state.connections[id].is_served {
        return;
    }
    let server = &mut state.connections[id].http2;
    if token == SEND {
        server.is_sending = false;
    } else {
        let who = (token >> 32) as usize;
        let actor = match who {
            0 => &mut server.actor,
            _ => &mut server.streams[who - 1].actor,
        };
        if !actor.is_waiting || actor.epoch != token as u32 {
            return;
        }
        actor.done();
        server.is_deaf &= who > 0;
    }
    advance(state, id);
}

/// Continues everything as far as possible now.
pub(crate) fn advance(state: &mut State, id: usize) {
    if state.connections[id].is_served || !state.connections[id].is_connected {
        return;
    }
    let mut server = mem::take(&mut state.connections[id].http2);
    server.advance(state, id);
    state.connections[id].http2 = server;
}

impl Server {
    fn advance(&mut self, net: &mut State, id: usize) {
        if self.actor.is_new() {
            self.actor = Actor::new(steps_of(&net.connections[id].script.steps, 0));
        }
        loop {
            let before = (self.actor.at, self.written);
            self.hear(net, id);
            self.act(net, id);
            for at in 0..self.streams.len() {
                if net.connections[id].is_served {
                    return;
                }
                self.serve(net, id, at);
            }
            self.send(net, id);
            if net.connections[id].is_served {
                return;
            }
            if (self.actor.at, self.written) == before {
                break;
            }
        }
        if net.connections[id].has_shut_down && self.inbox.is_empty() {
            wire::close(net, id);
        }
    }

    /// Handles the frames that were noticed.
    fn hear(&mut self, net: &mut State, id: usize) {
        if self.is_deaf {
            return;
        }
        while let Some(frame) = self.inbox.pop_front() {
            match frame {
                Frame::Settings { window } => {
                    let window = window.map_or(self.initial_window, i64::from);
                    let change = window - mem::replace(&mut self.initial_window, window);
                    self.streams.iter_mut().for_each(|stream| stream.window += change);
                    self.write(net, id, &frames::settings_ack());
                }
                Frame::Ping(payload) => self.write(net, id, &frames::pong(&payload)),
                Frame::Window { stream: 0, bytes } => self.window += i64::from(bytes),
                Frame::Window { stream, bytes } => {
                    self.stream(stream).into_iter().for_each(|stream| stream.window += i64::from(bytes));
                }
                Frame::Headers { stream, ends, .. } => {
                    if let Some(stream) = self.stream(stream) {
                        (stream.is_here, stream.has_end) = (true, ends);
                    }
                }
                Frame::Data { stream, data, ends } => {
                    let Some(stream) = self.stream(stream) else { continue };
                    stream.has_end |= ends;
                    stream.unread += data.len() as u64;
                }
                Frame::Reset { stream } => {
                    self.stream(stream).into_iter().for_each(|stream| stream.is_gone = true);
                }
                Frame::SettingsAck | Frame::Other => {}
            }
        }
        let connection = &mut net.connections[id];
        if connection.taken < connection.accepted {
            connection.taken = connection.accepted;
            let (runtime, waker) = (connection.runtime, connection.writer.take());
            net.wake(runtime, waker);
        }
    }

    /// Writes bytes after the SETTINGS.
    pub(super) fn write(&mut self, net: &mut State, id: usize, bytes: &[u8]) {
        if self.settings_end.is_none() {
            self.settings(net, id, None, None);
        }
        self.written += bytes.len() as u64;
        net.connections[id].outbox.extend_from_slice(bytes);
    }

    /// Sends written bytes: all of them, or one segment.
    pub(super) fn send(&mut self, net: &mut State, id: usize) {
        let connection = &mut net.connections[id];
        if connection.outbox.is_empty() || self.is_sending {
            return;
        }
        let segment = connection.script.segment.map_or(usize::MAX, |segment| segment.max(1) as usize);
        let room = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(connection.delivered));
        let bytes = connection.outbox.len().min(segment).min(usize::try_from(room).unwrap_or(usize::MAX));
        let bytes: Vec<u8> = connection.outbox.drain(..bytes).collect();
        let is_left = room > 0 && !connection.outbox.is_empty();
        wire::deliver(net, id, &bytes);
        let (now, delivered) = (net.stamp(), net.connections[id].delivered);
        self.deliveries.push((delivered, now));
        if is_left {
            self.is_sending = true;
            net.schedule(Pause { ms: 0, rounds: 1 }, Event::Timer(id, SEND));
        }
    }

    /// Returns the last stream that is not turned away, if there is one.
    pub(super) fn last(&self) -> Option<u32> {
        self.goaways.last().map(|goaway| goaway.last)
    }

    /// Whether a stream is open.
    pub(super) fn has_streams(&self) -> bool {
        self.streams.iter().any(Stream::is_open)
    }

    /// Whether a stream was refused, so that the next may go elsewhere.
    pub(super) fn has_refused(&self) -> bool {
        self.streams.iter().any(|stream| stream.reset.is_some())
    }

    fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut((id.checked_sub(1)? / 2) as usize)
    }

    /// Returns when this many bytes had been read.
    pub(super) fn read_at(&self, bytes: u64) -> Option<Stamp> {
        self.reads.iter().find(|(read, _)| *read >= bytes).map(|(_, at)| *at)
    }

    /// Returns when this many bytes of the connection could be read.
    pub(super) fn arrived_at(&self, connection: &Connection, bytes: u64) -> Option<Stamp> {
        let delivery = self.deliveries.iter().find(|(delivered, _)| *delivered >= bytes);
        delivery.filter(|_| connection.delivered >= bytes).map(|(_, at)| *at)
    }
}

/// The initial window (RFC 9113 §6.9.2).
const DEFAULT_WINDOW: i64 = 65_535;

/// The timer of the next segment.
const SEND: u64 = u64::MAX;
