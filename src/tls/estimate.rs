//! How long a handshake may take, from what is known when it begins.

use std::time::Duration;

/// One round trip is TLS 1.3, and two are TLS 1.2 or a HelloRetryRequest (RFC 8446 §2). The transport took one, and the server needs some time to
/// sign. A resumed handshake takes as many round trips.
pub(super) fn handshake_estimate(transport: Duration) -> Duration {
    2 * transport + SERVER
}

/// What the server's signature and its scheduling may take.
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
