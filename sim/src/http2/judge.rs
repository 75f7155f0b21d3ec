//! The checks over HTTP/2: the guarantees of the client, and the rules of `docs/http2.md`.

use hyper_happy_eyeballs::client::{ClientError, Processing};

use super::dials;
use super::fate::{self, Cause, Fate};
use crate::ledger::{Request, Rule};
use crate::net::{Connection, State};
use crate::plan::Retry;

/// Whether a request went over HTTP/1.1 only, so that the rules of HTTP/1.1 apply.
pub(crate) fn is_over_http1_alone(state: &State, id: u32, error: &ClientError) -> bool {
    let attempts = &state.ledger.requests[id as usize].attempts;
    let is_http1 = |&attempt: &usize| !state.connections[state.ledger.attempts[attempt].connection].is_http2;
    // A retry after an unsent attempt over HTTP/2 is not visible here.
    !attempts.is_empty() && attempts.iter().all(is_http1) && error.retries() == 0
}

/// Checks a request when its stream is opened, or when it begins on a negotiated HTTP/1.1 connection.
pub(crate) fn on_attempt(state: &mut State, connection: usize, attempt: usize) {
    let id = state.ledger.attempts[attempt].request;
    let request = &state.ledger.requests[id as usize];
    if let Some(at) = overtaken_by(state, request, connection, attempt) {
        return state.ledger.requests[id as usize].attempts.insert(at, attempt);
    }
    if let Some(problem) = may_not_be_sent_again(state, request) {
        state.ledger.violate(Rule::SentTwice, format!("request {id} is sent again {problem}"));
    }
    let server = &state.connections[connection].http2;
    let open = server.streams.iter().filter(|stream| stream.is_open()).count();
    if server.most.is_some_and(|most| open > most as usize) {
        let what = format!("{open} streams are open on connection {connection}, and it allows {:?}", server.most);
        state.ledger.violate(Rule::TooMany, what);
    }
    // A request that waits in the client may have got its connection before the GOAWAY was read.
    let server = &state.connections[connection].http2;
    let told = server.goaways.first().and_then(|goaway| server.read_at(goaway.end));
    let request = &state.ledger.requests[id as usize];
    let began = match request.attempts.last() {
        Some(&last) => fate::failed_at(state, last),
        None => request.asked,
    };
    if told.is_some_and(|told| began > Some(told)) {
        let what = format!("request {id} is sent on connection {connection} after its GOAWAY was read");
        state.ledger.violate(Rule::AfterGoaway, what);
    }
    state.ledger.requests[id as usize].attempts.push(attempt);
    state.ledger.note(0x70_0000 + u64::from(id));
}

/// A request that waited in the client to be written, and that a GOAWAY turned away, may be written after its retry on another connection. Returns
/// which attempt of the request really came later.
fn overtaken_by(state: &State, request: &Request, connection: usize, attempt: usize) -> Option<usize> {
    let is_turned_away = Fate::of(state, attempt).is_unprocessed();
    let is_later = |&other: &usize| {
        // An older connection may have got the retry.
        state.ledger.attempts[other].connection > connection || Fate::of(state, other).cause.is_none()
    };
    request.attempts.iter().position(is_later).filter(|_| is_turned_away)
}

/// Whether a request was on an HTTP/1.1 connection that may have been dialled for all, and was idle before the request got it, which counts as reuse.
fn may_have_been_idle(state: &State, request: &Request) -> bool {
    let last = request.attempts.last().map(|&last| &state.connections[state.ledger.attempts[last].connection]);
    state.plan.client.alpn && last.is_some_and(|connection| !connection.is_http2)
}

/// Returns why a request must not be sent again, if so.
fn may_not_be_sent_again(state: &State, request: &Request) -> Option<&'static str> {
    let fates: Vec<Fate> = request.attempts.iter().map(|&attempt| Fate::of(state, attempt)).collect();
    let last = fates.last()?;
    let retry = state.plan.client.retry;
    let unknown = fates.iter().filter(|fate| !fate.is_unprocessed()).count();
    if retry == Retry::Never {
        Some("although nothing is to be")
    } else if fates.iter().any(|fate| fate.is_answered) {
        Some("although it was answered")
    } else if last.cause.is_none() {
        Some("although nothing had happened to it")
    } else if last.is_final() && !may_have_been_idle(state, request) {
        Some("although that makes no sense")
    } else if unknown > 0 && !request.ask.is_covered(retry) {
        Some("although it may have been processed, and is not idempotent")
    } else if unknown > 1 {
        Some("although it may have been processed twice")
    } else if fates.len() > MOST_REPEATS {
        Some("too often")
    } else {
        None
    }
}

/// Checks the error of a request.
pub(crate) fn on_error(state: &mut State, id: u32, error: &ClientError) {
    let request = &state.ledger.requests[id as usize];
    let problems = [
        is_lost(state, request),
        is_unjustified(state, request, error),
        is_not_retried(state, request, error),
        claims_falsely(state, request, error),
        is_late(state, request, error),
    ];
    for (rule, what) in problems.into_iter().flatten() {
        state.ledger.violate(rule, format!("request {id}: {what}: {error:?}, {:?}", error.processing()));
    }
    state.ledger.note(0x80_0000 + u64::from(id) + error.bytes_written() + error.bytes_read());
}

type Problem = Option<(Rule, String)>;

fn is_lost(state: &State, request: &Request) -> Problem {
    let attempt = &state.ledger.attempts[*request.attempts.last()?];
    let answer = &state.ledger.answers[attempt.answer?];
    let arrived = answer.head_arrived?;
    let connection = &state.connections[attempt.connection];
    if request.body_failed.is_some() && connection.was_blocked && connection.read < answer.head_end {
        // h2 reads nothing while it has something to write that the server does not read: the client did not know of the response when the body
        // failed.
        return None;
    }
    // An event at the same moment may not have been looked at.
    let came_first = request.body_failed.is_none_or(|failed| arrived.ms < failed.ms);
    came_first.then(|| (Rule::Lost, format!("a {} had arrived", answer.status)))
}

