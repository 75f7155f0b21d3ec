//! Writes the log of a race in the form of scenario files.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper_happy_eyeballs::race::{
    Advice, AttemptDelay, Conclusion, DeadBy, DelayBasis, DropReason, Query, StartReason, UntriedReason,
};

use super::script::Scenario;
use crate::support::simulation::{Event, Log, Service};

impl Scenario {
    /// Returns the lines of the log.
    pub(crate) fn describe(&self, log: &Log) -> Vec<String> {
        let shown = |event: &Event| self.show_timers || !matches!(event, Event::Timer(_));
        let events = log.events.iter().filter(|(_, event)| shown(event));
        events.map(|(at, event)| format!("{} {}", in_milliseconds(*at), self.describe_event(event, log))).collect()
    }

    fn describe_event(&self, event: &Event, log: &Log) -> String {
        let name = |address: &SocketAddr| self.names.name(*address);
        match event {
            Event::Start { address, reason, service, delay, demoted, .. } => {
                let mut line = format!("start {} {}", name(address), start_reason(*reason));
                line += &self.describe_service(service.as_ref());
                if self.show_advice {
                    line += &described_dead(*demoted);
                    line += &described_delay(*delay);
                }
                line
            }
            Event::Progress { address } => format!("progress {}", name(address)),
            Event::Gate { address } => format!("gate {}", name(address)),
            Event::Chosen { address, .. } => format!("choose {}", name(address)),
            Event::Proceed { address, service } => {
                format!("proceed {}{}", name(address), self.describe_service(service.as_ref()))
            }
            Event::Failed { address, sent: true, .. } => format!("fail {}", name(address)),
            Event::Failed { address, sent: false, .. } => format!("fail {} unsent", name(address)),
            Event::Untrusted { address, .. } => format!("fail {} untrusted", name(address)),
            Event::Drop { address, reason, .. } => format!("drop {} {}", name(address), drop_reason(*reason)),
            Event::Timer(Some(at)) => format!("timer {}", in_milliseconds(*at)),
            Event::Timer(None) => "timer none".into(),
            Event::Cancelled => "cancelled".into(),
            Event::Idle => "idle".into(),
            Event::Untried { reason, addresses } => {
                let names: Vec<String> = addresses.iter().map(name).collect();
                format!("untried {} {}", untried_reason(*reason), names.join(" "))
            }
            Event::Finish { conclusion, waiting_for } => match conclusion {
                Conclusion::Connected(id) => format!("connected {}", name(&log.started[id.index()])),
                Conclusion::NoAddresses => "no-addresses".into(),
                Conclusion::NoUsableAddress => "no-usable-address".into(),
                Conclusion::Exhausted { error, .. } => format!("exhausted error {}", name(&log.started[error.index()])),
                Conclusion::TimedOut { error, .. } => {
                    let mut line = String::from("timed-out");
                    if let Some(error) = error {
                        write!(line, " error {}", name(&log.started[error.index()])).unwrap();
                    }
                    if !waiting_for.is_empty() {
                        let queries = waiting_for.iter().map(|query| match query {
                            Query::List => "LIST".into(),
                            other => other.to_string(),
                        });
                        write!(line, " waiting {}", queries.collect::<Vec<_>>().join(" ")).unwrap();
                    }
                    line
                }
                other => panic!("an unknown conclusion: {other:?}"),
            },
        }
    }

    fn describe_service(&self, service: Option<&Service>) -> String {
        service.filter(|_| self.show_services).map(described).unwrap_or_default()
    }
}

/// Returns the text of an advice: ` dead=30000 address bucket=1 used delay=120 prefix handshake=240`, or ` nothing`.
pub(super) fn described_advice(advice: &Advice, now: Instant) -> String {
    let mut line = described_dead(advice.dead.map(|dead| (dead.until - now, dead.by)));
    if advice.rtt_bucket > 0 {
        line += &format!(" bucket={}", advice.rtt_bucket);
    }
    if advice.used {
        line += " used";
    }
    line += &advice.delay.map(described_delay).unwrap_or_default();
    if let Some(rest) = advice.handshake {
        line += &format!(" handshake={}", in_milliseconds(rest));
    }
    if line.is_empty() { " nothing".into() } else { line }
}

fn described_dead(dead: Option<(Duration, DeadBy)>) -> String {
    let Some((rest, by)) = dead else { return String::new() };
    let by = match by {
        DeadBy::Address => "address",
        DeadBy::Family => "family",
        other => panic!("unknown: {other:?}"),
    };
    format!(" dead={} {by}", in_milliseconds(rest))
}

fn described_delay(delay: AttemptDelay) -> String {
    let basis = match delay.basis() {
        DelayBasis::Configured => "configured",
        DelayBasis::Address { .. } => "address",
        DelayBasis::Prefix { .. } => "prefix",
        DelayBasis::Network { .. } => "network",
        other => panic!("unknown: {other:?}"),
    };
    format!(" delay={} {basis}", in_milliseconds(delay.length()))
}

/// Returns the text of a service: ` priority=1 alpn=h2,http/1.1 ech=keys`.
fn described(service: &Service) -> String {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mut out = format!(" priority={}", service.priority);
    if !service.alpn.is_empty() {
        out += &format!(" alpn={}", service.alpn.iter().map(text).collect::<Vec<_>>().join(","));
    }
    if let Some(ech) = &service.ech {
        out += &format!(" ech={}", text(ech));
    }
    out
}

fn start_reason(reason: StartReason) -> &'static str {
    match reason {
        StartReason::First => "first",
        StartReason::DelayElapsed => "delay",
        StartReason::PreviousFailed => "failed",
        StartReason::AnswerArrived => "answer",
        other => panic!("an unknown reason: {other:?}"),
    }
}

fn drop_reason(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Lost => "lost",
        DropReason::Pruned => "pruned",
        DropReason::SliceElapsed => "slice",
        DropReason::DeadlineElapsed => "deadline",
        DropReason::Superseded => "superseded",
        DropReason::Overtaken => "overtaken",
        other => panic!("an unknown reason: {other:?}"),
    }
}

fn untried_reason(reason: UntriedReason) -> &'static str {
    match reason {
        UntriedReason::NotReached => "not-reached",
        UntriedReason::Withdrawn => "withdrawn",
        UntriedReason::FamilyDisabled => "family-disabled",
        UntriedReason::NoLocalAddress => "no-local-address",
        UntriedReason::Unspecified => "unspecified",
        UntriedReason::Multicast => "multicast",
        UntriedReason::NoScope => "no-scope",
        UntriedReason::OverLimit => "over-limit",
        other => panic!("an unknown reason: {other:?}"),
    }
}

/// Returns a time in milliseconds, with all of its decimals.
pub(super) fn in_milliseconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_millis(), time.as_nanos() % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}
