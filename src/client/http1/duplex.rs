//! Request and response at the same time: a task drives the connection, until both are complete.
//!
//! 1. The task takes the connection out of its place while it polls it: hyper then polls the caller's request body, which may take
//!    locks, and read or drop the very response. Nothing is locked meanwhile.
//! 2. The body of the response is done with the connection when the response ends, or when it is dropped. If the connection is in
//!    its place, it is settled at once. If it is polled at that moment, the task settles it after that; the end of the response is
//!    reported when that has happened, and a drop does not wait.
//! 3. A request body that is not complete when the response is goes on for a while ([`AfterResponse`]), for a server that reads it.
//!    If the response is dropped before it is complete, the connection is closed, and the request with it.
//! 4. The task needs a runtime that is driven. The end of the time that an upload has does not: the [pool](crate::client::pool) closes the
//!    connection from any runtime.

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

/// The side of the response's body.
pub(in crate::client) struct Duplex {
    between: Arc<Between>,
    task: AbortHandle,
}

/// What became of a connection when the body of the response was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// It is idle, or closed.
    Settled,
    /// The task finishes the upload.
    Uploading,
    /// It is polled at this moment, and settled by the task after that.
    Polled,
}

impl Duplex {
    /// Starts the task.
    pub(in crate::client) fn start(wire: Box<Wire>, after: AfterResponse) -> Self {
        let between = Between::new(wire, after, Reader::Reads);
        Self { task: spawn(Drive::new(&between)), between }
    }

    /// The response has ended, or failed. Ready once its connection is idle, closed, or finishing its upload.
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

    /// Nobody reads the response any more, which is complete or not.
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

/// Drives a connection to its end, which is not the end of its stream.
pub(in crate::client) fn drive_to_end(wire: Box<Wire>) {
    let after = AfterResponse { bytes: 0, time: Duration::ZERO };
    drop(spawn(Drive::new(&Between::new(wire, after, Reader::Reads))));
}

/// Sends the rest of a request whose response is complete.
pub(in crate::client) fn finish_upload(wire: Box<Wire>, after: AfterResponse) {
    let between = Between::new(wire, after, Reader::Done { is_complete: true });
    between.limit();
    drop(spawn(Drive::new(&between)));
}

/// A connection between the task that drives it and the body that will be done with it.
struct Between {
    after: AfterResponse,
    pool: Arc<Pool>,
    /// Guards where the connection is, and who is done with it. Nothing is polled, dropped or woken while it is locked.
    state: Lock<State>,
    /// The body, when it waits for the task to settle the connection.
    waits: AtomicWaker,
}

struct State {
    place: Place,
    reader: Reader,
    /// The body is done with the connection, which is idle, closed, or finishing its upload.
    has_left: bool,
    /// The time of the upload has an end, and this is after it.
    is_overdue: bool,
}

/// What the body of the response is at.
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
    /// The task polls it.
    Polled,
    /// It is idle, or closed.
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

    /// The task begins a poll, unless the connection has been settled.
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

    /// Puts the connection back, if the body still reads. Its next event wakes the task already. Otherwise the connection is the
    /// task's, and the response is complete or not.
    fn put_back(&self, wire: Box<Wire>) -> Result<(), (Box<Wire>, bool)> {
        let mut state = self.lock();
        if let Reader::Done { is_complete } = state.reader {
            return Err((wire, is_complete && !state.is_overdue));
        }
        state.place = Place::Here(wire);
        Ok(())
    }

    /// Puts the connection back to send the rest of the request, unless the time for that ended while the task had the connection.
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

    /// What the body waits for has happened: the connection is idle, or closed.
    fn set_gone(&self) {
        let mut state = self.lock();
        state.has_left = true;
        let before = mem::replace(&mut state.place, Place::Gone);
        drop(state);
        // Closes a connection whose task has ended.
        drop(before);
        self.waits.wake();
    }
}

impl Between {
    /// The rest of the request has `after` from now on, whether or not this runtime is driven.
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
            // The task closes it after that.
            return;
        }
        drop(state);
        self.set_gone();
    }
}

impl Between {
    /// The body of the response is done with the connection; the response is complete or not.
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
                // The task begins to count bytes and time.
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
                // The task may find that the request goes on.
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

/// Drives a connection until it is taken away, over, or done with.
struct Drive {
    between: Arc<Between>,
    /// Once the response is complete, and the request is not.
    finish: Option<Finishing>,
}

struct Finishing {
    until: Option<Instant>,
    /// How much of the request may have been written by then.
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
        // If the runtime ends, the reader must not wait for ever.
        self.between.set_gone();
    }
}
