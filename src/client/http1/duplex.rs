//! Request and response at the same time: a task drives the connection until both are complete.
//!
//! 1. The task takes the connection out of its place while it polls it. hyper then polls the caller's request body, which may take locks, and may
//!    even read or drop this response. So no lock is held.
//! 2. The body of the response is done with the connection when the response has ended, or when the body is dropped. If the connection is in its
//!    place, it is settled at once. If the task is polling it, the task settles it afterwards. Only then is the end of the response reported. A drop
//!    does not wait.
//! 3. If the request is not complete when the response is, it goes on for a while ([`AfterResponse`]), for a server that reads it. If the response is
//!    dropped before it is complete, the connection is closed.
//! 4. The task needs a runtime that is driven. The deadline of the upload does not: the [pool](crate::client::pool) closes the connection from any
//!    runtime.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::wire::{Pool, Wire};
use crate::client::pool::Finish;
use crate::client::request::after_response::AfterResponse;
use crate::client::sync::{AbortHandle, AtomicWaker, spawn};
use crate::lock::{Guard, Lock};
use crate::timer::{Timer, read_clock};

/// The side of the body of the response.
pub(in crate::client) struct Duplex {
    between: Arc<Between>,
    task: AbortHandle,
}

/// What is done with a connection when the body of the response is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The connection is idle or closed.
    Settled,
    /// The task finishes the upload.
    Uploading,
    /// The task is polling the connection, and settles it afterwards.
    Polled,
}

impl Duplex {
    /// Starts the task.
    pub(in crate::client) fn start(wire: Box<Wire>, after: AfterResponse) -> Self {
        let between = Between::new(wire, after, Reader::Reads);
        Self { task: spawn(Drive::new(&between)), between }
    }

