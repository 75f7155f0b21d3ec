//! The scripts of HTTP/2: the server's actions, and the client's settings.

use std::time::Duration;

use bytes::Bytes;
use hyper_happy_eyeballs::client::RetryPolicy;

use super::frame;
use crate::exchange::asking::{Fields, size, unescaped, with_fields};
use crate::exchange::scenario::{Failure, Protocol};
use crate::exchange::words::{milliseconds, number};

/// Scripts of HTTP/2.
pub(crate) struct Http2;

/// How a scenario is run, and the client's settings.
#[derive(Default)]
pub(crate) struct Settings {
    /// `TCP` or `TLS`, if it is not run over both.
    pub(crate) over: Option<&'static str>,
    pub(crate) show: Show,
    /// The client has no prior knowledge of HTTP/2.
    pub(crate) alpn: bool,
    pub(crate) replay: RetryPolicy,
    pub(crate) retry_bodies: bool,
    /// The limits of an upload after its response.
    pub(crate) upload_after_response: Option<(u64, Duration)>,
}

/// What the log shows besides the counts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Show {
    /// What each connection has received, frame by frame.
    pub(crate) frames: bool,
    /// The methods of each connection's requests.
    pub(crate) methods: bool,
    /// How many bytes of bodies each connection has received.
    pub(crate) data: bool,
}

/// An action of the server.
pub(crate) enum Action {
    Await(Awaited),
    /// SETTINGS, each with its identifier and its value.
    Settings(Vec<(u16, u32)>),
    Headers {
        stream: Id,
        status: u16,
        fields: Fields,
        end: bool,
        open: bool,
    },
    /// This many frames, each with a field of this many bytes.
    Continuation {
        stream: Id,
        len: usize,
        end: bool,
        times: usize,
    },
    Data {
        stream: Id,
        len: usize,
        end: bool,
    },
    Trailers {
        stream: Id,
        fields: Fields,
    },
    RstStream {
        stream: Id,
        code: u32,
    },
    GoAway {
        last: Id,
        code: u32,
        debug: String,
    },
    Ping,
    WindowUpdate {
        stream: Id,
        more: u32,
    },
    /// A whole response, sent as the windows allow.
    Answer {
        stream: Id,
        response: Response,
    },
    /// Serves this many requests, each answered at once.
    Serve(usize, Response),
    /// DATA, as much as the windows allow now.
    Fill(Id),
    /// This many frames of a kind, without reading meanwhile.
    Flood(Flood, usize),
    KeepWindows,
    /// Turns automatic replies off.
    Mute,
    /// Bytes that are not a frame.
    Send(Bytes),
    Peek,
    Pause(Duration),
    Tell(String),
    Until(String),
    HalfClose,
    Close,
    Reset,
}

/// The kind of frames of a flood.
#[derive(Clone, Copy)]
pub(crate) enum Flood {
    Ping,
    /// Empty SETTINGS.
    Settings,
    /// DATA of one byte each.
    Data(Id),
}

/// An input from the client to wait for.
pub(crate) enum Awaited {
    Preface,
    /// The client's own SETTINGS.
    Settings,
    /// This many acks of the server's SETTINGS.
    SettingsAcks(usize),
    PingAcks(usize),
    /// A stream: this one, or the next.
    Headers(Option<u32>),
    /// This many bytes of a request's body.
    Data(Id, usize),
    /// The end of a request.
    End(Id),
    RstStream(Id),
    GoAway,
    /// The end of the connection.
    Close,
    /// The client's system has acknowledged everything.
    Arrival,
}

/// Which stream.
#[derive(Clone, Copy)]
pub(crate) enum Id {
    /// The stream that the script used last.
    Last,
    Number(u32),
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) len: usize,
    pub(crate) fields: Fields,
}

impl Protocol for Http2 {
    type Settings = Settings;
    type Action = Action;

    fn setting(settings: &mut Settings, words: &[&str]) -> Result<(), Failure> {
        match *words {
            ["over", "tcp"] => settings.over = Some("TCP"),
            ["over", "tls"] => settings.over = Some("TLS"),
            ["alpn"] => settings.alpn = true,
            ["show", "frames"] => settings.show.frames = true,
            ["show", "methods"] => settings.show.methods = true,
            ["show", "data"] => settings.show.data = true,
            ["replay", "never"] => settings.replay = RetryPolicy::Never,
            ["replay", "safe"] => settings.replay = RetryPolicy::Safe,
            ["replay", "idempotent"] => settings.replay = RetryPolicy::Idempotent,
            ["upload-after-response", bytes, time] => {
                settings.upload_after_response = Some((number(bytes)?, milliseconds(time)?));
            }
            ["replay-bodies"] => settings.retry_bodies = true,
            _ => return Err("no such setting".into()),
        }
        Ok(())
    }

