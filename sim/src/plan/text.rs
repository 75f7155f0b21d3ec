//! A plan as a scenario file, and back.

use std::fmt;
use std::str::FromStr;

use super::{
    Answer, Ask, Caller, End, Framing, Method, Pause, Plan, Reading, Retry, Script, Settings, Standstill, Step, Until,
    Upload,
};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "client{}", self.client)?;
        for caller in &self.callers {
            writeln!(f, "caller runtime={}", caller.runtime)?;
            caller.asks.iter().try_for_each(|ask| writeln!(f, "  {ask}"))?;
        }
        for script in &self.connections {
            writeln!(f, "connection{script}")?;
            script.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [
            ("max-idle", self.max_idle),
            ("max-connections", self.max_connections),
            ("max-age", self.max_age),
            ("idle-timeout", Some(self.idle_timeout)),
            ("runtimes", Some(self.runtimes)),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                write!(f, " {name}={number}")?;
            }
        }
        let flags = [
            ("late-binding", self.late_binding),
            ("retry-bodies", self.retry_bodies),
            ("retry-408", self.retry_408),
            ("layered", self.layered),
        ];
        flags.iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, " {name}"))?;
        for Standstill { runtime, from, until } in &self.standstills {
            match until {
                Some(until) => write!(f, " standstill={runtime}:{from}:{until}")?,
                None => write!(f, " dropped={runtime}:{from}")?,
            }
        }
        write!(f, " retry={} end={}", name_of(self.retry, RETRIES), name_of(self.end, ENDS))
    }
}

const RETRIES: &[(&str, Retry)] = &[("never", Retry::Never), ("safe", Retry::Safe), ("idempotent", Retry::Idempotent)];
const ENDS: &[(&str, End)] =
    &[("close-idle", End::CloseIdle), ("drop", End::Drop), ("expire", End::Expire), ("probe", End::Probe)];
const METHODS: &[(&str, Method)] = &[
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("PUT", Method::Put),
    ("DELETE", Method::Delete),
    ("POST", Method::Post),
];

fn name_of<T: PartialEq>(value: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("?", |(name, _)| name)
}

fn named<T: Copy>(text: &str, names: &[(&'static str, T)]) -> Result<T, String> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| format!("`{text}` is unknown"))
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.ms, self.rounds)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} host={} pause={}", self.method.as_str(), self.host, self.pause)?;
        let flags =
            [("key", self.key), ("expect", self.expect), ("unknown", self.body.unknown), ("fails", self.body.fails)];
        flags.iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, " {name}"))?;
        self.body.frames.iter().try_for_each(|(bytes, pause)| write!(f, " frame={bytes}@{pause}"))?;
        if let Some(cancel) = self.cancel {
            write!(f, " cancel={cancel}")?;
        }
        match self.reading {
            Reading::All => Ok(()),
            Reading::Slow(pause) => write!(f, " slow={pause}"),
            Reading::Stop(frames) => write!(f, " stop={frames}"),
            Reading::Hold(pause) => write!(f, " hold={pause}"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " connect={} window={} patience={}", self.connect, self.window, self.patience)?;
        if let Some(latency) = self.latency {
            write!(f, " latency={latency}")?;
        }
        let flags = [("refused", self.refused), ("again", self.again)];
        flags.iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, " {name}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait(pause) => write!(f, "wait {pause}"),
            Self::Read(Until::Begun) => f.write_str("read begun"),
            Self::Read(Until::Head) => f.write_str("read head"),
            Self::Read(Until::Body(bytes)) => write!(f, "read {bytes}"),
            Self::Read(Until::End) => f.write_str("read end"),
            Self::Inform(status) => write!(f, "inform {status}"),
            Self::Answer(Answer { status, framing, close }) => {
                let (kind, bytes) = match framing {
                    Framing::Length(bytes) => ("length", bytes),
                    Framing::Chunked(bytes) => ("chunked", bytes),
                    Framing::UntilClose(bytes) => ("until-close", bytes),
                };
                write!(f, "answer {status} {kind}={bytes}{}", if *close { " close" } else { "" })
            }
            Self::Send(bytes) => write!(f, "send {bytes}"),
            Self::SendRest => f.write_str("send rest"),
            Self::Fin => f.write_str("fin"),
            Self::Close => f.write_str("close"),
            Self::Reset(true) => f.write_str("reset keep"),
            Self::Reset(false) => f.write_str("reset"),
            Self::RefuseWrites => f.write_str("refuse-writes"),
            Self::Gather => f.write_str("gather"),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    /// Reads a scenario file. `#` begins a comment.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut plan = Self { seed: 0, client: Settings::default(), callers: Vec::new(), connections: Vec::new() };
        // Whether the indented lines that follow are of a caller or of a connection.
        let mut in_caller = true;
        for (at, line) in text.lines().enumerate() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some((first, rest)) = words.split_first() else { continue };
            let mut read = || match *first {
                _ if line.starts_with(' ') => match (in_caller, plan.callers.last_mut(), plan.connections.last_mut()) {
                    (true, Some(caller), _) => Ok(caller.asks.push(ask(first, rest)?)),
                    (false, _, Some(script)) => Ok(script.steps.push(step(&words)?)),
                    _ => Err("it belongs to nothing".to_owned()),
                },
                "seed" => {
                    rest.first().map_or(Err("a number is missing".to_owned()), |word| Ok(plan.seed = number(word)?))
                }
                "client" => Ok(plan.client = settings(rest)?),
                "caller" => {
                    in_caller = true;
                    Ok(plan.callers.push(caller(rest)?))
                }
                "connection" => {
                    in_caller = false;
                    Ok(plan.connections.push(script(rest)?))
                }
                other => Err(format!("`{other}` is unknown")),
            };
            read().map_err(|error: String| format!("line {}: {error}", at + 1))?;
        }
        Ok(plan)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_idle: None,
            max_connections: None,
            max_age: None,
            idle_timeout: 90_000,
            late_binding: false,
            retry: Retry::Idempotent,
            retry_bodies: false,
            retry_408: false,
            layered: false,
            runtimes: 1,
            standstills: Vec::new(),
            end: End::CloseIdle,
        }
    }
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is not such a number"))
}

fn pause(word: &str) -> Result<Pause, String> {
    let (ms, rounds) = word.split_once('+').unwrap_or((word, "0"));
    Ok(Pause { ms: number(ms)?, rounds: number(rounds)? })
}

/// A word and what stands behind its `=`.
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
            ("again", _) => script.again = true,
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
        _ => return Err(format!("`{}` is unknown", words.join(" "))),
    })
}
