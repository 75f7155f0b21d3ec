//! The checks of the client's guarantees of `docs/design.md`, at the events that they are about.

use hyper_happy_eyeballs::client::ClientError;

use crate::caller::BodyEnd;
use crate::http1::{self, content};
use crate::http2;
use crate::ledger::{Answered, Attempt, Ledger, Rule, Stamp};
use crate::net::{Connection, State};
use crate::plan::{Ask, Method, Reading, Retry, Standstill};

/// Checks a dial.
pub(crate) fn on_dial(state: &mut State, dialled: &mut Connection) {
    let host = dialled.host;
    let same = |connection: &&Connection| connection.host == host && !connection.is_dropped;
    let open = state.connections.iter().filter(same).count();
    if state.plan.client.max_connections.is_some_and(|max| open >= max as usize) {
        let what = format!("a connection to host {} is dialled while there are {open}", dialled.host);
        state.ledger.violate(Rule::TooMany, what);
    }
    if state.plan.client.http2 {
        http2::on_dial(state, dialled);
    }
    // Sequential requests use one connection.
    let Some(id) = asked_now(state) else { return };
    let request = &state.ledger.requests[id];
    if !is_plain(&request.ask) || !request.attempts.is_empty() || !keeps_all(state) {
        return;
    }
    let idle = state.connections.iter().filter(same).position(|connection| {
        connection.is_released
            && has_all_of_request(state, connection)
            && connection.runtime == dialled.runtime
            && connection.hurt.is_none()
    });
    if idle.is_some() {
        state.ledger.violate(Rule::SpuriousDial, format!("request {id} dials, and a connection to its host is idle"));
    }
}

/// Returns the request that the only caller waits for.
fn asked_now(state: &State) -> Option<usize> {
    let is_open = |request: &crate::ledger::Request| request.asked.is_some() && !request.is_done;
    if state.is_sequential { state.ledger.requests.iter().position(is_open) } else { None }
}

/// Whether any connection will do for the request.
fn is_plain(ask: &Ask) -> bool {
    ask.method == Method::Get && ask.body.is_empty()
}

/// Whether the settings close no connection that could be reused.
fn keeps_all(state: &State) -> bool {
    let client = &state.plan.client;
    client.max_idle != Some(0)
        && client.max_age.is_none()
        && client.idle_timeout >= 60_000
        && client.retry != Retry::Never
        && client.runtimes == 1
}

/// Checks content of a request.
pub(crate) fn on_content(ledger: &mut Ledger, attempt: usize, data: &[u8]) {
    let Attempt { request, content: before, .. } = ledger.attempts[attempt];
    ledger.attempts[attempt].content += data.len() as u64;
    if data.iter().enumerate().any(|(at, &byte)| byte != content(request, before + at as u64)) {
        ledger.violate(Rule::WrongRequest, format!("the body of request {request} has other bytes"));
    }
}

/// Checks the end of a request.
pub(crate) fn on_whole_request(ledger: &mut Ledger, attempt: usize) {
    let Attempt { request, content, .. } = ledger.attempts[attempt];
    let body = &ledger.requests[request as usize].ask.body;
    if content != body.len() || body.fails {
        let what = format!("request {request} ended after {content} bytes of {}", body.len());
        ledger.violate(Rule::WrongRequest, what);
    }
}

/// Checks a request when it is sent on an HTTP/1.1 connection.
pub(crate) fn on_attempt(state: &mut State, id: u32, attempt: usize) {
    if state.plan.client.http2 {
        return http2::on_attempt(state, state.ledger.attempts[attempt].connection, attempt);
    }
    let request = &state.ledger.requests[id as usize];
    let mut problem = None;
    if let Some(&first) = request.attempts.last() {
        let first = &state.ledger.attempts[first];
        let connection = &state.connections[first.connection];
        let is_good_bye = first.answer.is_some_and(|answer| {
            let answer = &state.ledger.answers[answer];
            state.plan.client.retry_408 && answer.status == 408 && answer.head_arrived.is_some()
        });
        problem = if request.attempts.len() > 1 {
            Some("for the third time")
        } else if !request.ask.is_covered(state.plan.client.retry) {
            Some("although it is not idempotent")
        } else if !first.reused && !state.plan.client.late_binding {
            Some("although its connection was fresh")
        } else if connection.delivered > first.delivered_before && !is_good_bye {
            Some("although a part of a response had arrived")
        } else if state.ledger.attempts[attempt].reused {
            Some("on a connection that is not fresh")
        } else {
            None
        };
    }
    if let Some(problem) = problem {
        state.ledger.violate(Rule::SentTwice, format!("request {id} is sent again {problem}"));
    }
    state.ledger.requests[id as usize].attempts.push(attempt);
    state.ledger.note(0x70_0000 + u64::from(id));
}

