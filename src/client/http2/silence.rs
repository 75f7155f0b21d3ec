//! Finds dead paths: sends a PING (RFC 9113 §6.7) when a response is awaited and nothing arrives on the connection.
//!
//! There is no periodic keep-alive. A PING follows a silence, and the next one needs a reason: a part of a response arrived, or another request was
//! begun. So servers that limit PINGs, as those of gRPC do, count few.
//!
//! While a write is pending, no PING is sent: h2 would read nothing before it had written the PING, and a response that arrives meanwhile would be
//! lost. The server has as long to read something as it has to answer a PING.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::connection::Connection;
use super::seen::Observed;
use crate::timer::{Timer, read_clock};

/// The state of a connection at one moment.
#[derive(Clone, Copy, Debug)]
struct Now {
    at: Instant,
    /// How many bytes were read.
    read: u64,
    /// How many parts of responses arrived.
    parts: u64,
    /// How many streams were opened.
    opened: usize,
    /// A stream is open.
    waits: bool,
    /// How many bytes were written.
    written: u64,
    /// A write is pending.
    is_blocked: bool,
}

/// What to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Wait until a stream is opened.
    Rest,
    /// Look again at this instant.
    Look(Instant),
    /// Send a PING, and look again.
    Ask(Instant),
    /// Open no further streams, and look again.
    Suspect(Instant),
    /// End the connection. The server has not answered the PING or, if none was sent, has read nothing.
    End { was_asked: bool },
}

/// Decides when to send a PING, and when to give the connection up.
#[derive(Debug)]
struct Silence {
    /// How long the answer to a PING may take.
    timeout: Duration,
    state: State,
    /// How many parts had arrived and how many streams were opened when the last PING was sent.
    asked: Option<(u64, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Resting,
    /// Something was read, or a request was begun, at `since`. `read` bytes were read by then.
    Waiting {
        since: Instant,
        read: u64,
    },
    /// A PING was sent or, with `kept_back`, held back at `at`. By then `read` bytes were read, and the bytes in `kept_back` written.
    Asked {
        at: Instant,
        read: u64,
        kept_back: Option<u64>,
        is_suspect: bool,
    },
}

impl Silence {
    fn new(timeout: Duration) -> Self {
        Self { timeout: timeout.min(LONGEST), state: State::Resting, asked: None }
    }

    fn look(&mut self, now: Now) -> Step {
        let waiting = State::Waiting { since: now.at, read: now.read };
        match self.state {
            _ if !now.waits => {
                self.state = State::Resting;
                Step::Rest
            }
            State::Waiting { since, read } if read == now.read => {
                if now.at < since + QUIET {
                    return Step::Look(since + QUIET);
                }
                let has_nothing_new =
                    self.asked.is_some_and(|(parts, opened)| parts == now.parts && opened == now.opened);
                if has_nothing_new && !now.is_blocked {
                    // The server has answered the last PING, and nothing has happened since that is a reason for another.
                    self.state = waiting;
                    return Step::Look(now.at + QUIET);
                }
                self.ask(now)
            }
            State::Asked { read, kept_back, at, is_suspect }
                if read == now.read && kept_back.is_none_or(|written| written == now.written) =>
            {
                if now.at >= at + self.timeout {
                    return Step::End { was_asked: kept_back.is_none() };
                }
                if kept_back.is_some() && !now.is_blocked {
                    return self.ask(now);
                }
                // The pending write may complete at any time, and the PING goes then.
                let soon = kept_back.map(|_written| now.at + QUIET);
                let by = |until: Instant| soon.map_or(until, |soon| until.min(soon));
                if now.at < at + self.patience() {
                    return Step::Look(by(at + self.patience()));
                }
                self.state = State::Asked { at, read, kept_back, is_suspect: true };
                let until = by(at + self.timeout);
                if is_suspect { Step::Look(until) } else { Step::Suspect(until) }
            }
            State::Resting | State::Waiting { .. } | State::Asked { .. } => {
                self.state = waiting;
                Step::Look(now.at + QUIET)
            }
        }
    }

    fn ask(&mut self, now: Now) -> Step {
        let kept_back = now.is_blocked.then_some(now.written);
        self.state = State::Asked { at: now.at, read: now.read, kept_back, is_suspect: false };
        if now.is_blocked {
            return Step::Look(now.at + QUIET);
        }
        self.asked = Some((now.parts, now.opened));
        Step::Ask(now.at + self.patience())
    }

