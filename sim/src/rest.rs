//! What must be true when nothing goes on any more.

use crate::http2;
use crate::ledger::Rule;
use crate::net::{Connection, State};

/// A connection that its server has ended must not be kept.
pub(crate) fn on_rest(state: &mut State, driven: &[usize]) {
    http2::on_rest(state);
    for id in 0..state.connections.len() {
        let connection = &state.connections[id];
        // A runtime that is not driven does not hear of the end.
        if !connection.is_dropped && connection.ended.is_some() && driven.contains(&connection.runtime) {
            state.ledger.violate(Rule::Leak, format!("connection {id} was ended by its server, and is kept"));
        }
    }
}

/// No connection may be left, but for those that a caller has who is never driven again.
pub(crate) fn on_end(state: &mut State) {
    let pending: Vec<usize> = state.pending().collect();
    let is_held = |connection: &Connection| {
        let last = connection.attempts.last().map(|&attempt| state.ledger.attempts[attempt].request as usize);
        // A connection without a request is one that is being made.
        !pending.is_empty() && last.is_none_or(|last| pending.contains(&last))
    };
    let left: Vec<usize> = (0..state.connections.len())
        .filter(|&id| !state.connections[id].is_dropped && !is_held(&state.connections[id]))
        .collect();
    if !left.is_empty() {
        state.ledger.violate(Rule::Leak, format!("connections {left:?} are left"));
    }
    // What is dropped from here on, is dropped with the simulation.
    state.connections.iter_mut().for_each(|connection| connection.is_dropped = true);
}
