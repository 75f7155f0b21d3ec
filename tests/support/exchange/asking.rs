//! Parses the client's statements of a scenario.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::body::{BodySpec, MOST};
use super::scenario::Failure;
use super::words::{self, milliseconds, number};

/// Header fields, in order.
pub(crate) type Fields = Vec<(HeaderName, HeaderValue)>;

/// A statement of the client.
pub(crate) enum Statement {
    Request(Asked),
    /// Starts a request, and goes on without waiting for it.
    Start(Asked),
    /// Makes the future of a request without polling it.
    Prepare(Asked),
    Finish,
    DropFuture,
    Read(Option<usize>),
    DropBody,
    Upgrade,
    WriteUntilError,
    Pause(Duration),
    Tell(String),
    Until(String),
    /// Waits for a mark with the whole thread blocked.
    Block(String),
    CloseIdle,
    DropClient,
}

#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) body: BodySpec,
    pub(crate) headers: Fields,
    pub(crate) then: Then,
    pub(crate) times: usize,
    /// How many tasks make this many sequential requests each.
    pub(crate) tasks: Option<usize>,
    /// The time limit, to the end of the body.
    pub(crate) within: Option<Duration>,
}

/// What is done with the body of a response.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// Read to its end, with a pause before each frame.
    Read(Duration),
    Hold,
    Drop,
}

pub(super) fn statement(line: &str) -> Result<Statement, Failure> {
    let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    Ok(match (keyword, rest) {
        ("start", rest) => Statement::Start(asked(rest)?),
        ("prepare", rest) => Statement::Prepare(asked(rest)?),
        ("finish", "") => Statement::Finish,
        ("drop-future", "") => Statement::DropFuture,
        ("read", "") => Statement::Read(None),
        ("read", n) => Statement::Read(Some(size(n)?)),
        ("drop-body", "") => Statement::DropBody,
        ("upgrade", "") => Statement::Upgrade,
        ("write-until-error", "") => Statement::WriteUntilError,
        ("pause", time) => Statement::Pause(milliseconds(time)?),
        ("tell", mark) => Statement::Tell(mark.into()),
        ("until", mark) => Statement::Until(mark.into()),
        ("block", mark) => Statement::Block(mark.into()),
        ("close-idle", "") => Statement::CloseIdle,
        ("drop-client", "") => Statement::DropClient,
        _ => Statement::Request(asked(line)?),
    })
}

/// Parses a request: `POST full 1MiB hold; expect: 100-continue`.
fn asked(line: &str) -> Result<Asked, Failure> {
    let (line, headers) = with_fields(line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default();
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("a client does no such thing".into());
    }
    let (method, body) = (method.parse()?, BodySpec::default());
    let then = Then::Read(Duration::ZERO);
    let mut asked = Asked { method, body, headers, then, times: 1, tasks: None, within: None };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or("a number is missing");
        match word {
            "hold" => asked.then = Then::Hold,
            "drop-body" => asked.then = Then::Drop,
            "pace" => asked.then = Then::Read(milliseconds(value()?)?),
            "times" => asked.times = number(value()?)?,
            "tasks" => asked.tasks = Some(number(value()?)?),
            "within" => asked.within = Some(milliseconds(value()?)?),
            kind => asked.body = BodySpec::new(kind, size(value()?)?).ok_or("no such body")?,
        }
    }
    Ok(asked)
}

/// Returns the text before the first `;`, and the fields after it.
pub(crate) fn with_fields(text: &str) -> Result<(&str, Fields), Failure> {
    let (line, fields) = text.split_once(';').unwrap_or((text, ""));
    let mut headers = Vec::new();
    for field in fields.split(';').filter(|field| !field.trim().is_empty()) {
        let (name, value) = field.split_once(':').ok_or("a field is a name, a colon and a value")?;
        headers.push((name.trim().parse()?, value.trim().parse()?));
    }
    Ok((line, headers))
}

pub(crate) fn unescaped(text: &str) -> Result<Bytes, Failure> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        out.push(match (char, char == '\\') {
            (char, false) => char,
            (_, true) => match chars.next() {
                Some('r') => '\r',
                Some('n') => '\n',
                Some('\\') => '\\',
                _ => return Err(r"after \ comes r, n or \".into()),
            },
        });
    }
    Ok(out.into())
}

/// Parses a size: `5`, `64KiB`, `1MiB`.
pub(crate) fn size(text: &str) -> Result<usize, Failure> {
    let (number, unit) = match text {
        _ if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 1024),
        _ if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 1024 * 1024),
        _ => (text, 1),
    };
    let size = words::number::<usize>(number)?.checked_mul(unit);
    size.filter(|size| *size <= MOST).ok_or_else(|| format!("`{text}` is too large").into())
}
