//! The server's end of a connection, which plays its script.

use std::io;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::frame::{self, END_HEADERS, END_STREAM, MOST};
use super::heard::{Heard, Response as Sent, Stream};
use super::script::{Action, Awaited, Flood, Id, Response};
use super::server::Shared;
use super::wire::Wire;
use crate::exchange::asking::Fields;
use crate::exchange::player::Player;

/// A connection with its script.
pub(super) struct Connection {
    shared: Arc<Shared>,
    id: usize,
    wire: Wire,
    heard: Heard,
    /// How many SETTINGS were sent.
    settings: usize,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, id: usize, wire: Wire) -> Self {
        Self { shared, id, wire, heard: Heard::new(), settings: 0 }
    }

    /// Returns the frames of an action that waits for nothing.
    fn frames(&mut self, action: &Action) -> Vec<u8> {
        let mut out = Vec::new();
        match action {
            Action::Settings(settings) => {
                self.settings += 1;
                let payload: Vec<_> = settings.iter().flat_map(|(name, value)| entry(*name, *value)).collect();
                frame::put(&mut out, frame::SETTINGS, 0, 0, &payload);
                let limit = settings.iter().find(|(name, _)| frame::setting("max-streams") == Some(*name));
                let limit = limit.map(|(_, limit)| (self.settings, usize::try_from(*limit).unwrap()));
                self.heard.limits.extend(limit);
            }
            Action::Headers { stream, status, fields, end, open } => {
                let flags = if *open { 0 } else { END_HEADERS } | self.ending(*stream, *end);
                frame::put(&mut out, frame::HEADERS, flags, self.number(*stream), &block(Some(*status), fields));
            }
            Action::Continuation { stream, len, end, times } => {
                let mut block = Vec::new();
                frame::put_field(&mut block, "x-more", &vec![b'x'; *len]);
                for left in (0..*times).rev() {
                    let flags = if *end && left == 0 { END_HEADERS } else { 0 };
                    frame::put(&mut out, frame::CONTINUATION, flags, self.number(*stream), &block);
                }
            }
            Action::Data { stream, len, end } => {
                let flags = self.ending(*stream, *end);
                self.put_data(&mut out, self.number(*stream), *len, flags);
            }
            Action::Trailers { stream, fields } => {
                let flags = END_HEADERS | self.ending(*stream, true);
                frame::put(&mut out, frame::HEADERS, flags, self.number(*stream), &block(None, fields));
            }
            Action::RstStream { stream, code } => {
                let id = self.number(*stream);
                if let Some(stream) = self.heard.streams.get_mut(&id) {
                    if stream.response == Sent::Open {
                        stream.response = Sent::Reset;
                    }
                }
                frame::put(&mut out, frame::RST_STREAM, 0, id, &code.to_be_bytes());
            }
            Action::GoAway { last, code, debug } => {
                let payload = [&self.number(*last).to_be_bytes(), &code.to_be_bytes(), debug.as_bytes()].concat();
                frame::put(&mut out, frame::GOAWAY, 0, 0, &payload);
            }
            Action::Ping => frame::put(&mut out, frame::PING, 0, 0, frame::PINGED),
            Action::WindowUpdate { stream, more } => {
                frame::put(&mut out, frame::WINDOW_UPDATE, 0, self.number(*stream), &more.to_be_bytes());
            }
            Action::Fill(stream) => {
                let id = self.number(*stream);
                let len = self.allowed(id);
                self.log(&format!("was filled with {len} bytes"));
                self.put_data(&mut out, id, len, 0);
            }
            _ => unreachable!("it is no frame"),
        }
        out
    }

    /// Writes a whole response. Waits while the windows are too small.
    async fn answer(&mut self, id: u32, response: &Response) -> io::Result<()> {
        let Response { status, len, fields } = response;
        let (mut left, mut out) = (*len, Vec::new());
        let end = |left: usize| if left == 0 { END_STREAM } else { 0 };
        frame::put(&mut out, frame::HEADERS, END_HEADERS | end(left), id, &block(Some(*status), fields));
        loop {
            let next = left.min(self.allowed(id));
            if next > 0 {
                left -= next;
                self.put_data(&mut out, id, next, end(left));
            }
            if left == 0 {
                self.ending(Id::Number(id), true);
            }
            self.wire.write(&out).await?;
            let is_reset = self.heard.streams.get(&id).is_none_or(|stream| stream.reset.is_some());
            if left == 0 || is_reset {
                return Ok(());
            }
            out.clear();
            self.hear_one().await?;
        }
    }

    /// Writes this many frames without reading, and logs the result: the client may read them, leave, or stop reading.
    async fn flood(&mut self, flood: Flood, count: usize) {
        let mut frame = Vec::new();
        match flood {
            Flood::Ping => frame::put(&mut frame, frame::PING, 0, 0, frame::PINGED),
            Flood::Settings => frame::put(&mut frame, frame::SETTINGS, 0, 0, &[]),
            Flood::Data(stream) => frame::put(&mut frame, frame::DATA, 0, self.number(stream), b"x"),
        }
        let mut left = count;
        let outcome = loop {
            let next = left.min(1000);
            left -= next;
            match tokio::time::timeout(STALL, self.wire.write(&frame.repeat(next))).await {
                Ok(Ok(())) if left == 0 => break "took",
                Ok(Ok(())) => {}
                Ok(Err(_)) => break "left",
                Err(_) => break "stalled",
            }
        };
        self.log(&format!("{outcome} in the flood"));
    }

    /// Reads until this has arrived.
    async fn hear(&mut self, awaited: &Awaited) -> io::Result<()> {
        match awaited {
            Awaited::Preface => return self.wire.preface().await,
            Awaited::Arrival => return self.wire.arrival().await,
            _ => {}
        }
        while !self.has_heard(awaited) {
            match self.hear_one().await {
                Err(error) if matches!(awaited, Awaited::Close) && error.kind() != io::ErrorKind::InvalidData => break,
                result => result?,
            }
        }
        Ok(())
    }

    fn has_heard(&mut self, awaited: &Awaited) -> bool {
        let stream = |id| self.heard.streams.get(&self.number(id));
        let has = |id, what: fn(&Stream) -> bool| stream(id).is_some_and(what);
        match awaited {
            Awaited::Preface | Awaited::Arrival | Awaited::Close => false,
            Awaited::Settings => self.heard.has_settings,
            Awaited::SettingsAcks(count) => self.heard.settings_acks >= *count,
            Awaited::PingAcks(count) => self.heard.ping_acks >= *count,
            Awaited::Headers(number) => self.heard.take(*number),
            Awaited::Data(id, len) => stream(*id).is_some_and(|stream| stream.received >= *len),
            Awaited::End(id) => has(*id, |stream| stream.has_ended || stream.reset.is_some()),
            Awaited::RstStream(id) => has(*id, |stream| stream.reset.is_some()),
            Awaited::GoAway => self.heard.goaway.is_some(),
        }
    }

    /// Reads a frame, and sends the replies that the protocol needs.
    async fn hear_one(&mut self) -> io::Result<()> {
        let frame = match self.wire.read().await {
            Ok(frame) => frame,
            Err(error) => {
                let is_close = error.kind() == io::ErrorKind::UnexpectedEof;
                self.heard.on_end(if is_close { "close" } else { "reset" });
                return Err(error);
            }
        };
        if let Err(nonsense) = self.heard.handle(frame) {
            self.log(&format!("was sent {nonsense}"));
            return Err(io::Error::new(io::ErrorKind::InvalidData, nonsense));
        }
        let replies = mem::take(&mut self.heard.replies);
        if self.heard.is_mute {
            return Ok(());
        }
        // A client that is gone needs no reply. Its earlier frames are still read.
        self.wire.write(&replies).await.ok();
        Ok(())
    }

    /// Reads on to the end of the connection after the script.
    pub(super) async fn hear_the_end(&mut self) {
        let who = format!("connection {}", self.id);
        self.shared.stage.at(&who, 0, "the end of the script");
        while self.hear_one().await.is_ok() {}
        self.shared.stage.done(&who);
    }

    /// Returns how many bytes may be sent on a stream.
    fn allowed(&self, id: u32) -> usize {
        let stream = self.heard.streams.get(&id).map_or(0, |stream| stream.window);
        usize::try_from(stream.min(self.heard.window)).unwrap_or(0)
    }

    /// Writes this much DATA, whatever the windows are. The last frame has these flags.
    fn put_data(&mut self, out: &mut Vec<u8>, id: u32, len: usize, flags: u8) {
        let mut left = len;
        loop {
            let next = left.min(MOST);
            left -= next;
            frame::put(out, frame::DATA, if left == 0 { flags } else { 0 }, id, &vec![b'x'; next]);
            if left == 0 {
                break;
            }
        }
        let len = i64::try_from(len).unwrap();
        self.heard.window -= len;
        if let Some(stream) = self.heard.streams.get_mut(&id) {
            stream.window -= len;
        }
    }

    /// Returns the flag that ends a response, and marks the response as complete.
    fn ending(&mut self, stream: Id, end: bool) -> u8 {
        let id = self.number(stream);
        match self.heard.streams.get_mut(&id) {
            Some(stream) if end => stream.response = Sent::Complete,
            _ => {}
        }
        if end { END_STREAM } else { 0 }
    }

    fn number(&self, id: Id) -> u32 {
        match id {
            Id::Last => self.heard.last,
            Id::Number(number) => number,
        }
    }
}