    /// The response has ended or failed. Ready when its connection is idle, closed, or finishing its upload.
    pub(in crate::client) fn poll_end(&self, is_complete: bool, cx: &Context<'_>) -> Poll<()> {
        if self.between.has_left() {
            return Poll::Ready(());
        }
        match self.between.leave(is_complete) {
            Left::Settled => self.task.abort(),
            Left::Uploading => {}
            Left::Polled => {
                self.between.register(cx);
                if !self.between.has_left() {
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// The body of the response is dropped. `is_complete` says whether it was read to its end.
    pub(in crate::client) fn leave(&self, is_complete: bool) {
        if self.between.leave(is_complete) == Left::Settled {
            self.task.abort();
        }
    }

    /// Closes the connection.
    pub(in crate::client) fn abort(&self) {
        self.task.abort();
    }
}

/// Starts a task that drives a connection until HTTP is done with it. If it is upgraded, its stream lives on.
pub(in crate::client) fn drive_to_end(wire: Box<Wire>) {
    let after = AfterResponse { bytes: 0, time: Duration::ZERO };
    drop(spawn(Drive::new(&Between::new(wire, after, Reader::Reads))));
}

/// Starts a task that sends the rest of a request whose response is complete.
pub(in crate::client) fn finish_upload(wire: Box<Wire>, after: AfterResponse) {
    let between = Between::new(wire, after, Reader::Done { is_complete: true });
    between.limit();
    drop(spawn(Drive::new(&between)));
}

/// What the task that drives the connection and the body of the response share.
struct Between {
    after: AfterResponse,
    pool: Arc<Pool>,
    /// While it is locked, nothing is polled, dropped or woken.
    state: Lock<State>,
    /// The waker of the body, if it waits for the task to settle the connection.
    waits: AtomicWaker,
}

struct State {
    place: Place,
    reader: Reader,
    /// The body is done with the connection, and the connection is idle, closed, or finishing its upload.
    has_left: bool,
    /// The deadline of the upload has passed.
    is_overdue: bool,
}

/// The state of the body of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Reads,
    /// The response has ended, or was dropped.
    Done {
        is_complete: bool,
    },
}

enum Place {
    Here(Box<Wire>),
    /// The task has taken the connection, and polls it.
    Polled,
    /// The connection is idle or closed.
    Gone,
}

impl Between {
    fn new(wire: Box<Wire>, after: AfterResponse, reader: Reader) -> Arc<Self> {
        let pool = Arc::clone(&wire.pool);
        let has_left = reader != Reader::Reads;
        let state = State { place: Place::Here(wire), reader, has_left, is_overdue: false };
        Arc::new(Self { after, pool, state: Lock::new(state), waits: AtomicWaker::new() })
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// Takes the connection for a poll. `None` if it was settled.
    fn take(&self) -> Option<Box<Wire>> {
        let mut state = self.lock();
        match mem::replace(&mut state.place, Place::Polled) {
            Place::Here(wire) => Some(wire),
            other => {
                state.place = other;
                None
            }
        }
    }

    /// Puts the connection back if the body still reads. The caller must have arranged that its next event wakes the task. If the body is done,
    /// returns the connection, and whether the response is complete.
    fn put_back(&self, wire: Box<Wire>) -> Result<(), (Box<Wire>, bool)> {
        let mut state = self.lock();
        if let Reader::Done { is_complete } = state.reader {
            return Err((wire, is_complete && !state.is_overdue));
        }
        state.place = Place::Here(wire);
        Ok(())
    }

    /// Puts the connection back to send the rest of the request. Returns it if the deadline has passed while the task had it.
    fn put_back_uploading(&self, wire: Box<Wire>) -> Result<(), Box<Wire>> {
        let mut state = self.lock();
        if state.is_overdue {
            return Err(wire);
        }
        state.has_left = true;
        state.place = Place::Here(wire);
        drop(state);
        self.waits.wake();
        Ok(())
    }

    /// The connection is idle or closed: wakes the body, if it waits for that.
    fn set_gone(&self) {
        let mut state = self.lock();
        state.has_left = true;
        let before = mem::replace(&mut state.place, Place::Gone);
        drop(state);
        // If the connection is still here, its task has ended: dropping it closes it.
        drop(before);
        self.waits.wake();
    }
}

impl Between {
    /// Sets the deadline for the rest of the request. It holds whether or not this runtime is driven.
    fn limit(self: &Arc<Self>) {
        if let Some(until) = read_clock().checked_add(self.after.time) {
            let this: Arc<dyn Finish> = Arc::<Self>::clone(self);
            self.pool.close_at(until, Arc::downgrade(&this));
        }
    }
}

impl Finish for Between {
    fn close(&self) {
        let mut state = self.lock();
        state.is_overdue = true;
        if matches!(state.place, Place::Polled) {
            // The task is polling the connection, and closes it afterwards.
            return;
        }
        drop(state);
        self.set_gone();
    }
}

impl Between {
    /// The body of the response is done with the connection. `is_complete` says whether the response was read to its end.
    fn leave(self: &Arc<Self>, is_complete: bool) -> Left {
        let mut state = self.lock();
        let is_first = mem::replace(&mut state.reader, Reader::Done { is_complete }) == Reader::Reads;
        match mem::replace(&mut state.place, Place::Polled) {
            Place::Here(wire) if is_complete && wire.is_uploading() && !self.after.stops_at_once() => {
                state.has_left = true;
                let waker = wire.waker();
                state.place = Place::Here(wire);
                drop(state);
                self.limit();
                // The task begins to count the bytes and the time of the upload.
                waker.wake();
                Left::Uploading
            }
            Place::Here(wire) => {
                state.place = Place::Gone;
                state.has_left = true;
                drop(state);
                wire.settle();
                Left::Settled
            }
            Place::Polled => {
                drop(state);
                // The task may go on with the request afterwards: its time begins now.
                if is_first && is_complete && !self.after.stops_at_once() {
                    self.limit();
                }
                Left::Polled
            }
            Place::Gone => {
                state.place = Place::Gone;
                Left::Settled
            }
        }
    }

    fn has_left(&self) -> bool {
        self.lock().has_left
    }

    fn register(&self, cx: &Context<'_>) {
        self.waits.register(cx.waker());
    }
}

/// The task that drives a connection, until the connection is settled or over.
struct Drive {
    between: Arc<Between>,
    /// Set when the response is complete and the request is not.
    finish: Option<Finishing>,
}

struct Finishing {
    until: Option<Instant>,
    /// Up to how many bytes of the request may be written in all.
    written: u64,
    timer: Pin<Box<Timer>>,
}

impl Drive {
    fn new(between: &Arc<Between>) -> Self {
        Self { between: Arc::clone(between), finish: None }
    }

    /// Whether the rest of the request may still be sent.
    fn may_finish(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> bool {
        let after = self.between.after;
        if !wire.is_uploading() || after.stops_at_once() {
            return false;
        }
        let finish = self.finish.get_or_insert_with(|| Finishing {
            until: read_clock().checked_add(after.time),
            written: wire.bytes_written().saturating_add(after.bytes),
            timer: Box::pin(Timer::new()),
        });
        let left = finish.written.saturating_sub(wire.bytes_written());
        wire.limit_upload(left);
        left > 0 && finish.timer.as_mut().poll(finish.until, cx).is_pending()
    }
}

impl Future for Drive {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(mut wire) = this.between.take() else {
            return Poll::Ready(());
        };
        wire.relay().hold();
        let polled = wire.poll();
        wire.go_on();
        if polled.is_pending() {
            wire.relay().wait(cx);
            let is_complete;
            (wire, is_complete) = match this.between.put_back(wire) {
                Ok(()) => return Poll::Pending,
                Err(done) => done,
            };
            if is_complete && this.may_finish(&mut wire, cx) {
                wire = match this.between.put_back_uploading(wire) {
                    Ok(()) => return Poll::Pending,
                    Err(overdue) => overdue,
                };
            }
            wire.settle();
        } else {
            drop(wire);
        }
        this.between.set_gone();
        Poll::Ready(())
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        // If the runtime ends, the reader must not wait forever.
        self.between.set_gone();
    }
}
