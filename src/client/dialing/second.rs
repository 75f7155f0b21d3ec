//! When a second dial begins beside a dial for all. It must begin soon enough that a dial that hangs does not block all requests that wait for it,
//! and not so soon that a slow dial is made twice.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::connect::Handshaking;

/// Returns when a second dial begins beside one that began at `begun`. `None` if that is not known yet.
///
/// The connector of this crate reports its TLS handshake: the second dial begins [300 ms](PATIENCE) after the handshake should be over. Before the
/// handshake there is no second dial, since the race tries the other addresses by itself. Other connectors report nothing: the second dial begins
/// 300 ms after the time that the `fastest` dial of this client took.
pub(super) fn second_dial_at(begun: Instant, handshaking: Handshaking, fastest: Option<Duration>) -> Option<Instant> {
    match handshaking {
        Handshaking::Unknown => begun.checked_add(fastest.unwrap_or(AT_FIRST))?.checked_add(PATIENCE),
        Handshaking::Connecting => None,
        Handshaking::ExpectedBy(instant) => instant.checked_add(PATIENCE),
    }
}

/// How much longer than expected a dial may take before a second one begins. Chromium waits as long for an HTTP/2 connection.
const PATIENCE: Duration = Duration::from_millis(300);

/// The time that a dial is expected to take before any dial was measured. TCP and TLS take less than that on all but very long paths.
const AT_FIRST: Duration = Duration::from_secs(1);

/// The time that the fastest dial of a client took.
#[derive(Debug)]
pub(in crate::client) struct FastestDial {
    nanos: AtomicU64,
}

impl FastestDial {
    pub(in crate::client) const fn new() -> Self {
        Self { nanos: AtomicU64::new(u64::MAX) }
    }

    pub(super) fn add(&self, took: Duration) {
        self.nanos.fetch_min(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Returns `None` before the first dial has succeeded.
    pub(super) fn get(&self) -> Option<Duration> {
        let nanos = self.nanos.load(Relaxed);
        (nanos < u64::MAX).then(|| Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::some_instant;

    #[test]
    fn a_second_dial_follows_what_is_known_of_the_first() {
        let (begun, ms) = (some_instant(), Duration::from_millis);
        for (handshaking, fastest, expected) in [
            (Handshaking::Unknown, None, Some(1300)),
            (Handshaking::Unknown, Some(ms(20)), Some(320)),
            // The race tries further addresses by itself.
            (Handshaking::Connecting, Some(ms(20)), None),
            // TCP took 400 ms, and TLS may take 850 ms.
            (Handshaking::ExpectedBy(begun + ms(1250)), Some(ms(20)), Some(1550)),
        ] {
            let at = second_dial_at(begun, handshaking, fastest);
            assert_eq!(at, expected.map(|expected| begun + ms(expected)), "{handshaking:?}");
        }
    }

    #[test]
    fn the_fastest_counts() {
        let fastest = FastestDial::new();
        assert_eq!(fastest.get(), None);
        for took in [30, 20, 40] {
            fastest.add(Duration::from_millis(took));
        }
        assert_eq!(fastest.get(), Some(Duration::from_millis(20)));
    }
}