impl Player<Action> for Connection {
    async fn take(&mut self, action: &Action) -> io::Result<ControlFlow<()>> {
        match action {
            Action::Await(awaited) => self.hear(awaited).await?,
            Action::Answer { stream, response } => self.answer(self.number(*stream), response).await?,
            Action::Serve(count, response) => {
                for _ in 0..*count {
                    self.hear(&Awaited::Headers(None)).await?;
                    self.hear(&Awaited::End(Id::Last)).await?;
                    self.answer(self.heard.last, response).await?;
                }
            }
            Action::Flood(flood, count) => self.flood(*flood, *count).await,
            Action::KeepWindows => self.heard.keeps_windows = true,
            Action::Mute => self.heard.is_mute = true,
            Action::Send(bytes) => self.wire.write(bytes).await?,
            Action::Peek => {
                if self.wire.socket().peek(&mut [0]).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Action::Pause(time) => tokio::time::sleep(*time).await,
            Action::Tell(mark) => self.shared.stage.tell(mark),
            Action::Until(mark) => self.shared.stage.until(mark).await,
            Action::HalfClose => self.wire.half_close().await?,
            Action::Close => {
                self.wire.say_good_bye().await;
                return Ok(ControlFlow::Break(()));
            }
            Action::Reset => {
                socket2::SockRef::from(self.wire.socket()).set_linger(Some(Duration::ZERO))?;
                return Ok(ControlFlow::Break(()));
            }
            frames => {
                let frames = self.frames(frames);
                self.wire.write(&frames).await?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn log(&mut self, event: &str) {
        self.shared.log(self.id, event);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let heard = mem::replace(&mut self.heard, Heard::new());
        self.shared.on_over(self.id, heard);
    }
}

fn block(status: Option<u16>, fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    if let Some(status) = status {
        frame::put_field(&mut block, ":status", status.to_string().as_bytes());
    }
    for (name, value) in fields {
        frame::put_field(&mut block, name.as_str(), value.as_bytes());
    }
    block
}

/// Encodes a setting.
fn entry(name: u16, value: u32) -> [u8; 6] {
    let ([a, b], [c, d, e, f]) = (name.to_be_bytes(), value.to_be_bytes());
    [a, b, c, d, e, f]
}

/// A client that reads nothing for this time has stopped reading.
const STALL: Duration = Duration::from_secs(2);
