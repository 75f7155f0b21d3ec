//! What a client can know of a request that it has sent, of all that it has read.

use super::stream::Stream;
use crate::ledger::Stamp;
use crate::net::{Connection, State};

/// What a client can know of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// Why there will be no response, or none that is complete.
    pub(super) cause: Option<Cause>,
    /// An informational response came.
    pub(super) is_informed: bool,
    /// The head of the response came.
    pub(super) is_answered: bool,
    /// The settings of the server came; over HTTP/1.1, that the connection had been of use before.
    pub(super) has_settings: bool,
}

/// How a stream ended before its time.
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
    /// What is known of an attempt.
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

    /// What is known of an attempt over HTTP/1.1: all of it is unknown once it was begun, and only a connection that had served others before is one whose end
    /// may have nothing to do with it.
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

    /// It is known that the server has not processed it (RFC 9113 §6.8 and §8.7).
    pub(super) fn is_unprocessed(self) -> bool {
        let is_told = matches!(self.cause, Some(Cause::Reset(REFUSED_STREAM) | Cause::TurnedAway(..)));
        is_told && !self.is_informed && !self.is_answered
    }

    /// It would go the same way again, or takes something else than another try.
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

/// When the client could have read why an attempt has failed.
pub(super) fn failed_at(state: &State, attempt: usize) -> Option<Stamp> {
    let (connection, stream) = place(state, attempt);
    let reset = stream.and_then(|stream| stream.reset).map(|(end, _)| end);
    let turned_away = stream.and_then(|stream| turned_away(connection, stream)).map(|(end, _)| end);
    let told = reset.into_iter().chain(turned_away);
    told.filter_map(|end| connection.http2.arrived_at(connection, end)).chain(connection.ended).min()
}

/// Whether something has happened that an attempt may fail of.
pub(crate) fn is_hurt(state: &State, attempt: usize) -> bool {
    let (connection, stream) = place(state, attempt);
    connection.hurt.is_some() || is_given_up(connection) || stream.is_some_and(|stream| stream.reset.is_some())
}

/// Whether the client has given a connection up with reason: a PING that waits behind an upload, or whose answer is cut, is not answered in time.
fn is_given_up(connection: &Connection) -> bool {
    (connection.was_blocked || connection.hurt.is_some()) && (connection.is_dropped || connection.has_shut_down)
}

/// The first GOAWAY that does not cover a stream: where it ends, and its error code.
fn turned_away(connection: &Connection, stream: &Stream) -> Option<(u64, u32)> {
    let goaway = connection.http2.goaways.iter().find(|goaway| goaway.last < stream.id)?;
    Some((goaway.end, goaway.code))
}

/// Where it was sent. Over HTTP/1.1 there is no stream.
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