    fn action(keyword: &str, rest: &str) -> Result<Action, Failure> {
        let (line, fields) = if keyword == "send" { (rest, Vec::new()) } else { with_fields(rest)? };
        let words: Vec<_> = line.split_whitespace().collect();
        Ok(match (keyword, &words[..]) {
            ("await", words) => Action::Await(awaited(words)?),
            ("SETTINGS", settings) => {
                Action::Settings(settings.iter().map(|word| setting(word)).collect::<Result<_, _>>()?)
            }
            ("HEADERS", [stream, status, rest @ ..]) => {
                let (stream, status) = (id(stream)?, number(status)?);
                Action::Headers { stream, status, fields, end: is_end(rest)?, open: rest.contains(&"open") }
            }
            ("CONTINUATION", [stream, len, "times", times, rest @ ..]) => {
                let (stream, len, times) = (id(stream)?, size(len)?, number(times)?);
                Action::Continuation { stream, len, end: is_end(rest)?, times }
            }
            ("CONTINUATION", [stream, len, rest @ ..]) => {
                Action::Continuation { stream: id(stream)?, len: size(len)?, end: is_end(rest)?, times: 1 }
            }
            ("DATA", [stream, len, rest @ ..]) => {
                Action::Data { stream: id(stream)?, len: size(len)?, end: is_end(rest)? }
            }
            ("TRAILERS", [stream]) => Action::Trailers { stream: id(stream)?, fields },
            ("RST_STREAM", [stream, code]) => Action::RstStream { stream: id(stream)?, code: self::code(code)? },
            ("GOAWAY", ["max", code, debug @ ..]) => {
                Action::GoAway { last: Id::Number(u32::MAX >> 1), code: self::code(code)?, debug: debug.join(" ") }
            }
            ("GOAWAY", [last, code, debug @ ..]) => {
                Action::GoAway { last: id(last)?, code: self::code(code)?, debug: debug.join(" ") }
            }
            ("PING", []) => Action::Ping,
            ("WINDOW_UPDATE", [stream, more]) => Action::WindowUpdate { stream: id(stream)?, more: number(more)? },
            ("answer", [stream, status, len]) => {
                Action::Answer { stream: id(stream)?, response: response(status, len, fields)? }
            }
            ("serve", [count, status, len]) => Action::Serve(number(count)?, response(status, len, fields)?),
            ("fill", [stream]) => Action::Fill(id(stream)?),
            ("flood", ["PING", n]) => Action::Flood(Flood::Ping, number(n)?),
            ("flood", ["SETTINGS", n]) => Action::Flood(Flood::Settings, number(n)?),
            ("flood", ["DATA", stream, n]) => Action::Flood(Flood::Data(id(stream)?), number(n)?),
            ("keep-windows", []) => Action::KeepWindows,
            ("mute", []) => Action::Mute,
            ("send", _) => Action::Send(unescaped(rest)?),
            ("peek", []) => Action::Peek,
            ("pause", [time]) => Action::Pause(milliseconds(time)?),
            ("tell", [mark]) => Action::Tell((*mark).into()),
            ("until", [mark]) => Action::Until((*mark).into()),
            ("half-close", []) => Action::HalfClose,
            ("close", []) => Action::Close,
            ("reset", []) => Action::Reset,
            _ => return Err("a server does no such thing".into()),
        })
    }

    fn ends(action: &Action) -> bool {
        matches!(action, Action::Close | Action::Reset)
    }
}

fn awaited(words: &[&str]) -> Result<Awaited, Failure> {
    Ok(match *words {
        ["preface"] => Awaited::Preface,
        ["SETTINGS"] => Awaited::Settings,
        ["SETTINGS", "ack"] => Awaited::SettingsAcks(1),
        ["SETTINGS", "ack", n] => Awaited::SettingsAcks(number(n)?),
        ["PING", "ack"] => Awaited::PingAcks(1),
        ["PING", "ack", n] => Awaited::PingAcks(number(n)?),
        ["HEADERS"] => Awaited::Headers(None),
        ["HEADERS", stream] => Awaited::Headers(Some(number(stream)?)),
        ["DATA", stream, n] => Awaited::Data(id(stream)?, size(n)?),
        ["end", stream] => Awaited::End(id(stream)?),
        ["RST_STREAM", stream] => Awaited::RstStream(id(stream)?),
        ["GOAWAY"] => Awaited::GoAway,
        ["close"] => Awaited::Close,
        ["arrival"] => Awaited::Arrival,
        _ => return Err("a client sends no such thing".into()),
    })
}

/// Parses a setting: `max-streams=100`.
fn setting(word: &str) -> Result<(u16, u32), Failure> {
    let (name, value) = word.split_once('=').ok_or("a setting is a name, = and a number")?;
    Ok((frame::setting(name).ok_or_else(|| format!("there is no setting `{name}`"))?, number(value)?))
}

fn response(status: &str, len: &str, fields: Fields) -> Result<Response, Failure> {
    Ok(Response { status: number(status)?, len: size(len)?, fields })
}

fn id(word: &str) -> Result<Id, Failure> {
    if word == "last" { Ok(Id::Last) } else { number(word).map(Id::Number) }
}

fn is_end(words: &[&str]) -> Result<bool, Failure> {
    match words.iter().find(|word| !["end", "open"].contains(word)) {
        Some(word) => Err(format!("`{word}` is neither `end` nor `open`").into()),
        None => Ok(words.contains(&"end")),
    }
}

fn code(name: &str) -> Result<u32, Failure> {
    frame::code(name).ok_or_else(|| format!("there is no code `{name}`").into())
}
