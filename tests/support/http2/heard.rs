//! What the server has received on a connection, and its automatic replies: to SETTINGS and PING, and WINDOW_UPDATE for DATA.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use loona_hpack::Decoder;

use super::frame::{self, ACK, END_HEADERS, END_STREAM, FIRST_WINDOW, Frame, MOST, code_name};

/// What was received, frame by frame.
pub(crate) struct Heard {
    decoder: Decoder<'static>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    /// Streams that the script has not used yet.
    untaken: VecDeque<u32>,
    /// The stream that the script used last.
    pub(crate) last: u32,
    /// The beginning of a field block: its stream, the flags of its HEADERS, and its bytes so far.
    block: Option<(u32, u8, Vec<u8>)>,
    pub(crate) has_settings: bool,
    pub(crate) settings_acks: usize,
    /// The stream limits, each with the number of SETTINGS acks after which it applies.
    pub(crate) limits: Vec<(usize, usize)>,
    pub(crate) ping_acks: usize,
    pub(crate) goaway: Option<u32>,
    /// The connection's window for sending.
    pub(crate) window: i64,
    /// The initial window of new streams for sending.
    first_window: i64,
    pub(crate) received: usize,
    /// How many received bytes have no WINDOW_UPDATE for the connection yet.
    unopened: usize,
    has_ended: bool,
    events: Vec<Event>,
    /// Bytes to write.
    pub(crate) replies: Vec<u8>,
    /// No automatic WINDOW_UPDATE.
    pub(crate) keeps_windows: bool,
    /// No automatic replies at all.
    pub(crate) is_mute: bool,
}

pub(crate) struct Stream {
    /// The number in the path.
    pub(crate) request: usize,
    pub(crate) method: String,
    pub(crate) received: usize,
    /// The client has sent END_STREAM.
    pub(crate) has_ended: bool,
    /// The error code of the client's RST_STREAM.
    pub(crate) reset: Option<u32>,
    pub(crate) response: Response,
    /// The stream's window for sending.
    pub(crate) window: i64,
}

/// The state of the server's response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Response {
    Open,
    Complete,
    /// The server has sent RST_STREAM.
    Reset,
}

enum Event {
    Data { stream: u32, len: usize, end: bool },
    Other(String),
}

