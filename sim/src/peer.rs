//! The server's end of a connection: follows its script, and records what it sees.

use std::io;

use crate::http1::{self, Found};
use crate::http2;
use crate::judge;
use crate::ledger::{Answered, Attempt, Rule};
use crate::net::{Ended, Event, State};
use crate::plan::{Answer, Method, Pause, Step, Until};
use crate::wire::{close, deliver, end, refuse_writes};

/// The client has written `bytes` of what it offered.
pub(crate) fn accept(state: &mut State, id: usize, offered: &[u8], bytes: usize) {
    if state.connections[id].is_http2 {
        http2::accept(state, id, &offered[..bytes]);
    } else {
        accept_requests(state, id, offered, bytes);
    }
    state.ledger.note(0x20_0000_0000 + ((id as u64) << 20) + bytes as u64);
    notice(state, id);
}

fn accept_requests(state: &mut State, id: usize, offered: &[u8], bytes: usize) {
    let mut at = 0;
    loop {
        if at < bytes && state.connections[id].parser.is_between_requests() && !begin(state, id, &offered[at..]) {
            state.connections[id].accepted += (bytes - at) as u64;
            break;
        }
        let connection = &mut state.connections[id];
        let (taken, found) = match connection.parser.take(&offered[at..bytes]) {
            Ok(parsed) => parsed,
            Err(problem) => {
                state.ledger.violate(Rule::WrongRequest, format!("on connection {id} {problem}"));
                state.connections[id].accepted += (bytes - at) as u64;
                break;
            }
        };
        at += taken;
        connection.accepted += taken as u64;
        let accepted = connection.accepted;
        if let Some(&attempt) = connection.attempts.last() {
            state.ledger.attempts[attempt].accepted += taken as u64;
            match found {
                None => {}
                Some(Found::Head) => state.ledger.attempts[attempt].head_end = Some(accepted),
                Some(Found::Data(data)) => judge::on_content(&mut state.ledger, attempt, data),
                Some(Found::End) => {
                    state.ledger.attempts[attempt].end = Some(accepted);
                    judge::on_whole_request(&mut state.ledger, attempt);
                }
            }
        }
        if at == bytes && !state.connections[id].parser.may_go_on() {
            break;
        }
    }
}

/// Begins a request. Returns `false` if it is none.
fn begin(state: &mut State, id: usize, head: &[u8]) -> bool {
    let request = http1::request_id(head).filter(|request| (*request as usize) < state.ledger.requests.len());
    let Some(request) = request else {
        let head = String::from_utf8_lossy(&head[..head.len().min(40)]).into_owned();
        state.ledger.violate(Rule::WrongRequest, format!("connection {id} was sent {head:?}"));
        return false;
    };
    let began = state.stamp();
    let asked = state.ledger.requests[request as usize].asked;
    let connection = &mut state.connections[id];
    let attempt = Attempt {
        request,
        connection: id,
        began,
        accepted: 0,
        head_end: None,
        end: None,
        content: 0,
        // The connection may have been made for another request, which was cancelled.
        reused: !connection.attempts.is_empty() || connection.dial_ended < asked,
        delivered_before: connection.delivered,
        read_before: connection.read,
        answer: None,
    };
    connection.is_released = false;
    connection.attempts.push(state.ledger.attempts.len());
    state.ledger.attempts.push(attempt);
    judge::on_attempt(state, request, state.ledger.attempts.len() - 1);
    true
}

/// The client has half-closed, or dropped the connection.
pub(crate) fn on_client_end(state: &mut State, id: usize) {
    state.ledger.note(0x30_0000 + id as u64);
    if state.connections[id].is_dropped {
        state.connections[id].is_served = true;
    } else {
        notice(state, id);
    }
}

/// The client has read something.
pub(crate) fn on_read(state: &mut State, id: usize) {
    if state.connections[id].is_http2 {
        http2::on_read(state, id);
    }
}

