//! The scripts of HTTP/1.1: the server's actions, and the client's settings.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use hyper_happy_eyeballs::client::RetryPolicy;

use super::asking::{size, unescaped, with_fields};
use super::body::fill;
use super::scenario::{Failure, Protocol};
use super::words::{milliseconds, number};

/// Scripts of HTTP/1.1.
pub(crate) struct Http1;

/// The client's settings.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) max_idle: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) replay: RetryPolicy,
    pub(crate) retry_bodies: bool,
    pub(crate) repeat_408: bool,
    pub(crate) continue_timeout: Option<Duration>,
}

/// An action of the server.
pub(crate) enum Action {
    Head,
    Body,
    Read(usize),
    Peek,
    Quiet(Duration),
    Lull(Duration),
    Send(Bytes),
    Pause(Duration),
    Tell(String),
    Until(String),
    HalfClose,
    Close,
    Reset,
    Drain,
    Gone,
}

impl Protocol for Http1 {
    type Settings = Settings;
    type Action = Action;

    fn setting(settings: &mut Settings, words: &[&str]) -> Result<(), Failure> {
        match *words {
            ["max-idle", n] => settings.max_idle = Some(number(n)?),
            ["max-connections", n] => settings.max_connections = Some(number(n)?),
            ["replay", "never"] => settings.replay = RetryPolicy::Never,
            ["replay", "safe"] => settings.replay = RetryPolicy::Safe,
            ["replay", "idempotent"] => settings.replay = RetryPolicy::Idempotent,
            ["replay-bodies"] => settings.retry_bodies = true,
            ["repeat-408"] => settings.repeat_408 = true,
            ["continue-timeout", time] => settings.continue_timeout = Some(milliseconds(time)?),
            _ => return Err("no such setting".into()),
        }
        Ok(())
    }

    fn action(keyword: &str, rest: &str) -> Result<Action, Failure> {
        Ok(match (keyword, rest) {
            ("head", "") => Action::Head,
            ("body", "") => Action::Body,
            ("read", n) => Action::Read(size(n)?),
            ("peek", "") => Action::Peek,
            ("quiet", time) => Action::Quiet(milliseconds(time)?),
            ("lull", time) => Action::Lull(milliseconds(time)?),
            ("send", text) => Action::Send(unescaped(text)?),
            ("fill", n) => Action::Send(fill(size(n)?)),
            ("answer", rest) => Action::Send(answer(rest)?),
            ("pause", time) => Action::Pause(milliseconds(time)?),
            ("tell", mark) => Action::Tell(mark.into()),
            ("until", mark) => Action::Until(mark.into()),
            ("half-close", "") => Action::HalfClose,
            ("close", "") => Action::Close,
            ("reset", "") => Action::Reset,
            ("drain", "") => Action::Drain,
            ("gone", "") => Action::Gone,
            _ => return Err("a server does no such thing".into()),
        })
    }

    fn ends(action: &Action) -> bool {
        matches!(action, Action::Close | Action::Reset)
    }
}

/// Parses a response: `413 5 close; retry-after: 1`.
fn answer(text: &str) -> Result<Bytes, Failure> {
    let (line, fields) = with_fields(text)?;
    let mut words = line.split_whitespace();
    let status: StatusCode = words.next().unwrap_or_default().parse()?;
    let mut head = format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or(""));
    let (mut len, mut chunked) = (None, false);
    for word in words {
        match word {
            "close" => head += "connection: close\r\n",
            "chunked" => chunked = true,
            number => len = Some(size(number)?),
        }
    }
    for (name, value) in fields {
        head += &format!("{name}: {}\r\n", value.to_str()?);
    }
    let body = fill(len.unwrap_or(0));
    let body = if chunked {
        head += "transfer-encoding: chunked\r\n";
        let size = format!("{:x}\r\n", body.len());
        [size.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
    } else {
        if let Some(len) = len {
            head += &format!("content-length: {len}\r\n");
        }
        body.into()
    };
    Ok([head.as_bytes(), b"\r\n", &body].concat().into())
}
