//! The bytes from the server of a connection: makes them readable, and ends them. It knows no protocol.

use std::io;

use crate::net::{Ended, State};

/// Makes bytes readable.
pub(crate) fn deliver(state: &mut State, id: usize, bytes: &[u8]) {
    let now = state.stamp();
    let connection = &mut state.connections[id];
    if connection.read_end.is_some() || connection.is_dropped || bytes.is_empty() {
        return;
    }
    connection.readable.extend_from_slice(bytes);
    connection.delivered += bytes.len() as u64;
    for &answer in &connection.answers {
        state.ledger.answers[answer].arrive(connection.delivered, now);
    }
    let (runtime, waker) = (connection.runtime, connection.reader.take());
    state.ledger.note(0x40_0000_0000 + ((id as u64) << 20) + bytes.len() as u64);
    state.wake(runtime, waker);
}

/// Ends the bytes to the client.
pub(crate) fn end(state: &mut State, id: usize, how: Ended, discards: bool) {
    let now = state.stamp();
    let connection = &mut state.connections[id];
    connection.hurt.get_or_insert(now);
    if connection.is_dropped || connection.read_end == Some(Ended::ByReset) {
        return;
    }
    // After a proper end a reset discards nothing.
    if how == Ended::ByReset && discards && connection.read_end.is_none() {
        connection.delivered -= connection.readable.len() as u64;
        connection.readable.clear();
        connection.answers.iter().for_each(|&answer| state.ledger.answers[answer].forget(connection.delivered));
    }
    if connection.read_end.is_none() {
        for &answer in &connection.answers {
            let answer = &mut state.ledger.answers[answer];
            if answer.until_close && how == Ended::Properly && answer.head_arrived.is_some() {
                // The client cannot know that there should have been more.
                answer.content = connection.delivered - answer.head_end;
                answer.all_arrived = Some(now);
            }
        }
        connection.ended = Some(now);
        connection.read_end = Some(how);
    }
    let (runtime, waker) = (connection.runtime, connection.reader.take());
    state.ledger.note(0x50_0000_0000 + id as u64);
    state.wake(runtime, waker);
}

pub(crate) fn refuse_writes(state: &mut State, id: usize, kind: io::ErrorKind) {
    let connection = &mut state.connections[id];
    // After a proper end, a reset is a broken pipe for writers, and nothing for readers.
    let had_ended = connection.read_end == Some(Ended::Properly);
    connection.write_error = Some(if had_ended { io::ErrorKind::BrokenPipe } else { kind });
    let (runtime, waker) = (connection.runtime, connection.writer.take());
    state.wake(runtime, waker);
}

/// Closes the connection, with a reset if there are unread bytes.
pub(crate) fn close(state: &mut State, id: usize) {
    let connection = &mut state.connections[id];
    let has_unread = connection.accepted > connection.taken;
    connection.is_served = true;
    if has_unread {
        end(state, id, Ended::ByReset, false);
        refuse_writes(state, id, io::ErrorKind::ConnectionReset);
    } else {
        end(state, id, Ended::Properly, false);
        state.connections[id].is_deserted = true;
        // A pending write is discarded.
        let (runtime, waker) = (state.connections[id].runtime, state.connections[id].writer.take());
        state.wake(runtime, waker);
    }
}