/// Returns the response that the last attempt of a request must get: the first whose bytes arrive after the attempt began. On a fresh connection the
/// server may have spoken first.
fn expected(state: &State, id: u32) -> Option<usize> {
    let attempt = &state.ledger.attempts[*state.ledger.requests[id as usize].attempts.last()?];
    if state.connections[attempt.connection].is_http2 {
        return attempt.answer;
    }
    let answers = &state.connections[attempt.connection].answers;
    let from = if attempt.reused { attempt.delivered_before } else { 0 };
    answers.iter().copied().find(|&answer| state.ledger.answers[answer].start >= from)
}

/// Checks the error of a request.
pub(crate) fn on_error(state: &mut State, id: u32, error: &ClientError) {
    if state.plan.client.http2 && !http2::is_over_http1_alone(state, id, error) {
        return http2::on_error(state, id, error);
    }
    let text = format!("{error:?}");
    let problems = [
        is_lost(state, id, error),
        is_unjustified(state, id, error),
        is_not_retried(state, id, error),
        claims_falsely(state, id, error),
        is_late(state, id, error),
    ];
    for (rule, what) in problems.into_iter().flatten() {
        state.ledger.violate(rule, format!("request {id}: {what}: {text}"));
    }
    state.ledger.note(0x80_0000 + u64::from(id) + error.bytes_written() + error.bytes_read());
}

type Problem = Option<(Rule, String)>;

fn last_attempt(state: &State, id: u32) -> Option<&Attempt> {
    state.ledger.requests[id as usize].attempts.last().map(|&attempt| &state.ledger.attempts[attempt])
}

fn is_lost(state: &State, id: u32, error: &ClientError) -> Problem {
    let is_silent = error.bytes_written() == 0 && !error.is_connect();
    let word = || first_word(state, id).filter(|_| is_silent);
    let answer = &state.ledger.answers[expected(state, id).or_else(word)?];
    let request = &state.ledger.requests[id as usize];
    let arrived = answer.head_arrived?;
    if answer.status == 408 && state.plan.client.retry_408 && error.retries() > 0 {
        // The 408 was taken for the close of an idle connection, as the caller wants, and discarded.
        return None;
    }
    let came_first = request.body_failed.is_none_or(|failed| arrived < failed);
    came_first.then(|| (Rule::Lost, format!("a {} had arrived", answer.status)))
}

/// Whether a response for no request may be taken for that of a request of which its connection has taken nothing: the connection is fresh, or takes
/// no bytes.
fn may_be_unasked(state: &State, id: u32, answer: usize) -> bool {
    let answer = &state.ledger.answers[answer];
    let connection = &state.connections[answer.connection];
    let host = state.ledger.requests[id as usize].ask.host as usize;
    let takes_nothing = connection.attempts.is_empty() || connection.refuses_writes;
    connection.host == host && answer.attempt.is_none() && answer.head_arrived.is_some() && takes_nothing
}

/// Returns the response that arrived, on the connection that was dialled last, before the only waiting request could be sent.
fn first_word(state: &State, id: u32) -> Option<usize> {
    let connection = state.connections.last().filter(|_| state.is_sequential)?;
    connection.answers.iter().copied().find(|&answer| may_be_unasked(state, id, answer))
}

fn is_unjustified(state: &State, id: u32, error: &ClientError) -> Problem {
    let request = &state.ledger.requests[id as usize];
    let host = request.ask.host as usize;
    let is_justified = if error.is_request_body() {
        request.body_failed.is_some()
    } else if error.is_connect() {
        state.connections.iter().any(|connection| connection.host == host && connection.script.refused)
    } else {
        let is_hurt = |connection: &Connection| connection.hurt.is_some();
        match last_attempt(state, id) {
            Some(attempt) if error.bytes_written() > 0 => is_hurt(&state.connections[attempt.connection]),
            _ => state.connections.iter().any(|connection| connection.host == host && is_hurt(connection)),
        }
    };
    (!is_justified).then(|| (Rule::Unjustified, "nothing had happened to its connection".to_owned()))
}

fn is_not_retried(state: &State, id: u32, error: &ClientError) -> Problem {
    let client = &state.plan.client;
    let ask = &state.ledger.requests[id as usize].ask;
    let can_be_had = ask.body.is_empty() || ask.body.is_whole() || (client.retry_bodies && !ask.body.fails);
    if !error.is_closed_before_response() || error.retries() > 0 || client.retry == Retry::Never || !can_be_had {
        return None;
    }
    let must_be = match last_attempt(state, id) {
        Some(attempt) => {
            let connection = &state.connections[attempt.connection];
            attempt.reused && ask.is_covered(client.retry) && connection.read == attempt.read_before
        }
        // Nothing was sent.
        None => error.was_reused() && error.bytes_read() == 0,
    };
    must_be.then(|| (Rule::NotRetried, "it could be sent again".to_owned()))
}