pub(crate) fn on_connected(state: &mut State, id: usize) {
    advance(state, id);
}

/// Schedules the server's notice of an event.
fn notice(state: &mut State, id: usize) {
    let connection = &mut state.connections[id];
    if connection.is_served || connection.is_noticing {
        return;
    }
    match connection.script.latency {
        None => advance(state, id),
        Some(latency) => {
            connection.is_noticing = true;
            state.schedule(latency, Event::Notice(id));
        }
    }
}

pub(crate) fn on_notice(state: &mut State, id: usize) {
    state.connections[id].is_noticing = false;
    advance(state, id);
}

/// A pause or the server's patience is over.
pub(crate) fn on_timer(state: &mut State, id: usize, epoch: u64) {
    if state.connections[id].is_http2 {
        return http2::on_timer(state, id, epoch);
    }
    let connection = &mut state.connections[id];
    if connection.is_served || !connection.is_waiting || connection.epoch != epoch {
        return;
    }
    if let Some(Step::Wait(_)) = connection.script.steps.get(connection.at) {
        done(state, id);
        advance(state, id);
    } else {
        close(state, id);
    }
}

/// The present step is done.
fn done(state: &mut State, id: usize) {
    let connection = &mut state.connections[id];
    connection.at += 1;
    connection.epoch += 1;
    connection.is_waiting = false;
}

/// Waits at most this long.
fn wait(state: &mut State, id: usize, pause: Pause) {
    let connection = &mut state.connections[id];
    if !connection.is_waiting {
        connection.is_waiting = true;
        let event = Event::Timer(id, connection.epoch);
        state.schedule(pause, event);
    }
}

/// Continues the script as far as possible now.
fn advance(state: &mut State, id: usize) {
    if state.connections[id].is_http2 {
        return http2::advance(state, id);
    }
    loop {
        let connection = &mut state.connections[id];
        if connection.is_served || !connection.is_connected {
            return;
        }
        let Some(&step) = connection.script.steps.get(connection.at) else {
            // A round without any input would repeat for ever.
            let is_idle_round = connection.round_began == Some(connection.taken);
            if !connection.script.again || connection.script.steps.is_empty() || is_idle_round {
                return close(state, id);
            }
            connection.round_began = Some(connection.taken);
            connection.at = 0;
            continue;
        };
        let patience = Pause { ms: connection.script.patience, rounds: 0 };
        match step {
            Step::Wait(pause) => return wait(state, id, pause),
            Step::Read(until) => {
                if !read(state, id, until) {
                    if state.connections[id].has_shut_down {
                        return close(state, id);
                    }
                    return wait(state, id, patience);
                }
            }
            Step::Gather => {
                let (needed, here) = &mut state.gathering;
                if !here.contains(&id) {
                    here.push(id);
                }
                if here.len() < *needed {
                    return wait(state, id, patience);
                }
                for other in here.clone().into_iter().filter(|&other| other != id) {
                    if let Some(Step::Gather) = state.connections[other].script.steps.get(state.connections[other].at) {
                        state.schedule(Pause::default(), Event::Notice(other));
                    }
                }
            }
            Step::Inform(status) => {
                if unanswered(state, id).is_some() && state.connections[id].outbox.is_empty() {
                    deliver(state, id, format!("HTTP/1.1 {status} Soon\r\n\r\n").as_bytes());
                }
            }
            Step::Answer(answer) => make(state, id, answer),
            Step::Send(bytes) => send(state, id, bytes as usize),
            Step::SendRest => send(state, id, usize::MAX),
            Step::Fin => end(state, id, Ended::Properly, false),
            Step::Close => return close(state, id),
            Step::Reset(keep) => {
                end(state, id, Ended::ByReset, !keep);
                refuse_writes(state, id, io::ErrorKind::ConnectionReset);
                state.connections[id].is_served = true;
                return;
            }
            Step::RefuseWrites => {
                let now = state.stamp();
                let connection = &mut state.connections[id];
                connection.refuses_writes = true;
                connection.hurt.get_or_insert(now);
                refuse_writes(state, id, io::ErrorKind::BrokenPipe);
            }
            // The steps of HTTP/2.
            Step::Stream
            | Step::ResetStream(_)
            | Step::Requests(_)
            | Step::Idle
            | Step::MaxStreams(_)
            | Step::InitialWindow(_)
            | Step::GoAway(..)
            | Step::Ping
            | Step::Deaf(_)
            | Step::Cut(_) => {}
        }
        done(state, id);
    }
}

