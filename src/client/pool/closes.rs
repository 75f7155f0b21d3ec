//! The hosts that close idle connections without notice, and the requests that get fresh connections because of that.
//!
//! A request that is written while the server's FIN is on its way is lost. If the request cannot be sent again, its caller gets an error. So after
//! such a close, requests that cannot be sent again get fresh connections:
//!
//! 1. A close after less than a [second](TIME_OUT) of idleness is not a time-out. After it the next [8](FIRST) such requests get fresh connections.
//!    Each further close multiplies the number by 8. So a restart of the server costs a few connections, and a server that goes on closing gets
//!    hardly anything but fresh ones.
//! 2. A later close is taken for the server's time-out. The same numbers hold, but only connections that have been idle for at least half of that
//!    time are not used.
//! 3. A close counts only if its connection was made after the last close that counted. When a server restarts, all of its connections are closed,
//!    and that may be noticed late.
//! 4. After ten [minutes](MEMORY) without a close a host is forgotten.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::bounded::Bounded;
use crate::client::destination::Destination;
use crate::lock::{Guard, Lock};

/// The hosts that have closed idle connections.
pub(super) struct Closes {
    /// Guards the map alone.
    known: Lock<Bounded<History>>,
    /// Whether anything was ever added to the map.
    is_used: AtomicBool,
}

/// How a host has closed idle connections.
#[derive(Clone, Copy, Debug, Default)]
struct History {
    early: Strikes,
    late: Strikes,
    /// The shortest idle time of the closes that were taken for a time-out.
    time_out: Duration,
}

/// The closes of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Strikes {
    last: Option<Instant>,
    /// How many closes came after the first.
    more: u32,
    /// How many more requests get fresh connections.
    fresh: u32,
}

/// The shortest idle timeout that a server is thought to have.
const TIME_OUT: Duration = Duration::from_secs(1);

/// How many requests get fresh connections after the first close.
const FIRST: u32 = 8;

/// The factor by which each further close multiplies that number.
const FACTOR: u32 = 8;

/// How often the number is multiplied at most.
const MOST: u32 = 5;

/// How long a close is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// How many hosts are remembered.
const CAPACITY: usize = 1024;

impl Closes {
    pub(super) fn new() -> Self {
        Self { known: Lock::new(Bounded::new(CAPACITY)), is_used: AtomicBool::new(false) }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.is_used.load(Relaxed)
    }

    /// A connection that was made at `created` was closed by the server after it had been idle for `idle_for`.
    pub(super) fn add(&self, destination: &Destination, created: Instant, idle_for: Duration, now: Instant) {
        let mut known = self.lock();
        if let Some(history) = known.get(destination) {
            return history.add(created, idle_for, now);
        }
        let mut history = History::default();
        history.add(created, idle_for, now);
        known.insert(destination, history);
        self.is_used.store(true, Relaxed);
    }

    /// Whether a request that cannot be sent again needs a fresh connection instead of one that has been idle for `idle_for`. Counts the request.
    pub(super) fn prefers_fresh(&self, destination: &Destination, idle_for: Duration, now: Instant) -> bool {
        self.lock().get(destination).is_some_and(|history| history.prefers_fresh(idle_for, now))
    }

    fn lock(&self) -> Guard<'_, Bounded<History>> {
        self.known.lock()
    }
}

fn is_recent(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) < MEMORY
}

impl History {
    fn add(&mut self, created: Instant, idle_for: Duration, now: Instant) {
        if idle_for < TIME_OUT {
            self.early.add(created, now);
            return;
        }
        let is_known = self.late.last.is_some_and(|last| is_recent(last, now));
        if self.late.add(created, now) {
            self.time_out = if is_known { self.time_out.min(idle_for) } else { idle_for };
        }
    }

    fn prefers_fresh(&mut self, idle_for: Duration, now: Instant) -> bool {
        self.early.take_fresh(now) || (idle_for >= self.time_out / 2 && self.late.take_fresh(now))
    }
}

impl Strikes {
    /// Adds a close. Returns `false` if it does not count.
    fn add(&mut self, created: Instant, now: Instant) -> bool {
        match self.last {
            Some(last) if created <= last => return false,
            Some(last) if is_recent(last, now) => self.more = (self.more + 1).min(MOST),
            _ => self.more = 0,
        }
        self.last = Some(now);
        self.fresh = FIRST * FACTOR.pow(self.more);
        true
    }

    fn take_fresh(&mut self, now: Instant) -> bool {
        let is_due = self.fresh > 0 && self.last.is_some_and(|last| is_recent(last, now));
        self.fresh -= u32::from(is_due);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    const EARLY: Duration = Duration::from_micros(20);

    /// How many requests in a row have a fresh connection.
    fn fresh(history: &mut History, idle_for: Duration, now: Instant) -> u32 {
        (0..1_000_000).find(|_| !history.prefers_fresh(idle_for, now)).unwrap()
    }

    #[test]
    fn a_host_that_never_closes_has_no_fresh_connections() {
        assert_eq!(fresh(&mut History::default(), Duration::from_secs(3600), some_instant()), 0);
    }

    #[test]
    fn a_restart_costs_a_few_fresh_connections_however_many_it_closes() {
        let (start, mut history) = (some_instant(), History::default());
        let restart = start + Duration::from_secs(10);
        for number in 0..1000 {
            // The closes are noticed one after the other, while new connections are made.
            history.add(start, Duration::from_millis(number), restart + Duration::from_millis(number));
        }
        let after = restart + Duration::from_secs(1);
        assert_eq!(fresh(&mut history, EARLY, after), FIRST);
        assert_eq!(fresh(&mut history, Duration::from_secs(60), after), 0);
    }

    #[test]
    fn a_host_that_goes_on_closing_gets_hardly_anything_but_fresh_connections() {
        let (mut now, mut history) = (some_instant(), History::default());
        let (mut reused, mut requests) = (0, 0);
        while requests < 100_000 {
            // Each reused connection is closed by the server.
            history.add(now, EARLY, now + Duration::from_millis(1));
            now += Duration::from_millis(2);
            requests += fresh(&mut history, EARLY, now) + 1;
            reused += 1;
        }
        assert!(reused <= 8, "{reused} of {requests}");
    }

    #[test]
    fn a_connection_that_is_far_from_its_time_out_is_used() {
        let (start, mut history) = (some_instant(), History::default());
        let now = start + Duration::from_secs(100);
        history.add(start, Duration::from_secs(75), now);
        assert_eq!(fresh(&mut history, Duration::from_secs(37), now), 0);
        assert_eq!(fresh(&mut history, Duration::from_secs(38), now), FIRST);
        // A shorter time-out was seen.
        history.add(now + Duration::from_secs(1), Duration::from_secs(5), now + Duration::from_secs(6));
        assert_eq!(fresh(&mut history, Duration::from_secs(2), now + Duration::from_secs(7)), 0);
        assert_eq!(fresh(&mut history, Duration::from_secs(3), now + Duration::from_secs(7)), FIRST * FACTOR);
    }

    #[test]
    fn ten_minutes_without_a_close_are_forgiven() {
        let (start, mut history) = (some_instant(), History::default());
        for minutes in 0..5 {
            let now = start + Duration::from_secs(60 * minutes);
            history.add(now - Duration::from_secs(1), EARLY, now);
        }
        let later = start + Duration::from_secs(4 * 60) + MEMORY;
        assert_eq!(fresh(&mut history, EARLY, later), 0);
        history.add(later, EARLY, later + Duration::from_secs(1));
        assert_eq!(fresh(&mut history, EARLY, later + Duration::from_secs(1)), FIRST);
    }
}
