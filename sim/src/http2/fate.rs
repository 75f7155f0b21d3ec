//! What a client can know of a request that it has sent, from everything that it has read.

use super::stream::Stream;
use crate::ledger::Stamp;
use crate::net::{Connection, State};

/// What a client can know of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// Why there will be no complete response.
    pub(super) cause: Option<Cause>,
    /// An informational response came.
    pub(super) is_informed: bool,
    /// The head of the response came.
    pub(super) is_answered: bool,
    /// The server's SETTINGS came; over HTTP/1.1: the connection had served other requests.
    pub(super) has_settings: bool,
}

/// How a stream ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// By RST_STREAM, with its error code.
    Reset(u32),
    /// By a GOAWAY that does not cover it, with its error code; `true` if it was the first of its connection.
    TurnedAway(u32, bool),
    /// With its connection.
    Closed,
}

impl Fate {
    /// Returns what is known of an attempt.
    pub(super) fn of(state: &State, attempt: usize) -> Self {
        let (connection, stream) = place(state, attempt);
        let Some(stream) = stream else { return Self::over_http1(state, attempt) };
        let is_known = |end: u64| end <= connection.read;
        let reset = stream.reset.map(|(end, code)| (end, Cause::Reset(code)));
        let turned_away =
            turned_away(connection, stream).map(|(end, code)| (end, Cause::TurnedAway(code, stream.id == 1)));
        let told = reset.into_iter().chain(turned_away).filter(|(end, _)| is_known(*end)).min_by_key(|(end, _)| *end);
        let is_over = connection.ended.is_some() || connection.write_failed.is_some() || is_given_up(connection);
        let answer = state.ledger.attempts[attempt].answer;
        Self {
            cause: told.map(|(_, cause)| cause).or_else(|| is_over.then_some(Cause::Closed)),
            is_informed: stream.informed.is_some_and(is_known),
            is_answered: answer.is_some_and(|answer| is_known(state.ledger.answers[answer].head_end)),
            has_settings: connection.http2.settings_end.is_some_and(is_known),
        }
    }

    /// Returns what is known of an attempt over HTTP/1.1. Once it was begun, its processing is unknown. Only a reused connection may end for reasons
    /// that have nothing to do with it.
    fn over_http1(state: &State, attempt: usize) -> Self {
        let attempt = &state.ledger.attempts[attempt];
        let connection = &state.connections[attempt.connection];
        let is_over = connection.ended.is_some() || connection.write_failed.is_some();
        Self {
            cause: is_over.then_some(Cause::Closed),
            is_informed: false,
            is_answered: connection.delivered > attempt.delivered_before,
            has_settings: attempt.reused,
        }
    }

    /// Whether the server is known not to have processed it (RFC 9113 §6.8 and §8.7).
    pub(super) fn is_unprocessed(self) -> bool {
        let is_told = matches!(self.cause, Some(Cause::Reset(REFUSED_STREAM) | Cause::TurnedAway(..)));
        is_told && !self.is_informed && !self.is_answered
    }

    /// Whether a retry is useless, since it would end in the same way, or needs something else first.
    pub(super) fn is_final(self) -> bool {
        match self.cause {
            Some(Cause::TurnedAway(code, is_first)) => {
                (is_first && code != 0) || matches!(code, ENHANCE_YOUR_CALM | INADEQUATE_SECURITY | HTTP_1_1_REQUIRED)
            }
            Some(Cause::Reset(code)) => code != REFUSED_STREAM,
            Some(Cause::Closed) => !self.has_settings,
            None => true,
        }
    }
}

/// Returns when the client could have read why an attempt has failed.
pub(super) fn failed_at(state: &State, attempt: usize) -> Option<Stamp> {
    let (connection, stream) = place(state, attempt);
    let reset = stream.and_then(|stream| stream.reset).map(|(end, _)| end);
    let turned_away = stream.and_then(|stream| turned_away(connection, stream)).map(|(end, _)| end);
    let told = reset.into_iter().chain(turned_away);
    told.filter_map(|end| connection.http2.arrived_at(connection, end)).chain(connection.ended).min()
}

/// Whether there was an event that an attempt may fail of.
pub(crate) fn is_hurt(state: &State, attempt: usize) -> bool {
    let (connection, stream) = place(state, attempt);
    connection.hurt.is_some() || is_given_up(connection) || stream.is_some_and(|stream| stream.reset.is_some())
}

/// Whether the client has given a connection up for a good reason: a PING that waits behind an upload, or whose answer is cut off, is not answered in
/// time.
fn is_given_up(connection: &Connection) -> bool {
    (connection.was_blocked || connection.hurt.is_some()) && (connection.is_dropped || connection.has_shut_down)
}

/// Returns the first GOAWAY that does not cover a stream: where it ends, and its error code.
fn turned_away(connection: &Connection, stream: &Stream) -> Option<(u64, u32)> {
    let goaway = connection.http2.goaways.iter().find(|goaway| goaway.last < stream.id)?;
    Some((goaway.end, goaway.code))
}

/// Returns the connection and the stream of an attempt. Over HTTP/1.1 there is no stream.
fn place(state: &State, attempt: usize) -> (&Connection, Option<&Stream>) {
    let connection = &state.connections[state.ledger.attempts[attempt].connection];
    let stream = connection.http2.streams.iter().find(|stream| stream.attempt == attempt);
    (connection, stream)
}

/// Error codes (RFC 9113 §7).
const REFUSED_STREAM: u32 = 0x7;
const ENHANCE_YOUR_CALM: u32 = 0xb;
const INADEQUATE_SECURITY: u32 = 0xc;
const HTTP_1_1_REQUIRED: u32 = 0xd;