impl Heard {
    pub(crate) fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            streams: BTreeMap::new(),
            untaken: VecDeque::new(),
            last: 0,
            block: None,
            has_settings: false,
            settings_acks: 0,
            limits: Vec::new(),
            ping_acks: 0,
            goaway: None,
            window: FIRST_WINDOW,
            first_window: FIRST_WINDOW,
            received: 0,
            unopened: 0,
            has_ended: false,
            events: Vec::new(),
            replies: Vec::new(),
            keeps_windows: false,
            is_mute: false,
        }
    }

    /// Makes the next stream, or this one if it is open, the one that the script uses.
    pub(crate) fn take(&mut self, stream: Option<u32>) -> bool {
        let at = match stream {
            None => (!self.untaken.is_empty()).then_some(0),
            Some(stream) => self.untaken.iter().position(|untaken| *untaken == stream),
        };
        let taken = at.and_then(|at| self.untaken.remove(at));
        self.last = taken.unwrap_or(self.last);
        taken.is_some()
    }

    /// Returns what was received, as lines. The last line says how the connection ended.
    pub(crate) fn events(&self) -> impl Iterator<Item = String> {
        self.events.iter().map(|event| match event {
            Event::Data { stream, len, end } => format!("DATA {stream} {len}{}", ending(*end)),
            Event::Other(text) => text.clone(),
        })
    }

    /// The connection has ended. Later reads report the end again.
    pub(crate) fn on_end(&mut self, end: &str) {
        if !mem::replace(&mut self.has_ended, true) {
            self.events.push(Event::Other(end.into()));
        }
    }

    /// Handles a frame. The error says what no client may send.
    pub(crate) fn handle(&mut self, frame: Frame) -> Result<(), String> {
        let Frame { kind, flags, stream, payload } = frame;
        if payload.len() > MOST {
            // No script allows larger frames.
            return Err(format!("a frame of {} bytes", payload.len()));
        }
        if let Some((open, ..)) = &self.block {
            if kind != frame::CONTINUATION || stream != *open {
                return Err(format!("a frame of kind {kind} within the fields of stream {open}"));
            }
        }
        match kind {
            frame::DATA => self.handle_data(stream, payload.len(), flags & END_STREAM > 0),
            frame::HEADERS if flags & !(END_STREAM | END_HEADERS) == 0 => self.handle_block(stream, flags, payload),
            frame::CONTINUATION => {
                let (_, first, mut block) = self.block.take().ok_or("a CONTINUATION of nothing")?;
                block.extend(payload);
                self.handle_block(stream, first & END_STREAM | flags & END_HEADERS, block)
            }
            frame::RST_STREAM => {
                let code = number(&payload)?;
                self.streams.get_mut(&stream).ok_or("a RST_STREAM of no stream")?.reset = Some(code);
                self.on(format!("RST_STREAM {stream} {}", code_name(code)))
            }
            frame::SETTINGS if flags & ACK > 0 => {
                self.settings_acks += 1;
                Ok(())
            }
            frame::SETTINGS => self.handle_settings(&payload),
            frame::PING if flags & ACK > 0 => {
                self.ping_acks += 1;
                if payload == frame::PINGED { Ok(()) } else { Err("an ack of another PING".into()) }
            }
            frame::PING => {
                frame::put(&mut self.replies, frame::PING, ACK, 0, &payload);
                Ok(())
            }
            frame::GOAWAY => {
                let code = number(payload.get(4..8).ok_or("half a GOAWAY")?)?;
                self.goaway = Some(code);
                self.on(format!("GOAWAY {}", code_name(code)))
            }
            frame::WINDOW_UPDATE => {
                let more = i64::from(number(&payload)?);
                match stream {
                    0 => self.window += more,
                    _ => self.streams.get_mut(&stream).ok_or("a WINDOW_UPDATE of no stream")?.window += more,
                }
                Ok(())
            }
            frame::PRIORITY => Ok(()),
            _ => Err(format!("a frame of kind {kind} with the flags {flags}")),
        }
    }

    fn handle_data(&mut self, id: u32, len: usize, end: bool) -> Result<(), String> {
        let stream = self.streams.get_mut(&id).ok_or("DATA of no stream")?;
        if stream.has_ended || stream.reset.is_some() {
            return Err(format!("DATA after the end of stream {id}"));
        }
        stream.received += len;
        stream.has_ended = end;
        self.received += len;
        let is_open = !end && stream.response == Response::Open;
        if len > 0 && !self.keeps_windows {
            let mut open = |stream, more: usize| {
                let more = u32::try_from(more).unwrap().to_be_bytes();
                frame::put(&mut self.replies, frame::WINDOW_UPDATE, 0, stream, &more);
            };
            self.unopened += len;
            // Not for each frame: the client's system acknowledges small segments late, and sends few before that.
            if self.unopened >= MOST {
                open(0, mem::take(&mut self.unopened));
            }
            if is_open {
                open(id, len);
            }
        }
        // The client may split a body into frames as it likes.
        match self.events.last_mut() {
            Some(Event::Data { stream, len: before, end: has_ended }) if *stream == id => {
                *before += len;
                *has_ended = end;
            }
            _ => self.events.push(Event::Data { stream: id, len, end }),
        }
        Ok(())
    }

    fn handle_block(&mut self, id: u32, flags: u8, block: Vec<u8>) -> Result<(), String> {
        if flags & END_HEADERS == 0 {
            self.block = Some((id, flags, block));
            return Ok(());
        }
        let fields = self.decoder.decode(&block).map_err(|error| format!("fields that cannot be read: {error:?}"))?;
        let end = flags & END_STREAM > 0;
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.has_ended |= end;
            return self.on(format!("TRAILERS {id}{}", ending(end)));
        }
        if id % 2 == 0 || self.streams.keys().next_back().is_some_and(|last| *last > id) {
            return Err(format!("the stream {id} is opened out of order"));
        }
        let limit = self.limits.iter().rfind(|(acks, _)| *acks <= self.settings_acks).map(|(_, limit)| *limit);
        let open = self.streams.values().filter(|stream| stream.is_open()).count();
        if limit.is_some_and(|limit| open >= limit) {
            return Err(format!("the stream {id} is opened beside {open} others, which are all that may be open"));
        }
        let field = |name: &[u8]| {
            let value = fields.iter().find(|(is, _)| is == name).map(|(_, value)| value);
            value.map_or_else(String::new, |value| String::from_utf8_lossy(value).into_owned())
        };
        let (method, path) = (field(b":method"), field(b":path"));
        let request =
            path.trim_start_matches('/').parse().map_err(|_not_one| format!("no number in the path {path}"))?;
        let event = format!("HEADERS {id} {method} {path}{}", ending(end));
        let stream = Stream {
            request,
            method,
            received: 0,
            has_ended: end,
            reset: None,
            response: Response::Open,
            window: self.first_window,
        };
        self.streams.insert(id, stream);
        self.untaken.push_back(id);
        self.on(event)
    }

    fn handle_settings(&mut self, payload: &[u8]) -> Result<(), String> {
        for setting in payload.chunks(6) {
            if setting.get(..2) == Some(&INITIAL_WINDOW_SIZE[..]) {
                let window = i64::from(number(&setting[2..])?);
                let more = window - self.first_window;
                self.first_window = window;
                self.streams.values_mut().for_each(|stream| stream.window += more);
            }
        }
        self.has_settings = true;
        frame::put(&mut self.replies, frame::SETTINGS, ACK, 0, &[]);
        Ok(())
    }

    fn on(&mut self, event: String) -> Result<(), String> {
        self.events.push(Event::Other(event));
        Ok(())
    }
}

impl Stream {
    fn is_open(&self) -> bool {
        match self.response {
            Response::Open => self.reset.is_none(),
            Response::Complete => self.reset.is_none() && !self.has_ended,
            Response::Reset => false,
        }
    }
}

fn ending(end: bool) -> &'static str {
    if end { " end" } else { "" }
}

/// Parses a number of four bytes.
fn number(payload: &[u8]) -> Result<u32, String> {
    let bytes = payload.try_into().map_err(|_length| format!("{} bytes where a number should be", payload.len()))?;
    Ok(u32::from_be_bytes(bytes))
}

const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
