//! Parses scenario files.

use std::str::FromStr;

use super::print::{ENDS, LASTS, METHODS, RETRIES};
use super::{Answer, Ask, Caller, Framing, Pause, Plan, Reading, Script, Settings, Standstill, Step, Until, Upload};

impl FromStr for Plan {
    type Err = String;

    /// Parses a scenario file. `#` begins a comment.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut plan = Self { seed: 0, client: Settings::default(), callers: Vec::new(), connections: Vec::new() };
        let mut block = Block::None;
        for (at, line) in text.lines().enumerate() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            plan.read(line, &mut block).map_err(|error| format!("line {}: {error}", at + 1))?;
        }
        Ok(plan)
    }
}

/// The block that indented lines belong to.
enum Block {
    None,
    Caller,
    Connection,
}

impl Plan {
    fn read(&mut self, line: &str, block: &mut Block) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((&first, rest)) = words.split_first() else { return Ok(()) };
        if line.starts_with(' ') {
            match (block, self.callers.last_mut(), self.connections.last_mut()) {
                (Block::Caller, Some(caller), _) => caller.asks.push(ask(first, rest)?),
                (Block::Connection, _, Some(script)) => script.steps.push(step(&words)?),
                _ => return Err("it belongs to nothing".to_owned()),
            }
            return Ok(());
        }
        match first {
            "seed" => self.seed = number(rest.first().unwrap_or(&""))?,
            "client" => self.client = settings(rest)?,
            "caller" => {
                *block = Block::Caller;
                self.callers.push(caller(rest)?);
            }
            "connection" => {
                *block = Block::Connection;
                self.connections.push(script(rest)?);
            }
            other => return Err(format!("`{other}` is unknown")),
        }
        Ok(())
    }
}

