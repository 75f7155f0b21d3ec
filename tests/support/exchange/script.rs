//! Reads a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use hyper_happy_eyeballs::client::RetryPolicy;

use super::body::{BodySpec, MOST, fill};
use super::words::{self, milliseconds, number};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Header fields, in order.
pub(crate) type Fields = Vec<(HeaderName, HeaderValue)>;

/// What stands above the line.
#[derive(Default)]
pub(crate) struct Scenario {
    pub(crate) settings: Settings,
    /// How many times all of it happens, each time from the beginning.
    pub(crate) repeat: usize,
    pub(crate) linux_only: bool,
    /// The log counts equal outcomes, wherever they stand.
    pub(crate) tally: bool,
    /// The log has the cause of each error.
    pub(crate) causes: bool,
    pub(crate) connections: BTreeMap<usize, Vec<Line<Step>>>,
    /// Those that have no script of their own.
    pub(crate) others: Option<Vec<Line<Step>>>,
    pub(crate) client: Vec<Line<Statement>>,
}

/// How the client is set.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) max_idle: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) replay: RetryPolicy,
    pub(crate) retry_bodies: bool,
    pub(crate) repeat_408: bool,
    pub(crate) continue_timeout: Option<Duration>,
}

/// A statement, and where it stands.
pub(crate) struct Line<T> {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) what: T,
}

/// What the server does on a connection.
pub(crate) struct Step {
    pub(crate) action: Action,
    /// The client may be gone by then.
    pub(crate) may_end: bool,
}

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
    /// What follows happens again and again.
    Loop,
}

/// What the client does.
pub(crate) enum Statement {
    Request(Asked),
    /// Goes on meanwhile.
    Start(Asked),
    /// The future is made, and not polled.
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
    /// The same for the whole thread.
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
    /// How many tasks make so many requests one after the other each.
    pub(crate) tasks: Option<usize>,
    /// The most that it may take to the end of its body.
    pub(crate) within: Option<Duration>,
}

/// What becomes of the body of a response.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// It is read to its end, after a pause before each frame.
    Read(Duration),
    Hold,
    Drop,
}

/// Which part of the script a line belongs to.
#[derive(Default)]
enum Part {
    #[default]
    Settings,
    Connection(usize),
    Others,
    Client,
}

/// Where the reader is.
#[derive(Default)]
struct Reading {
    part: Part,
    /// The settings and parts that were said, and in which line.
    said: BTreeMap<String, usize>,
    /// The line in which the server ends the present connection.
    ended: Option<usize>,
}

impl Reading {
    /// A setting stands in one line, and so does the script of a connection.
    fn say_once(&mut self, at: usize, what: &str) -> Result<(), Failure> {
        match self.said.insert(what.to_owned(), at) {
            Some(before) => Err(format!("line {before} has said `{what}` already").into()),
            None => Ok(()),
        }
    }

    /// A step of the server, unless it has closed the connection before.
    fn step(&mut self, at: usize, line: &str) -> Result<Step, Failure> {
        if let Some(end) = self.ended {
            return Err(format!("the connection has ended in line {end}").into());
        }
        let step = step(line)?;
        if matches!(step.action, Action::Close | Action::Reset) {
            self.ended = Some(at);
        }
        Ok(step)
    }
}

impl Scenario {
    /// Reads what stands above the line, without comments; empty lines do not count.
    pub(crate) fn read<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, Failure> {
        let mut this = Self { repeat: 1, ..Self::default() };
        let mut reading = Reading::default();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            this.line(number, line, &mut reading).map_err(|error| format!("line {number}, `{line}`: {error}"))?;
        }
        if this.client.is_empty() { Err("the client asks nothing".into()) } else { Ok(this) }
    }

    fn line(&mut self, number: usize, line: &str, reading: &mut Reading) -> Result<(), Failure> {
        let part = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["client"] => Some(Part::Client),
            ["connection", "*"] => {
                self.others = Some(Vec::new());
                Some(Part::Others)
            }
            ["connection", id] => {
                let id = words::number(id)?;
                self.connections.insert(id, Vec::new());
                Some(Part::Connection(id))
            }
            _ => None,
        };
        if let Some(part) = part {
            reading.say_once(number, line)?;
            (reading.part, reading.ended) = (part, None);
            return Ok(());
        }
        let text = line.to_owned();
        match reading.part {
            Part::Settings => {
                let what = if line.starts_with("show ") { line } else { line.split(' ').next().unwrap_or(line) };
                reading.say_once(number, what)?;
                self.setting(line)?;
            }
            Part::Connection(id) => {
                let what = reading.step(number, line)?;
                self.connections.entry(id).or_default().push(Line { number, text, what });
            }
            Part::Others => {
                let what = reading.step(number, line)?;
                self.others.get_or_insert_default().push(Line { number, text, what });
            }
            Part::Client => self.client.push(Line { number, text, what: statement(line)? }),
        }
        Ok(())
    }

    fn setting(&mut self, line: &str) -> Result<(), Failure> {
        let settings = &mut self.settings;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["repeat", n] => self.repeat = number(n)?,
            ["only", "linux"] => self.linux_only = true,
            ["show", "tally"] => self.tally = true,
            ["show", "causes"] => self.causes = true,
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
}

fn step(line: &str) -> Result<Step, Failure> {
    let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let (keyword, may_end) = keyword.strip_suffix('?').map_or((keyword, false), |keyword| (keyword, true));
    let action = match (keyword, rest) {
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
        ("loop", "") => Action::Loop,
        _ => return Err("a server does no such thing".into()),
    };
    Ok(Step { action, may_end })
}

fn statement(line: &str) -> Result<Statement, Failure> {
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

/// `POST full 1MiB hold; expect: 100-continue`
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

/// `413 5 close; retry-after: 1`
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

/// What comes before the first `;`, and the fields after it.
fn with_fields(text: &str) -> Result<(&str, Fields), Failure> {
    let (line, fields) = text.split_once(';').unwrap_or((text, ""));
    let mut headers = Vec::new();
    for field in fields.split(';').filter(|field| !field.trim().is_empty()) {
        let (name, value) = field.split_once(':').ok_or("a field is a name, a colon and a value")?;
        headers.push((name.trim().parse()?, value.trim().parse()?));
    }
    Ok((line, headers))
}

fn unescaped(text: &str) -> Result<Bytes, Failure> {
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

/// `5`, `64KiB`, `1MiB`.
fn size(text: &str) -> Result<usize, Failure> {
    let (number, unit) = match text {
        _ if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 1024),
        _ if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 1024 * 1024),
        _ => (text, 1),
    };
    let size = words::number::<usize>(number)?.checked_mul(unit);
    size.filter(|size| *size <= MOST).ok_or_else(|| format!("`{text}` is too large").into())
}