fn claims_falsely(state: &State, id: u32, error: &ClientError) -> Problem {
    let attempts = state.ledger.requests[id as usize].attempts.len();
    let sent = last_attempt(state, id).map_or(0, |attempt| attempt.accepted);
    let is_covered = state.ledger.requests[id as usize].ask.is_covered(state.plan.client.retry);
    let problem = if error.retries() > 1 {
        format!("it was sent again {} times", error.retries())
    } else if error.is_canceled() && attempts > 0 {
        format!("it was sent, {sent} bytes of it")
    } else if error.may_retry() && attempts > 0 && !is_covered {
        format!("it may be sent again, though it was sent, {sent} bytes of it")
    } else if error.bytes_written() == 0 && attempts > error.retries() as usize {
        format!("{sent} bytes were written, not none")
    } else if error.bytes_written() > 0 && (error.bytes_written() != sent || attempts > 1 + error.retries() as usize) {
        format!("{sent} bytes were written on the last of {attempts} connections, not {}", error.bytes_written())
    } else {
        let attempt = last_attempt(state, id).filter(|_| error.bytes_written() > 0)?;
        let read = state.connections[attempt.connection].read - attempt.read_before;
        if error.bytes_read() != read {
            format!("{read} bytes were read, not {}", error.bytes_read())
        } else if error.was_reused() != attempt.reused && !(state.plan.client.late_binding || state.plan.client.alpn) {
            format!("reused: {}", attempt.reused)
        } else {
            return None;
        }
    };
    Some((Rule::FalseClaim, problem))
}

/// Checks that the error comes as soon as its cause.
fn is_late(state: &State, id: u32, error: &ClientError) -> Problem {
    if error.is_request_body() || error.is_connect() || error.bytes_written() == 0 {
        return None;
    }
    let attempt = last_attempt(state, id)?;
    let connection = &state.connections[attempt.connection];
    let allowed = match (connection.ended, connection.write_failed) {
        (Some(ended), _) => ended.max(attempt.began).ms,
        // Reading goes on for a time, since a response may come.
        (None, Some(failed)) => failed.max(attempt.began).ms + 10_000,
        (None, None) => return None,
    };
    delay(state, id, allowed).map(|late| (Rule::Late, format!("{late} ms late")))
}

/// Returns by how many milliseconds it is later than `due`, if the caller's runtime was driven. With several runtimes each runs only once in a slice
/// of time.
fn delay(state: &State, id: u32, due: u64) -> Option<u64> {
    let late = state.ms().checked_sub(due)?;
    let is_blocked = |attempt: &Attempt| state.connections[attempt.connection].was_blocked;
    if state.plan.client.http2 && last_attempt(state, id).is_some_and(is_blocked) {
        // A client that cannot answer a PING stops reading.
        return None;
    }
    if state.plan.client.runtimes == 1 {
        return Some(late).filter(|late| *late > 0);
    }
    let runtime = state.runtime_of(id as usize)? as u32;
    let stands = |still: &Standstill| {
        let (from, until) = (u64::from(still.from), still.until.map_or(u64::MAX, u64::from));
        still.runtime == runtime && from <= state.ms() && until + SLICES >= due
    };
    let was_driven = !state.plan.client.standstills.iter().any(stands);
    Some(late).filter(|late| was_driven && *late > SLICES)
}

/// Milliseconds in which every driven runtime has run.
const SLICES: u64 = 300;

/// Checks the head of a response. Returns which response it is.
pub(crate) fn on_head(state: &mut State, id: u32, status: u16, whose: &str) -> Option<usize> {
    state.ledger.note(0x90_0000 + u64::from(id) + u64::from(status));
    state.ledger.requests[id as usize].has_head = true;
    let unasked = whose.strip_prefix("nobody-").and_then(|number| number.parse().ok());
    let unasked = unasked.filter(|&number| may_be_unasked(state, id, number));
    let Some(number) = unasked.or_else(|| expected(state, id)) else {
        state.ledger.violate(Rule::Crossed, format!("request {id} got a {status} of {whose}, and none was sent to it"));
        return None;
    };
    let answer = &state.ledger.answers[number];
    let for_whom = answer.attempt.map(|attempt| state.ledger.attempts[attempt].request);
    let expected = http1::for_whom(for_whom, number);
    if whose != expected || status != answer.status || for_whom.is_some_and(|whose| whose != id) {
        let what = format!("request {id} got a {status} of {whose}, not the {} of {expected}", answer.status);
        state.ledger.violate(Rule::Crossed, what);
        return None;
    }
    let began = last_attempt(state, id).map_or_else(Stamp::default, |attempt| attempt.began);
    let arrived = answer.head_arrived.unwrap_or_default().max(began).ms;
    if let Some(late) = delay(state, id, arrived) {
        let what = format!("the head for request {id} was returned {late} ms late");
        state.ledger.violate(Rule::Late, what);
    }
    Some(number)
}

