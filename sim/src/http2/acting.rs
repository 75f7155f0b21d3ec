//! Runs the server's steps on a connection.

use std::io;
use std::mem;

use super::frames;
use super::server::{GoAway, Server};
use super::stream::Stream;
use crate::net::{Ended, Event, State};
use crate::plan::{Last, Pause, Step};
use crate::wire;

/// The steps, and the progress through them.
#[derive(Debug, Default)]
pub(super) struct Actor {
    steps: Vec<Step>,
    pub(super) at: usize,
    /// Counts the waits, so that timers of earlier waits are ignored.
    pub(super) epoch: u32,
    pub(super) is_waiting: bool,
}

impl Actor {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self { steps, at: 0, epoch: 1, is_waiting: false }
    }

    pub(super) fn is_new(&self) -> bool {
        self.epoch == 0
    }

    /// Returns the present step, if there is one.
    pub(super) fn step(&self) -> Option<Step> {
        self.steps.get(self.at).copied()
    }

    /// The present step is done.
    pub(super) fn done(&mut self) {
        self.at += 1;
        self.epoch += 1;
        self.is_waiting = false;
    }

    /// Waits at most this long. `who` is 0 for the connection, and 1 for its first stream.
    pub(super) fn wait(&mut self, net: &mut State, id: usize, who: usize, pause: Pause) {
        if !mem::replace(&mut self.is_waiting, true) {
            net.schedule(pause, Event::Timer(id, (who as u64) << 32 | u64::from(self.epoch)));
        }
    }
}

impl Server {
    /// Runs the steps of the connection.
    pub(super) fn act(&mut self, net: &mut State, id: usize) {
        let patience = Pause { ms: net.connections[id].script.patience, rounds: 0 };
        loop {
            let heard = self.streams.iter().filter(|stream| stream.is_here).count();
            let Some(step) = self.actor.step() else {
                if self.said == Some(0) {
                    // No stream is allowed: that must end at some time.
                    self.settings(net, id, Some(100), None);
                }
                return;
            };
            let is_done = match step {
                Step::Wait(pause) => return self.actor.wait(net, id, 0, pause),
                Step::Deaf(pause) => {
                    self.is_deaf = true;
                    return self.actor.wait(net, id, 0, pause);
                }
                Step::Requests(count) => heard >= count as usize,
                Step::Idle => heard > 0 && self.streams.iter().all(Stream::is_over),
                Step::MaxStreams(most) => {
                    self.settings(net, id, Some(most), None);
                    true
                }
                Step::InitialWindow(bytes) => {
                    self.settings(net, id, None, Some(bytes));
                    true
                }
                Step::GoAway(last, code) => {
                    self.go_away(net, id, last, code);
                    true
                }
                Step::Ping => {
                    self.write(net, id, &frames::ping());
                    true
                }
                Step::Cut(bytes) => {
                    hurt(net, id);
                    let delivered = net.connections[id].delivered;
                    let limit = *self.limit.get_or_insert_with(|| delivered + u64::from(bytes));
                    self.send(net, id);
                    net.connections[id].delivered >= limit
                }
                Step::Fin | Step::Close | Step::Reset(_) => {
                    self.send(net, id);
                    if end(net, id, step) {
                        return;
                    }
                    true
                }
                Step::RefuseWrites => {
                    hurt(net, id);
                    net.connections[id].refuses_writes = true;
                    wire::refuse_writes(net, id, io::ErrorKind::BrokenPipe);
                    true
                }
                _ => true,
            };
            if !is_done {
                return self.actor.wait(net, id, 0, patience);
            }
            self.actor.done();
        }
    }

    pub(super) fn settings(&mut self, net: &mut State, id: usize, most: Option<u32>, window: Option<u32>) {
        self.said = most.or(self.said);
        let bytes = frames::settings(most, window);
        self.settings_end.get_or_insert(self.written + bytes.len() as u64);
        self.unacknowledged.push_back(most);
        self.write(net, id, &bytes);
    }

    fn go_away(&mut self, net: &mut State, id: usize, last: Last, code: u32) {
        hurt(net, id);
        let seen = self.streams.iter().filter(|stream| stream.is_here).map(|stream| stream.id).max().unwrap_or(0);
        let wanted = match last {
            Last::Zero => 0,
            // Streams have odd numbers.
            Last::Half => seen.div_ceil(4) * 2 - u32::from(seen > 0),
            Last::Seen => seen,
            Last::Max => u32::MAX >> 1,
        };
        let answered = self.streams.iter().filter(|stream| stream.answer.is_some()).map(|stream| stream.id).max();
        let last = wanted.max(answered.unwrap_or(0)).min(self.last().unwrap_or(u32::MAX));
        self.write(net, id, &frames::goaway(last, code));
        self.goaways.push(GoAway { end: self.written, last, code });
        self.streams.iter_mut().filter(|stream| stream.id > last).for_each(|stream| stream.is_turned_away = true);
    }
}

/// Notes an event on a connection that requests may fail of.
fn hurt(net: &mut State, id: usize) {
    let now = net.stamp();
    net.connections[id].hurt.get_or_insert(now);
}

/// Ends a connection. Returns whether the server has finished with it.
fn end(net: &mut State, id: usize, how: Step) -> bool {
    match how {
        Step::Fin => wire::end(net, id, Ended::Properly, false),
        Step::Reset(keep) => {
            wire::end(net, id, Ended::ByReset, !keep);
            wire::refuse_writes(net, id, io::ErrorKind::ConnectionReset);
            net.connections[id].is_served = true;
        }
        _ => wire::close(net, id),
    }
    net.connections[id].is_served
}
