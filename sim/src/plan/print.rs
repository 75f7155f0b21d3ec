//! Writes plans as scenario files.

use std::fmt;

use super::{
    Answer, Ask, End, Framing, Last, Method, Pause, Plan, Reading, Retry, Script, Settings, Standstill, Step, Until,
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
            ("http2-connections", Some(self.http2_connections).filter(|max| *max != Self::default().http2_connections)),
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
            ("http2", self.http2),
            ("alpn", self.alpn),
        ];
        flags.iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, " {name}"))?;
        if self.http2_windows != Self::default().http2_windows {
            write!(f, " http2-windows={}:{}", self.http2_windows.0, self.http2_windows.1)?;
        }
        for Standstill { runtime, from, until } in &self.standstills {
            match until {
                Some(until) => write!(f, " standstill={runtime}:{from}:{until}")?,
                None => write!(f, " dropped={runtime}:{from}")?,
            }
        }
        write!(f, " retry={} end={}", name_of(self.retry, RETRIES), name_of(self.end, ENDS))
    }
}

pub(super) const RETRIES: &[(&str, Retry)] =
    &[("never", Retry::Never), ("safe", Retry::Safe), ("idempotent", Retry::Idempotent)];
pub(super) const ENDS: &[(&str, End)] =
    &[("close-idle", End::CloseIdle), ("drop", End::Drop), ("expire", End::Expire), ("probe", End::Probe)];
pub(super) const METHODS: &[(&str, Method)] = &[
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("PUT", Method::Put),
    ("DELETE", Method::Delete),
    ("POST", Method::Post),
];

pub(super) const LASTS: &[(&str, Last)] =
    &[("zero", Last::Zero), ("half", Last::Half), ("seen", Last::Seen), ("max", Last::Max)];

fn name_of<T: PartialEq>(value: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("?", |(name, _)| name)
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
        if let Some(segment) = self.segment {
            write!(f, " segment={segment}")?;
        }
        let flags = [("refused", self.refused), ("http1", self.http1), ("again", self.again)];
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
                    Framing::Trailers(bytes) => ("trailers", bytes),
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
            Self::Stream => f.write_str("stream"),
            Self::ResetStream(code) => write!(f, "reset-stream {code}"),
            Self::Requests(count) => write!(f, "requests {count}"),
            Self::Idle => f.write_str("idle"),
            Self::MaxStreams(most) => write!(f, "max-streams {most}"),
            Self::InitialWindow(bytes) => write!(f, "initial-window {bytes}"),
            Self::GoAway(last, code) => write!(f, "goaway {} {code}", name_of(*last, LASTS)),
            Self::Ping => f.write_str("ping"),
            Self::Deaf(pause) => write!(f, "deaf {pause}"),
            Self::Cut(bytes) => write!(f, "cut {bytes}"),
        }
    }
}