/// Checks the body of a response when its caller has finished with it.
pub(crate) fn on_body(state: &mut State, id: u32, number: usize, read: &[u8], end: &BodyEnd, reading: Reading) {
    let answer = &state.ledger.answers[number];
    let whose = answer.attempt.map_or(u32::MAX, |attempt| state.ledger.attempts[attempt].request);
    let is_other = read.iter().enumerate().any(|(at, &byte)| byte != content(whose, at as u64));
    let connection = &state.connections[answer.connection];
    // A server that does not know which request it answers sends content with a response to HEAD.
    let is_head = state.ledger.requests[id as usize].ask.method == Method::Head;
    let content_length = if is_head { 0 } else { answer.content };
    let read_all = read.len() as u64 == content_length;
    let mut problem = None;
    if is_other || read.len() as u64 > content_length {
        problem = Some((Rule::WrongBody, "has other bytes".to_owned()));
    }
    match end {
        BodyEnd::Properly { .. } if !read_all || (answer.all_arrived.is_none() && !is_head) => {
            problem = Some((Rule::WrongBody, format!("ends properly after {} bytes of {content_length}", read.len())));
        }
        BodyEnd::Properly { has_trailers } if *has_trailers != answer.has_trailers => {
            problem = Some((Rule::WrongBody, format!("ends properly, with trailers: {has_trailers}")));
        }
        BodyEnd::Properly { .. } => {
            problem = problem.or_else(|| is_late_body(state, id, answer, reading));
            if is_kept(state, id, answer) {
                if connection.is_dropped && has_all_of_request(state, connection) {
                    problem = Some((Rule::SpuriousDial, "is complete, and its connection was closed".to_owned()));
                }
                state.connections[state.ledger.answers[number].connection].is_released = true;
            }
        }
        // A caller whose own body fails may lose the rest of the response.
        BodyEnd::Failed(_) if state.ledger.requests[id as usize].body_failed.is_some() => {}
        BodyEnd::Failed(error) if answer.all_arrived.is_some() => {
            problem = Some((Rule::LostBody, format!("had arrived, and failed: {error}")));
        }
        BodyEnd::Failed(error) if !is_hurt(state, answer) => {
            problem = Some((Rule::Unjustified, format!("failed, and nothing had happened: {error}")));
        }
        BodyEnd::Failed(_) | BodyEnd::Dropped => {}
    }
    if let Some((rule, what)) = problem {
        state.ledger.violate(rule, format!("the body of the response to request {id} {what}"));
    }
    state.ledger.note(0xa0_0000 + u64::from(id) + read.len() as u64);
}

/// Whether there was an event that may cut a response off.
fn is_hurt(state: &State, answer: &Answered) -> bool {
    match answer.attempt {
        Some(attempt) if state.connections[answer.connection].is_http2 => http2::is_hurt(state, attempt),
        _ => state.connections[answer.connection].hurt.is_some(),
    }
}

fn is_late_body(state: &State, id: u32, answer: &Answered, reading: Reading) -> Problem {
    let attempt = answer.attempt.map(|attempt| &state.ledger.attempts[attempt])?;
    let due = answer.all_arrived?.max(attempt.began).ms;
    let late = delay(state, id, due).filter(|_| reading == Reading::All)?;
    Some((Rule::Late, format!("ends {late} ms late")))
}

/// Whether the last request on a connection was written completely. Until then the connection is not idle, even if the caller has the whole response.
fn has_all_of_request(state: &State, connection: &Connection) -> bool {
    connection.attempts.last().is_none_or(|&last| state.ledger.attempts[last].end.is_some())
}

/// Whether the connection can be reused after the exchange.
fn is_kept(state: &State, id: u32, answer: &Answered) -> bool {
    let connection = &state.connections[answer.connection];
    state.is_sequential
        && is_plain(&state.ledger.requests[id as usize].ask)
        && keeps_all(state)
        && matches!(answer.status, 200 | 204)
        && !(answer.close || answer.until_close)
        && connection.hurt.is_none()
        && connection.answers.last().is_some_and(|&last| state.ledger.answers[last].end == answer.end)
}