fn is_unjustified(state: &State, request: &Request, error: &ClientError) -> Problem {
    let host = request.ask.host as usize;
    let of_host = || state.connections.iter().filter(|connection| connection.host == host);
    let is_justified = if error.is_request_body() {
        request.body_failed.is_some()
    } else if error.is_connect() {
        dials::is_failed(state, request)
    } else if error.is_closed_before_response() {
        match request.attempts.last() {
            // A PING that waits behind an upload is not answered in time.
            Some(&last) if error.is_timeout() && was_blocked(state, last) => true,
            Some(&last) if is_all_seen(request, error) => fate::is_hurt(state, last),
            _ => of_host().any(|connection| connection.hurt.is_some()),
        }
    } else {
        false
    };
    (!is_justified).then(|| (Rule::Unjustified, "nothing had happened to it".to_owned()))
}

fn was_blocked(state: &State, attempt: usize) -> bool {
    state.connections[state.ledger.attempts[attempt].connection].was_blocked
}

/// Whether the server has seen every attempt of the request.
fn is_all_seen(request: &Request, error: &ClientError) -> bool {
    request.attempts.len() == error.retries() as usize + 1
}

fn is_not_retried(state: &State, request: &Request, error: &ClientError) -> Problem {
    let client = &state.plan.client;
    let body = &request.ask.body;
    let can_be_had = body.is_empty() || body.is_whole() || (client.retry_bodies && !body.fails);
    let may_be_at_its_end = error.retries() >= MOST_WITHOUT_PROGRESS;
    if !error.is_closed_before_response() || may_be_at_its_end || client.retry == Retry::Never || !can_be_had {
        return None;
    }
    let must_be = if request.attempts.is_empty() {
        // Over HTTP/1.1 a fresh connection that takes nothing is a refusal.
        let may_be_http1 = |one: &Connection| one.host == request.ask.host as usize && !one.is_http2;
        error.processing() == Processing::Unsent && !state.connections.iter().any(may_be_http1)
    } else if is_all_seen(request, error) {
        let fates: Vec<Fate> = request.attempts.iter().map(|&attempt| Fate::of(state, attempt)).collect();
        let unknown = fates.iter().filter(|fate| !fate.is_unprocessed()).count();
        let last = fates.last().copied()?;
        !last.is_final()
            && !last.is_answered
            && (unknown == 0 || (unknown == 1 && request.ask.is_covered(client.retry)))
    } else {
        false
    };
    must_be.then(|| (Rule::NotRetried, "it could be sent again".to_owned()))
}

fn claims_falsely(state: &State, request: &Request, error: &ClientError) -> Problem {
    let fates: Vec<Fate> = request.attempts.iter().map(|&attempt| Fate::of(state, attempt)).collect();
    let is_unknown = fates.iter().any(|fate| !fate.is_unprocessed());
    let problem = match error.processing() {
        Processing::Unsent if !fates.is_empty() => "it was sent",
        Processing::Unprocessed if is_unknown => "it may have been processed",
        Processing::Unknown if !is_unknown && is_all_seen(request, error) && !error.is_request_body() => {
            "it is known that it was not processed"
        }
        Processing::Answered if !fates.last().is_some_and(|last| last.is_answered) => "it was not answered",
        _ if error.may_retry() && is_unknown && !request.ask.is_covered(state.plan.client.retry) => {
            "it is not safe to send it again"
        }
        _ if error.retries() as usize > MOST_REPEATS => "it was sent again too often",
        _ => return claims_another_code(fates.last().copied(), request, error),
    };
    Some((Rule::FalseClaim, problem.to_owned()))
}

/// Checks that the error code is that of the frame that ended the request.
fn claims_another_code(last: Option<Fate>, request: &Request, error: &ClientError) -> Problem {
    let code = match last?.cause? {
        Cause::Reset(code) | Cause::TurnedAway(code, _) => code,
        Cause::Closed => return None,
    };
    let is_told = error.is_closed_before_response() && is_all_seen(request, error);
    let is_other = is_told && error.http2_reason() != Some(code);
    is_other.then(|| (Rule::FalseClaim, format!("the error code was {code}, not {:?}", error.http2_reason())))
}

/// Checks that the error comes as soon as its cause.
fn is_late(state: &State, request: &Request, error: &ClientError) -> Problem {
    if !error.is_closed_before_response() || !is_all_seen(request, error) {
        return None;
    }
    let last = *request.attempts.last()?;
    let connection = &state.connections[state.ledger.attempts[last].connection];
    let due = fate::failed_at(state, last)?.max(state.ledger.attempts[last].began).ms;
    let late = state.ms().checked_sub(due).filter(|late| *late > 0 && !connection.was_blocked)?;
    Some((Rule::Late, format!("{late} ms late")))
}

/// Checks that no connection is kept whose server wants to end it and whose last stream has ended.
pub(crate) fn on_rest(state: &mut State) {
    for id in 0..state.connections.len() {
        let connection = &state.connections[id];
        let is_told = connection.http2.goaways.iter().any(|goaway| goaway.end <= connection.read);
        if is_told && !connection.is_dropped {
            state.ledger.violate(Rule::Leak, format!("connection {id} is kept after its GOAWAY"));
        }
    }
}

/// The most retries of a request, and the most without progress of a server.
const MOST_REPEATS: usize = 16;
const MOST_WITHOUT_PROGRESS: u32 = 2;