/// Returns the request without a response.
fn unanswered(state: &State, id: usize) -> Option<usize> {
    state.connections[id].attempts.iter().copied().find(|&attempt| state.ledger.attempts[attempt].answer.is_none())
}

/// Reads. Returns `false` if there is not enough yet.
fn read(state: &mut State, id: usize, until: Until) -> bool {
    let has_begun = unanswered(state, id).is_some();
    let connection = &mut state.connections[id];
    let (taken, accepted) = (connection.taken, connection.accepted);
    let attempts = connection.attempts.iter().map(|&attempt| &state.ledger.attempts[attempt]);
    let is_ahead = |end: Option<u64>| end.is_none_or(|end| end > taken);
    // The position to read to, once it is known.
    let target = match until {
        Until::Begun => has_begun.then_some(taken),
        Until::Head => attempts.map(|attempt| attempt.head_end).find(|end| is_ahead(*end)).flatten(),
        Until::End => attempts.map(|attempt| attempt.end).find(|end| is_ahead(*end)).flatten(),
        Until::Body(bytes) => {
            let end = attempts.map(|attempt| attempt.end).find(|end| is_ahead(*end)).flatten().unwrap_or(u64::MAX);
            Some(end.min(taken + u64::from(bytes))).filter(|end| *end <= accepted)
        }
    };
    // Input that is not enough is read all the same.
    connection.taken = target.unwrap_or(accepted);
    if connection.taken > taken {
        let (runtime, waker) = (connection.runtime, connection.writer.take());
        state.wake(runtime, waker);
    }
    target.is_some()
}

/// Makes a response.
fn make(state: &mut State, id: usize, answer: Answer) {
    let connection = &state.connections[id];
    if connection.answers.last().is_some_and(|&last| state.ledger.answers[last].until_close) {
        // Anything after it would be a part of it.
        return;
    }
    let attempt = unanswered(state, id);
    let request = attempt.map(|attempt| state.ledger.attempts[attempt].request);
    let is_head = request.is_some_and(|id| state.ledger.requests[id as usize].ask.method == Method::Head);
    let number = state.ledger.answers.len();
    let written = http1::respond(answer, number, request, is_head);
    let now = state.stamp();
    let connection = &mut state.connections[id];
    let start = connection.delivered + connection.outbox.len() as u64;
    state.ledger.answers.push(Answered {
        attempt,
        connection: id,
        status: answer.status,
        close: answer.close,
        until_close: written.until_close,
        start,
        head_end: start + written.head as u64,
        end: start + written.bytes.len() as u64,
        content: written.content,
        has_trailers: false,
        first_arrived: None,
        head_arrived: None,
        all_arrived: None,
    });
    match attempt {
        Some(attempt) => state.ledger.attempts[attempt].answer = Some(number),
        // A response to no request: the next request may get it.
        None => connection.hurt = connection.hurt.or(Some(now)),
    }
    connection.answers.push(number);
    connection.outbox.extend_from_slice(&written.bytes);
}

/// Sends bytes of the response.
fn send(state: &mut State, id: usize, bytes: usize) {
    let connection = &mut state.connections[id];
    let bytes: Vec<u8> = connection.outbox.drain(..bytes.min(connection.outbox.len())).collect();
    deliver(state, id, &bytes);
}
