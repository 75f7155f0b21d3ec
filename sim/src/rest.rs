//! The checks when nothing is under way.

use crate::http2;
use crate::ledger::Rule;
use crate::net::{Connection, State};

/// Checks that no connection is kept that its server has ended.
pub(crate) fn on_rest(state: &mut State, driven: &[usize]) {
    http2::on_rest(state);
    for id in 0..state.connections.len() {
        let connection = &state.connections[id];
        // A runtime that is not driven does not notice the end.
        if !connection.is_dropped && connection.ended.is_some() && driven.contains(&connection.runtime) {
            state.ledger.violate(Rule::Leak, format!("connection {id} was ended by its server, and is kept"));
        }
    }
}

/// Checks that no connection is left, except for callers that are never driven again.
pub(crate) fn on_end(state: &mut State) {
    let pending: Vec<usize> = state.pending().collect();
    let is_held = |connection: &Connection| {
        let last = connection.attempts.last().map(|&attempt| state.ledger.attempts[attempt].request as usize);
        // A connection without a request is being dialled.
        !pending.is_empty() && last.is_none_or(|last| pending.contains(&last))
    };
    let left: Vec<usize> = (0..state.connections.len())
        .filter(|&id| !state.connections[id].is_dropped && !is_held(&state.connections[id]))
        .collect();
    if !left.is_empty() {
        state.ledger.violate(Rule::Leak, format!("connections {left:?} are left"));
    }
    // Connections that are dropped from here on are dropped with the simulation.
    state.connections.iter_mut().for_each(|connection| connection.is_dropped = true);
}