fn named<T: Copy>(text: &str, names: &[(&'static str, T)]) -> Result<T, String> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| format!("`{text}` is unknown"))
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is not such a number"))
}

fn pause(word: &str) -> Result<Pause, String> {
    let (ms, rounds) = word.split_once('+').unwrap_or((word, "0"));
    Ok(Pause { ms: number(ms)?, rounds: number(rounds)? })
}

/// Splits a word at its `=`.
fn pair(word: &str) -> (&str, &str) {
    word.split_once('=').unwrap_or((word, ""))
}

fn settings(words: &[&str]) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for word in words {
        match pair(word) {
            ("max-idle", value) => settings.max_idle = Some(number(value)?),
            ("max-connections", value) => settings.max_connections = Some(number(value)?),
            ("max-age", value) => settings.max_age = Some(number(value)?),
            ("idle-timeout", value) => settings.idle_timeout = number(value)?,
            ("runtimes", value) => settings.runtimes = number(value)?,
            ("late-binding", _) => settings.late_binding = true,
            ("retry-bodies", _) => settings.retry_bodies = true,
            ("retry-408", _) => settings.retry_408 = true,
            ("layered", _) => settings.layered = true,
            ("http2", _) => settings.http2 = true,
            ("alpn", _) => settings.alpn = true,
            ("http2-connections", value) => settings.http2_connections = number(value)?,
            ("http2-windows", value) => {
                let (stream, connection) = value.split_once(':').ok_or_else(|| format!("`{word}` lacks a number"))?;
                settings.http2_windows = (number(stream)?, number(connection)?);
            }
            ("retry", value) => settings.retry = named(value, RETRIES)?,
            ("end", value) => settings.end = named(value, ENDS)?,
            ("standstill" | "dropped", value) => {
                let mut parts = value.split(':');
                let mut next = || parts.next().map(number).transpose();
                let (Some(runtime), Some(from), until) = (next()?, next()?, next()?) else {
                    return Err(format!("`{word}` lacks a number"));
                };
                settings.standstills.push(Standstill { runtime, from, until });
            }
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(settings)
}

fn caller(words: &[&str]) -> Result<Caller, String> {
    let mut caller = Caller { runtime: 0, asks: Vec::new() };
    for word in words {
        match pair(word) {
            ("runtime", value) => caller.runtime = number(value)?,
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(caller)
}

fn ask(method: &str, words: &[&str]) -> Result<Ask, String> {
    let mut ask = Ask {
        pause: Pause::default(),
        host: 0,
        method: named(method, METHODS)?,
        key: false,
        expect: false,
        body: Upload::default(),
        cancel: None,
        reading: Reading::All,
    };
    for word in words {
        match pair(word) {
            ("host", value) => ask.host = number(value)?,
            ("pause", value) => ask.pause = pause(value)?,
            ("key", _) => ask.key = true,
            ("expect", _) => ask.expect = true,
            ("unknown", _) => ask.body.unknown = true,
            ("fails", _) => ask.body.fails = true,
            ("frame", value) => {
                let (bytes, before) = value.split_once('@').unwrap_or((value, "0"));
                ask.body.frames.push((number(bytes)?, pause(before)?));
            }
            ("cancel", value) => ask.cancel = Some(pause(value)?),
            ("slow", value) => ask.reading = Reading::Slow(pause(value)?),
            ("stop", value) => ask.reading = Reading::Stop(number(value)?),
            ("hold", value) => ask.reading = Reading::Hold(pause(value)?),
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(ask)
}

fn script(words: &[&str]) -> Result<Script, String> {
    let mut script = Script { latency: None, again: false, steps: Vec::new(), ..Script::good() };
    for word in words {
        match pair(word) {
            ("connect", value) => script.connect = pause(value)?,
            ("window", value) => script.window = number(value)?,
            ("patience", value) => script.patience = number(value)?,
            ("latency", value) => script.latency = Some(pause(value)?),
            ("refused", _) => script.refused = true,
            ("http1", _) => script.http1 = true,
            ("again", _) => script.again = true,
            ("segment", value) => script.segment = Some(number(value)?),
            _ => return Err(format!("`{word}` is unknown")),
        }
    }
    Ok(script)
}

fn step(words: &[&str]) -> Result<Step, String> {
    Ok(match words {
        ["wait", value] => Step::Wait(pause(value)?),
        ["read", "begun"] => Step::Read(Until::Begun),
        ["read", "head"] => Step::Read(Until::Head),
        ["read", "end"] => Step::Read(Until::End),
        ["read", bytes] => Step::Read(Until::Body(number(bytes)?)),
        ["inform", status] => Step::Inform(number(status)?),
        ["answer", status, framing, rest @ ..] => {
            let framing = match pair(framing) {
                ("length", bytes) => Framing::Length(number(bytes)?),
                ("chunked", bytes) => Framing::Chunked(number(bytes)?),
                ("trailers", bytes) => Framing::Trailers(number(bytes)?),
                ("until-close", bytes) => Framing::UntilClose(number(bytes)?),
                _ => return Err(format!("`{framing}` is unknown")),
            };
            Step::Answer(Answer { status: number(status)?, framing, close: rest == ["close"] })
        }
        ["send", "rest"] => Step::SendRest,
        ["send", bytes] => Step::Send(number(bytes)?),
        ["fin"] => Step::Fin,
        ["close"] => Step::Close,
        ["reset", "keep"] => Step::Reset(true),
        ["reset"] => Step::Reset(false),
        ["refuse-writes"] => Step::RefuseWrites,
        ["gather"] => Step::Gather,
        ["stream"] => Step::Stream,
        ["reset-stream", code] => Step::ResetStream(number(code)?),
        ["requests", count] => Step::Requests(number(count)?),
        ["idle"] => Step::Idle,
        ["max-streams", most] => Step::MaxStreams(number(most)?),
        ["initial-window", bytes] => Step::InitialWindow(number::<u32>(bytes)?.max(1)),
        ["goaway", last, code] => Step::GoAway(named(last, LASTS)?, number(code)?),
        ["ping"] => Step::Ping,
        ["deaf", value] => Step::Deaf(pause(value)?),
        ["cut", bytes] => Step::Cut(number(bytes)?),
        _ => return Err(format!("`{}` is unknown", words.join(" "))),
    })
}
