//! Estimates how long a handshake takes, when it begins.

use std::time::Duration;

/// Returns the estimate: twice the transport's time, plus the server's time. The transport took one round trip. A handshake takes one with TLS 1.3,
/// and two with TLS 1.2 or a HelloRetryRequest (RFC 8446 §2), whether it is resumed or not.
pub(super) fn handshake_estimate(transport: Duration) -> Duration {
    2 * transport + SERVER
}

/// The time for the server's signature and scheduling.
const SERVER: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_two_round_trips_and_the_servers_time() {
        let estimate = |ms| handshake_estimate(Duration::from_millis(ms)).as_millis();
        assert_eq!([0, 20, 100, 200].map(estimate), [50, 90, 250, 450]);
    }
}