    /// How long the answer to a PING may take before new requests use another connection.
    fn patience(&self) -> Duration {
        SUSPICION.min(self.timeout)
    }
}

/// How long a server is silent before it gets a PING.
const QUIET: Duration = Duration::from_secs(1);

/// More than any connection lasts, and no more than a clock can add.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// How long the answer to a PING may take before new requests use another connection.
const SUSPICION: Duration = Duration::from_secs(2);

pin_project! {
    /// Looks at a connection at intervals, as long as a stream is open. It is a task of its own, so that requests need not set its timer. Ends when
    /// the connection is gone or must end.
    pub(super) struct Listener {
        silence: Silence,
        connection: Weak<Connection>,
        observed: Arc<Observed>,
        until: Option<Instant>,
        #[pin]
        timer: Timer,
    }
}

impl Listener {
    pub(super) fn new(timeout: Duration, connection: &Arc<Connection>) -> Self {
        Self {
            silence: Silence::new(timeout),
            observed: Arc::clone(&connection.observed),
            connection: Arc::downgrade(connection),
            until: None,
            timer: Timer::new(),
        }
    }
}

impl Future for Listener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.observed.pulse.listen(cx);
        loop {
            if this.until.is_none() {
                this.observed.pulse.rest();
            }
            // Read afterwards: a stream that is opened now, or the end of the connection, is either seen here or wakes this task.
            let Some(connection) = this.connection.upgrade() else { return Poll::Ready(()) };
            let (opened, waits) = (connection.opened(), this.observed.has_streams());
            drop(connection);
            if this.until.is_none() && !waits {
                return Poll::Pending;
            }
            this.observed.pulse.end_rest();
            let at = read_clock();
            if let Some(until) = this.until.filter(|until| at < *until) {
                ready!(this.timer.as_mut().poll(Some(until), cx));
                continue;
            }
            let (read, parts) = (this.observed.bytes_read(), this.observed.parts());
            let (written, is_blocked) = (this.observed.bytes_written(), this.observed.is_blocked());
            *this.until = match this.silence.look(Now { at, read, parts, opened, waits, written, is_blocked }) {
                Step::Rest => None,
                Step::Look(until) => Some(until),
                Step::Ask(until) => {
                    this.observed.pulse.ask();
                    this.connection.upgrade().inspect(|connection| connection.wake_task());
                    Some(until)
                }
                Step::Suspect(until) => {
                    this.observed.pulse.on_silence();
                    this.connection.upgrade().inspect(|connection| connection.wake_task());
                    Some(until)
                }
                Step::End { was_asked } => {
                    let silent = if was_asked { "has not answered a PING" } else { "has taken nothing" };
                    let problem = format!("the server {silent} for {:?}", this.silence.timeout);
                    drop(this.observed.on_error(io::Error::new(io::ErrorKind::TimedOut, problem)));
                    this.observed.pulse.on_dead();
                    this.connection.upgrade().inspect(|connection| connection.wake_task());
                    return Poll::Ready(());
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    const END: Step = Step::End { was_asked: true };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Returns the step at each second after `begin`, given the bytes read, the parts and the opened streams by then, and whether a stream is open.
    fn steps(silence: &mut Silence, begin: Instant, course: &[(u64, u64, u64, usize, bool)]) -> Vec<Step> {
        let now = |&(second, read, parts, opened, waits)| {
            let at = begin + seconds(second);
            Now { at, read, parts, opened, waits, written: 0, is_blocked: false }
        };
        course.iter().map(now).map(|now| silence.look(now)).collect()
    }

    /// The same for a connection with an open stream, given the bytes read and written by then, and whether a write is pending.
    fn blocked_steps(begin: Instant, course: &[(u64, u64, u64, bool)]) -> Vec<Step> {
        let now = |&(second, read, written, is_blocked)| {
            let at = begin + seconds(second);
            Now { at, read, parts: 0, opened: 1, waits: true, written, is_blocked }
        };
        let mut silence = Silence::new(seconds(15));
        course.iter().map(now).map(|now| silence.look(now)).collect()
    }

    #[test]
    fn while_the_server_takes_nothing_no_ping_is_sent() {
        let begin = some_instant();
        let at = |second| begin + seconds(second);
        // The server reads nothing at all.
        let taken_nothing = Step::End { was_asked: false };
        let course = [0, 1, 2, 3, 4, 15, 16].map(|second| (second, 9, 99, true));
        let expected = [1, 2, 3].map(|second| Step::Look(at(second))).into_iter();
        let expected = expected.chain([Step::Suspect(at(4)), Step::Look(at(5)), Step::Look(at(16)), taken_nothing]);
        assert_eq!(blocked_steps(begin, &course), expected.collect::<Vec<_>>());
        // The server reads something, or sends something: a sign of life.
        for (read, written) in [(9, 100), (10, 99)] {
            let course = [(0, 9, 99, true), (1, 9, 99, true), (2, read, written, true), (16, read, written, true)];
            assert_eq!(blocked_steps(begin, &course), [1, 2, 3, 17].map(|second| Step::Look(at(second))));
        }
        // A PING that was held back was not sent: the next silence is a reason to send one.
        let course = [(0, 9, 99, true), (1, 9, 99, true), (2, 9, 100, false), (3, 9, 100, false), (18, 9, 100, false)];
        let looks = [1, 2, 3].map(|second| Step::Look(at(second)));
        assert_eq!(blocked_steps(begin, &course), [looks.as_slice(), &[Step::Ask(at(5)), END]].concat());
        // The server has answered a PING, and reads nothing after that.
        let course = [(0, 9, 99, false), (1, 9, 99, false), (2, 26, 99, false), (3, 26, 99, true), (18, 26, 99, true)];
        let asked = [Step::Look(at(1)), Step::Ask(at(3)), Step::Look(at(3)), Step::Look(at(4)), taken_nothing];
        assert_eq!(blocked_steps(begin, &course), asked);
        // The system has taken the pending write, which proves nothing of the server: the PING is sent.
        let course = [(0, 9, 99, true), (1, 9, 99, true), (2, 9, 99, false), (4, 9, 99, false)];
        let expected = [Step::Look(at(1)), Step::Look(at(2)), Step::Ask(at(4)), Step::Suspect(at(17))];
        assert_eq!(blocked_steps(begin, &course), expected);
    }

    #[test]
    fn a_path_that_is_dead_is_asked_suspected_and_given_up() {
        let begin = some_instant();
        let course = [0, 1, 3, 10, 16].map(|second| (second, 9, 0, 1, true));
        let at = |second| begin + seconds(second);
        let expected = [Step::Look(at(1)), Step::Ask(at(3)), Step::Suspect(at(16)), Step::Look(at(16)), END];
        assert_eq!(steps(&mut Silence::new(seconds(15)), begin, &course), expected);
    }

    #[test]
    fn a_time_without_an_end_is_none() {
        let (begin, mut silence) = (some_instant(), Silence::new(Duration::MAX));
        let course = [0, 1, 3, 10_000].map(|second| (second, 9, 0, 1, true));
        let taken = steps(&mut silence, begin, &course);
        assert!(matches!(taken[..], [Step::Look(_), Step::Ask(_), Step::Suspect(_), Step::Look(_)]), "{taken:?}");
    }

    #[test]
    fn a_server_that_takes_its_time_is_asked_once() {
        // The server answers the PING, and is silent for long after that.
        let begin = some_instant();
        let mut course = vec![(0, 9, 0, 1, true), (1, 9, 0, 1, true), (3, 26, 0, 1, true)];
        course.extend((4..1000).map(|second| (second, 26, 0, 1, true)));
        let mut silence = Silence::new(seconds(15));
        let taken = steps(&mut silence, begin, &course);
        assert_eq!(taken.iter().filter(|step| matches!(step, Step::Ask(_))).count(), 1);
        assert!(!taken.iter().any(|step| matches!(step, Step::Suspect(_) | Step::End { .. })));
        // Another request is a reason to ask again, and so is a part of a response.
        for (second, read, parts, opened) in [(2000, 90, 0, 2), (3000, 150, 1, 2)] {
            let course = [second, second + 1].map(|second| (second, read, parts, opened, true));
            let asked = begin + seconds(second + 3);
            assert_eq!(
                steps(&mut silence, begin, &course),
                [Step::Look(begin + seconds(second + 1)), Step::Ask(asked)]
            );
        }
    }

    #[test]
    fn a_connection_that_reads_or_has_no_stream_is_not_asked() {
        let begin = some_instant();
        let reads = (0..100).map(|second| (second, second, second, 1, true)).collect::<Vec<_>>();
        let reading = steps(&mut Silence::new(seconds(15)), begin, &reads);
        assert!(reading.iter().all(|step| matches!(step, Step::Look(_))));
        let rests = (0..100).map(|second| (second, 9, 0, 1, false)).collect::<Vec<_>>();
        let resting = steps(&mut Silence::new(seconds(15)), begin, &rests);
        assert!(resting.iter().all(|step| *step == Step::Rest));
    }
}
