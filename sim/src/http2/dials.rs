//! Checks the rules of dials that may lead to HTTP/2: `docs/http2.md`, "One dial for a burst".

use crate::ledger::{Request, Rule};
use crate::net::{Connection, State};

/// Checks a dial that may lead to HTTP/2.
pub(crate) fn on_dial(state: &mut State, dialled: &mut Connection) {
    dialled.is_for_all = !may_be_known_as_http1(state, dialled);
    if !dialled.is_for_all {
        return;
    }
    let now = state.ms();
    let is_dialling = |other: &&Connection| other.dial_ended.is_none() && !other.is_dropped && other.is_for_all;
    let under_way: Vec<u64> = of_host(state, dialled).filter(is_dialling).map(|other| other.dialled.ms).collect();
    let host = dialled.host;
    match *under_way {
        [] => {}
        [began] if now >= began + silence(state) => {}
        [began] => {
            let what =
                format!("a connection to host {host} is dialled {} ms after another was, which may come", now - began);
            state.ledger.violate(Rule::TooMany, what);
        }
        _ => {
            let what = format!("a connection to host {host} is dialled while {} others are", under_way.len());
            state.ledger.violate(Rule::TooMany, what);
        }
    }
    let most = state.plan.client.http2_connections as usize;
    // A connection without a stream may be closed already, since it was beyond the limit.
    let is_used = |other: &&Connection| takes_streams(state, other) && other.http2.has_streams();
    let open = of_host(state, dialled).filter(is_used).count();
    if open >= most {
        let what =
            format!("a connection to host {host} is dialled, and {open} take streams, of {most} that there may be");
        state.ledger.violate(Rule::TooMany, what);
    }
}

/// Checks the number of connections with streams when a stream is opened.
pub(super) fn on_stream(state: &mut State, id: usize) {
    let connected = &state.connections[id];
    let open = |other: &&Connection| takes_streams(state, other) && other.is_for_all && !other.attempts.is_empty();
    let open = of_host(state, connected).filter(open).count();
    let (host, most) = (connected.host, state.plan.client.http2_connections as usize);
    if open > most {
        let what = format!("{open} connections to host {host} take streams, of {most} that there may be");
        state.ledger.violate(Rule::TooMany, what);
    }
}

fn of_host<'s>(state: &'s State, one: &Connection) -> impl Iterator<Item = &'s Connection> + use<'s> {
    let (host, runtime) = (one.host, one.runtime);
    state.connections.iter().filter(move |other| other.host == host && other.runtime == runtime)
}

/// Whether the client may know that a host speaks HTTP/1.1: the last connection did, and no HTTP/2 connection has had a request since. A request that
/// used HTTP/1.1 before, or was meant to, has its own connection when it is retried.
fn may_be_known_as_http1(state: &State, dialled: &Connection) -> bool {
    let came = |connection: &Connection| connection.dial_ended.filter(|_| !connection.script.refused);
    let of_host = || state.connections.iter().filter(|other| other.host == dialled.host);
    let is_over_http1 = |&attempt: &usize| !state.connections[state.ledger.attempts[attempt].connection].is_http2;
    let dials_for_itself = |id: usize| {
        let request = &state.ledger.requests[id];
        request.ask.host as usize == dialled.host && request.attempts.last().is_some_and(is_over_http1)
    };
    if state.pending().any(dials_for_itself) {
        return true;
    }
    let is_there = |other: &Connection| !other.is_dropped || other.let_go == Some(state.ms());
    let is_used = |other: &&Connection| other.is_http2 && !other.attempts.is_empty();
    let http2 = of_host().filter(is_used).filter_map(came).max();
    let mut http1 = of_host().filter(|other| !other.is_http2).filter_map(|other| Some((other, came(other)?)));
    http1.any(|(other, http1)| is_there(other) || http2.is_none_or(|http2| http2.ms <= http1.ms))
}

/// Returns how long a dial may at least be silent before another begins, in milliseconds.
fn silence(state: &State) -> u64 {
    let has_come = |connection: &Connection| connection.dial_ended.is_some() && !connection.script.refused;
    if state.connections.iter().any(has_come) { PATIENCE } else { AT_FIRST + PATIENCE }
}

/// Whether the connection may get further streams, as far as can be seen from outside.
fn takes_streams(state: &State, connection: &Connection) -> bool {
    let client = &state.plan.client;
    if client.max_age.is_some() || client.idle_timeout < 60_000 || client.max_idle == Some(0) {
        return false;
    }
    let server = &connection.http2;
    let is_there = connection.dial_ended.is_some() && connection.is_http2 && !connection.is_dropped;
    let is_whole = connection.hurt.is_none() && !connection.has_shut_down && !connection.was_blocked;
    is_there && is_whole && server.goaways.is_empty() && server.limit.is_none() && !server.has_refused()
}

/// Whether a dial of a waiting request has just failed.
pub(super) fn is_failed(state: &State, request: &Request) -> bool {
    let has_failed = |connection: &Connection| {
        let is_now = |ended: crate::ledger::Stamp| ended.ms == state.ms() && Some(ended) > request.asked;
        connection.script.refused && connection.dial_ended.is_some_and(is_now)
    };
    let host = request.ask.host as usize;
    state.connections.iter().any(|connection| connection.host == host && has_failed(connection))
}

const PATIENCE: u64 = 300;
const AT_FIRST: u64 = 1_000;
